/*
 * Rows of the tables of repositories and of the lists that GitHub gave of them.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/repository.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/budget.h"
#include "ledger/runner.h"

/* A repository whose events come is asked so many times less often: they bring what is new, and the
 * look is for the one that was lost. */
#define BUSY_INTERVALS 3

/* Those that are asked at all: ?1 is the time of an event that still counts as lately, ?2 the named
 * ones. */
#define ASKED "(seen_at_ms >= ?1 OR name IN (SELECT value FROM json_each(?2)))"

enum ledger_error
repository_enter(struct ledger_txn *txn, void *arg)
{
    const struct repository_entry *entry = arg;
    struct statement statement =
        txn_prepare(txn, "INSERT INTO repository (name, turn, seen_at_ms, discover_at_ms)"
                         " VALUES (?1, (SELECT coalesce(max(turn), 0) FROM repository), 0, ?2)"
                         " ON CONFLICT (name) DO NOTHING");

    bind_text(&statement, entry->name);
    bind_number(&statement, entry->now_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
repository_list(struct ledger_txn *txn, void *arg)
{
    const struct repository_list *list = arg;
    struct statement statement = txn_prepare(txn, "SELECT name FROM repository ORDER BY name");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        if (!list->visit(read_text(&statement), list->arg))
            return LEDGER_OK;
    }
    return txn_error(code);
}

static enum ledger_error
find_due(struct ledger_txn *txn, struct repository_claim *claim)
{
    struct statement statement = txn_prepare(
        txn, "SELECT name FROM repository WHERE " ASKED
             " AND discover_at_ms <= ?3 AND NOT " GATE_OWNER_IS_SHUT(
                 "substr(name, 1, instr(name, '/') - 1)", "?3") " ORDER BY discover_at_ms LIMIT 1");
    int code;

    bind_number(&statement, claim->now_ms - claim->window_ms);
    bind_text(&statement, claim->named);
    bind_number(&statement, claim->now_ms);
    code = statement_step(&statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    if (code == SQLITE_ROW)
        (void)snprintf(claim->name, sizeof claim->name, "%s", read_text(&statement));
    return txn_error(code);
}

enum ledger_error
repository_claim(struct ledger_txn *txn, void *arg)
{
    struct repository_claim *claim = arg;
    struct statement put_off = txn_prepare(
        txn, "UPDATE repository SET discovered_at_ms = ?2, discover_at_ms = ?2 + ?3 *"
             " iif(discovered_at_ms > 0 AND seen_at_ms > discovered_at_ms, ?4, 1) WHERE name = ?1");
    enum ledger_error error = budget_may_ask(txn, claim->now_ms, claim->calls_per_hour);

    if (error == LEDGER_OK)
        error = find_due(txn, claim);
    if (error != LEDGER_OK)
        return error;
    bind_text(&put_off, claim->name);
    bind_number(&put_off, claim->now_ms);
    bind_number(&put_off, claim->interval_ms);
    bind_number(&put_off, BUSY_INTERVALS);
    return txn_error(statement_step(&put_off));
}

enum ledger_error
repository_next_due(struct ledger_txn *txn, void *arg)
{
    struct repository_due *due = arg;
    struct statement statement = txn_prepare(
        txn, "SELECT min(discover_at_ms) FROM repository WHERE " ASKED " HAVING count(*) > 0");
    int code;

    bind_number(&statement, due->now_ms - due->window_ms);
    bind_text(&statement, due->named);
    code = statement_step(&statement);
    due->due_ms = code == SQLITE_ROW ? read_number(&statement) : INT64_MAX;
    return txn_error(code);
}

enum ledger_error
listing_find(struct ledger_txn *txn, void *arg)
{
    struct listing *listing = arg;
    struct statement statement =
        txn_prepare(txn, "SELECT etag, runs FROM listing WHERE repository = ?1 AND path = ?2");
    int code;

    listing->etag_found = listing->runs_found = NULL;
    bind_text(&statement, listing->repository);
    bind_text(&statement, listing->path);
    code = statement_step(&statement);
    if (code != SQLITE_ROW)
        return txn_error(code);
    listing->etag_found = strdup(read_text(&statement));
    listing->runs_found = strdup(read_text(&statement));
    if (listing->etag_found != NULL && listing->runs_found != NULL)
        return LEDGER_OK;
    free(listing->etag_found);
    free(listing->runs_found);
    listing->etag_found = listing->runs_found = NULL;
    return LEDGER_NO_MEMORY;
}

enum ledger_error
listing_keep(struct ledger_txn *txn, void *arg)
{
    const struct listing *listing = arg;
    struct statement statement = txn_prepare(
        txn, "INSERT INTO listing (repository, path, etag, runs) VALUES (?1, ?2, ?3, ?4)"
             " ON CONFLICT (repository, path) DO UPDATE SET etag = excluded.etag,"
             " runs = excluded.runs");

    bind_text(&statement, listing->repository);
    bind_text(&statement, listing->path);
    bind_text(&statement, listing->etag);
    bind_text(&statement, listing->runs == NULL ? "[]" : listing->runs);
    return txn_error(statement_step(&statement));
}

enum ledger_error
listing_forget(struct ledger_txn *txn, void *arg)
{
    const struct listing_sweep *sweep = arg;
    struct statement statement =
        txn_prepare(txn, "DELETE FROM listing WHERE repository = ?1 AND path GLOB '[0-9]*'"
                         " AND path NOT IN (SELECT CAST(json_extract(value, '$.id') AS TEXT)"
                         " FROM json_each(?2))");

    bind_text(&statement, sweep->repository);
    bind_text(&statement, sweep->runs);
    return txn_error(statement_step(&statement));
}

enum ledger_error
listing_renew(struct ledger_txn *txn, void *arg)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE receiver SET pools = ?1 WHERE pools <> ?1");

    bind_text(&statement, arg);
    if (statement_step(&statement) != SQLITE_DONE || sqlite3_changes(txn->db) == 0)
        return txn_error(statement.code);
    return txn_error(txn_execute(txn, "DELETE FROM listing"));
}

enum ledger_error
repository_finish(struct ledger_txn *txn, void *arg)
{
    const struct repository_result *result = arg;
    struct statement put_off = txn_prepare(
        txn, "UPDATE repository SET discover_at_ms = max(discover_at_ms, ?2) WHERE name = ?1");
    char place[RUNNER_PLACE_CAP];
    int64_t shut_until_ms;
    enum ledger_error error = budget_spend(txn, result->now_ms, result->calls);

    (void)snprintf(place, sizeof place, "repos/%s", result->name);
    if (error == LEDGER_OK && result->gate != NULL)
        error = gate_failed(txn, result->gate, result->now_ms, &shut_until_ms);
    else if (error == LEDGER_OK && !result->failed)
        error = gate_github_passed(txn, place, result->now_ms);
    if (error != LEDGER_OK || !result->failed)
        return error;
    bind_text(&put_off, result->name);
    bind_number(&put_off, result->until_ms);
    return txn_error(statement_step(&put_off));
}
