/*
 * Redelivery of what GitHub could not deliver.
 * SPDX-License-Identifier: MIT
 */
#include "audit/redelivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "config/place.h"
#include "hooks/redelivery_plan.h"
#include "ledger/hook.h"
#include "upstream/github_delivery.h"
#include "upstream/github_request.h"

/* A webhook that we may not ask about is left alone for this long: a person has to act, and was
 * told. */
#define REFUSED_MS (INT64_C(24) * 3600 * 1000)

/* After any other trouble, and where GitHub was asked to make enough for this minute. */
#define AGAIN_MS (INT64_C(60) * 1000)

/* How an attempt ends is known only after its 10 s, and our clock may not be GitHub's. */
#define SLACK_MS (INT64_C(5) * 60 * 1000)

/* One webhook's sweep under way. */
struct sweep {
    const struct tools *tools;
    const struct hook_claim *claim;
    struct github_sender sender;
    struct github_delivery *attempts;
    size_t attempts_len, attempts_cap;
    int64_t asked;   /* of those, that were asked for again */
    bool is_put_off; /* there is more to ask for than GitHub may be asked now */
    bool out_of_memory;
    bool ledger_failed;
    struct failure failure;
};

struct account *
redelivery_app(struct accounts *accounts, const char *place)
{
    struct account *account;

    for (size_t i = 0; (account = accounts_at(accounts, i)) != NULL; i++) {
        const char *id = account_app_id(account);

        if (id != NULL && strncmp(place, HOOK_APP, strlen(HOOK_APP)) == 0 &&
            strcmp(place + strlen(HOOK_APP), id) == 0)
            return account;
    }
    return NULL;
}

enum ledger_error
redelivery_enter_apps(struct ledger_txn *txn, void *arg)
{
    const struct redelivery_apps *apps = arg;
    enum ledger_error error = LEDGER_OK;
    const struct account *account;

    for (size_t i = 0; error == LEDGER_OK && (account = accounts_at(apps->accounts, i)) != NULL;
         i++) {
        char place[PLACE_CAP];
        struct hook_sighting sighting = {.place = place, .now_ms = apps->now_ms};

        if (account_app_id(account) == NULL)
            continue;
        (void)snprintf(place, sizeof place, HOOK_APP "%s", account_app_id(account));
        error = hook_seen(txn, &sighting);
    }
    return error;
}

static bool
record(struct sweep *sweep, ledger_work work, void *arg)
{
    sweep->ledger_failed =
        sweep->ledger_failed ||
        !tools_record(sweep->tools, work, arg, "what is redelivered could not be recorded");
    return !sweep->ledger_failed;
}

/* -- What failed --------------------------------------------------------------------------------
 */

static bool
keep_attempt(const struct github_delivery *attempt, void *arg)
{
    struct sweep *sweep = arg;

    if (sweep->attempts_len == sweep->attempts_cap) {
        size_t cap = sweep->attempts_cap == 0 ? 128 : sweep->attempts_cap * 2;
        struct github_delivery *grown = reallocarray(sweep->attempts, cap, sizeof *sweep->attempts);

        sweep->out_of_memory = grown == NULL;
        if (grown == NULL)
            return false;
        sweep->attempts = grown;
        sweep->attempts_cap = cap;
    }
    sweep->attempts[sweep->attempts_len++] = *attempt;
    return true;
}

static bool
was_asked(const char *guid, void *arg)
{
    struct sweep *sweep = arg;
    struct redelivery_find find = {.guid = guid};
    struct rh_reason reason;

    if (ledger_read(sweep->tools->ledger, redelivery_find, &find, &reason) == LEDGER_OK)
        return find.was_asked;
    sweep->ledger_failed = true;
    return true;
}

/* -- What is asked for --------------------------------------------------------------------------
 */

/* Begins a line about the webhook. */
static void
log_hook(struct log_line *line, enum log_level level, const struct hook_claim *hook,
         const char *outcome)
{
    bool is_repository = place_is_repository(hook->place);

    log_begin(line, level, "redelivery");
    log_text(line, is_repository ? "repository" : "place",
             is_repository ? hook->place + strlen(PLACE_REPOSITORY) : hook->place);
    if (hook->id != 0)
        log_number(line, "hook", hook->id);
    log_text(line, "outcome", outcome);
}

static void
log_asked(const struct sweep *sweep, const struct github_delivery *attempt)
{
    struct log_line line;

    log_hook(&line, LOG_LEVEL_WARNING, sweep->claim, "asked");
    log_text(&line, "delivery", attempt->guid);
    log_text(&line, "action", attempt->action);
    log_number(&line, "status", attempt->status_code);
    log_text(&line, "reason", "its delivery failed, so GitHub is asked for it again");
    log_end(sweep->tools->log, &line);
}

/* Asks for one again. False where the sweep cannot go on. */
static bool
ask(struct sweep *sweep, struct github_delivery *attempt)
{
    int64_t per_minute = sweep->tools->config->github.content_per_minute;
    /* Half is kept for runners, whose jobs are here already. */
    struct redelivery_claim claim = {.guid = attempt->guid,
                                     .now_ms = clock_now_ms(),
                                     .per_minute = per_minute,
                                     .reserve = per_minute / 2};

    if (!record(sweep, redelivery_claim, &claim))
        return false;
    sweep->is_put_off = claim.permit == REDELIVERY_LATER;
    if (claim.permit != REDELIVERY_MAY)
        return claim.permit == REDELIVERY_ASKED; /* by another process, since it was listed */
    if (github_redeliver(sweep->tools->github, &sweep->sender, attempt->id, &sweep->failure)) {
        sweep->asked++;
        log_asked(sweep, attempt);
        return true;
    }
    if (sweep->failure.kind == FAILURE_NOT_FOUND && sweep->failure.is_apis_word)
        return true; /* GitHub keeps it no more */
    (void)record(sweep, redelivery_release, attempt->guid);
    return false;
}

/* False where it could not come to its end. */
static bool
sweep_hook(struct sweep *sweep)
{
    int64_t now_ms = sweep->claim->now_ms;
    struct redelivery_rules rules = {.now_ms = now_ms,
                                     .since_ms = now_ms - GITHUB_DELIVERIES_MS,
                                     .was_asked = was_asked,
                                     .arg = sweep};
    size_t chosen;

    if (sweep->claim->swept_to_ms - SLACK_MS > rules.since_ms)
        rules.since_ms = sweep->claim->swept_to_ms - SLACK_MS;
    if (!github_deliveries(sweep->tools->github, &sweep->sender, rules.since_ms, keep_attempt,
                           sweep, &sweep->failure))
        return false;
    if (sweep->out_of_memory)
        return failure_set(&sweep->failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
    chosen = redelivery_plan(sweep->attempts, sweep->attempts_len, &rules);
    for (size_t i = 0; i < chosen && !sweep->ledger_failed; i++) {
        if (!ask(sweep, &sweep->attempts[i]))
            return false;
    }
    return !sweep->ledger_failed;
}

/* -- One webhook ---------------------------------------------------------------------------------
 */

static void
log_gone(const struct sweep *sweep)
{
    const char *place = sweep->claim->place;
    struct log_line line;
    char reason[2 * PLACE_CAP + 256];

    (void)snprintf(
        reason, sizeof reason,
        "GitHub knows no such webhook (404): was it deleted, make it anew: `runhook hooks "
        "install %s%s --url …`; is it there, the token needs %s of it, or set [audit] "
        "redeliver_interval = 0",
        place_is_organization(place) ? "--organization " : "", strchr(place, '/') + 1,
        github_permission(github_permission_of_hooks(place))->words);
    log_hook(&line, LOG_LEVEL_WARNING, sweep->claim, "hook_gone");
    log_text(&line, "reason", reason);
    log_end(sweep->tools->log, &line);
}

static void
log_failure(const struct sweep *sweep, bool needs_operator)
{
    const struct failure *failure = &sweep->failure;
    struct failure shown = *failure;
    struct log_line line;

    if (failure->kind == FAILURE_FORBIDDEN)
        (void)snprintf(shown.text.text, sizeof shown.text.text,
                       "%.200s, or set [audit] redeliver_interval = 0", failure->text.text);
    log_hook(&line, needs_operator ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, sweep->claim, "retry");
    tools_log_failure(&line, &shown);
    log_end(sweep->tools->log, &line);
}

/* The sweep failed: when there is another, and who hears of it. `gate` is the result's. */
static void
put_off(struct sweep *sweep, struct hook_result *result, struct gate_failure *gate)
{
    const struct failure *failure = &sweep->failure;
    struct policy_decision decision = tools_decide(sweep->tools, failure, result->place, 1);
    int64_t interval_ms = sweep->tools->config->audit.redeliver_interval_s * 1000;
    int64_t again_ms = AGAIN_MS > decision.delay_ms ? AGAIN_MS : decision.delay_ms;

    result->note = failure->text.text;
    if (decision.is_upstreams) {
        *gate = tools_gate_failure(failure, &decision);
        result->gate = gate;
    }
    if (decision.needs_operator && !decision.is_upstreams)
        result->until_ms = result->now_ms + REFUSED_MS;
    else
        result->until_ms = result->now_ms + (again_ms < interval_ms ? again_ms : interval_ms);
    result->is_gone = failure->kind == FAILURE_NOT_FOUND && failure->is_apis_word;
    if (!result->is_gone)
        log_failure(sweep, decision.needs_operator);
    else if (sweep->sender.app == NULL) /* an App without a webhook of its own has others */
        log_gone(sweep);
}

static enum work_end
finish(struct sweep *sweep, bool done)
{
    struct hook_result result = {.place = sweep->claim->place,
                                 .id = sweep->claim->id,
                                 .now_ms = clock_now_ms(),
                                 .calls = 1 + (int64_t)sweep->attempts_len / 100,
                                 .asked = sweep->asked};
    struct gate_failure gate;

    if (sweep->ledger_failed)
        return WORK_LEDGER;
    if (done || sweep->is_put_off)
        result.gate_place = sweep->sender.place;
    if (done)
        result.swept_to_ms = sweep->claim->now_ms;
    else if (sweep->is_put_off)
        result.until_ms = result.now_ms + AGAIN_MS;
    else
        put_off(sweep, &result, &gate);
    if (!record(sweep, hook_finish, &result))
        return WORK_LEDGER;
    return done || sweep->is_put_off ? WORK_DONE : WORK_FAILED;
}

/* An App that the configuration has no more: there is nobody to ask as. */
static enum work_end
forget(struct sweep *sweep)
{
    struct hook_key key = {.place = sweep->claim->place, .id = sweep->claim->id};

    return record(sweep, hook_forget, &key) ? WORK_DONE : WORK_LEDGER;
}

enum work_end
redelivery_look(const struct tools *tools)
{
    const struct audit_config *config = &tools->config->audit;
    struct hook_claim claim = {.now_ms = clock_now_ms(),
                               .interval_ms = config->redeliver_interval_s * 1000,
                               .calls_per_hour = config->github_calls};
    struct sweep sweep = {.tools = tools, .claim = &claim, .sender.place = claim.place};
    struct rh_reason reason;
    enum ledger_error error;
    enum work_end end;

    if (config->redeliver_interval_s == 0)
        return WORK_NONE;
    error = ledger_write(tools->ledger, hook_claim, &claim, &reason);
    if (error != LEDGER_OK)
        return error == LEDGER_NOT_FOUND ? WORK_NONE : WORK_LEDGER;
    sweep.sender.id = claim.id;
    if (strncmp(claim.place, HOOK_APP, strlen(HOOK_APP)) == 0) {
        sweep.sender.place = PLACE_APP;
        sweep.sender.app = redelivery_app(github_accounts(tools->github), claim.place);
        if (sweep.sender.app == NULL)
            return forget(&sweep);
    }
    end = finish(&sweep, sweep_hook(&sweep));
    free(sweep.attempts);
    return end;
}
