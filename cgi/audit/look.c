/*
 * One look of an audit at one runner.
 * SPDX-License-Identifier: MIT
 */
#include "audit/look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "config/pool.h"
#include "ledger/order.h"
#include "upstream/github_runner.h"
#include "upstream/nomad_child.h"

/* A dispatch that got no answer has reached Nomad within its own time-out and this, or never will.
 */
#define ANSWER_SLACK_MS (INT64_C(60) * 1000)

void
look_begin_line(struct log_line *line, enum log_level level, const struct look *look)
{
    const struct runner *runner = &look->audit.runner;

    log_begin(line, level, "audit");
    log_text(line, "runner", runner->name);
    log_text(line, "repository", runner->repository);
    if (runner->job_id != 0)
        log_number(line, "job", runner->job_id);
    log_text(line, "pool", runner->pool);
    log_text(line, "state", runner_state_text(runner->state));
}

static void
log_deed(const struct look *look, const char *what)
{
    struct log_line line;

    look_begin_line(&line, LOG_LEVEL_INFO, look);
    log_text(&line, "outcome", what);
    log_text(&line, "child", look->child);
    log_end(look->tools->log, &line);
}

/* A time of the past, by a clock that may have been set back since. */
static int64_t
earlier(int64_t past_ms, int64_t now_ms)
{
    return past_ms < now_ms ? past_ms : now_ms;
}

void
look_init(struct look *look, const struct tools *tools)
{
    const struct audit_config *config = &tools->config->audit;
    const struct runner *runner = &look->audit.runner;
    const struct pool *pool = pool_named(tools->config, runner->pool);
    int64_t now_ms = clock_now_ms();

    look->tools = tools;
    look->github_id = runner->github_id;
    (void)snprintf(look->child, sizeof look->child, "%s", runner->child);
    look->inquiry = (struct inquiry){
        .state = runner->state,
        .has_job = look->audit.is_counted_on &&
                   look->audit.job == (runner->state == RUNNER_BUSY ? JOB_RUNNING : JOB_ASSIGNED),
        .was_sent = runner->sent_at_ms > 0,
        .is_jit = runner->is_jit,
        .has_child = runner->child[0] != '\0',
        .has_id = runner->github_id > 0,
        .audits = runner->audits,
        .now_ms = now_ms,
        .changed_at_ms = earlier(runner->changed_at_ms, now_ms),
        .sent_at_ms = earlier(runner->sent_at_ms, now_ms),
        .placed_at_ms = earlier(runner->placed_at_ms, now_ms),
        .jitter = tools_jitter(runner->name, runner->audits),
        .github_is_shut = look->audit.github_is_shut,
        .may_confirm = look->audit.calls_left > 0,
        .interval_ms = config->interval_s * 1000,
        .interval_max_ms = config->interval_max_s * 1000,
        .idle_timeout_ms = config->idle_timeout_s * 1000,
        .register_timeout_ms = config->register_timeout_s * 1000,
        .placement_timeout_ms = config->placement_timeout_s * 1000,
        .leave_timeout_ms = config->leave_timeout_s * 1000,
        .answer_timeout_ms = tools->config->nomad.timeout_s * 1000 + ANSWER_SLACK_MS,
        .is_watched = pool != NULL && pool->max_pending > 0,
    };
}

/* -- Questions to Nomad -------------------------------------------------------------------------
 */

static bool
find_child(struct look *look, struct failure *failure)
{
    const struct runner *runner = &look->audit.runner;
    const struct pool *pool = pool_named(look->tools->config, runner->pool);
    int64_t sent_s = look->inquiry.sent_at_ms / 1000;
    char token[ORDER_TOKEN_CAP];
    char *child = NULL;

    if (pool == NULL)
        return failure_set(failure, UPSTREAM_NOMAD, FAILURE_CONFIGURATION,
                           "its pool \"%s\" is no longer in the configuration, so its Nomad job "
                           "cannot be looked for; `runhook runners forget %s` gives it up",
                           runner->pool, runner->name);
    if (!nomad_find_child(
            look->tools->nomad, pool->nomad_job, order_token(runner->made_for, runner->n, token),
            runner->name,
            earlier(runner->created_at_ms, look->inquiry.now_ms) / 1000 - NOMAD_SKEW_S,
            sent_s + look->inquiry.answer_timeout_ms / 1000 + NOMAD_SKEW_S, &child, failure))
        return false;
    if (child == NULL) {
        look->inquiry.child = CHILD_NONE;
    } else {
        (void)snprintf(look->child, sizeof look->child, "%s", child);
        look->inquiry.has_child = true;
        free(child);
    }
    return true;
}

static bool
ask_child(struct look *look, struct failure *failure)
{
    struct nomad_child child;

    if (!nomad_child(look->tools->nomad, look->child, &child, failure)) {
        if (failure->kind != FAILURE_NOT_FOUND)
            return false;
        look->inquiry.child = CHILD_OVER; /* collected */
        return true;
    }
    if (child.runner_name != NULL && strcmp(child.runner_name, look->audit.runner.name) != 0) {
        look->inquiry.child = CHILD_NONE; /* another's runner lives in it */
        nomad_child_fini(&child);
        return true;
    }
    switch (child.status) {
    case NOMAD_PENDING:
        look->inquiry.child = CHILD_PENDING;
        break;
    case NOMAD_RUNNING:
        look->inquiry.child = CHILD_RUNNING;
        break;
    case NOMAD_DEAD:
        look->inquiry.child = CHILD_OVER;
        break;
    }
    look->inquiry.child_is_stopped |= child.is_stopped;
    nomad_child_fini(&child);
    return true;
}

/* When the task started, which its node tells by a clock of its own. Ours saw it on a node first
 * (placed_at_ms) at most one pause between two looks later, so it is not believed to have started
 * longer before that; and nothing has timed out in the look that sees it first. */
static int64_t
started_at(const struct look *look, int64_t told_ms)
{
    const struct inquiry *inquiry = &look->inquiry;
    int64_t least_ms = inquiry->placed_at_ms - inquiry->interval_max_ms;

    if (told_ms == 0)
        return 0;
    if (inquiry->placed_at_ms == 0)
        return inquiry->now_ms;
    if (told_ms > inquiry->now_ms)
        return inquiry->placed_at_ms;
    if (least_ms < inquiry->sent_at_ms)
        least_ms = inquiry->sent_at_ms;
    return told_ms > least_ms ? told_ms : least_ms;
}

static bool
ask_placement(struct look *look, struct failure *failure)
{
    struct nomad_placement placement;

    if (!nomad_placement(look->tools->nomad, look->child, &placement, failure))
        return false;
    look->inquiry.placement = placement.allocations > 0 ? PLACEMENT_SOME : PLACEMENT_NONE;
    look->inquiry.started_at_ms = started_at(look, placement.started_at_ms);
    return true;
}

static bool
ask_why_unplaced(struct look *look, struct failure *failure)
{
    char reason[NOMAD_REASON_CAP];

    if (!nomad_unplaced(look->tools->nomad, look->child, reason, failure))
        return false;
    look->inquiry.knows_why = true;
    if (reason[0] != '\0')
        (void)snprintf(look->note, sizeof look->note, "Nomad cannot place it: %s", reason);
    return true;
}

/* Of the ledger: a job that began since the dispatch, on a runner that nobody here made, may run in
 * this child, under a name that its task chose for itself. */
static bool
ask_strangers(struct look *look, struct failure *failure)
{
    struct audit_strangers strangers = {.place = look->audit.runner.place,
                                        .since_ms = look->audit.runner.created_at_ms};
    struct rh_reason reason;

    if (ledger_read(look->tools->ledger, audit_find_strangers, &strangers, &reason) != LEDGER_OK)
        return failure_set(failure, UPSTREAM_NOMAD, FAILURE_LOCAL, "the ledger: %s", reason.text);
    look->inquiry.strangers = strangers.job_id == 0 ? STRANGERS_NONE : STRANGERS_SOME;
    if (strangers.job_id != 0)
        (void)snprintf(look->note, sizeof look->note,
                       "not stopped: job %" PRId64 " runs on %s, which may be this child under a "
                       "name of its own: let its task register as the payload's runner_name",
                       strangers.job_id, strangers.runner);
    return true;
}

/* Nomad is asked for the end of a child. One that was on no node is looked at again at once: it is
 * dead, and its name is looked up once more. Another's task has its time to end. */
static bool
stop_child(struct look *look, struct failure *failure)
{
    if (!nomad_stop(look->tools->nomad, look->child, failure))
        return false;
    log_deed(look, "stopped");
    (void)snprintf(look->note, sizeof look->note, "its Nomad job was stopped");
    look->inquiry.child_is_stopped = true;
    if (look->inquiry.placement == PLACEMENT_NONE) {
        look->inquiry.child = CHILD_UNKNOWN;
        look->inquiry.placement = PLACEMENT_UNKNOWN;
        look->inquiry.registration = REGISTRATION_UNKNOWN;
    }
    return true;
}

/* -- Questions to GitHub ------------------------------------------------------------------------
 */

static bool
ask_job(struct look *look, struct failure *failure)
{
    const struct runner *runner = &look->audit.runner;

    look->github_calls++;
    if (!github_job_get(look->tools->github, look->audit.job_repository, runner->job_id, &look->job,
                        failure)) {
        /* A token that may not read jobs: with the child over, the job is taken to wait, since a
         * runner too many is taken away again, and a job without one starves. */
        if (failure->kind != FAILURE_FORBIDDEN || look->inquiry.child != CHILD_OVER)
            return false;
        log_message(look->tools->log, LOG_LEVEL_ERROR, "audit", "%s", failure->text.text);
        look->inquiry.job = JOB_FACT_WAITS;
        return true;
    }
    switch (look->job.status) {
    case GITHUB_JOB_WAITING:
    case GITHUB_JOB_QUEUED:
        look->inquiry.job = JOB_FACT_WAITS;
        break;
    case GITHUB_JOB_IN_PROGRESS:
        look->inquiry.job = strcmp(look->job.runner_name, runner->name) == 0 ? JOB_FACT_RUNS_HERE
                                                                             : JOB_FACT_RUNS_THERE;
        break;
    case GITHUB_JOB_COMPLETED:
        look->inquiry.job = JOB_FACT_OVER;
        break;
    case GITHUB_JOB_ABSENT:
        look->inquiry.job = JOB_FACT_ABSENT;
        break;
    }
    return true;
}

static bool
ask_registration(struct look *look, struct failure *failure)
{
    const struct runner *runner = &look->audit.runner;
    struct github_runner found;

    look->github_calls++;
    if (!github_runner_find(look->tools->github, runner->place, runner->name, &found, failure))
        return false;
    look->github_id = found.id;
    look->inquiry.has_id = found.is_registered;
    look->inquiry.is_offline = found.is_registered && !found.is_online;
    look->inquiry.registration = !found.is_registered ? REGISTRATION_ABSENT
                                 : found.is_busy      ? REGISTRATION_BUSY
                                                      : REGISTRATION_IDLE;
    return true;
}

static bool
delete_registration(struct look *look, struct failure *failure)
{
    enum github_deletion deletion;

    look->github_calls++;
    if (!github_runner_delete(look->tools->github, look->audit.runner.place, look->github_id,
                              &deletion, failure))
        return false;
    switch (deletion) {
    case GITHUB_DELETED:
        log_deed(look, "deregistered");
        look->inquiry.registration = REGISTRATION_DELETED;
        look->github_id = 0;
        break;
    case GITHUB_ABSENT: /* this id is: the name may be registered anew, under another */
        look->inquiry.registration = REGISTRATION_UNKNOWN;
        look->inquiry.has_id = false;
        look->github_id = 0;
        break;
    case GITHUB_BUSY:
        look->inquiry.registration = REGISTRATION_BUSY;
        break;
    }
    return true;
}

/* Whether a runner may be touched: it has our name. One of another receiver is there to be watched
 * alone, unless it was made under the same prefix. */
static bool
is_ours(const struct look *look)
{
    const struct runner *runner = &look->audit.runner;
    const char *prefix = look->tools->config->server.runner_prefix;
    size_t prefix_len = strlen(prefix);
    char made[64];

    if (strncmp(runner->name, prefix, prefix_len) == 0 && runner->name[prefix_len] == '-')
        return true;
    /* Named before the prefix was changed. */
    (void)snprintf(made, sizeof made, "-%s-%" PRId64 "-%" PRId64,
                   ledger_receiver(look->tools->ledger), runner->made_for, runner->n);
    return strlen(runner->name) > strlen(made) &&
           strcmp(runner->name + strlen(runner->name) - strlen(made), made) == 0;
}

bool
look_step(struct look *look, enum step step, struct failure *failure)
{
    static bool (*const steps[])(struct look *, struct failure *) = {
        [STEP_FIND_CHILD] = find_child,
        [STEP_ASK_CHILD] = ask_child,
        [STEP_ASK_PLACEMENT] = ask_placement,
        [STEP_ASK_WHY_UNPLACED] = ask_why_unplaced,
        [STEP_ASK_STRANGERS] = ask_strangers,
        [STEP_ASK_JOB] = ask_job,
        [STEP_ASK_REGISTRATION] = ask_registration,
        [STEP_DELETE_REGISTRATION] = delete_registration,
        [STEP_STOP_CHILD] = stop_child,
    };
    bool is_deed = step == STEP_DELETE_REGISTRATION || step == STEP_STOP_CHILD;
    bool is_githubs = step_is_githubs(step);

    if (is_deed && !is_ours(look))
        return failure_set(failure, is_githubs ? UPSTREAM_GITHUB : UPSTREAM_NOMAD,
                           FAILURE_CONFIGURATION,
                           "a runner of another name prefix is not taken away from here: whoever "
                           "made it does that");
    if (!steps[step](look, failure))
        return false;
    look->github_passed |= is_githubs;
    look->nomad_passed |= !is_githubs && step != STEP_ASK_STRANGERS;
    return true;
}
