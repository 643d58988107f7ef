/*
 * All that the ledger tells of one job, read at one moment.
 * SPDX-License-Identifier: MIT
 */
#ifndef OUTLOOK_JOB_STORY_H
#define OUTLOOK_JOB_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/gate.h"
#include "ledger/job.h"
#include "ledger/runner.h"

/* One thing that happened; `runner` and `detail` are NULL where there is none. */
struct job_event_row {
    int64_t at_ms;
    char *what;
    char *runner;
    char *detail;
};

struct job_story {
    int64_t now_ms; /* when it was read */
    struct job job;
    struct job_event_row *events; /* oldest first */
    size_t events_len;
    bool has_runner; /* the job's runner is in the ledger: ours, and not forgotten */
    struct runner runner;
    struct gate github;
    struct gate nomad;
    int64_t pool_runners; /* of the job's pool, that take its room */
    int64_t pool_pending; /* of them, waiting for placement in Nomad */
};

/* ledger_work; arg is a struct job_story with job.id set. LEDGER_NOT_FOUND where there is no such
 * job. The caller ends it with job_story_fini in any case. */
enum ledger_error job_story_read(struct ledger_txn *txn, void *arg);

void job_story_fini(struct job_story *story);

#endif
