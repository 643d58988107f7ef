/*
 * The rules by which jobs and runners change.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/rules.h"

#include <stddef.h>
#include <string.h>

enum job_state
rules_job_next(enum job_state from, enum job_event event)
{
    switch (event) {
    case JOB_EVENT_QUEUED:
        return from == JOB_NONE ? JOB_QUEUED : from;
    case JOB_EVENT_IN_PROGRESS:
        /* Even one that failed or expired for us: another's runner may have taken it. */
        return from == JOB_DONE ? from : JOB_RUNNING;
    case JOB_EVENT_COMPLETED:
        return JOB_DONE;
    }
    return from;
}

bool
rules_runner_idle(enum runner_state state)
{
    return state == RUNNER_MINTING || state == RUNNER_SENT || state == RUNNER_LIVE;
}

/* J's own runner has nothing to do any more. */
static void
free_own(const struct rules_scene *scene, struct rules_outcome *outcome)
{
    if (rules_runner_idle(scene->own)) {
        outcome->own = RUNNER_RETIRING;
        outcome->own_is_free = true;
    } else if (scene->own == RUNNER_BUSY) {
        outcome->own = RUNNER_LEAVING; /* J did run on it, and now runs elsewhere */
    }
}

/* J has begun to run, on the named runner or on one that we were not told. */
static void
begin(const struct rules_scene *scene, struct rules_outcome *outcome)
{
    bool other_waits = scene->other == JOB_QUEUED || scene->other == JOB_ASSIGNED;

    outcome->job_takes_named = scene->is_named;
    if (rules_runner_idle(scene->named) || scene->named == RUNNER_RETIRING)
        outcome->named = RUNNER_BUSY;
    if (!scene->is_named || scene->named_is_own)
        return;
    /* J runs elsewhere, so its own runner is free: for K, whose runner J took, if it can serve
     * that. */
    if (other_waits && rules_runner_idle(scene->named)) {
        outcome->other_loses_named = true;
        outcome->other_takes_own =
            scene->own_covers_other && scene->own_is_coming && rules_runner_idle(scene->own);
        outcome->other = outcome->other_takes_own ? JOB_ASSIGNED : JOB_QUEUED;
    }
    if (!outcome->other_takes_own)
        free_own(scene, outcome);
}

/* J is over. Did it run, its runner takes no second job; did it not, its runner is surplus. */
static void
end(const struct rules_scene *scene, struct rules_outcome *outcome)
{
    if (!scene->is_named)
        free_own(scene, outcome);
    else if (outcome->named == RUNNER_BUSY)
        outcome->named = RUNNER_LEAVING;
}

/* Whether a report changes anything: the job's state, or where it is believed to run. */
static bool
is_news(const struct rules_scene *scene, enum job_state after)
{
    bool moved = scene->event == JOB_EVENT_IN_PROGRESS && scene->job == JOB_RUNNING &&
                 scene->is_named && !scene->named_is_own;

    return scene->event != JOB_EVENT_QUEUED && (after != scene->job || moved);
}

struct rules_outcome
rules_apply(const struct rules_scene *scene)
{
    struct rules_outcome outcome = {.job = rules_job_next(scene->job, scene->event),
                                    .named = scene->named,
                                    .other = scene->other,
                                    .own = scene->own};

    if (!is_news(scene, outcome.job))
        return outcome; /* a repeat must not pull a runner back from what it does now */
    /* A lost `in_progress` is implied by a `completed` that names a runner. */
    if (scene->event == JOB_EVENT_IN_PROGRESS ||
        (scene->is_named && (scene->job != JOB_RUNNING || !scene->named_is_own)))
        begin(scene, &outcome);
    if (scene->event == JOB_EVENT_COMPLETED)
        end(scene, &outcome);
    return outcome;
}

/* How long a runner whose job is over usually takes to go. */
#define LEAVING_MS INT64_C(2000)

int64_t
rules_first_look_ms(enum runner_state state, int64_t now_ms, int64_t interval_ms)
{
    if (state == RUNNER_RETIRING)
        return now_ms;
    return now_ms +
           (state == RUNNER_LEAVING && interval_ms > LEAVING_MS ? LEAVING_MS : interval_ms);
}

int64_t
rules_backoff_ms(int64_t initial_ms, int64_t max_ms, int64_t n, uint32_t jitter)
{
    int64_t delay_ms = initial_ms;

    for (int64_t i = 1; i < n && delay_ms < max_ms; i++)
        delay_ms *= 2;
    if (delay_ms > max_ms)
        delay_ms = max_ms;
    return delay_ms - delay_ms * (jitter % 1024) / 4096;
}

static const char *const job_texts[] = {
    [JOB_NONE] = "none",       [JOB_QUEUED] = "queued",   [JOB_ASSIGNED] = "assigned",
    [JOB_RUNNING] = "running", [JOB_DONE] = "done",       [JOB_FAILED] = "failed",
    [JOB_EXPIRED] = "expired", [JOB_REFUSED] = "refused",
};

static const char *const runner_texts[] = {
    [RUNNER_NONE] = "none",       [RUNNER_MINTING] = "minting",   [RUNNER_SENT] = "sent",
    [RUNNER_LIVE] = "live",       [RUNNER_RETIRING] = "retiring", [RUNNER_BUSY] = "busy",
    [RUNNER_LEAVING] = "leaving", [RUNNER_GONE] = "gone",
};

/* The index of a text after the first, which stands for none; 0 for any other text. */
static size_t
find_text(const char *const *texts, size_t len, const char *text)
{
    for (size_t i = 1; i < len; i++) {
        if (strcmp(texts[i], text) == 0)
            return i;
    }
    return 0;
}

const char *
job_state_text(enum job_state state)
{
    return job_texts[state];
}

enum job_state
job_state_parse(const char *text)
{
    return (enum job_state)find_text(job_texts, sizeof job_texts / sizeof job_texts[0], text);
}

const char *
runner_state_text(enum runner_state state)
{
    return runner_texts[state];
}

enum runner_state
runner_state_parse(const char *text)
{
    return (enum runner_state)find_text(runner_texts, sizeof runner_texts / sizeof runner_texts[0],
                                        text);
}
