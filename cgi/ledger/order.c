/*
 * An order: a waiting job taken up by one dispatcher.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/order.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "ledger/budget.h"
#include "ledger/history.h"
#include "ledger/statement.h"
#include "ledger/tally.h"

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

const char *
order_token(int64_t job_id, int64_t n, char out[ORDER_TOKEN_CAP])
{
    (void)snprintf(out, ORDER_TOKEN_CAP, "%" PRId64 ".%" PRId64, job_id, n);
    return out;
}

char *
order_limits(const struct order_limit *limits, size_t len)
{
    cJSON *root = cJSON_CreateObject();
    bool done = root != NULL;
    char *text = NULL;

    for (size_t i = 0; done && i < len; i++) {
        cJSON *pool = cJSON_AddObjectToObject(root, limits[i].pool);

        done = pool != NULL &&
               cJSON_AddNumberToObject(pool, "runners", (double)limits[i].max_runners) != NULL &&
               cJSON_AddNumberToObject(pool, "pending", (double)limits[i].max_pending) != NULL &&
               (!limits[i].is_jit || cJSON_AddTrueToObject(pool, "jit") != NULL) &&
               (!limits[i].asks_origin || cJSON_AddTrueToObject(pool, "asks") != NULL) &&
               (limits[i].owner == NULL ||
                cJSON_AddStringToObject(pool, "owner", limits[i].owner) != NULL);
    }
    if (done)
        text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}

/* What the claim has of a job j's pool: a member of the limits, as SQL. */
#define LIMIT(limits, member) "json_extract(" limits ", '$.\"' || j.pool || '\"." member "')"

/* The owner whose account at GitHub answers for a job j, likewise. */
#define OWNER(limits) \
    "coalesce(" LIMIT(limits, "owner") ", substr(j.repository, 1, instr(j.repository, '/') - 1))"

/* Whether another order is finding out whose code the run of a job j has. */
#define RUN_IS_ASKED_ABOUT                                                           \
    "EXISTS (SELECT 1 FROM runner o CROSS JOIN job s ON s.id = o.job_id"             \
    " WHERE o.lease_owner IS NOT NULL AND o.state <> 'gone' AND s.run_id = j.run_id" \
    " AND s.repository = j.repository AND s.origin = '' AND s.state = 'assigned')"

#define OWNER_IS_SHUT(limits, now_ms) GATE_OWNER_IS_SHUT(OWNER(limits), now_ms)
#define ASKS_ORIGIN(limits) "coalesce(" LIMIT(limits, "asks") ", 0)"

/* Whether a job j can be taken up where its pool has room, or its runner has its place already: it
 * is due, the account that serves it is not left alone, and what it needs to know is not being
 * found out. */
#define CAN_BE_TAKEN(limits, now_ms)                                                      \
    "j.state = 'queued' AND j.next_attempt_at_ms <= " now_ms                              \
    " AND NOT " OWNER_IS_SHUT(limits, now_ms) " AND (j.origin <> '' OR NOT " ASKS_ORIGIN( \
        limits) " OR NOT " RUN_IS_ASKED_ABOUT ")"

/* The jobs whose dispatch may have reached Nomad: they have their place, in a full pool too. */
#define SENT_JOBS                                                         \
    "runner o CROSS JOIN job j ON j.id = o.job_id WHERE o.sent_at_ms > 0" \
    " AND o.state IN ('minting', 'sent')"

/* The pools that jobs wait in, but for the full ones, a JSON array. */
#define ROOMY_POOLS(full)                                                                       \
    JOB_WAITING_POOLS ", roomy AS (SELECT"                                                      \
                      " pool FROM waiting WHERE pool NOT IN (SELECT value FROM json_each(" full \
                      ")))"

/* The pools that have no room for another runner, as a JSON array, which the caller frees. A runner
 * whose child is over takes none, though its registration may have to be waited for. One that was
 * named and never sent takes none either: were it otherwise, a few jobs that cannot be
 * dispatched would stand in the way of all others. And just-in-time runners wait while GitHub was
 * asked for as many as it takes in a minute. */
static enum ledger_error
find_full(struct ledger_txn *txn, const struct order_look *look, char **full)
{
    struct statement statement = txn_prepare(
        txn, "SELECT json_group_array(l.key) FROM json_each(?1) l"
             " WHERE (json_extract(l.value, '$.jit') AND ?2)"
             " OR " RUNNERS_HELD(
                 "l.key", "TRUE") " >= json_extract(l.value, '$.runners')"
                                  " OR (json_extract(l.value, '$.pending') > 0"
                                  " AND " RUNNERS_HELD(
                                      "l.key",
                                      RUNNER_IS_PENDING) " >= json_extract(l.value, '$.pending'))");
    int64_t left = 0;
    enum ledger_error error = content_left(txn, look->now_ms, look->content_per_minute, &left);
    int code;

    *full = NULL;
    if (error != LEDGER_OK)
        return error;
    bind_text(&statement, look->limits);
    bind_number(&statement, left <= 0);
    code = statement_step(&statement);
    if (code != SQLITE_ROW)
        return txn_error(code);
    *full = strdup(read_text(&statement));
    return *full == NULL ? LEDGER_NO_MEMORY : LEDGER_OK;
}

/* Of a claim that may ask GitHub nothing, whether all that a job j needs is at hand: ?2 is what is,
 * and NULL for a claim that may. */
#define IS_PROVIDED_FOR                                    \
    "(?2 IS NULL OR EXISTS (SELECT 1 FROM json_each(?2) t" \
    " WHERE t.value ->> 'pool' = j.pool"                   \
    " AND " RUNNER_COVERS("(t.value ->> 'place')", "j.repository") "))"

static enum ledger_error
pick_by(struct statement *statement, const struct order_claim *claim, const char *provided,
        const char *full, int64_t *id)
{
    int code;

    bind_number(statement, claim->now_ms);
    bind_text(statement, provided);
    bind_text(statement, claim->limits);
    if (full != NULL)
        bind_text(statement, full);
    code = statement_step(statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    if (code == SQLITE_ROW)
        *id = read_number(statement);
    return txn_error(code);
}

/* A job whose dispatch may have reached Nomad goes first: a runner may be waiting for it there. */
static enum ledger_error
pick_sent(struct ledger_txn *txn, const struct order_claim *claim, const char *provided,
          int64_t *id)
{
    struct statement statement =
        txn_prepare(txn, "SELECT j.id FROM " SENT_JOBS
                         " AND " CAN_BE_TAKEN("?3", "?1") " AND " IS_PROVIDED_FOR
                                                          " ORDER BY j.created_at_ms, j.id"
                                                          " LIMIT 1");

    return pick_by(&statement, claim, provided, NULL, id);
}

/* Repositories in turn, and within one the oldest first. Of a thousand jobs that wait in one
 * repository and pool only the first is read, of those in a full pool none: both by the index
 * job_waiting. */
static enum ledger_error
pick_new(struct ledger_txn *txn, const struct order_claim *claim, const char *provided,
         const char *full, int64_t *id)
{
    struct statement statement = txn_prepare(
        txn, ROOMY_POOLS("?4") " SELECT w.id FROM repository p CROSS JOIN roomy"
                               " CROSS JOIN job w ON w.id = (SELECT j.id FROM job j"
                               " WHERE j.pool = roomy.pool AND j.repository = p.name"
                               " AND " CAN_BE_TAKEN(
                                   "?3", "?1") " AND " IS_PROVIDED_FOR
                                               " ORDER BY j.created_at_ms, j.id LIMIT 1)"
                                               " ORDER BY p.turn, p.name, w.created_at_ms, w.id"
                                               " LIMIT 1");

    return pick_by(&statement, claim, provided, full, id);
}

static enum ledger_error
pick(struct ledger_txn *txn, const struct order_claim *claim, const char *provided,
     const char *full, struct job *job)
{
    struct statement statement =
        txn_prepare(txn, "SELECT " JOB_COLUMNS " FROM " JOB_TABLES " WHERE j.id = ?1");
    int64_t id = 0;
    enum ledger_error error = pick_sent(txn, claim, provided, &id);
    int code;

    if (error == LEDGER_NOT_FOUND)
        error = pick_new(txn, claim, provided, full, &id);
    if (error != LEDGER_OK)
        return error;
    bind_number(&statement, id);
    code = statement_step(&statement);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? LEDGER_NOT_FOUND : txn_error(code);
    return job_read(&statement, job) ? LEDGER_OK : LEDGER_NO_MEMORY;
}

/* How the order's runner registers, by the configuration of now. Of a pool that is no more nothing
 * is made: what is written down of it stays. */
static void
register_as(const struct order_claim *claim, const struct order *order,
            struct order_registration *registration)
{
    if (claim->registers != NULL &&
        claim->registers(claim->config, order->pool, order->job.repository, registration))
        return;
    (void)snprintf(registration->place, sizeof registration->place, "repos/%s",
                   order->job.repository);
    registration->is_jit = false;
}

/* The runner that an earlier attempt named for this job and that never came to live: its dispatch
 * may have reached Nomad, so the same name and token are sent again. */
static enum ledger_error
find_runner(struct ledger_txn *txn, struct order *order)
{
    struct statement statement =
        txn_prepare(txn, "SELECT name, made_for, n, pool, sent_at_ms, place, jit FROM runner"
                         " WHERE job_id = ?1 AND state <> 'gone'"
                         " AND state IN ('minting', 'sent') ORDER BY n DESC LIMIT 1");
    int code;

    bind_number(&statement, order->job.id);
    code = statement_step(&statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    if (code != SQLITE_ROW)
        return txn_error(code);
    (void)snprintf(order->runner, sizeof order->runner, "%s", read_text(&statement));
    order->made_for = read_number(&statement);
    order->n = read_number(&statement);
    (void)snprintf(order->pool, sizeof order->pool, "%s", read_text(&statement));
    order->sent_before_ms = read_number(&statement);
    (void)snprintf(order->place, sizeof order->place, "%s", read_text(&statement));
    order->is_jit = read_number(&statement) != 0;
    return LEDGER_OK;
}

/* The same, unless the configuration would have it register otherwise by now: then it retires, and
 * another is named. */
static enum ledger_error
find_fit_runner(struct ledger_txn *txn, const struct order_claim *claim, struct order *order)
{
    enum ledger_error error = find_runner(txn, order);
    struct order_registration now;

    if (error != LEDGER_OK)
        return error;
    register_as(claim, order, &now);
    if (order->is_jit == now.is_jit && strcasecmp(order->place, now.place) == 0)
        return LEDGER_OK;
    order->sent_before_ms = 0;
    error = runner_release(txn, order->job.id, claim->now_ms);
    return error == LEDGER_OK ? LEDGER_NOT_FOUND : error;
}

static enum ledger_error
next_n(struct ledger_txn *txn, struct order *order)
{
    struct statement statement =
        txn_prepare(txn, "SELECT coalesce(max(n), 0) + 1 FROM runner WHERE made_for = ?1");
    int code;

    bind_number(&statement, order->job.id);
    code = statement_step(&statement);
    if (code == SQLITE_ROW)
        order->n = read_number(&statement);
    order->made_for = order->job.id;
    (void)snprintf(order->pool, sizeof order->pool, "%s", order->job.pool);
    return txn_error(code);
}

static enum ledger_error
name_runner(struct ledger_txn *txn, const struct order_claim *claim, struct order *order)
{
    struct statement statement =
        txn_prepare(txn, "INSERT INTO runner (name, job_id, made_for, n, pool, repository,"
                         " state, created_at_ms, changed_at_ms, place, jit)"
                         " VALUES (?1, ?2, ?2, ?3, ?4, ?5, 'minting', ?6, ?6, ?7, ?8)");
    struct order_registration registration = {0};
    enum ledger_error error = next_n(txn, order);

    if (error != LEDGER_OK)
        return error;
    if (!order_runner_name(claim->prefix, claim->receiver, order->job.id, order->n, order->runner))
        return LEDGER_FAILED;
    register_as(claim, order, &registration);
    memcpy(order->place, registration.place, sizeof order->place);
    order->is_jit = registration.is_jit;
    order->is_new = true;
    bind_text(&statement, order->runner);
    bind_number(&statement, order->job.id);
    bind_number(&statement, order->n);
    bind_text(&statement, order->job.pool);
    bind_text(&statement, order->job.repository);
    bind_number(&statement, claim->now_ms);
    bind_text(&statement, order->place);
    bind_number(&statement, order->is_jit);
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
order_is_due(struct ledger_txn *txn, void *arg)
{
    const struct order_look *look = arg;
    struct statement statement = txn_prepare(
        txn, ROOMY_POOLS("?2") " SELECT 1 FROM roomy CROSS JOIN job j"
                               " ON j.pool = roomy.pool"
                               " WHERE " CAN_BE_TAKEN("?3", "?1") " UNION ALL"
                                                                  " SELECT 1 FROM " SENT_JOBS
                                                                  " AND " CAN_BE_TAKEN(
                                                                      "?3", "?1") " LIMIT 1");
    char *full;
    enum ledger_error error = find_full(txn, look, &full);
    int code;

    if (error != LEDGER_OK)
        return error;
    bind_number(&statement, look->now_ms);
    bind_text(&statement, full);
    bind_text(&statement, look->limits);
    code = statement_step(&statement);
    free(full);
    return code == SQLITE_DONE ? LEDGER_NOT_FOUND : txn_error(code);
}

/* Moves a runner on from where a dispatch finds it. An event that overtook the dispatch's answer
 * may have moved it further: then its state stays. */
static enum ledger_error
advance(struct ledger_txn *txn, const struct order_step *step, enum runner_state state,
        bool keep_lease)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE runner SET state = iif(state IN ('minting', 'sent')"
             " OR (?2 = 'gone' AND state = 'retiring'), ?2, state),"
             " github_id = iif(?7 > 0, ?7, github_id),"
             " child = coalesce(?3, child), sent_at_ms = iif(?2 = 'sent', ?4, sent_at_ms),"
             " changed_at_ms = ?4, audit_at_ms = iif(state = 'retiring', ?4, ?5), audits = 0,"
             " lease_owner = iif(?6, lease_owner, NULL) WHERE name = ?1");

    bind_text(&statement, step->order->runner);
    bind_text(&statement, runner_state_text(state));
    bind_text(&statement, state == RUNNER_GONE || state == RUNNER_RETIRING ? NULL : step->child);
    bind_number(&statement, step->now_ms);
    bind_number(&statement, step->audit_at_ms);
    bind_number(&statement, keep_lease);
    bind_number(&statement, step->github_id);
    return txn_error(statement_step(&statement));
}

/* A dispatch that needs nothing more goes out right after the claim, so that is the mark that it
 * may: see order_sent. */
static enum ledger_error
send_if_provided(struct ledger_txn *txn, const struct order_claim *claim, struct order *order)
{
    const struct order_step step = {.order = order, .now_ms = claim->now_ms};

    order->is_sent = !order->is_jit && claim->is_provided != NULL &&
                     claim->is_provided(claim->supplies, order->pool, order->place);
    return order->is_sent ? advance(txn, &step, RUNNER_SENT, true) : LEDGER_OK;
}

/* Picks from all jobs, or while GitHub is to be left alone, from those that need nothing of it. */
static enum ledger_error
pick_as_may_be(struct ledger_txn *txn, const struct order_claim *claim, enum gate_state github,
               const char *full, struct job *job)
{
    char *provided = NULL;
    enum ledger_error error;

    if (github != GATE_SHUT)
        return pick(txn, claim, NULL, full, job);
    if (claim->provided != NULL)
        provided = claim->provided(claim->supplies);
    error = pick(txn, claim, provided == NULL ? "[]" : provided, full, job);
    cJSON_free(provided);
    return error;
}

enum ledger_error
order_claim(struct ledger_txn *txn, void *arg)
{
    struct order_claim *claim = arg;
    struct order *order = claim->out;
    const struct order_look look = {.now_ms = claim->now_ms,
                                    .limits = claim->limits,
                                    .content_per_minute = claim->content_per_minute};
    struct gates gates;
    enum ledger_error error = gates_read(txn, claim->now_ms, &gates);
    char *full = NULL;

    *order = (struct order){0};
    if (error == LEDGER_OK && gates.nomad == GATE_SHUT)
        error = LEDGER_NOT_FOUND;
    if (error == LEDGER_OK)
        error = find_full(txn, &look, &full);
    if (error == LEDGER_OK)
        error = pick_as_may_be(txn, claim, gates.github, full, &order->job);
    free(full);
    if (error == LEDGER_OK) {
        error = find_fit_runner(txn, claim, order);
        if (error == LEDGER_NOT_FOUND)
            error = name_runner(txn, claim, order);
        if (error == LEDGER_OK)
            error = assign(txn, claim, order);
        if (error == LEDGER_OK)
            error = lease(txn, claim, order);
        if (error == LEDGER_OK)
            error = send_if_provided(txn, claim, order);
        if (error == LEDGER_OK)
            error = take_turn(txn, order);
        if (order->is_sent)
            gates.github = GATE_OPEN; /* who asks GitHub nothing cannot tell how it is */
        if (error == LEDGER_OK)
            error = gates_probe(txn, &gates, order->runner);
        /* Its request for a configuration is counted before it is made, so that several at once
         * keep to the bound. */
        if (error == LEDGER_OK && order->is_jit)
            error = content_spend(txn, claim->now_ms, 1);
    }
    if (error == LEDGER_OK)
        order->job.attempts++;
    else
        order_fini(order);
    return error;
}

/* What a step finds of its runner. */
struct held {
    bool is_held; /* the lease is still this owner's: else the step changes nothing */
    enum runner_state state;
    int64_t job_id; /* what the runner is for by now; 0 where nothing needs it */
    bool is_wanted; /* a job counts on it */
};

static enum ledger_error
read_held(struct ledger_txn *txn, const struct order *order, int64_t owner, struct held *held)
{
    struct statement statement =
        txn_prepare(txn, "SELECT state, coalesce(job_id, 0), EXISTS (SELECT 1 FROM job j"
                         " WHERE j.id = runner.job_id AND j.runner = runner.name"
                         " AND j.state = 'assigned') FROM runner"
                         " WHERE name = ?1 AND lease_owner = ?2");
    int code;

    *held = (struct held){0};
    bind_text(&statement, order->runner);
    bind_number(&statement, owner);
    code = statement_step(&statement);
    if (code == SQLITE_ROW) {
        held->is_held = true;
        held->state = runner_state_parse(read_text(&statement));
        held->job_id = read_number(&statement);
        held->is_wanted = read_number(&statement) != 0;
    }
    return txn_error(code);
}

static enum ledger_error
end_lease(struct ledger_txn *txn, const char *runner)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET lease_owner = NULL WHERE name = ?1");

    bind_text(&statement, runner);
    return txn_error(statement_step(&statement));
}

/* Whoever takes the runner away has to know its registration. */
static enum ledger_error
learn_id(struct ledger_txn *txn, const char *runner, int64_t github_id)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET github_id = ?2 WHERE name = ?1 AND ?2 > 0");

    bind_text(&statement, runner);
    bind_number(&statement, github_id);
    return txn_error(statement_step(&statement));
}

/* Its dispatch left nothing in Nomad: what is known of earlier ones holds. */
static enum ledger_error
unsend(struct ledger_txn *txn, const struct order *order)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET sent_at_ms = ?2 WHERE name = ?1");

    bind_text(&statement, order->runner);
    bind_number(&statement, order->sent_before_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
order_sent(struct ledger_txn *txn, void *arg)
{
    struct order_step *step = arg;
    enum ledger_error error =
        step->github_passed ? gate_github_passed(txn, step->order->place, step->now_ms) : LEDGER_OK;
    struct held held = {0};

    step->wanted = false;
    if (error == LEDGER_OK)
        error = content_spend(txn, step->now_ms, step->made);
    if (error == LEDGER_OK)
        error = read_held(txn, step->order, step->owner, &held);
    if (error != LEDGER_OK || !held.is_held)
        return error;
    step->wanted = held.is_wanted && rules_runner_idle(held.state);
    if (step->wanted)
        return advance(txn, step, RUNNER_SENT, true);
    error = learn_id(txn, step->order->runner, step->github_id);
    if (error == LEDGER_OK && step->order->is_sent)
        error = unsend(txn, step->order); /* it did not follow at once, and will not */
    return error == LEDGER_OK ? end_lease(txn, step->order->runner) : error;
}

/* Enters the runner of another receiver, which serves our job as well as our own would have. */
static enum ledger_error
adopt(struct ledger_txn *txn, const struct order_step *step, int64_t job_id, bool *lives)
{
    struct statement statement = txn_prepare(
        txn, "INSERT INTO runner (name, job_id, made_for, n, pool, repository, state, child,"
             " created_at_ms, sent_at_ms, changed_at_ms, audit_at_ms, place, jit)"
             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'live', ?7, ?8, ?8, ?8, ?9, ?10, ?11)"
             " ON CONFLICT (name) DO UPDATE SET child = excluded.child,"
             " job_id = iif(state = 'live', excluded.job_id, job_id)"
             " RETURNING state = 'live'");
    const struct order *order = step->order;
    int code;

    bind_text(&statement, step->runner);
    bind_number(&statement, job_id);
    bind_number(&statement, order->made_for);
    bind_number(&statement, order->n);
    bind_text(&statement, order->pool);
    bind_text(&statement, order->job.repository);
    bind_text(&statement, step->child);
    bind_number(&statement, step->now_ms);
    bind_number(&statement, step->audit_at_ms);
    bind_text(&statement, order->place);
    bind_number(&statement, order->is_jit);
    code = statement_step(&statement);
    *lives = code == SQLITE_ROW && read_number(&statement) != 0;
    return txn_error(code);
}

/* The job has its runner: the order's own, or an adopted one. Where that one has run its course
 * already, the job waits for another. */
static enum ledger_error
settle(struct ledger_txn *txn, const struct order_step *step, int64_t job_id, const char *runner,
       bool lives)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE job SET last_error = NULL, held_by = NULL, changed_at_ms = ?3,"
                         " runner = iif(?4, ?5, NULL), state = iif(?4, state, 'queued'),"
                         " next_attempt_at_ms = 0"
                         " WHERE id = ?1 AND runner = ?2 AND state = 'assigned'");

    bind_number(&statement, job_id);
    bind_text(&statement, step->order->runner);
    bind_number(&statement, step->now_ms);
    bind_number(&statement, lives);
    bind_text(&statement, runner);
    return txn_error(statement_step(&statement));
}

/* The order's own name, since another's runner lives in the child: nobody ever used it. Of one that
 * was registered with its name the registration has to go. */
static enum ledger_error
give_up(struct ledger_txn *txn, const struct order_step *step)
{
    struct order_step own = *step;
    struct statement unsend =
        txn_prepare(txn, "UPDATE runner SET sent_at_ms = 0, job_id = NULL WHERE name = ?1");
    enum ledger_error error;

    if (!step->order->is_jit)
        return advance(txn, step, RUNNER_GONE, false);
    own.audit_at_ms = step->now_ms;
    error = advance(txn, &own, RUNNER_RETIRING, false);
    bind_text(&unsend, step->order->runner);
    return error == LEDGER_OK ? txn_error(statement_step(&unsend)) : error;
}

/* Whether a runner was in Nomad for the order's job before. */
static enum ledger_error
had_runner(struct ledger_txn *txn, const struct order *order, bool *had)
{
    struct statement statement =
        txn_prepare(txn, "SELECT EXISTS (SELECT 1 FROM runner WHERE made_for = ?1 AND name <> ?2"
                         " AND child IS NOT NULL)");
    int code;

    *had = true;
    bind_number(&statement, order->job.id);
    bind_text(&statement, order->runner);
    code = statement_step(&statement);
    if (code == SQLITE_ROW)
        *had = read_number(&statement) != 0;
    return txn_error(code);
}

/* How long the job waited tells only of its first runner. */
static enum ledger_error
count_live(struct ledger_txn *txn, const struct order_step *step, bool is_adopted, bool had)
{
    const struct order *order = step->order;
    const char *const values[] = {order->pool, is_adopted ? "adopted" : "dispatched"};
    enum ledger_error error = tally_count(txn, FAMILY_DISPATCHES, values);

    if (error == LEDGER_OK && !had)
        error = tally_observe(txn, FAMILY_DISPATCH_WAIT, values,
                              step->now_ms - order->job.received_at_ms);
    return error;
}

enum ledger_error
order_live(struct ledger_txn *txn, void *arg)
{
    const struct order_step *step = arg;
    bool is_adopted = step->runner != NULL && strcmp(step->runner, step->order->runner) != 0;
    const char *runner = is_adopted ? step->runner : step->order->runner;
    enum ledger_error error = gate_passed(txn, "nomad", step->now_ms);
    bool lives = true, had;
    struct held held = {0};

    if (error == LEDGER_OK)
        error = read_held(txn, step->order, step->owner, &held);
    if (error != LEDGER_OK || !held.is_held)
        return error; /* who has the lease now finds the same child under the same token */
    error = had_runner(txn, step->order, &had);
    if (error == LEDGER_OK)
        error = count_live(txn, step, is_adopted, had);
    if (error != LEDGER_OK)
        return error;
    error = is_adopted ? give_up(txn, step) : advance(txn, step, RUNNER_LIVE, false);
    if (error == LEDGER_OK && is_adopted)
        error = adopt(txn, step, held.job_id, &lives);
    if (error == LEDGER_OK)
        error = settle(txn, step, held.job_id, runner, lives);
    if (error == LEDGER_OK)
        error =
            history_add(txn, &(struct history_event){.job_id = held.job_id,
                                                     .at_ms = step->now_ms,
                                                     .what = is_adopted ? "adopted" : "dispatched",
                                                     .runner = runner,
                                                     .detail = step->child});
    return error;
}

/* Writes the failure down where it is another than the last. */
static enum ledger_error
note_failure(struct ledger_txn *txn, const struct order_failure *failure, int64_t job_id)
{
    struct statement statement =
        txn_prepare(txn, "SELECT last_error IS NOT ?2 FROM job WHERE id = ?1");
    bool is_news;
    int code;

    bind_number(&statement, job_id);
    bind_text(&statement, failure->error);
    code = statement_step(&statement);
    is_news = code == SQLITE_ROW && read_number(&statement) != 0;
    if (!is_news)
        return txn_error(code);
    return history_add(txn, &(struct history_event){.job_id = job_id,
                                                    .at_ms = failure->now_ms,
                                                    .what = "put back",
                                                    .runner = failure->order->runner,
                                                    .detail = failure->error});
}

/* The job that counts on the order's runner by now waits again, with the reason. */
static enum ledger_error
requeue(struct ledger_txn *txn, const struct order_failure *failure)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE job SET state = 'queued', next_attempt_at_ms = ?2, last_error = ?3,"
             " held_by = ?4, attempts = attempts - ?5, changed_at_ms = ?6"
             " WHERE runner = ?1 AND state = 'assigned'"
             " AND id = (SELECT job_id FROM runner WHERE name = ?1)");

    bind_text(&statement, failure->order->runner);
    bind_number(&statement, failure->next_attempt_at_ms);
    bind_text(&statement, failure->error);
    bind_text(&statement, failure->gate == NULL ? NULL : failure->gate->upstream);
    bind_number(&statement, !failure->counts);
    bind_number(&statement, failure->now_ms);
    return txn_error(statement_step(&statement));
}

/* The name is of no more use: whatever is registered under it, or was dispatched, is taken away. */
static enum ledger_error
retire(struct ledger_txn *txn, const struct order_failure *failure, const struct held *held)
{
    const char *runner = failure->order->runner;
    struct statement forget =
        txn_prepare(txn, "UPDATE job SET runner = NULL WHERE runner = ?1 AND state = 'queued'");
    enum ledger_error error = learn_id(txn, runner, failure->github_id);

    bind_text(&forget, runner);
    if (error == LEDGER_OK)
        error = txn_error(statement_step(&forget));
    if (error == LEDGER_OK && (held->state == RUNNER_MINTING || held->state == RUNNER_SENT))
        error = runner_move(txn, runner, RUNNER_RETIRING, 0, failure->now_ms, failure->now_ms);
    return error;
}

enum ledger_error
order_failed(struct ledger_txn *txn, void *arg)
{
    struct order_failure *failure = arg;
    int64_t shut_until_ms = 0;
    struct held held = {0};
    enum ledger_error error = read_held(txn, failure->order, failure->owner, &held);

    if (error == LEDGER_OK && failure->gate != NULL)
        error = gate_failed(txn, failure->gate, failure->now_ms, &shut_until_ms);
    if (error == LEDGER_OK && held.is_held && failure->is_certain)
        error = unsend(txn, failure->order);
    if (error == LEDGER_OK)
        error = content_spend(txn, failure->now_ms, failure->made);
    if (error == LEDGER_OK && held.is_held)
        error = end_lease(txn, failure->order->runner);
    if (error != LEDGER_OK || !held.is_held)
        return error;
    if (failure->next_attempt_at_ms < shut_until_ms)
        failure->next_attempt_at_ms = shut_until_ms;
    error = note_failure(txn, failure, held.job_id);
    if (error == LEDGER_OK && failure->counts)
        error = tally_count(txn, FAMILY_DISPATCHES,
                            (const char *const[]){failure->order->pool, "failed"});
    if (error == LEDGER_OK)
        error = requeue(txn, failure);
    return error == LEDGER_OK && failure->is_spent ? retire(txn, failure, &held) : error;
}

/* All jobs of the run, those that come later included: see report_apply. */
static enum ledger_error
note_origin(struct ledger_txn *txn, const struct order_origin *step)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE job SET origin = ?3 WHERE run_id = ?1 AND repository = ?2 AND origin = ''");

    bind_number(&statement, step->order->job.run_id);
    bind_text(&statement, step->order->job.repository);
    bind_text(&statement, job_origin_text(step->origin));
    return txn_error(statement_step(&statement));
}

/* The job is refused, or waits for a runner of the other pool. */
static enum ledger_error
turn_away(struct ledger_txn *txn, const struct order_origin *step, int64_t job_id)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE job SET state = ?2, pool = coalesce(?3, pool), last_error = ?4, runner = NULL,"
             " next_attempt_at_ms = 0, held_by = NULL, attempts = 0, changed_at_ms = ?5"
             " WHERE id = ?1 AND state = 'assigned'");
    bool is_refused = step->refused != NULL;
    char detail[256];
    enum ledger_error error;

    bind_number(&statement, job_id);
    bind_text(&statement, job_state_text(is_refused ? JOB_REFUSED : JOB_QUEUED));
    bind_text(&statement, step->pool);
    bind_text(&statement, step->refused);
    bind_number(&statement, step->now_ms);
    error = txn_error(statement_step(&statement));
    if (error == LEDGER_OK && is_refused && sqlite3_changes(txn->db) > 0)
        error = job_count_end(txn, job_id);
    if (error != LEDGER_OK)
        return error;
    if (is_refused)
        (void)snprintf(detail, sizeof detail, "%s", step->refused);
    else
        (void)snprintf(detail, sizeof detail, "to pool %s: its code comes from a fork", step->pool);
    return history_add(txn, &(struct history_event){.job_id = job_id,
                                                    .at_ms = step->now_ms,
                                                    .what = is_refused ? "refused" : "moved",
                                                    .detail = detail});
}

enum ledger_error
order_origin(struct ledger_txn *txn, void *arg)
{
    struct order_origin *step = arg;
    const struct order *order = step->order;
    enum ledger_error error =
        step->was_asked ? gate_github_passed(txn, order->place, step->now_ms) : LEDGER_OK;
    struct held held = {0};

    step->goes_on = false;
    if (error == LEDGER_OK)
        error = note_origin(txn, step);
    if (error == LEDGER_OK)
        error = read_held(txn, order, step->owner, &held);
    if (error != LEDGER_OK || !held.is_held)
        return error;
    step->goes_on = step->refused == NULL && step->pool == NULL;
    if (step->goes_on)
        return LEDGER_OK;
    error = turn_away(txn, step, held.job_id);
    if (error == LEDGER_OK)
        error = end_lease(txn, order->runner);
    /* What an earlier attempt may have made under its name, by another configuration, is taken
     * away. */
    if (error == LEDGER_OK && rules_runner_idle(held.state))
        error = runner_move(txn, order->runner, order->is_new ? RUNNER_GONE : RUNNER_RETIRING, 0,
                            step->now_ms, step->now_ms);
    return error;
}
