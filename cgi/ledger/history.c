/*
 * What happened to a job, in order.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/history.h"

enum ledger_error
history_add(struct ledger_txn *txn, const struct history_event *event)
{
    struct statement statement = txn_prepare(
        txn,
        "INSERT INTO history (job_id, at_ms, what, runner, detail) VALUES (?1, ?2, ?3, ?4, ?5)");

    if (event->job_id == 0)
        return LEDGER_OK;
    bind_number(&statement, event->job_id);
    bind_number(&statement, event->at_ms);
    bind_text(&statement, event->what);
    bind_text(&statement, event->runner);
    bind_text(&statement, event->detail);
    return txn_error(statement_step(&statement));
}

/* Visits the rows of a statement that selects at_ms, what, runner, detail. */
static enum ledger_error
visit_rows(struct statement *statement, int64_t job_id, history_visitor visit, void *arg)
{
    int code;

    while ((code = statement_step(statement)) == SQLITE_ROW) {
        struct history_event event = {.job_id = job_id};

        event.at_ms = read_number(statement);
        event.what = read_text(statement);
        event.runner = read_text(statement);
        event.detail = read_text(statement);
        if (!visit(&event, arg))
            return LEDGER_OK;
    }
    return txn_error(code);
}

enum ledger_error
history_list(struct ledger_txn *txn, void *arg)
{
    const struct history_list *list = arg;
    struct statement statement = txn_prepare(
        txn, "SELECT at_ms, what, runner, detail FROM history WHERE job_id = ?1 ORDER BY id");

    bind_number(&statement, list->job_id);
    return visit_rows(&statement, list->job_id, list->visit, list->arg);
}

enum ledger_error
history_tail(struct ledger_txn *txn, struct history_tail *tail)
{
    struct statement count =
        txn_prepare(txn, "SELECT max(0, count(*) - ?2) FROM history WHERE job_id = ?1");
    struct statement statement =
        txn_prepare(txn, "SELECT at_ms, what, runner, detail FROM history WHERE job_id = ?1"
                         " ORDER BY id LIMIT -1 OFFSET ?2");
    int code;

    bind_number(&count, tail->job_id);
    bind_number(&count, tail->most);
    code = statement_step(&count);
    tail->before = code == SQLITE_ROW ? read_number(&count) : 0;
    if (code != SQLITE_ROW)
        return txn_error(code);
    bind_number(&statement, tail->job_id);
    bind_number(&statement, tail->before);
    return visit_rows(&statement, tail->job_id, tail->visit, tail->arg);
}
