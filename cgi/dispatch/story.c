/*
 * The story of one job on its way to a runner.
 * SPDX-License-Identifier: MIT
 */
#include "dispatch/story.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "clock/clock.h"
#include "config/access.h"
#include "config/place.h"
#include "config/pool.h"
#include "dispatch/plan.h"
#include "ledger/order.h"
#include "text/json.h"
#include "upstream/github_registration.h"
#include "upstream/github_request.h"
#include "upstream/github_run.h"
#include "upstream/nomad_child.h"

/* What an order's requests can take at the longest: GitHub ten times (the run, the group and the
 * credential, each again with a fresh token, and for an App's installation to be found and its
 * tokens to be minted), Nomad four times (the dispatch and a look at its child, each again). The
 * lease ends for other processes after that and a minute; within this one, a worker ends it in
 * every case. */
#define GITHUB_REQUESTS 10
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

/* What goes out, owned. */
struct parcel {
    struct rh_secret *credential;
    bool github_passed; /* GitHub was asked, and answered */
    int64_t github_id;  /* of the registration that was made with it; 0 for none */
    int64_t made;       /* requests that made something there, beside a just-in-time runner's */
    bool is_spent;      /* the runner's name is registered, or may be */
    char *body;
    size_t body_len;
};

static void
parcel_fini(struct parcel *parcel)
{
    rh_secret_free(parcel->credential);
    rh_wipe_free(parcel->body, parcel->body_len);
}

/* Puts the job back into the queue, with the reason and for as long as the policy says.
 * `is_certain`: this attempt has left nothing in Nomad. */
static enum work_end
put_back(const struct tools *tools, const struct order *order, const struct parcel *parcel,
         const struct failure *failure, bool is_certain)
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
                                 .is_spent = parcel->is_spent && is_certain,
                                 .github_id = parcel->github_id,
                                 .made = parcel->made,
                                 .gate = decision.is_upstreams ? &gate : NULL};
    bool recorded =
        tools_record(tools, order_failed, &step, "a failed dispatch could not be recorded");

    log_retry(tools, order, failure, decision.needs_operator, step.next_attempt_at_ms - now_ms);
    return recorded ? WORK_FAILED : WORK_LEDGER;
}

/* -- Whose code it is ---------------------------------------------------------------------------
 */

static void
log_turned_away(const struct tools *tools, const struct order *order,
                const struct order_origin *step)
{
    struct log_line line;

    begin_line(&line, step->refused == NULL ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, order);
    log_text(&line, "outcome", step->refused == NULL ? "moved" : "refused");
    log_text(&line, "reason",
             step->refused == NULL ? "the run's code comes from a fork" : step->refused);
    log_text(&line, "to_pool", step->pool);
    log_end(tools->log, &line);
}

/* What the rule makes of a job whose code comes from a fork. `words` is room for a refusal. False
 * when out of memory: a job that is refused is so for good. */
static bool
judge_fork(const struct tools *tools, const struct order *order, const struct fork_rule *rule,
           struct order_origin *step, char *words, size_t words_cap)
{
    const struct job *job = &order->job;
    const struct pool *to;
    bool covers;

    if (rule->permit == PERMIT_DENY) {
        (void)snprintf(words, words_cap,
                       "the run's code comes from a fork, and fork_pull_requests = deny");
        step->refused = words;
        return true;
    }
    to = pool_named(tools->config, rule->pool);
    if (to == NULL || strcmp(to->name, job->pool) == 0)
        return true;
    if (!pool_has_labels(to, job->labels, &covers))
        return false;
    if (!covers) {
        (void)snprintf(words, words_cap,
                       "the run's code comes from a fork, and the pool %s for those has not all of "
                       "the job's labels",
                       to->name);
        step->refused = words;
        return true;
    }
    step->pool = to->name;
    return true;
}

/* Before anything is minted: jobs of pull requests from forks may not be for every pool. GitHub is
 * asked once a run. True where the order goes on; else `*end` is how it ended. */
static bool
settle_origin(const struct tools *tools, const struct order *order, const struct pool *pool,
              struct parcel *parcel, enum work_end *end)
{
    const struct fork_rule *rule = access_forks(tools->config, pool);
    struct order_origin step = {
        .order = order, .owner = ledger_owner(tools->ledger), .origin = order->job.origin};
    char words[RH_REASON_CAP];
    struct failure failure;
    bool is_forks;

    if (rule->permit != PERMIT_DENY && rule->permit != PERMIT_POOL)
        return true;
    if (step.origin == JOB_ORIGIN_UNKNOWN) {
        if (!github_run_is_forks(tools->github, order->job.repository, order->job.run_id, &is_forks,
                                 &failure)) {
            *end = put_back(tools, order, parcel, &failure, true);
            return false;
        }
        step.was_asked = parcel->github_passed = true;
        step.origin = is_forks ? JOB_ORIGIN_FORK : JOB_ORIGIN_OWN;
    }
    if (step.origin == JOB_ORIGIN_FORK &&
        !judge_fork(tools, order, rule, &step, words, sizeof words)) {
        (void)failure_set(&failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
        *end = put_back(tools, order, parcel, &failure, true);
        return false;
    }
    if (!step.was_asked && step.refused == NULL && step.pool == NULL)
        return true;
    step.now_ms = clock_now_ms();
    if (!tools_record(tools, order_origin, &step, "whose code a job has could not be recorded")) {
        *end = WORK_LEDGER;
        return false;
    }
    tools->wake(tools->arg); /* the other jobs of the run need not wait any more */
    if (step.goes_on)
        return true;
    if (step.refused != NULL || step.pool != NULL)
        log_turned_away(tools, order, &step);
    *end = WORK_DONE;
    return false;
}

/* -- The credential -----------------------------------------------------------------------------
 */

static bool
mint_registration_token(void *arg, const char *key, struct rh_secret **token,
                        int64_t *expires_at_ms, struct failure *failure)
{
    return github_registration_token(arg, key, token, expires_at_ms, failure);
}

/* From here on a runner of the order's name may be registered. */
static bool
mint_jit_config(const struct tools *tools, const struct order *order, const struct pool *pool,
                struct parcel *parcel, struct failure *failure)
{
    struct github_jit_request request = {
        .name = order->runner, .labels = &pool->labels, .work_folder = pool->work_folder};

    if (!runner_groups_find(tools->groups, tools->github, order->place, pool->runner_group,
                            &request.group_id, failure))
        return false;
    parcel->github_passed = github_jit_config(tools->github, order->place, &request,
                                              &parcel->credential, &parcel->github_id, failure);
    parcel->is_spent = parcel->github_passed || !failure_changed_nothing(failure);
    if (!parcel->github_passed && failure->kind == FAILURE_NOT_FOUND)
        runner_groups_drop(tools->groups, order->place);
    return parcel->github_passed;
}

/* A delivery of an App's own webhook tells its installation, which so need not be asked for. */
static void
learn_installation(const struct tools *tools, const struct order *order)
{
    struct account *account = accounts_for(github_accounts(tools->github), order->place);
    char owner[PLACE_CAP];

    if (account == NULL || account_app_id(account) == NULL || order->job.installation_id == 0)
        return;
    place_owner(order->place, owner);
    if (account_installation(account, owner) == 0)
        account_set_installation(account, owner, order->job.installation_id);
}

/* Builds the body with a fresh credential. */
static bool
prepare(const struct tools *tools, const struct order *order, const struct pool *pool,
        struct parcel *parcel, struct failure *failure)
{
    struct plan_runner runner = {.name = order->runner,
                                 .credential_kind = order->is_jit
                                                        ? RH_CREDENTIAL_JIT_CONFIG
                                                        : RH_CREDENTIAL_REGISTRATION_TOKEN};
    bool asked = false;
    enum rh_error error;

    learn_installation(tools, order);
    if (order->is_jit) {
        if (!mint_jit_config(tools, order, pool, parcel, failure))
            return false;
    } else {
        if (!token_cache_get(tools->tokens, order->place, mint_registration_token, tools->github,
                             &parcel->credential, &asked, failure))
            return false;
        parcel->github_passed |= asked;
        parcel->made += asked;
    }
    runner.credential = rh_secret_bytes(parcel->credential);
    error = plan_body(&order->job, pool, &tools->config->github, &runner, &parcel->body,
                      &parcel->body_len);
    if (error == RH_OK)
        return true;
    return failure_set(failure, UPSTREAM_NOMAD,
                       error == RH_ERR_NO_MEMORY || error == RH_ERR_CRYPTO ? FAILURE_LOCAL
                                                                           : FAILURE_CONFIGURATION,
                       "the dispatch body could not be built: %s", rh_error_text(error));
}

/* -- The dispatch -------------------------------------------------------------------------------
 */

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

/* The runner is live: in the child that was dispatched, or in one that was there. */
static enum work_end
settle(const struct tools *tools, const struct order *order, const struct pool *pool,
       const struct nomad_dispatched *dispatched, const struct nomad_child *child,
       int64_t began_at_ms)
{
    bool is_other = child->runner_name != NULL && strcmp(child->runner_name, order->runner) != 0;
    struct order_step step = {.order = order,
                              .owner = ledger_owner(tools->ledger),
                              .now_ms = clock_now_ms(),
                              .child = dispatched->child,
                              .runner = child->runner_name};
    struct log_line line;

    step.audit_at_ms = first_look_ms(tools->config, pool, dispatched, step.now_ms);
    begin_line(&line, LOG_LEVEL_INFO, order);
    log_text(&line, "outcome",
             is_other               ? "adopted"
             : dispatched->is_older ? "found"
                                    : "dispatched");
    log_text(&line, "adopted", is_other ? child->runner_name : NULL);
    log_text(&line, "child", dispatched->child);
    log_number(&line, "duration_ms", clock_monotonic_ms() - began_at_ms);
    log_end(tools->log, &line);
    return tools_record(tools, order_live, &step, "a dispatch could not be recorded") ? WORK_DONE
                                                                                      : WORK_LEDGER;
}

/*
 * An earlier dispatch of a just-in-time runner got no answer. Its configuration cannot be had
 * again, so it cannot be sent again: its child is looked for, and where there is none, the name
 * retires with its registration.
 */
static enum work_end
look_for_child(const struct tools *tools, const struct order *order, const struct pool *pool,
               struct parcel *parcel, int64_t began_at_ms)
{
    struct nomad_dispatched dispatched = {.is_older = true};
    struct nomad_child child = {0};
    char token[ORDER_TOKEN_CAP];
    struct failure failure;
    enum work_end end;

    if (!nomad_find_child(tools->nomad, pool->nomad_job,
                          order_token(order->made_for, order->n, token), order->runner,
                          order->sent_before_ms / 1000 - NOMAD_SKEW_S,
                          clock_now_ms() / 1000 + NOMAD_SKEW_S, &dispatched.child, &failure))
        return put_back(tools, order, parcel, &failure, false);
    if (dispatched.child == NULL) {
        (void)failure_set(
            &failure, UPSTREAM_NOMAD, FAILURE_NO_CHILD,
            "its dispatch got no answer and left no child, so it gets another runner");
        parcel->is_spent = true;
        return put_back(tools, order, parcel, &failure, true);
    }
    end = find_out(tools, &dispatched, &child, &failure)
              ? settle(tools, order, pool, &dispatched, &child, began_at_ms)
              : put_back(tools, order, parcel, &failure, false);
    nomad_dispatched_fini(&dispatched);
    nomad_child_fini(&child);
    return end;
}

/* The dispatch itself, from the mark that it goes out to its record. */
static enum work_end
send_out(const struct tools *tools, const struct order *order, const struct pool *pool,
         struct parcel *parcel, int64_t began_at_ms)
{
    struct order_step step = {.order = order,
                              .owner = ledger_owner(tools->ledger),
                              .now_ms = clock_now_ms(),
                              .github_passed = parcel->github_passed,
                              .github_id = parcel->github_id,
                              .made = parcel->made};
    struct nomad_dispatched dispatched = {0};
    char token[ORDER_TOKEN_CAP];
    struct nomad_child child = {0};
    struct failure failure;
    struct log_line line;
    enum work_end end;

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
    parcel->made = 0; /* counted by now */
    if (!nomad_dispatch(tools->nomad,
                        &(struct nomad_order){.job = pool->nomad_job,
                                              .idempotency_token =
                                                  order_token(order->made_for, order->n, token),
                                              .body = parcel->body,
                                              .body_len = parcel->body_len,
                                              .credential = parcel->credential},
                        &dispatched, &failure))
        return put_back(tools, order, parcel, &failure, policy_is_certain(&failure));
    if (dispatched.is_older && !find_out(tools, &dispatched, &child, &failure))
        end = put_back(tools, order, parcel, &failure, failure.kind == FAILURE_NO_CHILD);
    else
        end = settle(tools, order, pool, &dispatched, &child, began_at_ms);
    nomad_dispatched_fini(&dispatched);
    nomad_child_fini(&child);
    return end;
}

/* Adds the jobs of a pool whose runners can register in a place. False when out of memory. */
static bool
add_provided(const struct config *config, const struct pool *pool, const char *place, cJSON *array)
{
    const char *name = strchr(place, '/') + 1;
    enum permit forks = access_forks(config, pool)->permit;
    const char *repository = pool->scope == POOL_SCOPE_REPOSITORY ? name : "";
    const char *owner = pool->scope == POOL_SCOPE_ORGANIZATION ? name : "";
    bool is_its = pool->scope == POOL_SCOPE_REPOSITORY ? place_is_repository(place)
                  : pool->scope == POOL_SCOPE_ORGANIZATION
                      ? place_is_organization(place)
                      : place_is_enterprise(place) && strcmp(name, pool->enterprise) == 0;
    cJSON *item;

    if (!is_its || pool->credential == POOL_CREDENTIAL_JIT || forks == PERMIT_DENY ||
        forks == PERMIT_POOL)
        return true;
    item = cJSON_CreateObject();
    if (item != NULL && json_add_text(item, "pool", pool->name) &&
        json_add_text(item, "repository", repository) && json_add_text(item, "owner", owner) &&
        cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

/* The jobs that need nothing of GitHub, as the claim takes them: those whose registration token is
 * at hand, in pools that ask nothing else there. The caller frees; NULL when out of memory. */
static char *
provided_for(const struct tools *tools)
{
    const struct config *config = tools->config;
    char *keys = token_cache_keys(tools->tokens);
    cJSON *places = keys == NULL ? NULL : cJSON_Parse(keys), *array = cJSON_CreateArray();
    const cJSON *place;
    char *text = NULL;
    bool done = places != NULL && array != NULL;

    cJSON_ArrayForEach(place, places)
    {
        for (size_t i = 0; done && i < config->pools_len; i++)
            done = add_provided(config, &config->pools[i], cJSON_GetStringValue(place), array);
    }
    if (done)
        text = cJSON_PrintUnformatted(array);
    cJSON_Delete(array);
    cJSON_Delete(places);
    cJSON_free(keys);
    return text;
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
        .content_per_minute = config->github.content_per_minute,
        .registers = plan_registers,
        .config = config,
        .tokens = "[]",
        .out = order,
    };
    struct order_look look = {.now_ms = now_ms,
                              .limits = tools->limits,
                              .content_per_minute = config->github.content_per_minute};
    enum ledger_error error = ledger_read(tools->ledger, order_is_due, &look, reason);
    char *tokens;

    if (error != LEDGER_OK)
        return error;
    tokens = provided_for(tools);
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
    tools->wake(tools->arg); /* another job may wait beside this one */
    pool = plan_pool(tools->config, order.pool, &order.job);
    if (pool == NULL) {
        (void)failure_set(&failure, UPSTREAM_NOMAD, FAILURE_CONFIGURATION,
                          "its pool \"%s\" is no longer in the configuration, and no other serves "
                          "its labels",
                          order.pool);
        end = put_back(tools, &order, &parcel, &failure, true);
    } else if (order.is_jit && order.sent_before_ms > 0) {
        end = look_for_child(tools, &order, pool, &parcel, began_at_ms);
    } else if (settle_origin(tools, &order, pool, &parcel, &end)) {
        if (prepare(tools, &order, pool, &parcel, &failure))
            end = send_out(tools, &order, pool, &parcel, began_at_ms);
        else
            end = put_back(tools, &order, &parcel, &failure, true);
    }
    parcel_fini(&parcel);
    order_fini(&order);
    return end;
}
