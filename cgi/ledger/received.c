/*
 * The last deliveries that came.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/received.h"

#include <stdio.h>

#include "ledger/statement.h"
#include "text/escape.h"

static enum ledger_error
add(struct ledger_txn *txn, const struct received *received)
{
    struct statement statement =
        txn_prepare(txn, "INSERT INTO received (at_ms, signed, status, outcome, reason, guid,"
                         " event, action, repository, job_id, sender)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");

    bind_number(&statement, received->at_ms);
    bind_number(&statement, received->is_signed);
    bind_number(&statement, received->http_status);
    bind_text(&statement, received->outcome);
    bind_text(&statement, received->reason);
    bind_text(&statement, received->guid);
    bind_text(&statement, received->event);
    bind_text(&statement, received->action);
    bind_text(&statement, received->repository);
    bind_number(&statement, received->job_id);
    bind_text(&statement, received->sender);
    return txn_error(statement_step(&statement));
}

/* Keeps the newest, whichever process brought them when. */
static enum ledger_error
forget(struct ledger_txn *txn, bool is_signed)
{
    struct statement statement = txn_prepare(
        txn, "DELETE FROM received WHERE signed = ?1 AND id NOT IN (SELECT id FROM received"
             " WHERE signed = ?1 ORDER BY at_ms DESC, id DESC LIMIT ?2)");

    bind_number(&statement, is_signed);
    bind_number(&statement, is_signed ? RECEIVED_SIGNED_MAX : RECEIVED_REFUSED_MAX);
    return txn_error(statement_step(&statement));
}

enum ledger_error
received_add(struct ledger_txn *txn, void *arg)
{
    const struct received_batch *batch = arg;
    /* From before the clock was set back: they would outlast all that comes. */
    struct statement clamp = txn_prepare(txn, "UPDATE received SET at_ms = ?1 WHERE at_ms > ?1");
    enum ledger_error error;

    bind_number(&clamp, batch->now_ms);
    error = txn_error(statement_step(&clamp));
    for (size_t i = 0; error == LEDGER_OK && i < batch->len; i++)
        error = add(txn, &batch->items[i]);
    if (error == LEDGER_OK)
        error = forget(txn, true);
    return error == LEDGER_OK ? forget(txn, false) : error;
}

enum ledger_error
received_list(struct ledger_txn *txn, void *arg)
{
    const struct received_list *list = arg;
    struct statement statement = txn_prepare(
        txn, "SELECT at_ms, signed, status, outcome, reason, guid, event, action, repository,"
             " job_id, sender FROM received WHERE signed = ?1 ORDER BY at_ms DESC, id DESC");
    int code;

    bind_number(&statement, list->is_signed);
    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        struct received received = {.at_ms = read_number(&statement)};

        received.is_signed = read_number(&statement) != 0;
        received.http_status = (int)read_number(&statement);
        escape_copy(received.outcome, sizeof received.outcome, read_text(&statement));
        escape_copy(received.reason, sizeof received.reason, read_text(&statement));
        escape_copy(received.guid, sizeof received.guid, read_text(&statement));
        escape_copy(received.event, sizeof received.event, read_text(&statement));
        escape_copy(received.action, sizeof received.action, read_text(&statement));
        escape_copy(received.repository, sizeof received.repository, read_text(&statement));
        received.job_id = read_number(&statement);
        escape_copy(received.sender, sizeof received.sender, read_text(&statement));
        if (!list->visit(&received, list->arg))
            return LEDGER_OK;
    }
    return txn_error(code);
}

enum ledger_error
received_last_refused(struct ledger_txn *txn, void *arg)
{
    struct statement statement =
        txn_prepare(txn, "SELECT coalesce(max(at_ms), 0) FROM received WHERE signed = 0");
    int64_t *at_ms = arg;
    int code = statement_step(&statement);

    *at_ms = code == SQLITE_ROW ? read_number(&statement) : 0;
    return txn_error(code);
}
