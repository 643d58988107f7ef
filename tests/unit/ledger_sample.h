/*
 * A ledger in the scratch folder, ways to tell it of jobs, and ways to look into it.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_SAMPLE_H
#define LEDGER_SAMPLE_H

#include "scratch.h"

#include <stdbool.h>

#include "ledger/job.h"
#include "ledger/ledger.h"
#include "ledger/report.h"

#define LEDGER_NAME "ledger.db"

/* A moment of the samples: 2026-01-31T23:59:59Z. */
#define NOW_MS INT64_C(1769903999000)

/* Test fixtures: `*state` is a new ledger, which this process owns leases in. */
int ledger_make(void **state);
int ledger_remove(void **state);

struct ledger *ledger_open_sample(enum ledger_mode mode);

/* A workflow job, whose texts it holds itself. */
struct job_sample {
    struct rh_workflow_job job;
    char repository[64];
    char runner[72];
    char conclusion[16];
};

/* A job that was made `age_s` seconds before NOW_MS. */
void job_sample_init(struct job_sample *sample, int64_t id, const char *repository, int64_t age_s);

/* Tells the ledger of an event; `*report` (may be NULL) is what came of it. */
enum ledger_error tell(struct ledger *ledger, const struct job_sample *sample, enum job_event event,
                       struct job_report *report);

/* A new job that waits. */
void enter(struct ledger *ledger, int64_t id, const char *repository, int64_t age_s);

/* Runs SQL that changes something, in a transaction. */
void change(struct ledger *ledger, const char *sql);

/* The first column of the first row: a number, -1 where there is none; a text, "" where there is
 * none or it is NULL. */
int64_t number_of(struct ledger *ledger, const char *sql);
struct text {
    char bytes[512];
} text_of(struct ledger *ledger, const char *sql);

#endif
