/*
 * What GitHub said last of its rate limits.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/rate_limit.h"

bool
rate_limit_stays(const struct rate_limit *known, const struct rate_limit *told, int64_t now_ms)
{
    return known->reset_at_ms > now_ms && known->remaining < told->remaining;
}

static enum ledger_error
write_one(struct ledger_txn *txn, const struct rate_limit *limit, int64_t now_ms)
{
    /* As rate_limit_stays has it. */
    struct statement statement = txn_prepare(
        txn, "INSERT INTO rate_limit (account, resource, remaining, allowed, reset_at_ms)"
             " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account, resource) DO UPDATE SET"
             " remaining = excluded.remaining, allowed = excluded.allowed,"
             " reset_at_ms = excluded.reset_at_ms"
             " WHERE NOT (reset_at_ms > ?6 AND remaining < excluded.remaining)");

    bind_text(&statement, limit->account);
    bind_text(&statement, limit->resource);
    bind_number(&statement, limit->remaining);
    bind_number(&statement, limit->allowed);
    bind_number(&statement, limit->reset_at_ms);
    bind_number(&statement, now_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
rate_limits_write(struct ledger_txn *txn, const struct rate_limits *limits)
{
    struct statement forget = txn_prepare(txn, "DELETE FROM rate_limit WHERE reset_at_ms <= ?1");
    enum ledger_error error = LEDGER_OK;

    for (size_t i = 0; error == LEDGER_OK && i < limits->len; i++)
        error = write_one(txn, &limits->items[i], limits->now_ms);
    if (error != LEDGER_OK)
        return error;
    bind_number(&forget, limits->now_ms);
    return txn_error(statement_step(&forget));
}

enum ledger_error
rate_limits_list(struct ledger_txn *txn, int64_t now_ms, rate_limit_visitor visit, void *arg)
{
    struct statement statement =
        txn_prepare(txn, "SELECT account, resource, remaining, allowed, reset_at_ms"
                         " FROM rate_limit WHERE reset_at_ms > ?1");
    int code;

    bind_number(&statement, now_ms);
    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        struct rate_limit limit;

        limit.account = read_text(&statement);
        limit.resource = read_text(&statement);
        limit.remaining = read_number(&statement);
        limit.allowed = read_number(&statement);
        limit.reset_at_ms = read_number(&statement);
        visit(&limit, arg);
    }
    return txn_error(code);
}
