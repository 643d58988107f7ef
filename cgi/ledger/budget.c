/*
 * How often GitHub may be asked.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/budget.h"

#include <stdbool.h>

#define HOUR_MS (INT64_C(3600) * 1000)

enum ledger_error
budget_left(struct ledger_txn *txn, int64_t now_ms, int64_t limit, int64_t *left)
{
    struct statement statement =
        txn_prepare(txn, "SELECT hour_at_ms, hour_calls FROM upstream WHERE name = 'github'");
    int code = statement_step(&statement);

    *left = limit;
    if (code == SQLITE_ROW) {
        int64_t hour_at_ms = read_number(&statement);
        bool is_this_hour = now_ms >= hour_at_ms && now_ms - hour_at_ms < HOUR_MS;

        if (is_this_hour)
            *left = limit - read_number(&statement);
    }
    if (*left < 0)
        *left = 0;
    return txn_error(code);
}

enum ledger_error
budget_spend(struct ledger_txn *txn, int64_t now_ms, int64_t calls)
{
    /* An hour that lies ahead is one of a clock that was set back: it begins anew. */
    struct statement statement = txn_prepare(
        txn, "UPDATE upstream SET"
             " hour_calls = iif(?1 BETWEEN hour_at_ms AND hour_at_ms + ?3 - 1, hour_calls, 0) + ?2,"
             " hour_at_ms = iif(?1 BETWEEN hour_at_ms AND hour_at_ms + ?3 - 1, hour_at_ms, ?1)"
             " WHERE name = 'github'");

    if (calls == 0)
        return LEDGER_OK;
    bind_number(&statement, now_ms);
    bind_number(&statement, calls);
    bind_number(&statement, HOUR_MS);
    return txn_error(statement_step(&statement));
}
