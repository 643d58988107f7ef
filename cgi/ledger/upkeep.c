/*
 * What the passing of time does to the ledger.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/upkeep.h"

#include <stdbool.h>
#include <stdio.h>

#include <runhook/payload.h>

#include "ledger/job.h"
#include "ledger/rules.h"
#include "ledger/statement.h"
#include "ledger/tally.h"

/* Ended jobs that one purge forgets. */
#define PURGE_MAX 500

/* Puts one order back into the queue; an audit that nobody works on any more just ends. */
static enum ledger_error
recover(struct ledger_txn *txn, const char *runner, struct upkeep *upkeep)
{
    struct statement queue =
        txn_prepare(txn, "UPDATE job SET state = 'queued', next_attempt_at_ms = 0,"
                         " changed_at_ms = ?2 WHERE state = 'assigned' AND runner = ?1"
                         " AND id = (SELECT job_id FROM runner WHERE name = ?1"
                         " AND state IN ('minting', 'sent'))");
    struct statement release =
        txn_prepare(txn, "UPDATE runner SET lease_owner = NULL WHERE name = ?1");
    int code;

    bind_text(&queue, runner);
    bind_number(&queue, upkeep->now_ms);
    code = statement_step(&queue);
    if (code != SQLITE_DONE)
        return txn_error(code);
    upkeep->recovered += sqlite3_changes(txn->db);
    bind_text(&release, runner);
    return txn_error(statement_step(&release));
}

/*
 * Finds an order that nobody works on: its owner is dead, or another process whose lease has run
 * out. This process's own workers end theirs in every case, so those are never taken from them.
 * LEDGER_NOT_FOUND where there is none.
 */
static enum ledger_error
find_orphan(struct ledger_txn *txn, const struct upkeep *upkeep,
            char runner[RH_RUNNER_NAME_MAX + 1])
{
    struct statement statement = txn_prepare(
        txn, "SELECT name, lease_owner, lease_until_ms FROM runner WHERE lease_owner IS NOT NULL");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        int64_t owner, until_ms;

        (void)snprintf(runner, RH_RUNNER_NAME_MAX + 1, "%s", read_text(&statement));
        owner = read_number(&statement);
        until_ms = read_number(&statement);
        if (owner != ledger_owner(upkeep->ledger) &&
            (until_ms < upkeep->boot_ms || !ledger_owner_alive(upkeep->ledger, owner)))
            return LEDGER_OK;
    }
    return code == SQLITE_DONE ? LEDGER_NOT_FOUND : txn_error(code);
}

/* Retires what was named or sent for jobs that have expired by now. */
static enum ledger_error
release(struct ledger_txn *txn, const struct upkeep *upkeep)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET state = 'retiring', job_id = NULL, audits = 0,"
                         " changed_at_ms = ?1, audit_at_ms = ?1"
                         " WHERE state <> 'gone' AND state IN ('minting', 'sent', 'live')"
                         " AND job_id IN (SELECT id FROM job WHERE state = 'expired')");

    bind_number(&statement, upkeep->now_ms);
    return txn_error(statement_step(&statement));
}

static enum ledger_error
expire(struct ledger_txn *txn, struct upkeep *upkeep)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE job SET state = 'expired', changed_at_ms = ?2, last_error ="
             " coalesce(last_error || '; then ', '') || 'GitHub cancelled it after 24 hours'"
             " WHERE state = 'queued' AND created_at_ms < ?1 RETURNING pool");
    int64_t expired = 0;
    enum ledger_error error = LEDGER_OK;
    int code;

    bind_number(&statement, upkeep->now_ms - JOB_LIFE_MS);
    bind_number(&statement, upkeep->now_ms);
    while (error == LEDGER_OK && (code = statement_step(&statement)) == SQLITE_ROW) {
        const char *const values[] = {read_text(&statement), job_state_text(JOB_EXPIRED)};

        error = tally_count(txn, FAMILY_JOBS_ENDED, values);
        expired++;
    }
    if (error == LEDGER_OK)
        error = txn_error(code);
    if (error == LEDGER_OK)
        upkeep->expired += expired;
    return error != LEDGER_OK || expired == 0 ? error : release(txn, upkeep);
}

/* Runs one of the purge's statements: up to when, and how many. */
static enum ledger_error
purge_some(struct ledger_txn *txn, const char *sql, const struct upkeep *upkeep, int64_t *purged)
{
    struct statement statement = txn_prepare(txn, sql);
    int code;

    bind_number(&statement, upkeep->now_ms - upkeep->retention_ms);
    bind_number(&statement, PURGE_MAX);
    code = statement_step(&statement);
    *purged = code == SQLITE_DONE ? sqlite3_changes(txn->db) : 0;
    return txn_error(code);
}

/* Forgets what ended long ago, a bounded number at a time: a purge must not hold up deliveries. A
 * runner is forgotten only once it is gone, and the jobs that it is known by not before it. */
static enum ledger_error
purge(struct ledger_txn *txn, struct upkeep *upkeep)
{
    static const char *const others[] = {
        "DELETE FROM runner WHERE name IN (SELECT name FROM runner WHERE state = 'gone'"
        " AND changed_at_ms < ?1 ORDER BY changed_at_ms LIMIT ?2)",
        "DELETE FROM history WHERE job_id IN (SELECT id FROM job WHERE state IN " JOB_ENDED
        " AND changed_at_ms < ?1 ORDER BY changed_at_ms LIMIT ?2)"};
    int64_t ignored;
    enum ledger_error error = LEDGER_OK;

    for (size_t i = 0; error == LEDGER_OK && i < sizeof others / sizeof others[0]; i++)
        error = purge_some(txn, others[i], upkeep, &ignored);
    if (error != LEDGER_OK)
        return error;
    return purge_some(txn,
                      "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE state IN " JOB_ENDED
                      " AND changed_at_ms < ?1 ORDER BY changed_at_ms LIMIT ?2)",
                      upkeep, &upkeep->purged);
}

/* The times that rows are due at, each with its index: ?1 is the furthest that they can be. */
#define AHEAD_JOBS                                \
    "waiting JOIN job ON job.pool = waiting.pool" \
    " WHERE state = 'queued' AND next_attempt_at_ms > ?1"
#define AHEAD_RUNNERS \
    "runner WHERE state IN ('live', 'retiring', 'busy', 'leaving') AND audit_at_ms > ?1"
#define AHEAD_RUNNING "job WHERE audit_at_ms > 0 AND audit_at_ms > ?1"
#define AHEAD_REPOSITORIES "repository WHERE discover_at_ms > ?1"
#define AHEAD_UPSTREAMS "upstream WHERE shut_until_ms > ?1"
/* One that refuses us is left alone for a day: see audit/redelivery.c. */
#define AHEAD_HOOKS "hook WHERE sweep_at_ms > ?1 + 86400000"

/* Makes due what lies ahead of all that the configuration can put off. */
static enum ledger_error
pull_back(struct ledger_txn *txn, struct upkeep *upkeep)
{
    static const char *const pulls[] = {
        JOB_WAITING_POOLS " UPDATE job SET next_attempt_at_ms = 0"
                          " WHERE id IN (SELECT id FROM " AHEAD_JOBS ")",
        "UPDATE runner SET audit_at_ms = ?2 WHERE name IN (SELECT name FROM " AHEAD_RUNNERS ")",
        "UPDATE job SET audit_at_ms = ?2 WHERE id IN (SELECT id FROM " AHEAD_RUNNING ")",
        "UPDATE repository SET discover_at_ms = ?2 WHERE name IN (SELECT name "
        "FROM " AHEAD_REPOSITORIES ")",
        "UPDATE upstream SET shut_until_ms = 1 WHERE name IN (SELECT name FROM " AHEAD_UPSTREAMS
        ")",
        "UPDATE hook SET sweep_at_ms = ?2 WHERE (place, id) IN (SELECT place, id FROM " AHEAD_HOOKS
        ")"};

    for (size_t i = 0; i < sizeof pulls / sizeof pulls[0]; i++) {
        struct statement statement = txn_prepare(txn, pulls[i]);

        bind_number(&statement, upkeep->now_ms + upkeep->horizon_ms);
        if (sqlite3_bind_parameter_count(statement.handle) > 1)
            bind_number(&statement, upkeep->now_ms);
        if (statement_step(&statement) != SQLITE_DONE)
            return txn_error(statement.code);
        upkeep->pulled += sqlite3_changes(txn->db);
    }
    return LEDGER_OK;
}

/* Whether there is any. */
static enum ledger_error
find_ahead(struct ledger_txn *txn, const struct upkeep *upkeep, bool *found)
{
    struct statement statement = txn_prepare(
        txn, JOB_WAITING_POOLS
        " SELECT EXISTS (SELECT 1 FROM " AHEAD_JOBS ") OR EXISTS (SELECT 1 FROM " AHEAD_RUNNERS
        ") OR EXISTS (SELECT 1 FROM " AHEAD_RUNNING ") OR EXISTS (SELECT 1 FROM " AHEAD_REPOSITORIES
        ") OR EXISTS (SELECT 1 FROM " AHEAD_UPSTREAMS ") OR EXISTS (SELECT 1 FROM " AHEAD_HOOKS
        ")");
    int code;

    bind_number(&statement, upkeep->now_ms + upkeep->horizon_ms);
    code = statement_step(&statement);
    *found = code == SQLITE_ROW && read_number(&statement) != 0;
    return txn_error(code);
}

enum ledger_error
upkeep_run(struct ledger_txn *txn, void *arg)
{
    struct upkeep *upkeep = arg;
    char runner[RH_RUNNER_NAME_MAX + 1];
    enum ledger_error error;

    upkeep->recovered = upkeep->expired = upkeep->purged = upkeep->pulled = 0;
    while ((error = find_orphan(txn, upkeep, runner)) == LEDGER_OK) {
        error = recover(txn, runner, upkeep);
        if (error != LEDGER_OK)
            return error;
    }
    if (error == LEDGER_NOT_FOUND)
        error = expire(txn, upkeep);
    if (error == LEDGER_OK)
        error = pull_back(txn, upkeep);
    return error == LEDGER_OK ? purge(txn, upkeep) : error;
}

/* The oldest moment of a column over some rows; INT64_MAX where there is none. */
static enum ledger_error
read_oldest(struct statement *statement, int64_t *oldest_ms)
{
    int code = statement_step(statement);

    *oldest_ms = INT64_MAX;
    if (code == SQLITE_ROW)
        *oldest_ms = read_number(statement);
    return txn_error(code);
}

enum ledger_error
upkeep_due(struct ledger_txn *txn, void *arg)
{
    struct upkeep *upkeep = arg;
    struct statement due =
        txn_prepare(txn, JOB_WAITING_POOLS
                    " SELECT coalesce(min((SELECT min(next_attempt_at_ms) FROM job"
                    " WHERE state = 'queued' AND job.pool = waiting.pool)), 9223372036854775807)"
                    " FROM waiting");
    struct statement waiting =
        txn_prepare(txn, "SELECT coalesce(min(created_at_ms), 9223372036854775807) FROM job"
                         " WHERE state = 'queued'");
    struct statement ended =
        txn_prepare(txn, "SELECT coalesce(min(changed_at_ms), 9223372036854775807) FROM job"
                         " WHERE state IN " JOB_ENDED);
    struct statement gone =
        txn_prepare(txn, "SELECT coalesce(min(changed_at_ms), 9223372036854775807) FROM runner"
                         " WHERE state = 'gone'");
    char runner[RH_RUNNER_NAME_MAX + 1];
    int64_t created_at_ms = 0, ended_at_ms = 0, gone_at_ms = 0;
    bool is_ahead = false;
    enum ledger_error error = read_oldest(&due, &upkeep->next_due_at_ms);

    if (error == LEDGER_OK)
        error = read_oldest(&waiting, &created_at_ms);
    if (error == LEDGER_OK)
        error = read_oldest(&ended, &ended_at_ms);
    if (error == LEDGER_OK)
        error = read_oldest(&gone, &gone_at_ms);
    if (error == LEDGER_OK)
        error = find_ahead(txn, upkeep, &is_ahead);
    if (error != LEDGER_OK || is_ahead || created_at_ms < upkeep->now_ms - JOB_LIFE_MS ||
        ended_at_ms < upkeep->now_ms - upkeep->retention_ms ||
        gone_at_ms < upkeep->now_ms - upkeep->retention_ms)
        return error;
    return find_orphan(txn, upkeep, runner);
}
