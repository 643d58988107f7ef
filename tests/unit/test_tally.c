/* What is written down for metrics: counts, readings and rate limits. SPDX-License-Identifier: MIT
 */
#include "ledger_sample.h"

#include <string.h>

#include "ledger/job.h"
#include "ledger/rate_limit.h"
#include "ledger/reading.h"
#include "ledger/tally.h"
#include "ledger/upkeep.h"

#define TOTAL(series) "SELECT total FROM tally WHERE part = 0 AND series = '" series "'"

static enum ledger_error
count_some(struct ledger_txn *txn, void *arg)
{
    static const char *const values[] = {"linux", "done"};
    enum ledger_error error = tally_count(txn, FAMILY_JOBS_ENDED, values);

    if (error == LEDGER_OK)
        error = tally_add(txn, "runhook_redeliveries_total", FAMILY_PART_TOTAL, 5);
    if (error == LEDGER_OK)
        error = tally_add(txn, "runhook_config_reloads_total", FAMILY_PART_TOTAL, 0);
    return error == LEDGER_OK ? *(enum ledger_error *)arg : error;
}

static void
counts_go_with_their_transaction(void **state)
{
    enum ledger_error ok = LEDGER_OK, undone = LEDGER_NOT_FOUND;

    assert_int_equal(ledger_write(*state, count_some, &ok, NULL), LEDGER_OK);
    assert_int_equal(ledger_write(*state, count_some, &undone, NULL), LEDGER_NOT_FOUND);
    assert_int_equal(ledger_write(*state, count_some, &ok, NULL), LEDGER_OK);
    assert_int_equal(
        number_of(*state, TOTAL("runhook_jobs_ended_total{pool=\"linux\",state=\"done\"}")), 2);
    assert_int_equal(number_of(*state, TOTAL("runhook_redeliveries_total")), 10);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM tally"), 2);
}

static enum ledger_error
observe_some(struct ledger_txn *txn, void *arg)
{
    static const int64_t values_ms[] = {0, 100, 101, INT64_C(99) * 3600 * 1000, -5000};
    static const char *const pool = "linux";
    enum ledger_error error = LEDGER_OK;

    (void)arg;
    for (size_t i = 0; error == LEDGER_OK && i < COUNT(values_ms); i++)
        error = tally_observe(txn, FAMILY_DISPATCH_WAIT, &pool, values_ms[i]);
    return error;
}

static void
times_go_into_one_bucket_each(void **state)
{
    assert_int_equal(ledger_write(*state, observe_some, NULL, NULL), LEDGER_OK);
    assert_string_equal(
        text_of(*state, "SELECT group_concat(part || '=' || total, ' ') FROM (SELECT part, total"
                        " FROM tally WHERE series = 'runhook_dispatch_wait_seconds{pool=\"linux\"}'"
                        " ORDER BY part)")
            .bytes,
        "-1=356400201 100=3 250=1 9223372036854775807=1");
}

static void
the_later_reading_stays(void **state)
{
    const struct reading first[] = {{"a", 1}, {"b", 2}}, second[] = {{"a", 0}};
    struct readings readings = {.items = first, .len = 2};

    assert_int_equal(ledger_write(*state, readings_write, &readings, NULL), LEDGER_OK);
    readings = (struct readings){.items = second, .len = 1};
    assert_int_equal(ledger_write(*state, readings_write, &readings, NULL), LEDGER_OK);
    assert_string_equal(text_of(*state, "SELECT group_concat(series || '=' || value, ' ') FROM"
                                        " (SELECT * FROM reading ORDER BY series)")
                            .bytes,
                        "a=0 b=2");
}

static enum ledger_error
tell_limits(struct ledger_txn *txn, void *arg)
{
    return rate_limits_write(txn, arg);
}

/* The two that decide it, in memory and in SQL, agree on every row. */
static void
the_tightest_window_stays(void **state)
{
    static const struct {
        const char *row;
        struct rate_limit known, told;
        int64_t now_ms;
        bool stays;
    } rows[] = {
        {"used on", {"a", "core", 10, 50, 1000}, {"a", "core", 9, 60, 1000}, 1, false},
        {"out of order", {"a", "core", 9, 50, 1000}, {"a", "core", 10, 60, 1000}, 1, true},
        {"the next window", {"a", "core", 0, 50, 1000}, {"a", "core", 49, 60, 2000}, 1000, false},
        {"another installation",
         {"a", "core", 3, 50, 1000},
         {"a", "core", 49, 60, 2000},
         999,
         true},
        {"which is tighter", {"a", "core", 49, 50, 2000}, {"a", "core", 3, 60, 1000}, 999, false},
        {"the same again", {"a", "core", 9, 50, 1000}, {"a", "core", 9, 60, 1000}, 1, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rate_limits limits = {.items = &rows[i].known, .len = 1};

        change(*state, "DELETE FROM rate_limit");
        assert_int_equal(ledger_write(*state, tell_limits, &limits, NULL), LEDGER_OK);
        limits = (struct rate_limits){.items = &rows[i].told, .len = 1, .now_ms = rows[i].now_ms};
        assert_int_equal(ledger_write(*state, tell_limits, &limits, NULL), LEDGER_OK);
        assert_row(rate_limit_stays(&rows[i].known, &rows[i].told, rows[i].now_ms) == rows[i].stays,
                   rows[i].row);
        assert_row(number_of(*state, "SELECT allowed FROM rate_limit") ==
                       (rows[i].stays ? rows[i].known : rows[i].told).allowed,
                   rows[i].row);
    }
}

static void
windows_that_are_over_are_forgotten(void **state)
{
    const struct rate_limit items[] = {{"a", "core", 1, 50, 1000}, {"b", "core", 1, 50, 2000}};
    struct rate_limits limits = {.items = items, .len = 2, .now_ms = 1000};

    assert_int_equal(ledger_write(*state, tell_limits, &limits, NULL), LEDGER_OK);
    assert_string_equal(text_of(*state, "SELECT group_concat(account) FROM rate_limit").bytes, "b");
}

#define ENDED(state) TOTAL("runhook_jobs_ended_total{pool=\"linux\",state=\"" state "\"}")
#define STARTS                                                                            \
    "SELECT total FROM tally WHERE series = 'runhook_start_wait_seconds{pool=\"linux\"}'" \
    " AND part <> -1"

/* However often the end is told, and whatever is told after it. */
static void
a_job_ends_once(void **state)
{
    struct job_sample sample, early;

    job_sample_init(&sample, 1, "o/r", 60);
    enter(*state, 1, "o/r", 60);
    assert_int_equal(tell(*state, &sample, JOB_EVENT_IN_PROGRESS, NULL), LEDGER_OK);
    assert_int_equal(tell(*state, &sample, JOB_EVENT_IN_PROGRESS, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, STARTS), 1);
    assert_int_equal(number_of(*state, ENDED("done")), -1);
    for (int event = JOB_EVENT_QUEUED; event <= JOB_EVENT_COMPLETED; event++)
        assert_int_equal(tell(*state, &sample, (enum job_event)event, NULL), LEDGER_OK);
    for (int event = JOB_EVENT_QUEUED; event <= JOB_EVENT_COMPLETED; event++)
        assert_int_equal(tell(*state, &sample, (enum job_event)event, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, ENDED("done")), 1);
    assert_int_equal(number_of(*state, STARTS), 1);

    /* A start that came before its `queued` says nothing of the wait. */
    job_sample_init(&early, 2, "o/r", 60);
    assert_int_equal(tell(*state, &early, JOB_EVENT_IN_PROGRESS, NULL), LEDGER_OK);
    assert_int_equal(tell(*state, &early, JOB_EVENT_QUEUED, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT sum(total) FROM tally WHERE part <> -1 AND series"
                                       " LIKE 'runhook_start_wait_seconds%'"),
                     1);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM tally WHERE series LIKE '%missed%'"),
                     0);
}

/* One that failed before GitHub ended it has ended before. */
static void
each_way_to_the_end_is_counted(void **state)
{
    struct upkeep upkeep = {
        .ledger = *state, .now_ms = NOW_MS, .retention_ms = NOW_MS, .horizon_ms = NOW_MS};
    struct job_request forget = {.id = 1, .now_ms = NOW_MS};
    struct job_sample expired;

    for (int64_t id = 1; id <= 4; id++)
        enter(*state, id, "o/r", id < 3 ? 60 : 25 * 3600);
    change(*state, "UPDATE job SET pool = 'ar\"m' WHERE id = 4");
    assert_int_equal(ledger_write(*state, upkeep_run, &upkeep, NULL), LEDGER_OK);
    assert_int_equal(upkeep.expired, 2);
    assert_int_equal(number_of(*state, ENDED("expired")), 1);
    assert_int_equal(
        number_of(*state, TOTAL("runhook_jobs_ended_total{pool=\"ar\\\"m\",state=\"expired\"}")),
        1);
    assert_int_equal(ledger_write(*state, upkeep_run, &upkeep, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, ENDED("expired")), 1);
    job_sample_init(&expired, 3, "o/r", 25 * 3600);
    assert_int_equal(tell(*state, &expired, JOB_EVENT_COMPLETED, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, ENDED("done")), -1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(ledger_write(*state, job_forget, &forget, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, ENDED("done")), 1);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(counts_go_with_their_transaction),
        ON_LEDGER(times_go_into_one_bucket_each),
        ON_LEDGER(the_later_reading_stays),
        ON_LEDGER(the_tightest_window_stays),
        ON_LEDGER(windows_that_are_over_are_forgotten),
        ON_LEDGER(a_job_ends_once),
        ON_LEDGER(each_way_to_the_end_is_counted),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
