/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

#include "ledger/secret_use.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static struct rh_secret *
secret_of(const char *text)
{
    struct rh_secret *secret;

    assert_int_equal(rh_secret_new(text, strlen(text), &secret), RH_OK);
    return secret;
}

/* Known answers: printf %s SECRET | openssl dgst -sha256 -hmac RECEIVER, the first four digits. */
static void
fingerprints(void **state)
{
    static const struct {
        const char *secret, *receiver, *want;
    } rows[] = {
        {"Jefe", "key", "6882"},
        {"It's a Secret to Everybody", "0a1b2c3d", "3a39"},
        {"It's a Secret to Everybody", "0a1b2c3e", "72d7"},
        {"It's a Secret to Everybody ", "0a1b2c3d", "e6eb"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char got[SECRET_FINGERPRINT_CAP] = "?";
        struct rh_secret *secret = secret_of(rows[i].secret);

        assert_true(secret_fingerprint(secret, rows[i].receiver, got));
        assert_string_equal(got, rows[i].want);
        rh_secret_free(secret);
    }
}

static void
without_a_receiver_there_is_none(void **state)
{
    char got[SECRET_FINGERPRINT_CAP] = "?";
    struct rh_secret *secret = secret_of("s");

    (void)state;
    assert_false(secret_fingerprint(secret, "", got));
    assert_string_equal(got, "");
    rh_secret_free(secret);
}

/* Notes uses of two secrets, 0 for none, at a moment. */
static void
note(struct ledger *ledger, int64_t first_ms, int64_t second_ms, int64_t now_ms)
{
    struct secret_uses uses = {.items = {{.fingerprint = "aaaa", .used_at_ms = first_ms},
                                         {.fingerprint = "bbbb", .used_at_ms = second_ms}},
                               .len = 2,
                               .now_ms = now_ms,
                               .retention_ms = 7 * DAY_MS};

    assert_int_equal(ledger_write(ledger, secret_use_note, &uses, NULL), LEDGER_OK);
}

static int64_t
used(struct ledger *ledger, const char *fingerprint)
{
    struct secret_use use = {.fingerprint = fingerprint, .used_at_ms = -1};

    assert_int_equal(ledger_read(ledger, secret_use_find, &use, NULL), LEDGER_OK);
    return use.used_at_ms;
}

static void
the_last_use_is_kept(void **state)
{
    struct ledger *ledger = *state;

    assert_int_equal(used(ledger, "aaaa"), 0);
    note(ledger, NOW_MS, 0, NOW_MS);
    assert_int_equal(used(ledger, "aaaa"), NOW_MS);
    assert_int_equal(used(ledger, "bbbb"), 0);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM secret_use"), 1);
    note(ledger, 0, NOW_MS + 5, NOW_MS + 6);
    note(ledger, NOW_MS + 9, 0, NOW_MS + 9);
    assert_int_equal(used(ledger, "aaaa"), NOW_MS + 9);
    assert_int_equal(used(ledger, "bbbb"), NOW_MS + 5);
}

/* Another process may have seen a later one. */
static void
an_earlier_use_takes_nothing_back(void **state)
{
    note(*state, NOW_MS, 0, NOW_MS);
    note(*state, NOW_MS - 50000, 0, NOW_MS + 1000);
    assert_int_equal(used(*state, "aaaa"), NOW_MS);
}

static void
a_use_ahead_of_the_clock_does_not_stay(void **state)
{
    note(*state, NOW_MS + DAY_MS, 0, NOW_MS + DAY_MS);
    note(*state, NOW_MS, 0, NOW_MS); /* the clock was set back */
    assert_int_equal(used(*state, "aaaa"), NOW_MS);
}

static void
secrets_that_are_configured_no_more_are_forgotten(void **state)
{
    struct ledger *ledger = *state;
    struct secret_uses uses = {.items = {{.fingerprint = "cccc", .used_at_ms = NOW_MS}},
                               .len = 1,
                               .now_ms = NOW_MS,
                               .retention_ms = 7 * DAY_MS};

    assert_int_equal(ledger_write(ledger, secret_use_note, &uses, NULL), LEDGER_OK);
    /* Configured ones stay, however long ago it was. */
    note(ledger, NOW_MS - 100 * DAY_MS, NOW_MS, NOW_MS);
    note(ledger, 0, NOW_MS + 6 * DAY_MS, NOW_MS + 6 * DAY_MS);
    assert_int_equal(used(ledger, "cccc"), NOW_MS);
    note(ledger, 0, NOW_MS + 8 * DAY_MS, NOW_MS + 8 * DAY_MS);
    assert_int_equal(used(ledger, "cccc"), 0);
    assert_int_equal(used(ledger, "aaaa"), NOW_MS - 100 * DAY_MS);
}

static void
when_a_former_secret_is_needed_no_more(void **state)
{
    static const struct {
        const char *what;
        int64_t previous_ms, current_ms;
        bool want;
    } rows[] = {
        {"unused for a week", NOW_MS - SECRET_UNUSED_MS, NOW_MS, true},
        {"the other is quiet too, but came after it", NOW_MS - 9 * DAY_MS, NOW_MS - 8 * DAY_MS,
         true},
        {"not yet a week", NOW_MS - SECRET_UNUSED_MS + 1, NOW_MS, false},
        {"just used", NOW_MS, NOW_MS, false},
        {"the other was never used: nobody has changed over", NOW_MS - 9 * DAY_MS, 0, false},
        {"the other was used before it", NOW_MS - 9 * DAY_MS, NOW_MS - 10 * DAY_MS, false},
        {"both are one secret", NOW_MS - 9 * DAY_MS, NOW_MS - 9 * DAY_MS, false},
        {"never used, and who knows since when", 0, NOW_MS, false},
        {"neither was used", 0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct secret_use previous = {.used_at_ms = rows[i].previous_ms};
        const struct secret_use current = {.used_at_ms = rows[i].current_ms};

        assert_row(secret_use_is_over(&previous, &current, NOW_MS) == rows[i].want, rows[i].what);
    }
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(without_a_receiver_there_is_none),
        ON_LEDGER(the_last_use_is_kept),
        ON_LEDGER(an_earlier_use_takes_nothing_back),
        ON_LEDGER(a_use_ahead_of_the_clock_does_not_stay),
        ON_LEDGER(secrets_that_are_configured_no_more_are_forgotten),
        cmocka_unit_test(when_a_former_secret_is_needed_no_more),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
