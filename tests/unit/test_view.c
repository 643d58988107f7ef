/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/history.h"
#include "ledger/statement.h"
#include "status/view.h"

static char linux_name[] = "linux", gpu_name[] = "gpu";
static struct pool pools[] = {{.name = linux_name, .max_runners = 8},
                              {.name = gpu_name, .max_runners = 2}};
static const struct config config = {.pools = pools, .pools_len = COUNT(pools)};

static struct view *
read_view(struct ledger *ledger)
{
    struct view *view = calloc(1, sizeof *view);
    struct view_ask ask = {.config = &config, .now_ms = NOW_MS, .view = view};
    struct rh_reason reason;

    assert_non_null(view);
    if (ledger_read(ledger, view_read, &ask, &reason) != LEDGER_OK)
        fail_msg("%s", reason.text);
    return view;
}

static void
view_drop(struct view *view)
{
    view_fini(view);
    free(view);
}

/* A job in a state, in ms before NOW_MS. */
static void
put(struct ledger *ledger, int64_t id, const char *state, const char *pool, int64_t received,
    int64_t started, int64_t changed)
{
    char sql[1024];

    enter(ledger, id, "o/r", 10);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE job SET state = '%s', pool = '%s', received_at_ms = %lld,"
                   " started_at_ms = %lld, changed_at_ms = %lld WHERE id = %lld",
                   state, pool, (long long)(NOW_MS - received),
                   started == 0 ? 0 : (long long)(NOW_MS - started), (long long)(NOW_MS - changed),
                   (long long)id);
    change(ledger, sql);
}

static void
an_empty_ledger_has_a_view(void **state)
{
    struct view *view = read_view(*state);

    assert_int_equal(view->pools_len, 3);
    assert_string_equal(view->pools[0].name, "linux");
    assert_int_equal(view->pools[1].limit, 2);
    assert_null(view->pools[2].name);
    assert_int_equal(view->gates_len, 2);
    assert_string_equal(view->gates[0].upstream, "nomad");
    assert_int_equal(view->waiting.len + view->now_running.len + view->lately.len, 0);
    assert_int_equal(view->with_signature.len + view->without.len, 0);
    view_drop(view);
}

static void
jobs_are_counted_by_pool_and_listed_in_their_order(void **state)
{
    struct ledger *ledger = *state;
    struct view *view;

    put(ledger, 1, "queued", "linux", 5000, 0, 0);
    put(ledger, 2, "assigned", "linux", 9000, 0, 0);
    put(ledger, 3, "running", "gpu", 9000, 2000, 0);
    put(ledger, 4, "running", "gpu", 9000, 3000, 0);
    put(ledger, 5, "queued", "of-yesterday", 1000, 0, 0);
    put(ledger, 6, "done", "linux", 9000, 8000, 500);
    put(ledger, 7, "failed", "linux", 9000, 0, 700);
    put(ledger, 8, "refused", "linux", 9000, 0, 400);
    put(ledger, 9, "expired", "linux", 2 * JOB_LIFE_MS, 0, JOB_LIFE_MS + 300000);
    view = read_view(ledger);
    assert_int_equal(view->queued, 2);
    assert_int_equal(view->assigned, 1);
    assert_int_equal(view->running, 2);
    assert_int_equal(view->pools[0].queued, 1);
    assert_int_equal(view->pools[0].assigned, 1);
    assert_int_equal(view->pools[1].running, 2);
    assert_int_equal(view->pools[2].queued, 1);
    assert_int_equal(view->waiting.total, 3);
    assert_int_equal(view->waiting.items[0].job.id, 2);
    assert_int_equal(view->waiting.items[1].job.id, 1);
    assert_int_equal(view->now_running.items[0].job.id, 4);
    /* Of those that are over all are listed, and those of the last day counted. */
    assert_int_equal(view->lately.len, 4);
    assert_int_equal(view->lately.items[0].job.id, 8);
    assert_int_equal(view->lately.items[3].job.id, 9);
    assert_int_equal(view->lately.total, 3);
    assert_int_equal(view->failed.len, 1);
    assert_int_equal(view->failed.total, 1);
    assert_int_equal(view->failed.items[0].job.id, 7);
    assert_int_equal(view->refused, 1);
    assert_int_equal(view->expired, 0);
    assert_int_equal(view->series.began, 3);
    assert_int_equal(view->series.most.running, 3);
    view_drop(view);
}

static void
why_a_job_waits_is_told_with_its_pools_room(void **state)
{
    struct ledger *ledger = *state;
    struct view *view;

    put(ledger, 1, "queued", "gpu", 5000, 0, 0);
    change(ledger, "INSERT INTO runner (name, made_for, n, pool, repository, state, sent_at_ms,"
                   " ended_at_ms, created_at_ms, changed_at_ms) VALUES"
                   " ('a', 8, 1, 'gpu', 'o/r', 'busy', 1, 0, 1, 1),"
                   " ('b', 9, 1, 'gpu', 'o/r', 'live', 1, 0, 1, 1),"
                   " ('over', 10, 1, 'gpu', 'o/r', 'leaving', 1, 5, 1, 1),"
                   " ('unsent', 11, 1, 'gpu', 'o/r', 'minting', 0, 0, 1, 1),"
                   " ('gone', 12, 1, 'gpu', 'o/r', 'gone', 1, 0, 1, 1)");
    view = read_view(ledger);
    assert_int_equal(view->pools[1].runners, 2);
    assert_int_equal(view->pools[1].pending, 1); /* b alone waits for a node */
    assert_non_null(strstr(view->waiting.items[0].outlook, "pool gpu is full (runners: 2"));
    view_drop(view);

    change(ledger, "UPDATE upstream SET failures = 3, error = 'no answer', shut_until_ms ="
                   " 9000000000000 WHERE name = 'nomad'");
    view = read_view(ledger);
    assert_int_equal(view->gates[0].state, GATE_SHUT);
    assert_non_null(strstr(view->waiting.items[0].outlook, "Nomad is left alone"));
    view_drop(view);
}

static enum ledger_error
add_events(struct ledger_txn *txn, void *arg)
{
    const int *count = arg;
    enum ledger_error error = LEDGER_OK;

    for (int i = 1; error == LEDGER_OK && i <= *count; i++)
        error = history_add(txn, &(struct history_event){.job_id = 1,
                                                         .at_ms = NOW_MS + i,
                                                         .what = "put back",
                                                         .runner = "r",
                                                         .detail = "no"});
    return error;
}

static void
a_long_story_is_shown_from_its_end(void **state)
{
    struct ledger *ledger = *state;
    int count = 100;
    struct view *view;

    put(ledger, 1, "queued", "linux", 5000, 0, 0); /* its own first event */
    assert_int_equal(ledger_write(ledger, add_events, &count, NULL), LEDGER_OK);
    view = read_view(ledger);
    assert_int_equal(view->waiting.items[0].events_len, VIEW_EVENTS_MAX);
    assert_int_equal(view->waiting.items[0].events_before, 101 - VIEW_EVENTS_MAX);
    assert_int_equal(view->waiting.items[0].events[VIEW_EVENTS_MAX - 1].at_ms, NOW_MS + 100);
    assert_string_equal(view->waiting.items[0].events[0].what, "put back");
    view_drop(view);
}

static void
every_list_is_bounded(void **state)
{
    struct ledger *ledger = *state;
    struct view *view;

    enter(ledger, 1, "o/r", 10);
    for (const char *const *from =
             (const char *const[]){"queued", "running", "done", "failed", NULL};
         *from != NULL; from++) {
        char sql[1024];

        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO job (id, repository, repository_short, repository_url, fork,"
                       " run_id, run_attempt, name, workflow_name, head_branch, html_url, labels,"
                       " installation_id, pool, delivery, state, created_at_ms, received_at_ms,"
                       " changed_at_ms) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                       " FROM n WHERE i < 60) SELECT (SELECT max(id) FROM job) + i, repository,"
                       " repository_short, repository_url, fork, run_id, run_attempt, name,"
                       " workflow_name, head_branch, html_url, labels, installation_id, pool,"
                       " delivery, '%s', created_at_ms, received_at_ms, changed_at_ms"
                       " FROM job, n WHERE id = 1",
                       *from);
        change(ledger, sql);
    }
    for (int i = 0; i < 40; i++) {
        char sql[256];

        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO upstream (name, failures, shut_until_ms) VALUES"
                       " ('github/o%d', 1, 9000000000000)",
                       i);
        change(ledger, sql);
    }
    view = read_view(ledger);
    assert_int_equal(view->waiting.len, VIEW_WAITING_MAX);
    assert_int_equal(view->waiting.total, 61);
    assert_int_equal(view->now_running.len, VIEW_RUNNING_MAX);
    assert_int_equal(view->lately.len, VIEW_ENDED_MAX);
    assert_int_equal(view->lately.total, 120);
    assert_int_equal(view->failed.len, VIEW_FAILED_MAX);
    assert_int_equal(view->failed.total, 60);
    assert_int_equal(view->gates_len, 2 + VIEW_OWNERS_MAX);
    view_drop(view);
}

/* However much history there is: what the page asks is answered from indices alone. */
static void
no_question_walks_through_the_history(void **state)
{
    static const struct {
        const char *sql;
        const char *index;
    } rows[] = {
        {"SELECT state, received_at_ms, started_at_ms, 0 FROM job WHERE state IN " JOB_ACTIVE,
         "USING COVERING INDEX job_active"},
        {"SELECT pool, state, count(*) FROM job WHERE state IN " JOB_ACTIVE " GROUP BY pool, state",
         "USING COVERING INDEX job_active"},
        {"SELECT state, received_at_ms, started_at_ms, changed_at_ms FROM job WHERE state IN"
         " " JOB_ENDED " AND changed_at_ms >= 1",
         "USING COVERING INDEX job_ended (changed_at_ms>?)"},
        {"SELECT * FROM job j WHERE j.state IN " JOB_ENDED
         " ORDER BY j.changed_at_ms DESC, j.id DESC LIMIT 5",
         "USING INDEX job_ended"},
        {"SELECT * FROM job j WHERE j.state IN " JOB_ACTIVE " AND j.state <> 'running'"
         " ORDER BY j.received_at_ms, j.id LIMIT 5",
         "USING INDEX job_active"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        sqlite3 *db;
        sqlite3_stmt *statement;
        char sql[1024];
        const char *plan;

        (void)state;
        (void)snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", rows[i].sql);
        assert_int_equal(sqlite3_open(scratch_path(LEDGER_NAME).text, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        plan = (const char *)sqlite3_column_text(statement, 3);
        if (strstr(plan, rows[i].index) == NULL)
            fail_msg("%s: %s", rows[i].sql, plan);
        (void)sqlite3_finalize(statement);
        (void)sqlite3_close(db);
    }
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(an_empty_ledger_has_a_view),
        ON_LEDGER(jobs_are_counted_by_pool_and_listed_in_their_order),
        ON_LEDGER(why_a_job_waits_is_told_with_its_pools_room),
        ON_LEDGER(a_long_story_is_shown_from_its_end),
        ON_LEDGER(every_list_is_bounded),
        ON_LEDGER(no_question_walks_through_the_history),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
