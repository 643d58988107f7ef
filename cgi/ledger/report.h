/*
 * A report about a job, as a delivery, an audit or a discovery brings it, applied to the jobs and
 * runners that it touches: one transaction, by the rules of ledger/rules.h. Any order and any
 * repetition of the same reports ends in the same state.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_REPORT_H
#define LEDGER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <runhook/delivery.h>

#include "ledger/ledger.h"
#include "ledger/rules.h"

/* Whether a runner of the pool could run a job that asks for these labels (a JSON array). */
typedef bool (*report_covers)(const void *config, const char *pool, const char *labels);

/* What else brings one than a delivery. */
#define REPORT_BY_AUDIT "audit"
#define REPORT_BY_DISCOVERY "discovery"

struct job_report {
    /* Of one that is known only id, conclusion, runner_id and runner_name are read, and the
     * repository where there is one. */
    const struct rh_workflow_job *job;
    enum job_event event;
    const char *pool; /* NULL where none serves it: then only a job that is known, or that runs on
                         our runner, changes anything */
    const char *delivery; /* or what else brought it */
    int64_t now_ms;
    int64_t audit_interval_ms;    /* when what it changes is looked at first */
    int64_t discover_interval_ms; /* when a repository that is new is asked for its runs first */
    report_covers covers; /* with its first argument; NULL: no runner covers another's job */
    const void *config;
    /* Set by report_apply: */
    enum job_state before;
    enum job_state after;
};

/* ledger_work; arg is a struct job_report. Enters the job where it is new. */
enum ledger_error report_apply(struct ledger_txn *txn, void *arg);

#endif
