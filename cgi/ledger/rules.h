/*
 * The rules by which a job changes: pure, over states and events.
 *
 * A row moves forward, whatever the order of the events and however often each comes: GitHub
 * neither orders nor repeats reliably, and `completed` can come before `queued`.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_RULES_H
#define LEDGER_RULES_H

#include <stdint.h>

/* How long GitHub lets a job wait for a runner before it cancels it. */
#define JOB_LIFE_MS (INT64_C(24) * 3600 * 1000)

enum job_state {
    JOB_NONE = 0, /* not in the ledger */
    JOB_QUEUED,   /* waits for a runner */
    JOB_ASSIGNED, /* has a runner of its own, on its way or there */
    JOB_RUNNING,
    JOB_DONE,
    JOB_FAILED,  /* needs an operator */
    JOB_EXPIRED, /* GitHub gave up on it, 24 h after it was queued */
};

enum job_event {
    JOB_EVENT_QUEUED,
    JOB_EVENT_IN_PROGRESS,
    JOB_EVENT_COMPLETED,
};

/* The state after an event. The same as `from` where the event changes nothing. */
enum job_state rules_job_next(enum job_state from, enum job_event event);

/*
 * How long to wait after the n-th failure in a row (from 1): `initial_ms`, doubled with each
 * further one up to `max_ms`, less up to a quarter of it by `jitter` (any number), so that what
 * failed together does not come again together. Never more than the doubling says.
 */
int64_t rules_backoff_ms(int64_t initial_ms, int64_t max_ms, int64_t n, uint32_t jitter);

/* As it is stored and shown; and back, JOB_NONE for any other text. */
const char *job_state_text(enum job_state state);
enum job_state job_state_parse(const char *text);

#endif
