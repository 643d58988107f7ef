/*
 * What an audit of one runner asks, does and concludes.
 * SPDX-License-Identifier: MIT
 */
#include "audit/inquiry.h"

/* The first look again at what should end by itself, and at what is watched. */
#define SOON_MS INT64_C(1000)

/* Looks in a row after which a job has been running for long. */
#define LONG_AUDITS 2

static struct decision
go(enum step step)
{
    return (struct decision){.step = step};
}

static int64_t
earlier(int64_t one, int64_t two)
{
    return one < two ? one : two;
}

/* Rests: looks again after the interval, doubled with each look that changed nothing. */
static struct decision
rest(const struct inquiry *inquiry, int64_t until_ms)
{
    int64_t next_ms =
        inquiry->now_ms + rules_backoff_ms(inquiry->interval_ms, inquiry->interval_max_ms,
                                           inquiry->audits + 2, inquiry->jitter);

    if (until_ms > inquiry->now_ms)
        next_ms = earlier(next_ms, until_ms);
    return (struct decision){.step = STEP_REST, .next_look_ms = next_ms};
}

/* Rests, for a runner that idles: it must not outlive its demand by much more than
 * idle_timeout, whatever event was lost. */
static struct decision
rest_idle(const struct inquiry *inquiry, int64_t until_ms)
{
    int64_t half_ms = inquiry->idle_timeout_ms / 2;
    int64_t most_ms = half_ms > inquiry->interval_ms ? half_ms : inquiry->interval_ms;
    struct decision decision = rest(inquiry, until_ms);

    decision.next_look_ms = earlier(decision.next_look_ms, inquiry->now_ms + most_ms);
    return decision;
}

/* Rests, where GitHub was to be asked and was asked often enough in this minute: who was
 * passed over comes again before those that were not. */
static struct decision
rest_passed_over(const struct inquiry *inquiry)
{
    return (struct decision){.step = STEP_REST,
                             .next_look_ms = inquiry->now_ms + inquiry->interval_ms};
}

/* Rests, where something is to happen within moments. */
static struct decision
rest_soon(const struct inquiry *inquiry)
{
    return (struct decision){.step = STEP_REST,
                             .next_look_ms =
                                 inquiry->now_ms +
                                 rules_backoff_ms(earlier(SOON_MS, inquiry->interval_ms),
                                                  inquiry->interval_ms, inquiry->audits + 1, 0)};
}

static struct decision
conclude(const struct inquiry *inquiry, enum step step)
{
    return (struct decision){.step = step, .next_look_ms = inquiry->now_ms + inquiry->interval_ms};
}

/*
 * The child is dead, and once no allocation of it lives (Nomad calls a job dead from the moment
 * that it is stopped, while its task still has its time to end), nothing can register under the
 * name any more: once GitHub has no registration of it, the runner is gone. A runner that died busy
 * leaves one behind which GitHub refuses to delete until it has noticed.
 */
static struct decision
bury(const struct inquiry *inquiry)
{
    if (inquiry->child == CHILD_OVER && inquiry->placement == PLACEMENT_UNKNOWN)
        return go(STEP_ASK_PLACEMENT);
    if (inquiry->child == CHILD_OVER && inquiry->placement == PLACEMENT_SOME)
        return rest_soon(inquiry);
    switch (inquiry->registration) {
    case REGISTRATION_UNKNOWN:
        return go(STEP_ASK_REGISTRATION);
    case REGISTRATION_IDLE:
        return go(STEP_DELETE_REGISTRATION);
    case REGISTRATION_BUSY:
        return rest(inquiry, 0);
    case REGISTRATION_ABSENT:
    case REGISTRATION_DELETED:
        break;
    }
    return conclude(inquiry, STEP_GONE);
}

/* Not registered, and its child lives: that may be about to register. It may be stopped while it is
 * not placed, or once it has had its time. */
static struct decision
stop_unregistered(const struct inquiry *inquiry)
{
    int64_t since_ms = inquiry->started_at_ms > 0  ? inquiry->started_at_ms
                       : inquiry->placed_at_ms > 0 ? inquiry->placed_at_ms
                                                   : inquiry->now_ms;

    if (inquiry->placement == PLACEMENT_UNKNOWN)
        return go(STEP_ASK_PLACEMENT);
    if (inquiry->placement == PLACEMENT_SOME &&
        inquiry->now_ms - since_ms < inquiry->register_timeout_ms)
        return rest_soon(inquiry);
    if (inquiry->placement == PLACEMENT_SOME && inquiry->strangers == STRANGERS_UNKNOWN)
        return go(STEP_ASK_STRANGERS);
    if (inquiry->placement == PLACEMENT_SOME && inquiry->strangers == STRANGERS_SOME)
        return rest(inquiry, 0);
    return go(STEP_STOP_CHILD);
}

/* Nothing needs the runner. */
static struct decision
take_away(const struct inquiry *inquiry)
{
    if (inquiry->child == CHILD_OVER || inquiry->child == CHILD_NONE)
        return bury(inquiry);
    if (inquiry->child_is_stopped)
        return rest_soon(inquiry);
    switch (inquiry->registration) {
    case REGISTRATION_UNKNOWN:
        return go(inquiry->has_id ? STEP_DELETE_REGISTRATION : STEP_ASK_REGISTRATION);
    case REGISTRATION_IDLE:
        return go(STEP_DELETE_REGISTRATION);
    case REGISTRATION_BUSY:
        return inquiry->state == RUNNER_RETIRING ? conclude(inquiry, STEP_TAKEN) : rest(inquiry, 0);
    case REGISTRATION_DELETED:
        return go(STEP_STOP_CHILD);
    case REGISTRATION_ABSENT:
        break;
    }
    return stop_unregistered(inquiry);
}

/* Its job is over. It should go by itself. */
static struct decision
see_off(const struct inquiry *inquiry)
{
    bool had_its_time = inquiry->now_ms - inquiry->changed_at_ms >= inquiry->leave_timeout_ms;

    if (inquiry->child == CHILD_OVER || inquiry->child == CHILD_NONE || had_its_time)
        return take_away(inquiry);
    return rest_soon(inquiry);
}

/* GitHub took the job back after it had begun: it waits again, and the runner may run another. */
static struct decision
check_taken_back(const struct inquiry *inquiry)
{
    if (inquiry->registration == REGISTRATION_UNKNOWN)
        return go(STEP_ASK_REGISTRATION);
    return conclude(inquiry,
                    inquiry->registration == REGISTRATION_BUSY ? STEP_TAKEN : STEP_LOST_IDLE);
}

/* A job runs on it, as far as is known. */
static struct decision
check_busy(const struct inquiry *inquiry)
{
    bool is_over = inquiry->child == CHILD_OVER;
    /* One that has run for long is asked about, though its child lives. */
    bool is_time = inquiry->audits >= LONG_AUDITS;

    if (is_over && inquiry->placement == PLACEMENT_UNKNOWN)
        return go(STEP_ASK_PLACEMENT); /* whether it still takes up a place */
    if (inquiry->job == JOB_FACT_UNKNOWN && (is_over || (is_time && inquiry->may_confirm)))
        return go(STEP_ASK_JOB);
    if (inquiry->job == JOB_FACT_UNKNOWN)
        return is_time ? rest_passed_over(inquiry) : rest(inquiry, 0);
    if (inquiry->job == JOB_FACT_OVER || inquiry->job == JOB_FACT_RUNS_THERE ||
        (inquiry->job == JOB_FACT_ABSENT && is_over))
        return conclude(inquiry, STEP_APPLY_JOB);
    if (inquiry->job == JOB_FACT_WAITS && is_over)
        return conclude(inquiry, STEP_LOST_ENDED);
    if (inquiry->job == JOB_FACT_WAITS)
        return check_taken_back(inquiry);
    return rest(inquiry, 0); /* it runs; or its child died, and GitHub has not noticed yet */
}

/* Whether what GitHub says of the job ends its wait for this runner. That there is no such job is
 * believed once the runner has idled for its time: a job that GitHub has not is no reason to stop
 * one that may be about to run it. */
static bool
is_settled(const struct inquiry *inquiry, int64_t idle_ms)
{
    switch (inquiry->job) {
    case JOB_FACT_RUNS_HERE:
    case JOB_FACT_RUNS_THERE:
    case JOB_FACT_OVER:
        return true;
    case JOB_FACT_ABSENT:
        return idle_ms >= inquiry->idle_timeout_ms;
    case JOB_FACT_UNKNOWN:
    case JOB_FACT_WAITS:
        break;
    }
    return false;
}

static struct decision
check_unplaced(const struct inquiry *inquiry)
{
    int64_t until_ms = inquiry->sent_at_ms + inquiry->placement_timeout_ms;
    bool is_late = inquiry->now_ms >= until_ms;
    /* A look that is made only because the placement is watched leaves GitHub alone. */
    bool is_time = inquiry->now_ms - inquiry->changed_at_ms >= inquiry->interval_ms;

    if (!inquiry->knows_why)
        return go(STEP_ASK_WHY_UNPLACED);
    if (inquiry->job == JOB_FACT_UNKNOWN && (is_late || (inquiry->may_confirm && is_time)))
        return go(STEP_ASK_JOB);
    if (is_settled(inquiry, inquiry->now_ms - inquiry->changed_at_ms))
        return conclude(inquiry, STEP_APPLY_JOB);
    if (is_late)
        return conclude(inquiry, STEP_LOST_WAITING);
    if (inquiry->is_watched)
        return rest_soon(inquiry);
    return inquiry->job == JOB_FACT_UNKNOWN && is_time ? rest_passed_over(inquiry)
                                                       : rest_idle(inquiry, until_ms);
}

/* It runs. GitHub is asked of the runner before it is asked of the job: a runner that is busy while
 * the job still waits after that runs another one. */
static struct decision
check_running(const struct inquiry *inquiry)
{
    bool is_late = inquiry->now_ms - inquiry->changed_at_ms >= inquiry->register_timeout_ms;
    int64_t until_ms = inquiry->sent_at_ms + inquiry->placement_timeout_ms;
    int64_t since_ms;

    if (inquiry->placement == PLACEMENT_UNKNOWN)
        return go(STEP_ASK_PLACEMENT);
    if (inquiry->registration == REGISTRATION_UNKNOWN)
        return inquiry->may_confirm || is_late ? go(STEP_ASK_REGISTRATION)
                                               : rest_passed_over(inquiry);
    if (inquiry->job == JOB_FACT_UNKNOWN)
        return go(STEP_ASK_JOB);
    since_ms = inquiry->now_ms -
               (inquiry->started_at_ms > 0 ? inquiry->started_at_ms : inquiry->changed_at_ms);
    if (is_settled(inquiry, since_ms))
        return conclude(inquiry, STEP_APPLY_JOB);
    if (inquiry->registration == REGISTRATION_BUSY)
        return conclude(inquiry, STEP_TAKEN);
    if (inquiry->started_at_ms == 0 && inquiry->now_ms >= until_ms)
        return conclude(inquiry, STEP_LOST_WAITING);
    if (inquiry->started_at_ms == 0)
        return rest_idle(inquiry, until_ms);
    if (inquiry->registration == REGISTRATION_ABSENT ||
        (inquiry->is_jit && inquiry->is_offline)) { /* its task has not shown itself */
        if (since_ms >= inquiry->register_timeout_ms)
            return conclude(inquiry, STEP_LOST_SILENT);
        return rest_idle(inquiry, inquiry->started_at_ms + inquiry->register_timeout_ms);
    }
    if (since_ms >= inquiry->idle_timeout_ms)
        return conclude(inquiry, STEP_LOST_IDLE);
    return rest_idle(inquiry, inquiry->started_at_ms + inquiry->idle_timeout_ms);
}

/* A job counts on it, and does not run yet as far as is known. */
static struct decision
check_live(const struct inquiry *inquiry)
{
    if (inquiry->child == CHILD_PENDING)
        return check_unplaced(inquiry);
    if (inquiry->child == CHILD_RUNNING)
        return check_running(inquiry);
    if (inquiry->job == JOB_FACT_UNKNOWN)
        return go(STEP_ASK_JOB);
    return conclude(inquiry, inquiry->job == JOB_FACT_WAITS ? STEP_LOST_ENDED : STEP_APPLY_JOB);
}

/* Nomad first. */
static struct decision
ask_nomad(const struct inquiry *inquiry)
{
    if (inquiry->child == CHILD_UNKNOWN)
        return go(inquiry->has_child ? STEP_ASK_CHILD : STEP_FIND_CHILD);
    /* The dispatch may still be on its way. */
    return rest(inquiry, inquiry->sent_at_ms + inquiry->answer_timeout_ms);
}

static struct decision
next(const struct inquiry *inquiry)
{
    bool may_yet_come = inquiry->child == CHILD_NONE &&
                        inquiry->now_ms - inquiry->sent_at_ms < inquiry->answer_timeout_ms;

    /* What was never dispatched has left nothing but, just in time, its registration. */
    if (!inquiry->was_sent)
        return inquiry->is_jit ? bury(inquiry) : conclude(inquiry, STEP_GONE);
    if (inquiry->child == CHILD_UNKNOWN || may_yet_come)
        return ask_nomad(inquiry);
    switch (inquiry->state) {
    case RUNNER_LIVE:
        return inquiry->has_job ? check_live(inquiry) : conclude(inquiry, STEP_SURPLUS);
    case RUNNER_BUSY:
        return inquiry->has_job ? check_busy(inquiry) : take_away(inquiry);
    case RUNNER_LEAVING:
        return see_off(inquiry);
    case RUNNER_RETIRING:
        return take_away(inquiry);
    case RUNNER_NONE:
    case RUNNER_MINTING:
    case RUNNER_SENT:
    case RUNNER_GONE:
        break;
    }
    return rest(inquiry, 0); /* a dispatch's, or over */
}

struct decision
inquiry_next(const struct inquiry *inquiry)
{
    struct decision decision = next(inquiry);

    /* A repository that the token may not see any more has no job and no runner either: only where
     * GitHub tells of its runners is it the job that is not there. */
    if (decision.step == STEP_APPLY_JOB && inquiry->job == JOB_FACT_ABSENT &&
        inquiry->registration == REGISTRATION_UNKNOWN)
        decision = go(STEP_ASK_REGISTRATION);

    /* What Nomad told is noted, and the rest has to wait. */
    if (inquiry->github_is_shut && step_is_githubs(decision.step))
        return inquiry->state == RUNNER_RETIRING || inquiry->state == RUNNER_LEAVING
                   ? rest_passed_over(inquiry)
                   : rest_idle(inquiry, 0);
    return decision;
}

bool
step_is_githubs(enum step step)
{
    return step == STEP_ASK_JOB || step == STEP_ASK_REGISTRATION ||
           step == STEP_DELETE_REGISTRATION;
}

bool
step_is_conclusion(enum step step)
{
    return step >= STEP_REST;
}

const char *
step_text(enum step step)
{
    static const char *const texts[] = {
        [STEP_FIND_CHILD] = "find_child",
        [STEP_ASK_CHILD] = "ask_child",
        [STEP_ASK_PLACEMENT] = "ask_placement",
        [STEP_ASK_WHY_UNPLACED] = "ask_why_unplaced",
        [STEP_ASK_STRANGERS] = "ask_strangers",
        [STEP_ASK_JOB] = "ask_job",
        [STEP_ASK_REGISTRATION] = "ask_registration",
        [STEP_DELETE_REGISTRATION] = "delete_registration",
        [STEP_STOP_CHILD] = "stop_child",
        [STEP_REST] = "rest",
        [STEP_APPLY_JOB] = "event_missed",
        [STEP_TAKEN] = "taken",
        [STEP_LOST_ENDED] = "ended",
        [STEP_LOST_SILENT] = "not_registered",
        [STEP_LOST_IDLE] = "idle",
        [STEP_LOST_WAITING] = "not_placed",
        [STEP_SURPLUS] = "surplus",
        [STEP_GONE] = "gone",
    };

    return texts[step];
}
