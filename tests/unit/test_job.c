/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

static void
a_job_is_kept_as_it_was_told(void **state)
{
    struct ledger *ledger = *state;
    struct job_sample sample;
    struct job_report report;

    job_sample_init(&sample, 45678901234, "Octo-Org/Hello", 10);
    assert_int_equal(tell(ledger, &sample, JOB_EVENT_QUEUED, &report), LEDGER_OK);
    assert_int_equal(report.before, JOB_NONE);
    assert_int_equal(report.after, JOB_QUEUED);
    assert_string_equal(text_of(ledger, "SELECT id || ' ' || repository || ' ' || repository_short"
                                        " || ' ' || run_id || ' ' || name || ' ' || pool || ' ' ||"
                                        " delivery || ' ' || state || ' ' || labels FROM job")
                            .bytes,
                        "45678901234 Octo-Org/Hello Hello 16245678901 build (ubuntu, 18) linux guid"
                        " queued [\"self-hosted\",\"linux\"]");
    assert_int_equal(number_of(ledger, "SELECT created_at_ms FROM job"), NOW_MS - 10000);
    assert_int_equal(number_of(ledger, "SELECT received_at_ms FROM job"), NOW_MS);
    assert_int_equal(number_of(ledger, "SELECT runner IS NULL AND last_error IS NULL FROM job"), 1);
    assert_int_equal(number_of(ledger, "SELECT attempts + next_attempt_at_ms FROM job"), 0);
}

static void
a_job_without_its_time_counts_from_now(void **state)
{
    struct job_sample sample;

    job_sample_init(&sample, 1, "o/r", 0);
    sample.job.created_at_s = 0;
    assert_int_equal(tell(*state, &sample, JOB_EVENT_QUEUED, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT created_at_ms FROM job"), NOW_MS);
}

static void
the_same_again_changes_nothing(void **state)
{
    struct job_sample sample;
    struct job_report report;

    enter(*state, 1, "o/r", 10);
    job_sample_init(&sample, 1, "O/R", 5);
    assert_int_equal(tell(*state, &sample, JOB_EVENT_QUEUED, &report), LEDGER_OK);
    assert_int_equal(report.before, JOB_QUEUED);
    assert_int_equal(report.after, JOB_QUEUED);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM job"), 1);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM repository"), 1);
    assert_string_equal(text_of(*state, "SELECT repository FROM job").bytes, "o/r");
    assert_int_equal(number_of(*state, "SELECT created_at_ms FROM job"), NOW_MS - 10000);
}

/* The deliveries of one job, in every order, each up to twice: the row is the same in the end. */
static void
any_order_of_its_events_gives_the_same_row(void **state)
{
    struct ledger *ledger = *state;

    for (unsigned word = 0; word < 3 * 3 * 3 * 3; word++) {
        struct job_sample sample;
        char sql[160];
        bool told[3] = {false};
        unsigned rest = word;

        job_sample_init(&sample, word + 1, "o/r", 10);
        for (int i = 0; i < 4; i++, rest /= 3) {
            enum job_event event = (enum job_event)(rest % 3);

            told[event] = true;
            (void)snprintf(sample.runner, sizeof sample.runner, "%s",
                           event == JOB_EVENT_QUEUED ? "" : "r1");
            (void)snprintf(sample.conclusion, sizeof sample.conclusion, "%s",
                           event == JOB_EVENT_COMPLETED ? "success" : "");
            assert_int_equal(tell(ledger, &sample, event, NULL), LEDGER_OK);
        }
        (void)snprintf(sql, sizeof sql,
                       "SELECT state || ' ' || coalesce(runner, '-') || ' ' || conclusion"
                       " FROM job WHERE id = %u",
                       word + 1);
        assert_string_equal(text_of(ledger, sql).bytes,
                            told[JOB_EVENT_COMPLETED]     ? "done r1 success"
                            : told[JOB_EVENT_IN_PROGRESS] ? "running r1 "
                                                          : "queued - ");
    }
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM repository"), 1);
}

static void
a_cancelled_job_keeps_the_runner_that_was_made_for_it(void **state)
{
    struct job_sample sample;

    enter(*state, 1, "o/r", 10);
    change(*state, "UPDATE job SET state = 'assigned', runner = 'ours'");
    job_sample_init(&sample, 1, "o/r", 10);
    (void)snprintf(sample.conclusion, sizeof sample.conclusion, "cancelled");
    assert_int_equal(tell(*state, &sample, JOB_EVENT_COMPLETED, NULL), LEDGER_OK);
    assert_string_equal(
        text_of(*state, "SELECT state || ' ' || runner || ' ' || conclusion FROM job").bytes,
        "done ours cancelled");
}

/* What a delivery says is data, never SQL, whatever it says. */
static void
texts_are_stored_as_they_are(void **state)
{
    static char names[][64] = {"'; DROP TABLE job; --", "\"x\" \\ %s %n", "日本語 🚀", "\x1b[2J\n",
                               ""};

    for (size_t i = 0; i < COUNT(names); i++) {
        struct job_sample sample;
        char sql[64];

        job_sample_init(&sample, (int64_t)i + 1, "o/r", 10);
        sample.job.name = names[i];
        assert_int_equal(tell(*state, &sample, JOB_EVENT_QUEUED, NULL), LEDGER_OK);
        (void)snprintf(sql, sizeof sql, "SELECT name FROM job WHERE id = %zu", i + 1);
        assert_string_equal(text_of(*state, sql).bytes, names[i]);
    }
}

struct listed {
    int64_t ids[16];
    size_t len;
    size_t most;
};

static bool
note_id(const struct job *job, void *arg)
{
    struct listed *listed = arg;

    listed->ids[listed->len++] = job->id;
    return listed->len < listed->most;
}

static void
the_list_shows_what_lives_first(void **state)
{
    struct ledger *ledger = *state;
    static const int64_t want[] = {3, 1, 2, 5, 6, 4};
    struct listed listed = {.most = 16};
    struct job_list list = {.visit = note_id, .arg = &listed};

    enter(ledger, 1, "o/r", 20);
    enter(ledger, 2, "o/r", 10);
    enter(ledger, 3, "o/r", 30);
    enter(ledger, 4, "o/r", 99);
    enter(ledger, 5, "o/r", 98);
    enter(ledger, 6, "o/r", 97);
    change(ledger, "UPDATE job SET state = 'running' WHERE id = 1;"
                   "UPDATE job SET state = 'done', changed_at_ms = 100 WHERE id = 4;"
                   "UPDATE job SET state = 'failed', changed_at_ms = 300 WHERE id = 5;"
                   "UPDATE job SET state = 'expired', changed_at_ms = 200 WHERE id = 6;");
    assert_int_equal(ledger_read(ledger, job_list, &list, NULL), LEDGER_OK);
    assert_int_equal(listed.len, COUNT(want));
    assert_memory_equal(listed.ids, want, sizeof want);
    listed = (struct listed){.most = 2};
    assert_int_equal(ledger_read(ledger, job_list, &list, NULL), LEDGER_OK);
    assert_int_equal(listed.len, 2);
}

/* What an operator may ask of a job, by its state. */
static void
retry_and_forget_are_for_jobs_at_rest(void **state)
{
    struct ledger *ledger = *state;
    static const struct {
        const char *name;
        enum job_state job;
        bool want;
    } rows[] = {
        {"queued", JOB_QUEUED, true},    {"failed", JOB_FAILED, true},
        {"expired", JOB_EXPIRED, true},  {"assigned", JOB_ASSIGNED, false},
        {"running", JOB_RUNNING, false}, {"done", JOB_DONE, false},
    };
    struct job_request request = {.id = 999, .now_ms = NOW_MS};

    assert_int_equal(ledger_write(ledger, job_retry, &request, NULL), LEDGER_OK);
    assert_int_equal(request.before, JOB_NONE);
    assert_false(request.done);
    enter(ledger, 1, "o/r", 10);
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int forgets = 0; forgets < 2; forgets++) {
            char sql[256];

            (void)snprintf(sql, sizeof sql,
                           "UPDATE job SET state = '%s', conclusion = '', attempts = 7,"
                           " next_attempt_at_ms = 5",
                           rows[i].name);
            change(ledger, sql);
            request = (struct job_request){.id = 1, .now_ms = NOW_MS};
            assert_int_equal(ledger_write(ledger, forgets ? job_forget : job_retry, &request, NULL),
                             LEDGER_OK);
            assert_row(request.before == rows[i].job, rows[i].name);
            assert_row(request.done == rows[i].want, rows[i].name);
            assert_string_equal(text_of(ledger, "SELECT state FROM job").bytes,
                                !rows[i].want ? rows[i].name
                                : forgets     ? "done"
                                              : "queued");
            if (rows[i].want && !forgets)
                assert_int_equal(number_of(ledger, "SELECT attempts + next_attempt_at_ms FROM job"),
                                 0);
        }
    }
}

static void
a_forgotten_job_stays_forgotten(void **state)
{
    struct job_request request = {.id = 1, .now_ms = NOW_MS};
    struct job_sample sample;
    struct job_report report;

    enter(*state, 1, "o/r", 10);
    assert_int_equal(ledger_write(*state, job_forget, &request, NULL), LEDGER_OK);
    job_sample_init(&sample, 1, "o/r", 10);
    assert_int_equal(tell(*state, &sample, JOB_EVENT_QUEUED, &report), LEDGER_OK);
    assert_int_equal(report.before, JOB_DONE);
    assert_int_equal(report.after, JOB_DONE);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(a_job_is_kept_as_it_was_told),
        ON_LEDGER(a_job_without_its_time_counts_from_now),
        ON_LEDGER(the_same_again_changes_nothing),
        ON_LEDGER(any_order_of_its_events_gives_the_same_row),
        ON_LEDGER(a_cancelled_job_keeps_the_runner_that_was_made_for_it),
        ON_LEDGER(texts_are_stored_as_they_are),
        ON_LEDGER(the_list_shows_what_lives_first),
        ON_LEDGER(retry_and_forget_are_for_jobs_at_rest),
        ON_LEDGER(a_forgotten_job_stays_forgotten),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
