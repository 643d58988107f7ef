/*
 * The story of one job on its way to a runner.
 * SPDX-License-Identifier: MIT
 */
#include "dispatch/story.h"

#include <string.h>
#include <sys/random.h>

#include <cjson/cJSON.h>

#include "clock/clock.h"
#include "dispatch/plan.h"
#include "dispatch/policy.h"
#include "ledger/order.h"

/* What an order's requests can take at the longest: GitHub twice (again with a fresh token), Nomad
 * four times (the dispatch and a look at its child, each again). The lease ends for other processes
 * after that and a minute; within this one, a worker ends it in every case. */
#define GITHUB_REQUESTS 2
#define NOMAD_REQUESTS 4
#define LEASE_SLACK_MS (60 * 1000)

static void
begin_line(struct log_line *line, enum log_level level, const struct order *order)
{
    log_begin(line, level, "dispatch");
    log_text(line, "delivery", order->job.delivery);
    log_text(line, "repository", order->job.repository);
    log_number(line, "job", order->job.id);
    log_text(line, "pool", order->job.pool);
    log_text(line, "runner", order->runner);
    log_number(line, "attempt", order->job.attempts);
}

/*
 * Records a step, again and again until it is on disk: an outcome that was forgotten would leave
 * its order under this process's lease, with nobody working on it. False where the program ends
 * before: its leases then end with it.
 */
static bool
record(const struct storyteller *teller, ledger_work work, void *step, const char *what)
{
    struct rh_reason reason;
    bool said = false;

    while (ledger_write(teller->ledger, work, step, &reason) != LEDGER_OK) {
        if (!said)
            log_message(teller->log, LOG_LEVEL_ERROR, "ledger", "%s, and is tried again: %s", what,
                        reason.text);
        said = true;
        if (!teller->rest(teller->rest_arg))
            return false;
    }
    return true;
}

/* Spreads what failed together; nothing secret hangs on it. */
static uint32_t
jitter(void)
{
    uint32_t number;

    return getrandom(&number, sizeof number, GRND_NONBLOCK) == sizeof number ? number : 0;
}

static void
log_retry(const struct storyteller *teller, const struct order *order,
          const struct failure *failure, bool operator_needed, int64_t wait_ms)
{
    struct log_line line;

    begin_line(&line, operator_needed ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, order);
    log_text(&line, "outcome", "retry");
    log_text(&line, "upstream", upstream_text(failure->upstream));
    log_text(&line, "failure", failure_text(failure->kind));
    if (failure->status != 0)
        log_number(&line, "status", failure->status);
    log_text(&line, "error", failure->text.text);
    log_number(&line, "next_attempt_s", (wait_ms + 999) / 1000);
    log_end(teller->log, &line);
}

/* Puts the job back into the queue, with the reason and for as long as the policy says. */
static enum story_end
put_back(const struct storyteller *teller, const struct order *order, const struct failure *failure)
{
    const struct server_config *server = &teller->config->server;
    const struct policy_delays delays = {.initial_ms = server->retry_initial_s * 1000,
                                         .max_ms = server->retry_max_s * 1000};
    const struct policy_decision decision =
        policy_decide(failure, order->job.attempts, &delays, jitter());
    const struct gate_failure gate = {.upstream = upstream_text(failure->upstream),
                                      .error = failure->text.text,
                                      .at_once = decision.shuts_at_once,
                                      .asked_ms = decision.asked_ms,
                                      .initial_ms = decision.gate_initial_ms,
                                      .max_ms = decision.gate_max_ms,
                                      .jitter = decision.gate_jitter};
    int64_t now_ms = clock_now_ms();
    struct order_failure step = {.order = order,
                                 .owner = ledger_owner(teller->ledger),
                                 .now_ms = now_ms,
                                 .next_attempt_at_ms = now_ms + decision.delay_ms,
                                 .error = failure->text.text,
                                 .counts = decision.counts,
                                 .gate = decision.is_upstreams ? &gate : NULL};
    bool recorded = record(teller, order_failed, &step, "a failed dispatch could not be recorded");

    log_retry(teller, order, failure, decision.needs_operator, step.next_attempt_at_ms - now_ms);
    return recorded ? STORY_FAILED : STORY_LEDGER;
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
prepare(const struct storyteller *teller, const struct order *order, const struct pool *pool,
        struct parcel *parcel, struct failure *failure)
{
    struct plan_runner runner = {.name = order->runner,
                                 .credential_kind = RH_CREDENTIAL_REGISTRATION_TOKEN};
    enum rh_error error;

    if (!token_cache_get(teller->tokens, teller->github, order->job.repository, &parcel->credential,
                         &parcel->github_passed, failure))
        return false;
    runner.credential = rh_secret_bytes(parcel->credential);
    error = plan_body(&order->job, pool, &teller->config->github, &runner, &parcel->body,
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
find_out(const struct storyteller *teller, const struct nomad_dispatched *dispatched,
         struct nomad_child *child, struct failure *failure)
{
    if (nomad_child(teller->nomad, dispatched->child, child, failure))
        return true;
    if (failure->kind == FAILURE_NOT_FOUND)
        return failure_set(failure, UPSTREAM_NOMAD, FAILURE_NO_CHILD,
                           "Nomad named the child %.120s, which is not there", dispatched->child);
    if (failure->kind != FAILURE_FORBIDDEN)
        return false;
    /* The child is there; only whose runner it is stays unknown. */
    log_message(teller->log, LOG_LEVEL_WARNING, "dispatch",
                "the Nomad token may not read %s: give it read-job, so that a child of another "
                "receiver can be told from ours",
                dispatched->child);
    return true;
}

/* The dispatch itself, from the mark that it goes out to its record. */
static enum story_end
send_out(const struct storyteller *teller, const struct order *order, const struct pool *pool,
         const struct parcel *parcel, int64_t began_at_ms)
{
    struct order_step step = {.order = order,
                              .owner = ledger_owner(teller->ledger),
                              .now_ms = clock_now_ms(),
                              .github_passed = parcel->github_passed};
    struct nomad_dispatched dispatched = {0};
    char token[PLAN_TOKEN_CAP];
    struct nomad_child child = {0};
    struct failure failure;
    struct log_line line;
    bool is_other, recorded;

    if (!record(teller, order_sent, &step,
                "a dispatch is held back, since it could not be recorded"))
        return STORY_LEDGER;
    if (!step.wanted) {
        begin_line(&line, LOG_LEVEL_INFO, order);
        log_text(&line, "outcome", "not_wanted");
        log_text(&line, "reason", "the job ended, or another runner has it");
        log_end(teller->log, &line);
        return STORY_DISPATCHED;
    }
    if (!nomad_dispatch(
            teller->nomad,
            &(struct nomad_order){.job = pool->nomad_job,
                                  .idempotency_token = plan_token(order->job.id, order->n, token),
                                  .body = parcel->body,
                                  .body_len = parcel->body_len,
                                  .credential = parcel->credential},
            &dispatched, &failure))
        return put_back(teller, order, &failure);
    if (dispatched.is_older && !find_out(teller, &dispatched, &child, &failure)) {
        nomad_dispatched_fini(&dispatched);
        return put_back(teller, order, &failure);
    }
    step.now_ms = clock_now_ms();
    step.child = dispatched.child;
    step.runner = child.runner_name;
    is_other = child.runner_name != NULL && strcmp(child.runner_name, order->runner) != 0;
    begin_line(&line, LOG_LEVEL_INFO, order);
    log_text(&line, "outcome", is_other ? "adopted" : dispatched.is_older ? "found" : "dispatched");
    log_text(&line, "adopted", is_other ? child.runner_name : NULL);
    log_text(&line, "child", dispatched.child);
    log_number(&line, "duration_ms", clock_monotonic_ms() - began_at_ms);
    log_end(teller->log, &line);
    recorded = record(teller, order_live, &step, "a dispatch could not be recorded");
    nomad_dispatched_fini(&dispatched);
    nomad_child_fini(&child);
    return recorded ? STORY_DISPATCHED : STORY_LEDGER;
}

enum story_end
story_tell(const struct storyteller *teller)
{
    const struct config *config = teller->config;
    struct order order = {0};
    char *tokens = token_cache_repositories(teller->tokens);
    struct order_claim claim = {
        .owner = ledger_owner(teller->ledger),
        .receiver = ledger_receiver(teller->ledger),
        .prefix = config->server.runner_prefix,
        .now_ms = clock_now_ms(),
        .lease_until_ms = clock_boot_ms() + LEASE_SLACK_MS +
                          (GITHUB_REQUESTS * config->github.timeout_s +
                           NOMAD_REQUESTS * config->nomad.timeout_s) *
                              1000,
        .tokens = tokens == NULL ? "[]" : tokens,
        .out = &order,
    };
    int64_t began_at_ms = clock_monotonic_ms();
    const struct pool *pool;
    struct failure failure;
    struct rh_reason reason;
    struct parcel parcel = {0};
    enum story_end end;
    enum ledger_error error = ledger_write(teller->ledger, order_claim, &claim, &reason);

    cJSON_free(tokens);
    if (error == LEDGER_NOT_FOUND)
        return STORY_NOTHING_DUE;
    if (error != LEDGER_OK) {
        log_message(teller->log, LOG_LEVEL_ERROR, "ledger", "no job could be taken up: %s",
                    reason.text);
        order_fini(&order); /* filled, where only the commit failed */
        return STORY_LEDGER;
    }
    pool = plan_pool(config, &order.job);
    if (pool == NULL) {
        (void)failure_set(&failure, UPSTREAM_NOMAD, FAILURE_CONFIGURATION,
                          "its pool \"%s\" is no longer in the configuration, and no other serves "
                          "its labels",
                          order.job.pool);
        end = put_back(teller, &order, &failure);
    } else if (!prepare(teller, &order, pool, &parcel, &failure)) {
        end = put_back(teller, &order, &failure);
    } else {
        end = send_out(teller, &order, pool, &parcel, began_at_ms);
    }
    parcel_fini(&parcel);
    order_fini(&order);
    return end;
}
