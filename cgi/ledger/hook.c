/*
 * Rows of the tables of webhooks and of the deliveries that GitHub was asked for again.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/hook.h"

#include <stdio.h>

#include "ledger/budget.h"
#include "ledger/runner.h"
#include "ledger/tally.h"

/* That a webhook still delivers is written once in so long: it is news for nobody. */
#define SEEN_AGAIN_MS (INT64_C(3600) * 1000)

/* Those that are there, as far as is known. */
#define KNOWN "(gone_at_ms = 0 OR seen_at_ms > gone_at_ms)"

/* Whose account answers for one: see place_owner. */
#define OWNER "iif(place LIKE '" HOOK_APP "%', '" PLACE_APP "', " RUNNER_OWNER("place") ")"

static enum ledger_error
enter(struct ledger_txn *txn, const struct hook_sighting *sighting)
{
    struct statement statement = txn_prepare(
        txn, "INSERT INTO hook (place, id, seen_at_ms, sweep_at_ms)"
             " SELECT ?1, ?2, ?3, ?3 WHERE (SELECT count(*) FROM hook WHERE place = ?1) < ?4");

    bind_text(&statement, sighting->place);
    bind_number(&statement, sighting->id);
    bind_number(&statement, sighting->now_ms);
    bind_number(&statement, HOOKS_OF_PLACE_MAX);
    return txn_error(statement_step(&statement));
}

enum ledger_error
hook_seen(struct ledger_txn *txn, void *arg)
{
    const struct hook_sighting *sighting = arg;
    struct statement find = txn_prepare(
        txn, "SELECT seen_at_ms BETWEEN gone_at_ms + 1 AND ?3 AND seen_at_ms > ?3 - ?4 FROM hook"
             " WHERE place = ?1 AND id = ?2");
    struct statement update =
        txn_prepare(txn, "UPDATE hook SET seen_at_ms = ?3 WHERE place = ?1 AND id = ?2");
    int code;

    bind_text(&find, sighting->place);
    bind_number(&find, sighting->id);
    bind_number(&find, sighting->now_ms);
    bind_number(&find, SEEN_AGAIN_MS);
    code = statement_step(&find);
    if (code == SQLITE_DONE)
        return enter(txn, sighting);
    if (code != SQLITE_ROW || read_number(&find) != 0)
        return txn_error(code);
    bind_text(&update, sighting->place);
    bind_number(&update, sighting->id);
    bind_number(&update, sighting->now_ms);
    return txn_error(statement_step(&update));
}

enum ledger_error
hook_make_due(struct ledger_txn *txn, void *arg)
{
    const struct hook_start *start = arg;
    struct statement statement =
        txn_prepare(txn, "UPDATE hook SET sweep_at_ms = ?1 WHERE " KNOWN " AND sweep_at_ms > ?1"
                         " AND looked_at_ms NOT BETWEEN ?1 - ?2 + 1 AND ?1");

    bind_number(&statement, start->now_ms);
    bind_number(&statement, start->pause_ms);
    return txn_error(statement_step(&statement));
}

/* Forgets for good what GitHub did not know, and what has not delivered since. */
static enum ledger_error
purge(struct ledger_txn *txn, int64_t now_ms)
{
    struct statement statement = txn_prepare(
        txn, "DELETE FROM hook WHERE gone_at_ms > 0 AND gone_at_ms < ?1 AND NOT " KNOWN);

    bind_number(&statement, now_ms - REDELIVERY_KEPT_MS);
    return txn_error(statement_step(&statement));
}

static enum ledger_error
find_due(struct ledger_txn *txn, struct hook_claim *claim)
{
    struct statement statement = txn_prepare(
        txn,
        "SELECT place, id, swept_to_ms FROM hook WHERE " KNOWN " AND sweep_at_ms <= ?1"
        " AND NOT " GATE_OWNER_IS_SHUT(OWNER, "?1") " ORDER BY sweep_at_ms, place, id LIMIT 1");
    int code;

    bind_number(&statement, claim->now_ms);
    code = statement_step(&statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    if (code == SQLITE_ROW) {
        (void)snprintf(claim->place, sizeof claim->place, "%s", read_text(&statement));
        claim->id = read_number(&statement);
        claim->swept_to_ms = read_number(&statement);
    }
    return txn_error(code);
}

enum ledger_error
hook_claim(struct ledger_txn *txn, void *arg)
{
    struct hook_claim *claim = arg;
    struct statement put_off =
        txn_prepare(txn, "UPDATE hook SET looked_at_ms = ?3, sweep_at_ms = ?3 + ?4"
                         " WHERE place = ?1 AND id = ?2");
    enum ledger_error error = budget_may_ask(txn, claim->now_ms, claim->calls_per_hour);

    if (error == LEDGER_OK)
        error = find_due(txn, claim);
    if (error == LEDGER_OK)
        error = purge(txn, claim->now_ms);
    if (error != LEDGER_OK)
        return error;
    bind_text(&put_off, claim->place);
    bind_number(&put_off, claim->id);
    bind_number(&put_off, claim->now_ms);
    bind_number(&put_off, claim->interval_ms);
    return txn_error(statement_step(&put_off));
}

enum ledger_error
hook_next_due(struct ledger_txn *txn, void *arg)
{
    struct hook_due *due = arg;
    struct statement statement =
        txn_prepare(txn, "SELECT min(sweep_at_ms) FROM hook WHERE " KNOWN " HAVING count(*) > 0");
    int code = statement_step(&statement);

    due->due_ms = code == SQLITE_ROW ? read_number(&statement) : INT64_MAX;
    return txn_error(code);
}

enum ledger_error
hook_finish(struct ledger_txn *txn, void *arg)
{
    const struct hook_result *result = arg;
    struct statement statement =
        txn_prepare(txn, "UPDATE hook SET swept_to_ms = iif(?3 > 0, ?3, swept_to_ms),"
                         " sweep_at_ms = iif(?4 > 0, ?4, sweep_at_ms), gone_at_ms = ?5, note = ?6"
                         " WHERE place = ?1 AND id = ?2");
    int64_t shut_until_ms;
    enum ledger_error error = budget_spend(txn, result->now_ms, result->calls);

    if (error == LEDGER_OK)
        error = tally_add(txn, family_describe(FAMILY_REDELIVERIES)->name, FAMILY_PART_TOTAL,
                          result->asked);
    if (error == LEDGER_OK && result->gate != NULL)
        error = gate_failed(txn, result->gate, result->now_ms, &shut_until_ms);
    else if (error == LEDGER_OK && result->gate_place != NULL)
        error = gate_github_passed(txn, result->gate_place, result->now_ms);
    if (error != LEDGER_OK)
        return error;
    bind_text(&statement, result->place);
    bind_number(&statement, result->id);
    bind_number(&statement, result->swept_to_ms);
    bind_number(&statement, result->until_ms);
    bind_number(&statement, result->is_gone ? result->now_ms : 0);
    bind_text(&statement, result->note);
    return txn_error(statement_step(&statement));
}

enum ledger_error
hook_forget(struct ledger_txn *txn, void *arg)
{
    const struct hook_key *key = arg;
    struct statement statement = txn_prepare(txn, "DELETE FROM hook WHERE place = ?1 AND id = ?2");

    bind_text(&statement, key->place);
    bind_number(&statement, key->id);
    return txn_error(statement_step(&statement));
}

enum ledger_error
hooks_known(struct ledger_txn *txn, void *arg)
{
    const struct hooks_known *list = arg;
    struct statement statement =
        txn_prepare(txn, "SELECT place, id FROM hook WHERE " KNOWN " ORDER BY place, id");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        const char *place = read_text(&statement);

        if (!list->visit(place, read_number(&statement), list->arg))
            return LEDGER_OK;
    }
    return txn_error(code);
}

enum ledger_error
redelivery_find(struct ledger_txn *txn, void *arg)
{
    struct redelivery_find *find = arg;
    struct statement statement = txn_prepare(
        txn, "SELECT EXISTS (SELECT 1 FROM redelivery WHERE guid = ?1 AND at_ms >= ?2)");
    int code;

    bind_text(&statement, find->guid);
    bind_number(&statement, find->asked_since_ms);
    code = statement_step(&statement);
    find->was_asked = code == SQLITE_ROW && read_number(&statement) != 0;
    return txn_error(code);
}

/* Forgets what GitHub does not list any more, and so what cannot be asked for twice. */
static enum ledger_error
forget_old(struct ledger_txn *txn, int64_t now_ms)
{
    struct statement statement = txn_prepare(txn, "DELETE FROM redelivery WHERE at_ms < ?1");

    bind_number(&statement, now_ms - REDELIVERY_KEPT_MS);
    return txn_error(statement_step(&statement));
}

enum ledger_error
redelivery_claim(struct ledger_txn *txn, void *arg)
{
    struct redelivery_claim *claim = arg;
    struct redelivery_find find = {.guid = claim->guid, .asked_since_ms = claim->asked_since_ms};
    struct statement note =
        txn_prepare(txn, "INSERT INTO redelivery (guid, at_ms) VALUES (?1, ?2)"
                         " ON CONFLICT (guid) DO UPDATE SET at_ms = excluded.at_ms");
    int64_t left = 0;
    enum ledger_error error = redelivery_find(txn, &find);

    if (error == LEDGER_OK)
        error = content_left(txn, claim->now_ms, claim->per_minute, &left);
    if (error != LEDGER_OK)
        return error;
    claim->permit = find.was_asked           ? REDELIVERY_ASKED
                    : left <= claim->reserve ? REDELIVERY_LATER
                                             : REDELIVERY_MAY;
    if (claim->permit != REDELIVERY_MAY)
        return LEDGER_OK;
    error = forget_old(txn, claim->now_ms);
    if (error == LEDGER_OK)
        error = content_spend(txn, claim->now_ms, 1);
    if (error != LEDGER_OK)
        return error;
    bind_text(&note, claim->guid);
    bind_number(&note, claim->now_ms);
    return txn_error(statement_step(&note));
}

enum ledger_error
redelivery_release(struct ledger_txn *txn, void *arg)
{
    struct statement statement = txn_prepare(txn, "DELETE FROM redelivery WHERE guid = ?1");

    bind_text(&statement, arg);
    return txn_error(statement_step(&statement));
}
