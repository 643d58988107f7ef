/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <string.h>

#include "clock/clock.h"
#include "ledger/secret_use.h"
#include "setup/secret_watch.h"

#define RETENTION_MS (INT64_C(7) * 24 * 3600 * 1000)

struct secrets {
    struct github_config config;
    char fingerprints[SECRETS_MAX][SECRET_FINGERPRINT_CAP];
};

static void
secrets_init(struct secrets *secrets, struct ledger *ledger, bool has_previous)
{
    struct rh_secret *all[SECRETS_MAX] = {NULL, NULL};

    assert_int_equal(rh_secret_new("new", 3, &all[0]), RH_OK);
    if (has_previous)
        assert_int_equal(rh_secret_new("old", 3, &all[1]), RH_OK);
    *secrets =
        (struct secrets){.config = {.webhook_secret = all[0], .webhook_secret_previous = all[1]}};
    for (size_t i = 0; i < SECRETS_MAX && all[i] != NULL; i++)
        assert_true(secret_fingerprint(all[i], ledger_receiver(ledger), secrets->fingerprints[i]));
}

static void
secrets_fini(struct secrets *secrets)
{
    rh_secret_free(secrets->config.webhook_secret);
    rh_secret_free(secrets->config.webhook_secret_previous);
}

static int64_t
used(struct ledger *ledger, const struct secrets *secrets, size_t i)
{
    struct secret_use use = {.fingerprint = secrets->fingerprints[i]};

    assert_int_equal(ledger_read(ledger, secret_use_find, &use, NULL), LEDGER_OK);
    return use.used_at_ms;
}

static void
a_first_use_is_written_at_once_and_a_second_a_minute_later(void **state)
{
    struct ledger *ledger = *state;
    struct secrets secrets;
    struct secret_watch *watch;
    int64_t before_ms = clock_now_ms(), first_ms;

    secrets_init(&secrets, ledger, true);
    watch = secret_watch_new(&secrets.config, ledger_receiver(ledger));
    assert_non_null(watch);
    secret_watch_write(watch, ledger, RETENTION_MS, SECRET_WATCH_DUE);
    secret_watch_write(watch, ledger, RETENTION_MS, SECRET_WATCH_ALL);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM secret_use"), 0);

    secret_watch_note(watch, 0);
    secret_watch_write(watch, ledger, RETENTION_MS, SECRET_WATCH_DUE);
    first_ms = used(ledger, &secrets, 0);
    assert_in_range(first_ms, before_ms, clock_now_ms());
    assert_int_equal(used(ledger, &secrets, 1), 0);

    while (clock_now_ms() == first_ms)
        ;
    secret_watch_note(watch, 0);
    secret_watch_note(watch, 1); /* has a minute of its own */
    secret_watch_write(watch, ledger, RETENTION_MS, SECRET_WATCH_DUE);
    assert_int_equal(used(ledger, &secrets, 0), first_ms);
    assert_true(used(ledger, &secrets, 1) > first_ms);

    secret_watch_write(watch, ledger, RETENTION_MS, SECRET_WATCH_ALL);
    assert_true(used(ledger, &secrets, 0) > first_ms);
    secret_watch_free(watch);
    secrets_fini(&secrets);
}

static void
what_is_written_is_written_once(void **state)
{
    struct ledger *ledger = *state;
    struct secrets secrets;
    struct secret_watch *watch;

    secrets_init(&secrets, ledger, false);
    watch = secret_watch_new(&secrets.config, ledger_receiver(ledger));
    secret_watch_note(watch, 0);
    secret_watch_note(watch, 1); /* there is none */
    secret_watch_write(watch, ledger, RETENTION_MS, SECRET_WATCH_ALL);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM secret_use"), 1);
    change(ledger, "DELETE FROM secret_use");
    secret_watch_write(watch, ledger, RETENTION_MS, SECRET_WATCH_ALL);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM secret_use"), 0);
    secret_watch_free(watch);
    secrets_fini(&secrets);
}

static void
a_ledger_that_fails_gets_it_later(void **state)
{
    struct ledger *ledger = *state;
    struct secrets secrets;
    struct secret_watch *watch;

    secrets_init(&secrets, ledger, false);
    watch = secret_watch_new(&secrets.config, ledger_receiver(ledger));
    change(ledger, "ALTER TABLE secret_use RENAME TO away");
    secret_watch_note(watch, 0);
    secret_watch_write(watch, ledger, RETENTION_MS, SECRET_WATCH_DUE);
    change(ledger, "ALTER TABLE away RENAME TO secret_use");
    secret_watch_write(watch, ledger, RETENTION_MS, SECRET_WATCH_DUE); /* not every second */
    assert_int_equal(used(ledger, &secrets, 0), 0);
    secret_watch_write(watch, ledger, RETENTION_MS, SECRET_WATCH_ALL);
    assert_true(used(ledger, &secrets, 0) > 0);
    secret_watch_free(watch);
    secrets_fini(&secrets);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(a_first_use_is_written_at_once_and_a_second_a_minute_later),
        ON_LEDGER(what_is_written_is_written_once),
        ON_LEDGER(a_ledger_that_fails_gets_it_later),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
