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

enum ledger_error
history_list(struct ledger_txn *txn, void *arg)
{
    const struct history_list *list = arg;
    struct statement statement = txn_prepare(
        txn, "SELECT at_ms, what, runner, detail FROM history WHERE job_id = ?1 ORDER BY id");
    int code;

    bind_number(&statement, list->job_id);
    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        struct history_event event = {.job_id = list->job_id};

        event.at_ms = read_number(&statement);
        event.what = read_text(&statement);
        event.runner = read_text(&statement);
        event.detail = read_text(&statement);
        if (!list->visit(&event, list->arg))
            return LEDGER_OK;
    }
    return txn_error(code);
}
