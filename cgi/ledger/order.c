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
pick(struct ledger_txn *txn, const struct order_claim *claim, bool without_github, struct job *job)
{
    struct statement statement =
        txn_prepare(txn, "SELECT " JOB_COLUMNS " FROM repository p CROSS JOIN job j"
                         " ON j.repository = p.name LEFT JOIN runner r ON r.name = j.runner"
                         " WHERE j.state = 'queued' AND j.next_attempt_at_ms <= ?1"
                         " AND (?2 IS NULL OR p.name IN (SELECT value FROM json_each(?2)))"
                         " ORDER BY p.turn, p.name, j.created_at_ms, j.id LIMIT 1");
    int code;

    bind_number(&statement, claim->now_ms);
    bind_text(&statement, without_github ? claim->tokens : NULL);
    code = statement_step(&statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    if (code != SQLITE_ROW)
        return txn_error(code);
    return job_read(&statement, job) ? LEDGER_OK : LEDGER_NO_MEMORY;
}

/* What the gates let through. */
struct gates {
    enum gate_state github;
    enum gate_state nomad;
};

static enum ledger_error
read_gates(struct ledger_txn *txn, int64_t now_ms, struct gates *gates)
{
    struct gate gate;
    enum ledger_error error = gate_read(txn, "github", now_ms, &gate);

    gates->github = gate.state;
    if (error == LEDGER_OK)
        error = gate_read(txn, "nomad", now_ms, &gate);
    gates->nomad = gate.state;
    return error;
}

static enum ledger_error
mark_probes(struct ledger_txn *txn, const struct gates *gates, const struct order *order)
{
    enum ledger_error error = LEDGER_OK;

    if (gates->github == GATE_PROBE)
        error = gate_probe(txn, "github", order->runner);
    if (error == LEDGER_OK && gates->nomad == GATE_PROBE)
        error = gate_probe(txn, "nomad", order->runner);
    return error;
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
    bind_number(&statement, claim->lease_until_ms);
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
    struct gates gates;
    enum ledger_error error = read_gates(txn, claim->now_ms, &gates);

    *order = (struct order){0};
    if (error == LEDGER_OK && gates.nomad == GATE_SHUT)
        error = LEDGER_NOT_FOUND;
    if (error == LEDGER_OK)
        error = pick(txn, claim, gates.github == GATE_SHUT, &order->job);
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
        if (error == LEDGER_OK)
            error = mark_probes(txn, &gates, order);
    }
    if (error == LEDGER_OK)
        order->job.attempts++;
    else
        order_fini(order);
    return error;
}

/* Sets the state of a runner that this owner leases; its lease ends unless `keep_lease`. `*held` is
 * false, and nothing was changed, where the lease is no longer this owner's. */
static enum ledger_error
set_runner(struct ledger_txn *txn, const struct order_step *step, const char *state,
           bool keep_lease, bool *held)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET state = ?2, child = coalesce(?3, child),"
                         " sent_at_ms = iif(?2 = 'sent', ?4, sent_at_ms), changed_at_ms = ?4,"
                         " lease_owner = iif(?5, lease_owner, NULL)"
                         " WHERE name = ?1 AND lease_owner = ?6 AND state IN ('minting', 'sent')");
    int code;

    bind_text(&statement, step->order->runner);
    bind_text(&statement, state);
    bind_text(&statement, step->child);
    bind_number(&statement, step->now_ms);
    bind_number(&statement, keep_lease);
    bind_number(&statement, step->owner);
    code = statement_step(&statement);
    *held = code == SQLITE_DONE && sqlite3_changes(txn->db) > 0;
    return txn_error(code);
}

static enum ledger_error
end_lease(struct ledger_txn *txn, const struct order *order, int64_t owner, bool *held)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE runner SET lease_owner = NULL WHERE name = ?1 AND lease_owner = ?2");
    int code;

    bind_text(&statement, order->runner);
    bind_number(&statement, owner);
    code = statement_step(&statement);
    *held = code == SQLITE_DONE && sqlite3_changes(txn->db) > 0;
    return txn_error(code);
}

enum ledger_error
order_sent(struct ledger_txn *txn, void *arg)
{
    struct order_step *step = arg;
    struct statement statement =
        txn_prepare(txn, "SELECT state, EXISTS (SELECT 1 FROM job WHERE id = runner.job_id"
                         " AND runner = runner.name AND state = 'assigned')"
                         " FROM runner WHERE name = ?1");
    enum ledger_error error = step->github_passed ? gate_passed(txn, "github") : LEDGER_OK;
    bool was_minting, held;
    int code;

    step->wanted = false;
    if (error != LEDGER_OK)
        return error;
    bind_text(&statement, step->order->runner);
    code = statement_step(&statement);
    if (code != SQLITE_ROW) /* purged meanwhile: nothing wants it */
        return txn_error(code);
    was_minting = strcmp(read_text(&statement), "minting") == 0;
    if (read_number(&statement) != 0) {
        error = set_runner(txn, step, "sent", true, &held);
        step->wanted = held;
        return error;
    }
    /* One that was never sent has left no trace outside. */
    return was_minting ? set_runner(txn, step, "gone", false, &held)
                       : end_lease(txn, step->order, step->owner, &held);
}

/* Enters the runner of another receiver, which serves our job as well as our own would have. */
static enum ledger_error
adopt(struct ledger_txn *txn, const struct order_step *step)
{
    struct statement statement = txn_prepare(
        txn, "INSERT INTO runner (name, job_id, n, pool, repository, state, child,"
             " created_at_ms, sent_at_ms, changed_at_ms)"
             " VALUES (?1, ?2, ?3, ?4, ?5, 'live', ?6, ?7, ?7, ?7)"
             " ON CONFLICT (name) DO UPDATE SET state = 'live', child = excluded.child");
    const struct order *order = step->order;

    bind_text(&statement, step->runner);
    bind_number(&statement, order->job.id);
    bind_number(&statement, order->n);
    bind_text(&statement, order->job.pool);
    bind_text(&statement, order->job.repository);
    bind_text(&statement, step->child);
    bind_number(&statement, step->now_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
order_live(struct ledger_txn *txn, void *arg)
{
    const struct order_step *step = arg;
    bool is_adopted = step->runner != NULL && strcmp(step->runner, step->order->runner) != 0;
    struct statement statement =
        txn_prepare(txn, "UPDATE job SET last_error = NULL, held_by = NULL, changed_at_ms = ?2,"
                         " runner = iif(state = 'assigned', ?4, runner)"
                         " WHERE id = ?1 AND runner = ?3");
    enum ledger_error error = gate_passed(txn, "nomad");
    bool held = false;

    if (error == LEDGER_OK)
        error = set_runner(txn, step, is_adopted ? "gone" : "live", false, &held);
    if (error != LEDGER_OK || !held)
        return error; /* who has the lease now finds the same child under the same token */
    if (is_adopted)
        error = adopt(txn, step);
    if (error != LEDGER_OK)
        return error;
    bind_number(&statement, step->order->job.id);
    bind_number(&statement, step->now_ms);
    bind_text(&statement, step->order->runner);
    bind_text(&statement, is_adopted ? step->runner : step->order->runner);
    return txn_error(statement_step(&statement));
}

enum ledger_error
order_failed(struct ledger_txn *txn, void *arg)
{
    struct order_failure *failure = arg;
    struct statement statement = txn_prepare(
        txn, "UPDATE job SET state = 'queued', next_attempt_at_ms = ?3,"
             " last_error = ?4, held_by = ?5, attempts = attempts - ?6,"
             " changed_at_ms = ?7 WHERE id = ?1 AND runner = ?2 AND state = 'assigned'");
    int64_t shut_until_ms = 0;
    bool held;
    enum ledger_error error = end_lease(txn, failure->order, failure->owner, &held);

    if (error == LEDGER_OK && failure->gate != NULL)
        error = gate_failed(txn, failure->gate, failure->now_ms, &shut_until_ms);
    if (error != LEDGER_OK || !held)
        return error;
    if (failure->next_attempt_at_ms < shut_until_ms)
        failure->next_attempt_at_ms = shut_until_ms;
    bind_number(&statement, failure->order->job.id);
    bind_text(&statement, failure->order->runner);
    bind_number(&statement, failure->next_attempt_at_ms);
    bind_text(&statement, failure->error);
    bind_text(&statement, failure->gate == NULL ? NULL : failure->gate->upstream);
    bind_number(&statement, !failure->counts);
    bind_number(&statement, failure->now_ms);
    return txn_error(statement_step(&statement));
}
