/*
 * The story of one job on its way to a runner.
 * SPDX-License-Identifier: MIT
 */
#include "dispatch/story.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "clock/clock.h"
#include "dispatch/plan.h"
#include "ledger/order.h"
#include "upstream/nomad_child.h"

/* What an order's requests can take at the longest: GitHub twice (again with a fresh token), Nomad
 * four times (the dispatch and a look at its child, each again). The lease ends for other processes
 * after that and a minute; within this one, a worker ends it in every case. */
#define GITHUB_REQUESTS 2
#define NOMAD_REQUESTS 4

/* The first look at a child whose placement is watched. */
#define WATCHED_MS INT64_C(1000)

static void
begin_line(struct log_line *line, enum log_level level, const struct order *order)
{
    log_begin(line, level, "dispatch");
    log_text(line, "delivery", order->job.delivery);
    log_text(line, "repository", order->job.repository);
    log_number(line, "job", order->job.id);
    log_text(line, "pool", order->pool);
    log_text(line, "runner", order->runner);
    log_number(line, "attempt", order->job.attempts);
}

static void
log_retry(const struct tools *tools, const struct order *order, const struct failure *failure,
          bool operator_needed, int64_t wait_ms)
{
    struct log_line line;

    begin_line(&line, operator_needed ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, order);
    log_text(&line, "outcome", "retry");
    tools_log_failure(&line, failure);
    log_number(&line, "next_attempt_s", (wait_ms + 999) / 1000);
    log_end(tools->log, &line);
}

/* Puts the job back into the queue, with the reason and for as long as the policy says.
 * `is_certain`: this attempt has left nothing in Nomad. */
static enum work_end
put_back(const struct tools *tools, const struct order *order, const struct failure *failure,
         bool is_certain)
{
    const struct policy_decision decision =
        tools_decide(tools, failure, order->runner, order->job.attempts);
    const struct gate_failure gate = tools_gate_failure(failure, &decision);
    int64_t now_ms = clock_now_ms();
    struct order_failure step = {.order = order,
                                 .owner = ledger_owner(tools->ledger),
                                 .now_ms = now_ms,
                                 .next_attempt_at_ms = now_ms + decision.delay_ms,
                                 .error = failure->text.text,
                                 .counts = decision.counts,
                                 .is_certain = is_certain,
                                 .gate = decision.is_upstreams ? &gate : NULL};
    bool recorded =
        tools_record(tools, order_failed, &step, "a failed dispatch could not be recorded");

    log_retry(tools, order, failure, decision.needs_operator, step.next_attempt_at_ms - now_ms);
    return recorded ? WORK_FAILED : WORK_LEDGER;
}

/* What goes out, owned. */
struct parcel {
    struct rh_secret *credential;
    bool github_passed; /* GitHub was asked for the credential */
    char *body;
    size_t body_len;
};

static void
parcel_fini(struct parcel *parcel)
{
    rh_secret_free(parcel->credential);
    rh_wipe_free(parcel->body, parcel->body_len);
}

/* Builds the body with a fresh credential. */
static bool
prepare(const struct tools *tools, const struct order *order, const struct pool *pool,
        struct parcel *parcel, struct failure *failure)
{
    struct plan_runner runner = {.name = order->runner,
                                 .credential_kind = RH_CREDENTIAL_REGISTRATION_TOKEN};
    enum rh_error error;

    if (!token_cache_get(tools->tokens, tools->github, order->job.repository, &parcel->credential,
                         &parcel->github_passed, failure))
        return false;
    runner.credential = rh_secret_bytes(parcel->credential);
    error = plan_body(&order->job, pool, &tools->config->github, &runner, &parcel->body,
                      &parcel->body_len);
    if (error == RH_OK)
        return true;
    return failure_set(failure, UPSTREAM_NOMAD,
                       error == RH_ERR_NO_MEMORY ? FAILURE_LOCAL : FAILURE_CONFIGURATION,
                       "the dispatch body could not be built: %s", rh_error_text(error));
}

/*
 * Nomad answered with a child that was there already: from a dispatch of ours whose answer was
 * lost, or from another receiver that was sent the same delivery. Its payload says which runner
 * lives in it. A child that is not there after all (the loser of a race can be told of one that
 * never was) is a failure: the same token again then makes one.
 */
static bool
find_out(const struct tools *tools, const struct nomad_dispatched *dispatched,
         struct nomad_child *child, struct failure *failure)
{
    if (nomad_child(tools->nomad, dispatched->child, child, failure))
        return true;
    if (failure->kind == FAILURE_NOT_FOUND)
        return failure_set(failure, UPSTREAM_NOMAD, FAILURE_NO_CHILD,
                           "Nomad named the child %.120s, which is not there", dispatched->child);
    if (failure->kind != FAILURE_FORBIDDEN)
        return false;
    /* The child is there; only whose runner it is stays unknown. */
    log_message(tools->log, LOG_LEVEL_WARNING, "dispatch",
                "the Nomad token may not read %s: give it read-job, so that a child of another "
                "receiver can be told from ours",
                dispatched->child);
    return true;
}

/* When a runner is looked at first: one that was there already may be over, and in a pool that
 * limits what waits for placement, that is watched. */
static int64_t
first_look_ms(const struct config *config, const struct pool *pool,
              const struct nomad_dispatched *dispatched, int64_t now_ms)
{
    int64_t interval_ms = config->audit.interval_s * 1000;

    if (dispatched->is_older)
        return now_ms;
    return now_ms + (pool->max_pending > 0 && interval_ms > WATCHED_MS ? WATCHED_MS : interval_ms);
}

/* The dispatch itself, from the mark that it goes out to its record. */
static enum work_end
send_out(const struct tools *tools, const struct order *order, const struct pool *pool,
         const struct parcel *parcel, int64_t began_at_ms)
{
    struct order_step step = {.order = order,
                              .owner = ledger_owner(tools->ledger),
                              .now_ms = clock_now_ms(),
                              .github_passed = parcel->github_passed};
    struct nomad_dispatched dispatched = {0};
    char token[ORDER_TOKEN_CAP];
    struct nomad_child child = {0};
    struct failure failure;
    struct log_line line;
    bool is_other, recorded;

    if (!tools_record(tools, order_sent, &step,
                      "a dispatch is held back, since it could not be recorded"))
        return WORK_LEDGER;
    if (!step.wanted) {
        begin_line(&line, LOG_LEVEL_INFO, order);
        log_text(&line, "outcome", "not_wanted");
        log_text(&line, "reason", "the job ended, or another runner has it");
        log_end(tools->log, &line);
        return WORK_DONE;
    }
    if (!nomad_dispatch(tools->nomad,
                        &(struct nomad_order){.job = pool->nomad_job,
                                              .idempotency_token =
                                                  order_token(order->made_for, order->n, token),
                                              .body = parcel->body,
                                              .body_len = parcel->body_len,
                                              .credential = parcel->credential},
                        &dispatched, &failure))
        return put_back(tools, order, &failure, policy_is_certain(&failure));
    if (dispatched.is_older && !find_out(tools, &dispatched, &child, &failure)) {
        nomad_dispatched_fini(&dispatched);
        return put_back(tools, order, &failure, failure.kind == FAILURE_NO_CHILD);
    }
    step.now_ms = clock_now_ms();
    step.child = dispatched.child;
    step.runner = child.runner_name;
    step.audit_at_ms = first_look_ms(tools->config, pool, &dispatched, step.now_ms);
    is_other = child.runner_name != NULL && strcmp(child.runner_name, order->runner) != 0;
    begin_line(&line, LOG_LEVEL_INFO, order);
    log_text(&line, "outcome", is_other ? "adopted" : dispatched.is_older ? "found" : "dispatched");
    log_text(&line, "adopted", is_other ? child.runner_name : NULL);
    log_text(&line, "child", dispatched.child);
    log_number(&line, "duration_ms", clock_monotonic_ms() - began_at_ms);
    log_end(tools->log, &line);
    recorded = tools_record(tools, order_live, &step, "a dispatch could not be recorded");
    nomad_dispatched_fini(&dispatched);
    nomad_child_fini(&child);
    return recorded ? WORK_DONE : WORK_LEDGER;
}

/* Takes up the next job that is due. A look whether there is one at all comes first: most are in
 * vain, and it does not take the ledger's write lock. */
static enum ledger_error
claim(const struct tools *tools, struct order *order, struct rh_reason *reason)
{
    const struct config *config = tools->config;
    int64_t now_ms = clock_now_ms();
    struct order_claim step = {
        .owner = ledger_owner(tools->ledger),
        .receiver = ledger_receiver(tools->ledger),
        .prefix = config->server.runner_prefix,
        .now_ms = now_ms,
        .lease_until_ms = tools_lease_until(config, GITHUB_REQUESTS, NOMAD_REQUESTS),
        .limits = tools->limits,
        .tokens = "[]",
        .out = order,
    };
    struct order_look look = {.now_ms = now_ms, .limits = tools->limits};
    enum ledger_error error = ledger_read(tools->ledger, order_is_due, &look, reason);
    char *tokens;

    if (error != LEDGER_OK)
        return error;
    tokens = token_cache_repositories(tools->tokens);
    if (tokens != NULL)
        step.tokens = tokens;
    error = ledger_write(tools->ledger, order_claim, &step, reason);
    cJSON_free(tokens);
    return error;
}

enum work_end
story_tell(const struct tools *tools)
{
    struct order order = {0};
    int64_t began_at_ms = clock_monotonic_ms();
    const struct pool *pool;
    struct failure failure;
    struct rh_reason reason;
    struct parcel parcel = {0};
    enum work_end end;
    enum ledger_error error = claim(tools, &order, &reason);

    if (error == LEDGER_NOT_FOUND)
        return WORK_NONE;
    if (error != LEDGER_OK) {
        log_message(tools->log, LOG_LEVEL_ERROR, "ledger", "no job could be taken up: %s",
                    reason.text);
        order_fini(&order); /* filled, where only the commit failed */
        return WORK_LEDGER;
    }
    pool = plan_pool(tools->config, order.pool, order.job.labels);
    if (pool == NULL) {
        (void)failure_set(&failure, UPSTREAM_NOMAD, FAILURE_CONFIGURATION,
                          "its pool \"%s\" is no longer in the configuration, and no other serves "
                          "its labels",
                          order.pool);
        end = put_back(tools, &order, &failure, true);
    } else if (!prepare(tools, &order, pool, &parcel, &failure)) {
        end = put_back(tools, &order, &failure, true);
    } else {
        end = send_out(tools, &order, pool, &parcel, began_at_ms);
    }
    parcel_fini(&parcel);
    order_fini(&order);
    return end;
}
