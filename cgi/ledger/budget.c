/*
 * How often GitHub may be asked.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/budget.h"

#include <stdbool.h>

#define MINUTE_MS (INT64_C(60) * 1000)

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
