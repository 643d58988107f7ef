/*
 * Rows of the table of runners.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/runner.h"

#include <stdio.h>

#include "ledger/history.h"

/* Copies the next column, "" for a NULL, cut at its room. */
static void
copy_text(struct statement *row, char *out, size_t cap)
{
    const char *text = read_text(row);

    (void)snprintf(out, cap, "%s", text == NULL ? "" : text);
}

void
runner_read(struct statement *row, struct runner *runner)
{
    const char *state;

    *runner = (struct runner){0};
    copy_text(row, runner->name, sizeof runner->name);
    runner->made_for = read_number(row);
    runner->n = read_number(row);
    runner->job_id = read_number(row);
    copy_text(row, runner->pool, sizeof runner->pool);
    copy_text(row, runner->repository, sizeof runner->repository);
    state = read_text(row);
    runner->state = state == NULL ? RUNNER_NONE : runner_state_parse(state);
    copy_text(row, runner->child, sizeof runner->child);
    runner->github_id = read_number(row);
    runner->audit_at_ms = read_number(row);
    runner->audits = read_number(row);
    copy_text(row, runner->note, sizeof runner->note);
    runner->created_at_ms = read_number(row);
    runner->sent_at_ms = read_number(row);
    runner->placed_at_ms = read_number(row);
    runner->changed_at_ms = read_number(row);
    copy_text(row, runner->place, sizeof runner->place);
    runner->is_jit = read_number(row) != 0;
}

/* The job that a runner is for, where that is believed to run on it and the runner goes on without
 * it: nothing else would look at it again. */
static enum ledger_error
leave_job(struct ledger_txn *txn, const char *name, enum runner_state state, int64_t job_id,
          int64_t now_ms)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE job SET audit_at_ms = ?3, audits = 0"
                         " WHERE id = (SELECT job_id FROM runner WHERE name = ?1) AND id <> ?2"
                         " AND runner = ?1 AND state = 'running'");

    bind_text(&statement, name);
    bind_number(&statement, state == RUNNER_BUSY ? job_id : 0);
    bind_number(&statement, now_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
runner_move(struct ledger_txn *txn, const char *name, enum runner_state state, int64_t job_id,
            int64_t now_ms, int64_t audit_at_ms)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET state = ?2, job_id = nullif(?3, 0), audits = 0,"
                         " note = NULL, changed_at_ms = ?4, audit_at_ms = ?5 WHERE name = ?1");
    enum ledger_error error = leave_job(txn, name, state, job_id, now_ms);

    if (error != LEDGER_OK)
        return error;
    bind_text(&statement, name);
    bind_text(&statement, runner_state_text(state));
    bind_number(&statement, job_id);
    bind_number(&statement, now_ms);
    bind_number(&statement, audit_at_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
runner_release(struct ledger_txn *txn, int64_t job_id, int64_t now_ms)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET state = 'retiring', job_id = NULL, audits = 0,"
                         " note = NULL, changed_at_ms = ?2, audit_at_ms = ?2"
                         " WHERE job_id = ?1 AND state <> 'gone'"
                         " AND state IN ('minting', 'sent', 'live')");

    bind_number(&statement, job_id);
    bind_number(&statement, now_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
runner_list(struct ledger_txn *txn, void *arg)
{
    const struct runner_list *list = arg;
    struct statement statement =
        txn_prepare(txn, "SELECT " RUNNER_COLUMNS " FROM runner r WHERE ?1 OR r.state <> 'gone'"
                         " ORDER BY r.state = 'gone',"
                         " iif(r.state = 'gone', -r.changed_at_ms, r.created_at_ms), r.name");
    struct runner runner;
    int code;

    bind_number(&statement, list->all);
    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        runner_read(&statement, &runner);
        if (!list->visit(&runner, list->arg))
            return LEDGER_OK;
    }
    return txn_error(code);
}

enum ledger_error
runner_forget(struct ledger_txn *txn, void *arg)
{
    struct runner_request *request = arg;
    struct statement find =
        txn_prepare(txn, "SELECT state, coalesce(job_id, 0) FROM runner WHERE name = ?1");
    int64_t job_id = 0;
    enum ledger_error error;
    int code;

    request->before = RUNNER_NONE;
    request->done = false;
    bind_text(&find, request->name);
    code = statement_step(&find);
    if (code == SQLITE_ROW) {
        request->before = runner_state_parse(read_text(&find));
        job_id = read_number(&find);
    }
    request->done = request->before == RUNNER_RETIRING || request->before == RUNNER_LEAVING ||
                    (request->before == RUNNER_BUSY && job_id == 0);
    if (!request->done)
        return txn_error(code);
    error = runner_move(txn, request->name, RUNNER_GONE, job_id, request->now_ms, 0);
    if (error == LEDGER_OK)
        error = history_add(txn, &(struct history_event){.job_id = job_id,
                                                         .at_ms = request->now_ms,
                                                         .what = "forgotten",
                                                         .runner = request->name});
    return error;
}
