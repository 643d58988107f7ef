/*
 * The story of one job on its way to a runner.
 * SPDX-License-Identifier: MIT
 */
#include "dispatch/story.h"

#include <stdio.h>
#include <string.h>

#include "clock/clock.h"
#include "config/access.h"
#include "config/place.h"
#include "config/pool.h"
#include "dispatch/claim.h"
#include "dispatch/plan.h"
#include "ledger/order.h"
#include "upstream/github_registration.h"
#include "upstream/github_request.h"
#include "upstream/github_run.h"
#include "upstream/nomad_child.h"

/* How soon after its claim a dispatch goes out under that as its mark. What takes longer may have
 * lost its lease, or its demand. */
#define AT_ONCE_MS 1000

/* The first look at a child whose placement is watched. */
#define WATCHED_MS INT64_C(1000)

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

struct story {
    const struct tools *tools;
    struct order order;
    int64_t claimed_at_ms; /* of clock_monotonic_ms */
    const struct pool *pool;
    struct parcel parcel;
    struct nomad_dispatched dispatched;
    struct nomad_child child;
    bool has_next;     /* the record of this one came with the claim of another */
    struct order next; /* that one */
    int64_t next_claimed_at_ms;
};

static void
story_fini(struct story *story)
{
    rh_secret_free(story->parcel.credential);
    rh_wipe_free(story->parcel.body, story->parcel.body_len);
    nomad_dispatched_fini(&story->dispatched);
    nomad_child_fini(&story->child);
    order_fini(&story->order);
    order_fini(&story->next);
}

static void
begin_line(struct log_line *line, enum log_level level, const struct story *story)
{
    const struct order *order = &story->order;

    log_begin(line, level, "dispatch");
    log_text(line, "delivery", order->job.delivery);
    log_text(line, "repository", order->job.repository);
    log_number(line, "job", order->job.id);
    log_text(line, "pool", order->pool);
    log_text(line, "runner", order->runner);
    log_number(line, "attempt", order->job.attempts);
}

static void
log_retry(const struct story *story, const struct failure *failure, bool operator_needed,
          int64_t wait_ms)
{
    struct log_line line;

    begin_line(&line, operator_needed ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, story);
    log_text(&line, "outcome", "retry");
    tools_log_failure(&line, failure);
    log_number(&line, "next_attempt_s", (wait_ms + 999) / 1000);
    log_end(story->tools->log, &line);
}

/* Puts the job back into the queue, with the reason and for as long as the policy says.
 * `is_certain`: this attempt has left nothing in Nomad. */
static enum work_end
put_back(const struct story *story, const struct failure *failure, bool is_certain)
{
    const struct tools *tools = story->tools;
    const struct order *order = &story->order;
    const struct parcel *parcel = &story->parcel;
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

    log_retry(story, failure, decision.needs_operator, step.next_attempt_at_ms - now_ms);
    return recorded ? WORK_FAILED : WORK_LEDGER;
}

/* -- Whose code it is ---------------------------------------------------------------------------
 */

static void
log_turned_away(const struct story *story, const struct order_origin *step)
{
    struct log_line line;

    begin_line(&line, step->refused == NULL ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, story);
    log_text(&line, "outcome", step->refused == NULL ? "moved" : "refused");
    log_text(&line, "reason",
             step->refused == NULL ? "the run's code comes from a fork" : step->refused);
    log_text(&line, "to_pool", step->pool);
    log_end(story->tools->log, &line);
}

/* What the rule makes of a job whose code comes from a fork. `words` is room for a refusal. False
 * when out of memory: a job that is refused is so for good. */
static bool
judge_fork(const struct story *story, const struct fork_rule *rule, struct order_origin *step,
           char *words, size_t words_cap)
{
    const struct job *job = &story->order.job;
    const struct pool *to;
    bool covers;

    if (rule->permit == PERMIT_DENY) {
        (void)snprintf(words, words_cap,
                       "the run's code comes from a fork, and fork_pull_requests = deny");
        step->refused = words;
        return true;
    }
    to = pool_named(story->tools->config, rule->pool);
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
settle_origin(struct story *story, enum work_end *end)
{
    const struct tools *tools = story->tools;
    const struct job *job = &story->order.job;
    const struct fork_rule *rule = access_forks(tools->config, story->pool);
    struct order_origin step = {
        .order = &story->order, .owner = ledger_owner(tools->ledger), .origin = job->origin};
    char words[RH_REASON_CAP];
    struct failure failure;
    bool is_forks;

    if (rule->permit != PERMIT_DENY && rule->permit != PERMIT_POOL)
        return true;
    if (step.origin == JOB_ORIGIN_UNKNOWN) {
        if (!github_run_is_forks(tools->github, job->repository, job->run_id, &is_forks,
                                 &failure)) {
            *end = put_back(story, &failure, true);
            return false;
        }
        step.was_asked = story->parcel.github_passed = true;
        step.origin = is_forks ? JOB_ORIGIN_FORK : JOB_ORIGIN_OWN;
    }
    if (step.origin == JOB_ORIGIN_FORK && !judge_fork(story, rule, &step, words, sizeof words)) {
        (void)failure_set(&failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
        *end = put_back(story, &failure, true);
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
        log_turned_away(story, &step);
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
mint_jit_config(struct story *story, struct failure *failure)
{
    const struct tools *tools = story->tools;
    const struct order *order = &story->order;
    const struct pool *pool = story->pool;
    struct parcel *parcel = &story->parcel;
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
prepare(struct story *story, struct failure *failure)
{
    const struct tools *tools = story->tools;
    const struct order *order = &story->order;
    struct parcel *parcel = &story->parcel;
    struct plan_runner runner = {.name = order->runner,
                                 .credential_kind = order->is_jit
                                                        ? RH_CREDENTIAL_JIT_CONFIG
                                                        : RH_CREDENTIAL_REGISTRATION_TOKEN};
    bool asked = false;
    enum rh_error error;

    learn_installation(tools, order);
    if (order->is_jit) {
        if (!mint_jit_config(story, failure))
            return false;
    } else {
        if (!token_cache_get(tools->tokens, order->place, mint_registration_token, tools->github,
                             &parcel->credential, &asked, failure))
            return false;
        parcel->github_passed |= asked;
        parcel->made += asked;
    }
    runner.credential = rh_secret_bytes(parcel->credential);
    error = plan_body(&order->job, story->pool, &tools->config->github, &runner, &parcel->body,
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
find_out(struct story *story, struct failure *failure)
{
    const char *child = story->dispatched.child;

    if (nomad_child(story->tools->nomad, child, &story->child, failure))
        return true;
    if (failure->kind == FAILURE_NOT_FOUND)
        return failure_set(failure, UPSTREAM_NOMAD, FAILURE_NO_CHILD,
                           "Nomad named the child %.120s, which is not there", child);
    if (failure->kind != FAILURE_FORBIDDEN)
        return false;
    /* The child is there; only whose runner it is stays unknown. */
    log_message(story->tools->log, LOG_LEVEL_WARNING, "dispatch",
                "the Nomad token may not read %s: give it read-job, so that a child of another "
                "receiver can be told from ours",
                child);
    return true;
}

/* When a runner is looked at first: one that was there already may be over, and in a pool that
 * limits what waits for placement, that is watched. */
static int64_t
first_look_ms(const struct story *story, int64_t now_ms)
{
    int64_t interval_ms = story->tools->config->audit.interval_s * 1000;

    if (story->dispatched.is_older)
        return now_ms;
    return now_ms +
           (story->pool->max_pending > 0 && interval_ms > WATCHED_MS ? WATCHED_MS : interval_ms);
}

/* Records that the runner is live. The claim of the next job goes with it, which so costs no commit
 * of its own. */
static enum work_end
record_live(struct story *story, struct order_step *step)
{
    static const char what[] = "a dispatch could not be recorded";
    const struct tools *tools = story->tools;
    struct order_claim claim;
    struct ledger_item items[] = {{.work = order_live, .arg = step},
                                  {.work = order_claim, .arg = &claim}};

    if (!tools->goes_on(tools->arg))
        return tools_record(tools, order_live, step, what) ? WORK_DONE : WORK_LEDGER;
    story->next_claimed_at_ms = clock_monotonic_ms();
    claim = claim_for(tools, &story->next);
    ledger_write_all(tools->ledger, items, sizeof items / sizeof items[0]);
    story->has_next = items[1].result == LEDGER_OK;
    if (items[0].result == LEDGER_OK || tools_record(tools, order_live, step, what))
        return WORK_DONE;
    return WORK_LEDGER;
}

/* The runner is live: in the child that was dispatched, or in one that was there. */
static enum work_end
settle(struct story *story)
{
    const struct order *order = &story->order;
    const struct nomad_dispatched *dispatched = &story->dispatched;
    const char *lives = story->child.runner_name;
    bool is_other = lives != NULL && strcmp(lives, order->runner) != 0;
    struct order_step step = {.order = order,
                              .owner = ledger_owner(story->tools->ledger),
                              .now_ms = clock_now_ms(),
                              .child = dispatched->child,
                              .runner = lives};
    struct log_line line;

    step.audit_at_ms = first_look_ms(story, step.now_ms);
    begin_line(&line, LOG_LEVEL_INFO, story);
    log_text(&line, "outcome",
             is_other               ? "adopted"
             : dispatched->is_older ? "found"
                                    : "dispatched");
    log_text(&line, "adopted", is_other ? lives : NULL);
    log_text(&line, "child", dispatched->child);
    log_number(&line, "duration_ms", clock_monotonic_ms() - story->claimed_at_ms);
    log_end(story->tools->log, &line);
    return record_live(story, &step);
}

/*
 * An earlier dispatch of a just-in-time runner got no answer. Its configuration cannot be had
 * again, so it cannot be sent again: its child is looked for, and where there is none, the name
 * retires with its registration.
 */
static enum work_end
look_for_child(struct story *story)
{
    const struct order *order = &story->order;
    char token[ORDER_TOKEN_CAP];
    struct failure failure;

    story->dispatched.is_older = true;
    if (!nomad_find_child(story->tools->nomad, story->pool->nomad_job,
                          order_token(order->made_for, order->n, token), order->runner,
                          order->sent_before_ms / 1000 - NOMAD_SKEW_S,
                          clock_now_ms() / 1000 + NOMAD_SKEW_S, &story->dispatched.child, &failure))
        return put_back(story, &failure, false);
    if (story->dispatched.child == NULL) {
        (void)failure_set(
            &failure, UPSTREAM_NOMAD, FAILURE_NO_CHILD,
            "its dispatch got no answer and left no child, so it gets another runner");
        story->parcel.is_spent = true;
        return put_back(story, &failure, true);
    }
    return find_out(story, &failure) ? settle(story) : put_back(story, &failure, false);
}

/* The mark that the dispatch goes out, unless the claim was that already. False where it does not:
 * then `*end` is how the order ended. */
static bool
mark_sent(struct story *story, enum work_end *end)
{
    const struct tools *tools = story->tools;
    struct parcel *parcel = &story->parcel;
    struct order_step step = {.order = &story->order,
                              .owner = ledger_owner(tools->ledger),
                              .now_ms = clock_now_ms(),
                              .github_passed = parcel->github_passed,
                              .github_id = parcel->github_id,
                              .made = parcel->made};
    struct log_line line;

    if (story->order.is_sent && !parcel->github_passed &&
        clock_monotonic_ms() - story->claimed_at_ms < AT_ONCE_MS)
        return true;
    *end = WORK_LEDGER;
    if (!tools_record(tools, order_sent, &step,
                      "a dispatch is held back, since it could not be recorded"))
        return false;
    parcel->made = 0; /* counted by now */
    if (step.wanted)
        return true;
    begin_line(&line, LOG_LEVEL_INFO, story);
    log_text(&line, "outcome", "not_wanted");
    log_text(&line, "reason", "the job ended, or another runner has it");
    log_end(tools->log, &line);
    *end = WORK_DONE;
    return false;
}

/* The dispatch itself, from the mark that it goes out to its record. */
static enum work_end
send_out(struct story *story)
{
    const struct order *order = &story->order;
    char token[ORDER_TOKEN_CAP];
    const struct nomad_order dispatch = {.job = story->pool->nomad_job,
                                         .idempotency_token =
                                             order_token(order->made_for, order->n, token),
                                         .body = story->parcel.body,
                                         .body_len = story->parcel.body_len,
                                         .credential = story->parcel.credential};
    struct failure failure;
    enum work_end end;

    if (!mark_sent(story, &end))
        return end;
    if (!nomad_dispatch(story->tools->nomad, &dispatch, &story->dispatched, &failure))
        return put_back(story, &failure, policy_is_certain(&failure));
    if (story->dispatched.is_older && !find_out(story, &failure))
        return put_back(story, &failure, failure.kind == FAILURE_NO_CHILD);
    return settle(story);
}

/* From the claim to its record. */
static enum work_end
tell(struct story *story)
{
    const struct order *order = &story->order;
    struct failure failure;
    enum work_end end;

    story->pool = plan_pool(story->tools->config, order->pool, &order->job);
    if (story->pool == NULL) {
        (void)failure_set(&failure, UPSTREAM_NOMAD, FAILURE_CONFIGURATION,
                          "its pool \"%s\" is no longer in the configuration, and no other serves "
                          "its labels",
                          order->pool);
        return put_back(story, &failure, true);
    }
    if (order->is_jit && order->sent_before_ms > 0)
        return look_for_child(story);
    if (!settle_origin(story, &end))
        return end;
    return prepare(story, &failure) ? send_out(story) : put_back(story, &failure, true);
}

/* Takes up the next job that is due. */
static enum ledger_error
claim_first(const struct tools *tools, struct order *order, struct rh_reason *reason)
{
    struct order_claim claim;
    enum ledger_error error = claim_look(tools, reason);

    if (error != LEDGER_OK)
        return error;
    claim = claim_for(tools, order);
    return ledger_write(tools->ledger, order_claim, &claim, reason);
}

/* On to the job that was claimed with this one's record, if one was. */
static bool
take_next(struct story *story)
{
    struct story next = {
        .tools = story->tools, .order = story->next, .claimed_at_ms = story->next_claimed_at_ms};

    if (!story->has_next)
        return false;
    story->next = (struct order){0};
    story_fini(story);
    *story = next;
    return true;
}

enum work_end
story_tell(const struct tools *tools)
{
    struct story story = {.tools = tools, .claimed_at_ms = clock_monotonic_ms()};
    struct rh_reason reason;
    enum ledger_error error = claim_first(tools, &story.order, &reason);
    enum work_end end;

    if (error == LEDGER_NOT_FOUND)
        return WORK_NONE;
    if (error != LEDGER_OK) {
        log_message(tools->log, LOG_LEVEL_ERROR, "ledger", "no job could be taken up: %s",
                    reason.text);
        story_fini(&story); /* its order is filled, where only the commit failed */
        return WORK_LEDGER;
    }
    do {
        tools->wake(tools->arg); /* another job may wait beside this one */
        end = tell(&story);
        /* Where the program ends before a record, its lease of the next job ends as well. */
    } while (end == WORK_DONE && take_next(&story));
    story_fini(&story);
    return end;
}
