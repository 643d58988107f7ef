/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "clock/clock.h"
#include "metrics/meter.h"

#define THREADS 4
#define EACH 20000
#define DELIVERIES(outcome)                                    \
    "SELECT coalesce(sum(total), 0) FROM tally WHERE series =" \
    " 'runhook_deliveries_total{outcome=\"" outcome "\"}'"
#define ALL_TIMES                                                             \
    "SELECT coalesce(sum(total), 0) FROM tally WHERE part <> -1 AND series =" \
    " 'runhook_delivery_duration_seconds'"

static void
outcomes_are_the_catalogues(void **state)
{
    static const struct {
        struct upstream_request_end end;
        const char *outcome;
    } rows[] = {
        {{.status = 200}, "2xx"},
        {{.status = 204}, "2xx"},
        {{.status = 304}, "304"},
        {{.status = 302}, "redirected"},
        {{.status = 400}, "rejected"},
        {{.status = 401}, "unauthorized"},
        {{.status = 403}, "forbidden"},
        {{.status = 403, .is_rate_limited = true}, "rate_limited"},
        {{.status = 404}, "not_found"},
        {{.status = 409}, "conflict"},
        {{.status = 422}, "unprocessable"},
        {{.status = 429}, "rate_limited"},
        {{.status = 500}, "server"},
        {{.status = 999}, "server"},
        {{.failure = FAILURE_UNRESOLVED}, "unresolved"},
        {{.failure = FAILURE_REFUSED}, "refused"},
        {{.failure = FAILURE_TIMEOUT}, "timeout"},
        {{.failure = FAILURE_TLS}, "tls"},
        {{.failure = FAILURE_RESET}, "reset"},
        {{.failure = FAILURE_TRUNCATED}, "truncated"},
        {{.failure = FAILURE_OVERSIZED}, "oversized"},
        {{.failure = FAILURE_GARBAGE}, "garbage"},
        {{.failure = FAILURE_STOPPED}, "stopped"},
        {{.failure = FAILURE_LOCAL}, "local"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool is_known = false;

        assert_row(strcmp(meter_upstream_outcome(&rows[i].end), rows[i].outcome) == 0,
                   rows[i].outcome);
        for (size_t j = 0; family_upstream_outcomes[j] != NULL; j++)
            is_known = is_known || strcmp(family_upstream_outcomes[j], rows[i].outcome) == 0;
        assert_row(is_known, rows[i].outcome);
    }
}

static void
deliveries_are_counted_and_pages_are_not(void **state)
{
    struct meter *meter = meter_new();

    for (int outcome = 0; outcome <= OUTCOME_UNAVAILABLE; outcome++)
        meter_delivery(meter, (enum outcome)outcome, 7);
    meter_delivery(NULL, OUTCOME_ACCEPTED, 7);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM tally"), 0);
    assert_int_equal(meter_flush(meter, *state, METER_DUE), LEDGER_OK);
    for (size_t i = 0; family_delivery_outcomes[i] != NULL; i++) {
        char sql[256];

        (void)snprintf(sql, sizeof sql, DELIVERIES("%s"), family_delivery_outcomes[i]);
        assert_row(number_of(*state, sql) == 1, family_delivery_outcomes[i]);
    }
    assert_int_equal(number_of(*state, ALL_TIMES), 10);
    assert_int_equal(number_of(*state, "SELECT total FROM tally WHERE part = -1"), 70);
    meter_free(meter);
}

/* Some seconds apart, whatever is counted between. */
static void
what_is_due_is_written_now_and_then(void **state)
{
    struct meter *meter = meter_new();

    meter_delivery(meter, OUTCOME_REFUSED, 1);
    assert_int_equal(meter_flush(meter, *state, METER_DUE), LEDGER_OK);
    for (int i = 0; i < 100; i++) {
        meter_delivery(meter, OUTCOME_REFUSED, 1);
        assert_int_equal(meter_flush(meter, *state, METER_DUE), LEDGER_OK);
    }
    assert_int_equal(number_of(*state, DELIVERIES("refused")), 1);
    assert_int_equal(meter_flush(meter, *state, METER_ALL), LEDGER_OK);
    assert_int_equal(number_of(*state, DELIVERIES("refused")), 101);
    change(*state, "UPDATE tally SET total = 0");
    assert_int_equal(meter_flush(meter, *state, METER_ALL), LEDGER_OK); /* nothing new */
    assert_int_equal(number_of(*state, DELIVERIES("refused")), 0);
    meter_free(meter);
}

/* A stranger can start a process for each request: those write once a second, all together. */
static void
strangers_processes_write_sparingly(void **state)
{
    int64_t began_ms = clock_now_ms(), took_ms;

    for (int i = 0; i < 20; i++) {
        struct meter *meter = meter_new();

        meter_delivery(meter, OUTCOME_REFUSED, 1);
        assert_int_equal(meter_flush(meter, *state, METER_SPARING), LEDGER_OK);
        meter_free(meter);
    }
    took_ms = clock_now_ms() - began_ms;
    assert_in_range(number_of(*state, DELIVERIES("refused")), 1, 1 + took_ms / 1000);
    change(*state, "UPDATE reading SET value = value - 1000"); /* a second later */
    for (int i = 0; i < 2; i++) {
        struct meter *meter = meter_new();

        meter_delivery(meter, OUTCOME_METHOD, 1);
        assert_int_equal(meter_flush(meter, *state, METER_SPARING), LEDGER_OK);
        meter_free(meter);
        change(*state, "UPDATE reading SET value = value + 3600000"); /* the clock is set back */
    }
    assert_int_equal(number_of(*state, DELIVERIES("method")), 2);
}

static void
a_ledger_that_fails_gets_it_later(void **state)
{
    struct meter *meter = meter_new();
    const struct upstream_observer *observer = meter_observer(meter);
    const struct upstream_limit limit = {
        .remaining = 1, .allowed = 2, .reset_at_ms = clock_now_ms() + 3600000, .resource = "core"};

    change(*state, "ALTER TABLE tally RENAME TO away");
    meter_delivery(meter, OUTCOME_ACCEPTED, 1);
    meter_reload(meter, true);
    observer->limited("[github]", &limit, observer->arg);
    assert_int_equal(meter_flush(meter, *state, METER_DUE), LEDGER_FAILED);
    change(*state, "ALTER TABLE away RENAME TO tally");
    assert_int_equal(meter_flush(meter, *state, METER_DUE), LEDGER_OK); /* not every second */
    assert_int_equal(number_of(*state, DELIVERIES("accepted")), 0);
    meter_delivery(meter, OUTCOME_ACCEPTED, 1);
    assert_int_equal(meter_flush(meter, *state, METER_ALL), LEDGER_OK);
    assert_int_equal(number_of(*state, DELIVERIES("accepted")), 2);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM reading"), 2);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM rate_limit"), 1);
    meter_free(meter);
}

static void
reloads_leave_their_reading(void **state)
{
    struct meter *meter = meter_new();
    const char *const value = "SELECT value FROM reading WHERE series ="
                              " 'runhook_config_last_reload_successful'";

    meter_start(meter);
    assert_int_equal(meter_flush(meter, *state, METER_ALL), LEDGER_OK);
    assert_int_equal(number_of(*state, value), 1);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM tally"), 0);
    meter_reload(meter, false);
    assert_int_equal(meter_flush(meter, *state, METER_ALL), LEDGER_OK);
    assert_int_equal(number_of(*state, value), 0);
    meter_reload(meter, true);
    assert_int_equal(meter_flush(meter, *state, METER_ALL), LEDGER_OK);
    assert_int_equal(number_of(*state, value), 1);
    assert_int_equal(number_of(*state, "SELECT sum(total) FROM tally"), 2);
    meter_free(meter);
}

/* GitHub's word becomes a label: only the words that are known do. */
static void
what_limits_are_of_is_bounded(void **state)
{
    static const char *const words[] = {"core", "", "search", "made-up\"", "another"};
    struct meter *meter = meter_new();
    const struct upstream_observer *observer = meter_observer(meter);

    for (size_t i = 0; i < COUNT(words); i++) {
        struct upstream_limit limit = {.remaining = 100 - (int64_t)i,
                                       .allowed = 5000,
                                       .reset_at_ms = clock_now_ms() + 3600000};

        (void)snprintf(limit.resource, sizeof limit.resource, "%s", words[i]);
        observer->limited("[owner octo]", &limit, observer->arg);
    }
    assert_int_equal(meter_flush(meter, *state, METER_ALL), LEDGER_OK);
    assert_string_equal(text_of(*state, "SELECT group_concat(account || ' ' || resource || '=' ||"
                                        " remaining) FROM rate_limit")
                            .bytes,
                        "[owner octo] core=99,[owner octo] other=96,[owner octo] search=98");
    meter_free(meter);
}

static void *
deliver(void *arg)
{
    for (int i = 0; i < EACH; i++)
        meter_delivery(arg, OUTCOME_ACCEPTED, 1);
    return NULL;
}

static void
no_count_is_lost_or_doubled_between_threads(void **state)
{
    struct meter *meter = meter_new();
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, deliver, meter), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(meter_flush(meter, *state, METER_ALL), LEDGER_OK);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(meter_flush(meter, *state, METER_ALL), LEDGER_OK);
    assert_int_equal(number_of(*state, DELIVERIES("accepted")), THREADS * EACH);
    assert_int_equal(number_of(*state, ALL_TIMES), THREADS * EACH);
    meter_free(meter);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_are_the_catalogues),
        ON_LEDGER(deliveries_are_counted_and_pages_are_not),
        ON_LEDGER(what_is_due_is_written_now_and_then),
        ON_LEDGER(strangers_processes_write_sparingly),
        ON_LEDGER(a_ledger_that_fails_gets_it_later),
        ON_LEDGER(reloads_leave_their_reading),
        ON_LEDGER(what_limits_are_of_is_bounded),
        ON_LEDGER(no_count_is_lost_or_doubled_between_threads),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
