/*
 * An order: a waiting job taken up by one dispatcher.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ledger/statement.h"

void
order_fini(struct order *order)
{
    job_fini(&order->job);
}

bool
order_runner_name(const char *prefix, const char *receiver, int64_t job_id, int64_t n,
                  char out[RH_RUNNER_NAME_MAX + 1])
{
    int len = snprintf(out, RH_RUNNER_NAME_MAX + 1, "%s-%s-%" PRId64 "-%" PRId64, prefix, receiver,
                       job_id, n);

    return len > 0 && len <= RH_RUNNER_NAME_MAX;
}

/* Repositories in turn, and within one the oldest first. The order by name only makes equal turns
 * definite, so that the index on turns answers without sorting. */
static enum ledger_error
pick(struct ledger_txn *txn, const struct order_claim *claim, struct job *job)
{
    struct statement statement =
        txn_prepare(txn, "SELECT " JOB_COLUMNS " FROM repository p CROSS JOIN job j"
                         " ON j.repository = p.name LEFT JOIN runner r ON r.name = j.runner"
                         " WHERE j.state = 'queued' AND j.next_attempt_at_ms <= ?1"
                         " ORDER BY p.turn, p.name, j.created_at_ms, j.id LIMIT 1");
    int code;

    bind_number(&statement, claim->now_ms);
    code = statement_step(&statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    if (code != SQLITE_ROW)
        return txn_error(code);
    return job_read(&statement, job) ? LEDGER_OK : LEDGER_NO_MEMORY;
}

/* The runner that an earlier attempt named for this job and that never came to live: its dispatch
 * may have reached Nomad, so the same name and token are sent again. */
static enum ledger_error
find_runner(struct ledger_txn *txn, struct order *order)
{
    struct statement statement =
        txn_prepare(txn, "SELECT name, n FROM runner WHERE job_id = ?1"
                         " AND state IN ('minting', 'sent') ORDER BY n DESC LIMIT 1");
    int code;

    bind_number(&statement, order->job.id);
    code = statement_step(&statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    if (code != SQLITE_ROW)
        return txn_error(code);
    (void)snprintf(order->runner, sizeof order->runner, "%s", read_text(&statement));
    order->n = read_number(&statement);
    return LEDGER_OK;
}

static enum ledger_error
next_n(struct ledger_txn *txn, struct order *order)
{
    struct statement statement =
        txn_prepare(txn, "SELECT coalesce(max(n), 0) + 1 FROM runner WHERE job_id = ?1");
    int code;

    bind_number(&statement, order->job.id);
    code = statement_step(&statement);
    if (code == SQLITE_ROW)
        order->n = read_number(&statement);
    return txn_error(code);
}

static enum ledger_error
name_runner(struct ledger_txn *txn, const struct order_claim *claim, struct order *order)
{
    struct statement statement =
        txn_prepare(txn, "INSERT INTO runner (name, job_id, n, pool, repository, state,"
                         " created_at_ms, changed_at_ms)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, 'minting', ?6, ?6)");
    enum ledger_error error = next_n(txn, order);

    if (error != LEDGER_OK)
        return error;
    if (!order_runner_name(claim->prefix, claim->receiver, order->job.id, order->n, order->runner))
        return LEDGER_FAILED;
    bind_text(&statement, order->runner);
    bind_number(&statement, order->job.id);
    bind_number(&statement, order->n);
    bind_text(&statement, order->job.pool);
    bind_text(&statement, order->job.repository);
    bind_number(&statement, claim->now_ms);
    return txn_error(statement_step(&statement));
}

static enum ledger_error
assign(struct ledger_txn *txn, const struct order_claim *claim, const struct order *order)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE job SET state = 'assigned', runner = ?2, attempts = attempts + 1,"
                         " changed_at_ms = ?3 WHERE id = ?1");

    bind_number(&statement, order->job.id);
    bind_text(&statement, order->runner);
    bind_number(&statement, claim->now_ms);
    return txn_error(statement_step(&statement));
}

static enum ledger_error
lease(struct ledger_txn *txn, const struct order_claim *claim, const struct order *order)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET lease_owner = ?2, lease_until_ms = ?3 WHERE name = ?1");

    bind_text(&statement, order->runner);
    bind_number(&statement, claim->owner);
    bind_number(&statement, claim->now_ms + claim->lease_ms);
    return txn_error(statement_step(&statement));
}

static enum ledger_error
take_turn(struct ledger_txn *txn, const struct order *order)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE repository SET turn = (SELECT max(turn) + 1 FROM repository) WHERE name = ?1");

    bind_text(&statement, order->job.repository);
    return txn_error(statement_step(&statement));
}

enum ledger_error
order_claim(struct ledger_txn *txn, void *arg)
{
    struct order_claim *claim = arg;
    struct order *order = claim->out;
    enum ledger_error error;

    *order = (struct order){0};
    error = pick(txn, claim, &order->job);
    if (error == LEDGER_OK) {
        error = find_runner(txn, order);
        if (error == LEDGER_NOT_FOUND)
            error = name_runner(txn, claim, order);
        if (error == LEDGER_OK)
            error = assign(txn, claim, order);
        if (error == LEDGER_OK)
            error = lease(txn, claim, order);
        if (error == LEDGER_OK)
            error = take_turn(txn, order);
    }
    if (error == LEDGER_OK)
        order->job.attempts++;
    else
        order_fini(order);
    return error;
}

/* Sets a runner's state; its lease ends unless `keep_lease`. */
static enum ledger_error
set_runner(struct ledger_txn *txn, const struct order_step *step, const char *state,
           bool keep_lease)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET state = ?2, child = coalesce(?3, child),"
                         " sent_at_ms = iif(?2 = 'sent', ?4, sent_at_ms), changed_at_ms = ?4,"
                         " lease_owner = iif(?5, lease_owner, NULL) WHERE name = ?1");

    bind_text(&statement, step->order->runner);
    bind_text(&statement, state);
    bind_text(&statement, step->child);
    bind_number(&statement, step->now_ms);
    bind_number(&statement, keep_lease);
    return txn_error(statement_step(&statement));
}

static enum ledger_error
end_lease(struct ledger_txn *txn, const struct order_step *step)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET lease_owner = NULL WHERE name = ?1");

    bind_text(&statement, step->order->runner);
    return txn_error(statement_step(&statement));
}

enum ledger_error
order_sent(struct ledger_txn *txn, void *arg)
{
    struct order_step *step = arg;
    struct statement statement =
        txn_prepare(txn, "SELECT state, EXISTS (SELECT 1 FROM job WHERE id = runner.job_id"
                         " AND runner = runner.name AND state = 'assigned')"
                         " FROM runner WHERE name = ?1");
    bool was_minting;
    int code;

    bind_text(&statement, step->order->runner);
    code = statement_step(&statement);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? LEDGER_NOT_FOUND : txn_error(code);
    was_minting = strcmp(read_text(&statement), "minting") == 0;
    step->wanted = read_number(&statement) != 0;
    if (step->wanted)
        return set_runner(txn, step, "sent", true);
    /* One that was never sent has left no trace outside. */
    return was_minting ? set_runner(txn, step, "gone", false) : end_lease(txn, step);
}

enum ledger_error
order_live(struct ledger_txn *txn, void *arg)
{
    const struct order_step *step = arg;
    struct statement statement =
        txn_prepare(txn, "UPDATE job SET last_error = NULL, changed_at_ms = ?2 WHERE id = ?1");
    enum ledger_error error;

    bind_number(&statement, step->order->job.id);
    bind_number(&statement, step->now_ms);
    error = txn_error(statement_step(&statement));
    return error == LEDGER_OK ? set_runner(txn, step, "live", false) : error;
}

enum ledger_error
order_failed(struct ledger_txn *txn, void *arg)
{
    const struct order_step *step = arg;
    struct statement statement =
        txn_prepare(txn, "UPDATE job SET state = 'queued', next_attempt_at_ms = ?3,"
                         " last_error = coalesce(?4, last_error), changed_at_ms = ?5"
                         " WHERE id = ?1 AND runner = ?2 AND state = 'assigned'");
    enum ledger_error error;

    bind_number(&statement, step->order->job.id);
    bind_text(&statement, step->order->runner);
    bind_number(&statement, step->next_attempt_at_ms);
    bind_text(&statement, step->error);
    bind_number(&statement, step->now_ms);
    error = txn_error(statement_step(&statement));
    return error == LEDGER_OK ? end_lease(txn, step) : error;
}

/* Puts one dead process's orders, or those whose lease ran out, back into the queue. */
static enum ledger_error
recover(struct ledger_txn *txn, int64_t owner, struct order_upkeep *upkeep)
{
    struct statement queue =
        txn_prepare(txn, "UPDATE job SET state = 'queued', next_attempt_at_ms = 0,"
                         " changed_at_ms = ?2 WHERE state = 'assigned' AND id IN"
                         " (SELECT job_id FROM runner WHERE lease_owner = ?1)");
    struct statement release =
        txn_prepare(txn, "UPDATE runner SET lease_owner = NULL WHERE lease_owner = ?1");
    int code;

    bind_number(&queue, owner);
    bind_number(&queue, upkeep->now_ms);
    code = statement_step(&queue);
    if (code != SQLITE_DONE)
        return txn_error(code);
    upkeep->recovered += sqlite3_changes(txn->db);
    bind_number(&release, owner);
    return txn_error(statement_step(&release));
}

/* Finds an owner of leases that is dead, or whose lease has ended. LEDGER_NOT_FOUND where none is.
 */
static enum ledger_error
find_dead_owner(struct ledger_txn *txn, const struct order_upkeep *upkeep, int64_t *owner)
{
    struct statement statement =
        txn_prepare(txn, "SELECT lease_owner, min(lease_until_ms) FROM runner"
                         " WHERE lease_owner IS NOT NULL GROUP BY lease_owner");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        int64_t until_ms;

        *owner = read_number(&statement);
        until_ms = read_number(&statement);
        if (until_ms < upkeep->now_ms || !ledger_owner_alive(upkeep->ledger, *owner))
            return LEDGER_OK;
    }
    return code == SQLITE_DONE ? LEDGER_NOT_FOUND : txn_error(code);
}

static enum ledger_error
expire(struct ledger_txn *txn, struct order_upkeep *upkeep)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE job SET state = 'expired', changed_at_ms = ?2, last_error ="
             " coalesce(last_error || '; then ', '') || 'GitHub cancelled it after 24 hours'"
             " WHERE state = 'queued' AND created_at_ms < ?1");

    bind_number(&statement, upkeep->now_ms - JOB_LIFE_MS);
    bind_number(&statement, upkeep->now_ms);
    if (statement_step(&statement) != SQLITE_DONE)
        return txn_error(statement.code);
    upkeep->expired += sqlite3_changes(txn->db);
    return LEDGER_OK;
}

enum ledger_error
order_upkeep(struct ledger_txn *txn, void *arg)
{
    struct order_upkeep *upkeep = arg;
    enum ledger_error error;
    int64_t owner;

    upkeep->recovered = upkeep->expired = 0;
    while ((error = find_dead_owner(txn, upkeep, &owner)) == LEDGER_OK) {
        error = recover(txn, owner, upkeep);
        if (error != LEDGER_OK)
            return error;
    }
    return error == LEDGER_NOT_FOUND ? expire(txn, upkeep) : error;
}

enum ledger_error
order_upkeep_due(struct ledger_txn *txn, void *arg)
{
    struct order_upkeep *upkeep = arg;
    struct statement statement = txn_prepare(
        txn, "SELECT coalesce(min(next_attempt_at_ms), 9223372036854775807),"
             " coalesce(min(created_at_ms), 9223372036854775807) FROM job WHERE state = 'queued'");
    int64_t owner, oldest_ms;
    int code = statement_step(&statement);

    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? LEDGER_FAILED : txn_error(code);
    upkeep->next_due_at_ms = read_number(&statement);
    oldest_ms = read_number(&statement);
    if (oldest_ms < upkeep->now_ms - JOB_LIFE_MS)
        return LEDGER_OK;
    return find_dead_owner(txn, upkeep, &owner);
}
