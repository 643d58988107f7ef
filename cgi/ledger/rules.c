/*
 * The rules by which a job changes.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/rules.h"

#include <string.h>

static const char *const state_texts[] = {
    [JOB_NONE] = "none",       [JOB_QUEUED] = "queued", [JOB_ASSIGNED] = "assigned",
    [JOB_RUNNING] = "running", [JOB_DONE] = "done",     [JOB_FAILED] = "failed",
    [JOB_EXPIRED] = "expired",
};

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

const char *
job_state_text(enum job_state state)
{
    return state_texts[state];
}

enum job_state
job_state_parse(const char *text)
{
    for (size_t i = JOB_QUEUED; i < sizeof state_texts / sizeof state_texts[0]; i++) {
        if (strcmp(state_texts[i], text) == 0)
            return (enum job_state)i;
    }
    return JOB_NONE;
}
