/* When a job began to run: set as it begins, kept while it runs and when it is over, and forgotten
 * when it has to wait again. SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

#include "ledger/audit.h"
#include "ledger/upkeep.h"

static void
report_at(struct ledger *ledger, int64_t id, enum job_event event, const char *runner,
          int64_t now_ms)
{
    struct job_sample sample;
    struct job_report report = {
        .job = &sample.job, .event = event, .pool = "linux", .delivery = "guid", .now_ms = now_ms};

    job_sample_init(&sample, id, "o/r", 10);
    (void)snprintf(sample.runner, sizeof sample.runner, "%s", runner);
    (void)snprintf(sample.conclusion, sizeof sample.conclusion, "%s",
                   event == JOB_EVENT_COMPLETED ? "success" : "");
    assert_int_equal(ledger_write(ledger, report_apply, &report, NULL), LEDGER_OK);
}

static int64_t
started(struct ledger *ledger, int64_t id)
{
    struct job job = {0};
    struct job_find find = {.id = id, .out = &job};
    int64_t at_ms;

    assert_int_equal(ledger_read(ledger, job_find, &find, NULL), LEDGER_OK);
    at_ms = job.started_at_ms;
    job_fini(&job);
    return at_ms;
}

static void
it_is_when_the_job_begins(void **state)
{
    struct ledger *ledger = *state;

    report_at(ledger, 1, JOB_EVENT_QUEUED, "", NOW_MS);
    assert_int_equal(started(ledger, 1), 0);
    report_at(ledger, 1, JOB_EVENT_IN_PROGRESS, "theirs-1", NOW_MS + 10);
    assert_int_equal(started(ledger, 1), NOW_MS + 10);
    /* Told again, and told that it runs elsewhere. */
    report_at(ledger, 1, JOB_EVENT_IN_PROGRESS, "theirs-1", NOW_MS + 20);
    report_at(ledger, 1, JOB_EVENT_IN_PROGRESS, "theirs-2", NOW_MS + 30);
    report_at(ledger, 1, JOB_EVENT_QUEUED, "", NOW_MS + 40);
    assert_int_equal(started(ledger, 1), NOW_MS + 10);
    report_at(ledger, 1, JOB_EVENT_COMPLETED, "theirs-2", NOW_MS + 50);
    assert_int_equal(started(ledger, 1), NOW_MS + 10);
}

static void
a_job_first_heard_of_as_it_runs_begins_then(void **state)
{
    report_at(*state, 1, JOB_EVENT_IN_PROGRESS, "theirs", NOW_MS + 10);
    assert_int_equal(started(*state, 1), NOW_MS + 10);
}

static void
one_that_nobody_saw_begin_has_none(void **state)
{
    report_at(*state, 1, JOB_EVENT_QUEUED, "", NOW_MS);
    report_at(*state, 1, JOB_EVENT_COMPLETED, "theirs", NOW_MS + 10);
    report_at(*state, 2, JOB_EVENT_COMPLETED, "", NOW_MS + 10);
    assert_int_equal(started(*state, 1), 0);
    assert_int_equal(started(*state, 2), 0);
}

/* A job that runs on a runner of ours. */
static void
run_on_ours(struct ledger *ledger)
{
    report_at(ledger, 1, JOB_EVENT_QUEUED, "", NOW_MS);
    change(ledger, "INSERT INTO runner (name, made_for, n, job_id, pool, repository, state, child,"
                   " sent_at_ms, created_at_ms, changed_at_ms) VALUES ('ours', 1, 1, 1, 'linux',"
                   " 'o/r', 'live', 'c', 1, 1, 1);"
                   "UPDATE job SET state = 'assigned', runner = 'ours' WHERE id = 1");
    report_at(ledger, 1, JOB_EVENT_IN_PROGRESS, "ours", NOW_MS + 10);
    assert_int_equal(started(ledger, 1), NOW_MS + 10);
}

static void
lose(struct ledger *ledger, int64_t max_lost)
{
    struct audit audit;
    struct audit_claim claim = {.owner = ledger_owner(ledger),
                                .now_ms = NOW_MS + 20,
                                .calls_per_hour = 6000,
                                .out = &audit};
    struct audit_loss loss = {
        .step = {.audit = &audit, .owner = ledger_owner(ledger), .now_ms = NOW_MS + 20},
        .counts = true,
        .max_lost = max_lost,
        .reason = "its child died"};

    change(ledger, "UPDATE runner SET audit_at_ms = 1");
    assert_int_equal(ledger_write(ledger, audit_claim, &claim, NULL), LEDGER_OK);
    assert_int_equal(ledger_write(ledger, audit_lose, &loss, NULL), LEDGER_OK);
}

static void
a_job_that_waits_again_has_not_begun(void **state)
{
    struct ledger *ledger = *state;

    run_on_ours(ledger);
    lose(ledger, 9);
    assert_string_equal(text_of(ledger, "SELECT state FROM job").bytes, "queued");
    assert_int_equal(started(ledger, 1), 0);
    report_at(ledger, 1, JOB_EVENT_IN_PROGRESS, "theirs", NOW_MS + 30);
    assert_int_equal(started(ledger, 1), NOW_MS + 30);
}

static void
a_job_that_failed_keeps_it_until_it_is_retried(void **state)
{
    struct ledger *ledger = *state;
    struct job_request request = {.id = 1, .now_ms = NOW_MS + 40};

    run_on_ours(ledger);
    lose(ledger, 0);
    assert_string_equal(text_of(ledger, "SELECT state FROM job").bytes, "failed");
    assert_int_equal(started(ledger, 1), NOW_MS + 10);
    assert_int_equal(ledger_write(ledger, job_retry, &request, NULL), LEDGER_OK);
    assert_true(request.done);
    assert_int_equal(started(ledger, 1), 0);
}

static void
a_job_that_github_says_waits_has_not_begun(void **state)
{
    struct ledger *ledger = *state;
    struct audit_job job = {.id = 1, .now_ms = NOW_MS + 20};

    report_at(ledger, 1, JOB_EVENT_IN_PROGRESS, "theirs", NOW_MS + 10);
    change(ledger, "UPDATE job SET audit_at_ms = 1");
    assert_int_equal(ledger_write(ledger, audit_requeue_job, &job, NULL), LEDGER_OK);
    assert_string_equal(text_of(ledger, "SELECT state FROM job").bytes, "queued");
    assert_int_equal(started(ledger, 1), 0);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(it_is_when_the_job_begins),
        ON_LEDGER(a_job_first_heard_of_as_it_runs_begins_then),
        ON_LEDGER(one_that_nobody_saw_begin_has_none),
        ON_LEDGER(a_job_that_waits_again_has_not_begun),
        ON_LEDGER(a_job_that_failed_keeps_it_until_it_is_retried),
        ON_LEDGER(a_job_that_github_says_waits_has_not_begun),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
