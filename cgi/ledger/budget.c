/*
 * How often GitHub may be asked.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/budget.h"

#include <stdbool.h>

#include "ledger/gate.h"

#define MINUTE_MS (INT64_C(60) * 1000)

/* A request is counted before it reaches GitHub, which counts it a moment later. */
#define CONTENT_WINDOW_MS (MINUTE_MS + 2000)

enum ledger_error
budget_left(struct ledger_txn *txn, int64_t now_ms, int64_t per_hour, int64_t *left)
{
    struct statement statement =
        txn_prepare(txn, "SELECT minute_at_ms, minute_calls FROM upstream WHERE name = 'github'");
    int64_t limit = per_hour < 60 ? 1 : per_hour / 60;
    int code = statement_step(&statement);

    *left = limit;
    if (code == SQLITE_ROW) {
        int64_t minute_at_ms = read_number(&statement);
        bool is_this_minute = now_ms >= minute_at_ms && now_ms - minute_at_ms < MINUTE_MS;

        if (is_this_minute)
            *left = limit - read_number(&statement);
    }
    if (*left < 0)
        *left = 0;
    return txn_error(code);
}

enum ledger_error
budget_may_ask(struct ledger_txn *txn, int64_t now_ms, int64_t per_hour)
{
    int64_t left = 0;
    struct gate gate;
    enum ledger_error error = gate_read(txn, "github", now_ms, &gate);

    if (error == LEDGER_OK)
        error = budget_left(txn, now_ms, per_hour, &left);
    if (error == LEDGER_OK && (gate.state == GATE_SHUT || left <= 0))
        error = LEDGER_NOT_FOUND;
    return error;
}

enum ledger_error
budget_spend(struct ledger_txn *txn, int64_t now_ms, int64_t calls)
{
    /* A minute that lies ahead is one of a clock that was set back: it begins anew. */
    struct statement statement = txn_prepare(
        txn,
        "UPDATE upstream SET"
        " minute_calls = iif(?1 BETWEEN minute_at_ms AND minute_at_ms + ?3 - 1, minute_calls, 0) + "
        "?2,"
        " minute_at_ms = iif(?1 BETWEEN minute_at_ms AND minute_at_ms + ?3 - 1, minute_at_ms, ?1)"
        " WHERE name = 'github'");

    if (calls == 0)
        return LEDGER_OK;
    bind_number(&statement, now_ms);
    bind_number(&statement, calls);
    bind_number(&statement, MINUTE_MS);
    return txn_error(statement_step(&statement));
}

enum ledger_error
content_left(struct ledger_txn *txn, int64_t now_ms, int64_t per_minute, int64_t *left)
{
    /* What lies ahead was counted before the clock was set back. */
    struct statement statement =
        txn_prepare(txn, "SELECT count(*) FROM content WHERE at_ms > ?1 AND at_ms <= ?2");
    int code;

    bind_number(&statement, now_ms - CONTENT_WINDOW_MS);
    bind_number(&statement, now_ms);
    code = statement_step(&statement);
    *left = code == SQLITE_ROW ? per_minute - read_number(&statement) : 0;
    if (*left < 0)
        *left = 0;
    return txn_error(code);
}

enum ledger_error
content_spend(struct ledger_txn *txn, int64_t now_ms, int64_t requests)
{
    struct statement forget =
        txn_prepare(txn, "DELETE FROM content WHERE at_ms <= ?1 OR at_ms > ?2");

    if (requests <= 0)
        return LEDGER_OK;
    bind_number(&forget, now_ms - CONTENT_WINDOW_MS);
    bind_number(&forget, now_ms + MINUTE_MS);
    if (statement_step(&forget) != SQLITE_DONE)
        return txn_error(forget.code);
    for (int64_t i = 0; i < requests; i++) {
        struct statement add = txn_prepare(txn, "INSERT INTO content (at_ms) VALUES (?1)");

        bind_number(&add, now_ms);
        if (statement_step(&add) != SQLITE_DONE)
            return txn_error(add.code);
    }
    return LEDGER_OK;
}
