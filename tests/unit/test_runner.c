/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

#include "ledger/runner.h"

static void
add_runner(struct ledger *ledger, const char *name, const char *runner_state, const char *job,
           int64_t at_ms)
{
    char sql[512];

    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO runner (name, made_for, n, job_id, pool, repository, state,"
                   " audit_at_ms, audits, note, created_at_ms, sent_at_ms, changed_at_ms)"
                   " VALUES ('%s', 9, 1, %s, 'linux', 'o/r', '%s', 55, 3, 'old', %d, 1, %d)",
                   name, job, runner_state, (int)at_ms, (int)at_ms);
    change(ledger, sql);
}

static struct text
row_of(struct ledger *ledger, const char *name)
{
    char sql[512];

    (void)snprintf(sql, sizeof sql,
                   "SELECT state || ' ' || coalesce(job_id, '-') || ' ' || audit_at_ms || ' ' ||"
                   " audits || ' ' || coalesce(note, '-') || ' ' || changed_at_ms FROM runner"
                   " WHERE name = '%s'",
                   name);
    return text_of(ledger, sql);
}

struct listed {
    char names[256];
    size_t left;
};

static bool
note_name(const struct runner *runner, void *arg)
{
    struct listed *listed = arg;
    size_t len = strlen(listed->names);

    (void)snprintf(listed->names + len, sizeof listed->names - len, "%s ", runner->name);
    return --listed->left > 0;
}

static struct listed
list(struct ledger *ledger, bool all, size_t most)
{
    struct listed listed = {.left = most};
    struct runner_list request = {.all = all, .visit = note_name, .arg = &listed};

    assert_int_equal(ledger_read(ledger, runner_list, &request, NULL), LEDGER_OK);
    return listed;
}

static void
the_list_has_the_oldest_first_and_the_gone_last(void **state)
{
    struct ledger *ledger = *state;

    assert_string_equal(list(ledger, true, 9).names, "");
    add_runner(ledger, "d", "gone", "1", 10);
    add_runner(ledger, "b", "busy", "1", 30);
    add_runner(ledger, "a", "live", "1", 40);
    add_runner(ledger, "c", "minting", "1", 20);
    add_runner(ledger, "e", "gone", "1", 50);
    assert_string_equal(list(ledger, false, 9).names, "c b a ");
    assert_string_equal(list(ledger, true, 9).names, "c b a e d ");
    assert_string_equal(list(ledger, true, 2).names, "c b ");
}

static bool
keep(const struct runner *runner, void *arg)
{
    *(struct runner *)arg = *runner;
    return true;
}

static void
a_row_is_read_as_it_is(void **state)
{
    struct runner runner = {0};
    struct runner_list request = {.visit = keep, .arg = &runner};

    change(*state,
           "INSERT INTO runner (name, made_for, n, job_id, pool, repository, state, child,"
           " github_id, audit_at_ms, audits, note, created_at_ms, sent_at_ms, placed_at_ms,"
           " changed_at_ms) VALUES ('r', 1, 2, 3, 'p', 'o/r', 'live', 'c', 4, 5, 6, 'n', 7, 8,"
           " 9, 10)");
    assert_int_equal(ledger_read(*state, runner_list, &request, NULL), LEDGER_OK);
    assert_string_equal(runner.name, "r");
    assert_int_equal(runner.made_for, 1);
    assert_int_equal(runner.n, 2);
    assert_int_equal(runner.job_id, 3);
    assert_string_equal(runner.pool, "p");
    assert_string_equal(runner.repository, "o/r");
    assert_int_equal(runner.state, RUNNER_LIVE);
    assert_string_equal(runner.child, "c");
    assert_int_equal(runner.github_id, 4);
    assert_int_equal(runner.audit_at_ms, 5);
    assert_int_equal(runner.audits, 6);
    assert_string_equal(runner.note, "n");
    assert_int_equal(runner.created_at_ms, 7);
    assert_int_equal(runner.sent_at_ms, 8);
    assert_int_equal(runner.placed_at_ms, 9);
    assert_int_equal(runner.changed_at_ms, 10);
    change(*state, "UPDATE runner SET job_id = NULL, child = NULL, note = NULL");
    assert_int_equal(ledger_read(*state, runner_list, &request, NULL), LEDGER_OK);
    assert_int_equal(runner.job_id, 0);
    assert_string_equal(runner.child, "");
    assert_string_equal(runner.note, "");
}

struct move {
    const char *name;
    enum runner_state state;
    int64_t job_id;
};

static enum ledger_error
do_move(struct ledger_txn *txn, void *arg)
{
    const struct move *move = arg;

    return runner_move(txn, move->name, move->state, move->job_id, 1000, 1500);
}

static void
a_move_begins_its_audits_anew(void **state)
{
    struct move move = {"a", RUNNER_BUSY, 7};

    add_runner(*state, "a", "live", "1", 10);
    add_runner(*state, "b", "live", "1", 10);
    assert_int_equal(ledger_write(*state, do_move, &move, NULL), LEDGER_OK);
    assert_string_equal(row_of(*state, "a").bytes, "busy 7 1500 0 - 1000");
    move.job_id = 0;
    assert_int_equal(ledger_write(*state, do_move, &move, NULL), LEDGER_OK);
    assert_string_equal(row_of(*state, "a").bytes, "busy - 1500 0 - 1000");
    assert_string_equal(row_of(*state, "b").bytes, "live 1 55 3 old 10");
}

static enum ledger_error
do_release(struct ledger_txn *txn, void *arg)
{
    return runner_release(txn, *(const int64_t *)arg, 1000);
}

static void
what_waits_for_a_job_that_needs_none_is_retired(void **state)
{
    static const struct {
        const char *name;
        bool want;
    } rows[] = {
        {"minting", true}, {"sent", true},     {"live", true},  {"retiring", false},
        {"busy", false},   {"leaving", false}, {"gone", false},
    };
    int64_t job_id = 1;

    for (size_t i = 0; i < COUNT(rows); i++)
        add_runner(*state, rows[i].name, rows[i].name, "1", 10);
    add_runner(*state, "other", "live", "2", 10);
    assert_int_equal(ledger_write(*state, do_release, &job_id, NULL), LEDGER_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char as_before[64];

        (void)snprintf(as_before, sizeof as_before, "%s 1 55 3 old 10", rows[i].name);
        assert_row(strcmp(row_of(*state, rows[i].name).bytes,
                          rows[i].want ? "retiring - 1000 0 - 1000" : as_before) == 0,
                   rows[i].name);
    }
    assert_string_equal(row_of(*state, "other").bytes, "live 2 55 3 old 10");
}

/* Only one that serves no job: what GitHub may give to somebody is not let out of sight. */
static void
what_an_operator_may_give_up(void **state)
{
    static const struct {
        const char *name, *runner_state, *job;
        enum runner_state before;
        bool want;
    } rows[] = {
        {"named", "minting", "1", RUNNER_MINTING, false},
        {"sent", "sent", "1", RUNNER_SENT, false},
        {"live", "live", "1", RUNNER_LIVE, false},
        {"busy", "busy", "1", RUNNER_BUSY, false},
        {"busy with what nobody knows", "busy", "NULL", RUNNER_BUSY, true},
        {"leaving", "leaving", "1", RUNNER_LEAVING, true},
        {"retiring", "retiring", "NULL", RUNNER_RETIRING, true},
        {"gone", "gone", "1", RUNNER_GONE, false},
    };
    struct runner_request request = {.name = "none", .now_ms = 1000, .done = true};

    assert_int_equal(ledger_write(*state, runner_forget, &request, NULL), LEDGER_OK);
    assert_int_equal(request.before, RUNNER_NONE);
    assert_false(request.done);
    for (size_t i = 0; i < COUNT(rows); i++) {
        change(*state, "DELETE FROM runner");
        add_runner(*state, "r", rows[i].runner_state, rows[i].job, 10);
        request = (struct runner_request){.name = "r", .now_ms = 1000};
        assert_int_equal(ledger_write(*state, runner_forget, &request, NULL), LEDGER_OK);
        assert_row(request.before == rows[i].before, rows[i].name);
        assert_row(request.done == rows[i].want, rows[i].name);
        assert_string_equal(text_of(*state, "SELECT state FROM runner").bytes,
                            rows[i].want ? "gone" : rows[i].runner_state);
    }
    assert_string_equal(text_of(*state, "SELECT group_concat(job_id || ' ' || what || ' ' ||"
                                        " runner) FROM history")
                            .bytes,
                        "1 forgotten r");
}

static void
whose_jobs_a_runner_can_be_given(void **state)
{
    static const struct {
        const char *place;
        const char *repository;
        bool covers;
    } rows[] = {
        {"repos/octo/hello", "octo/hello", true},   {"repos/octo/hello", "Octo/Hello", true},
        {"repos/octo/hello", "octo/hello2", false}, {"repos/octo/hello", "other/hello", false},
        {"orgs/octo", "octo/hello", true},          {"orgs/Octo", "octo/other", true},
        {"orgs/octo", "octopus/hello", false},      {"orgs/octo", "oct/hello", false},
        {"enterprises/e", "anyone/anything", true}, {"octo", "octo/hello", false},
    };

    char sql[1024];

    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)snprintf(sql, sizeof sql, "SELECT %s FROM (SELECT '%s' AS place, '%s' AS repository)",
                       RUNNER_COVERS("place", "repository"), rows[i].place, rows[i].repository);
        assert_row(number_of(*state, sql) == rows[i].covers, rows[i].place);
    }
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(the_list_has_the_oldest_first_and_the_gone_last),
        ON_LEDGER(a_row_is_read_as_it_is),
        ON_LEDGER(a_move_begins_its_audits_anew),
        ON_LEDGER(what_waits_for_a_job_that_needs_none_is_retired),
        ON_LEDGER(what_an_operator_may_give_up),
        ON_LEDGER(whose_jobs_a_runner_can_be_given),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
