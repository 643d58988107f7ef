/*
 * What a thread works with that dispatches, audits and discovers, and what these three have in
 * common.
 * SPDX-License-Identifier: MIT
 */
#ifndef WORK_TOOLS_H
#define WORK_TOOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "ledger/gate.h"
#include "ledger/ledger.h"
#include "ledger/report.h"
#include "log/log.h"
#include "upstream/github.h"
#include "upstream/nomad.h"
#include "upstream/runner_groups.h"
#include "upstream/token_cache.h"
#include "work/policy.h"

/* All borrowed; github and nomad are this thread's own. */
struct tools {
    const struct config *config;
    const char *limits;       /* of the pools: see order_limits */
    const char *repositories; /* that the configuration names, as a JSON array */
    struct ledger *ledger;
    struct log *log;
    struct token_cache *tokens; /* registration tokens, by place */
    struct runner_groups *groups;
    struct github *github;
    struct nomad *nomad;
    /* Waits a moment before the ledger is pressed again. False where the program ends. */
    bool (*rest)(void *arg);
    /* There may be work for a thread that rests. */
    void (*wake)(void *arg);
    /* Whether another piece of work may be begun with these tools. */
    bool (*goes_on)(void *arg);
    void *arg; /* of all three */
};

/* How a piece of work ended. */
enum work_end {
    WORK_NONE,   /* nothing was due */
    WORK_DONE,   /* or found to be needed no more */
    WORK_FAILED, /* recorded, to be tried again */
    WORK_LEDGER, /* the ledger failed: rest before the next */
};

/*
 * Records a step, again and again until it is on disk: an outcome that was forgotten would leave
 * its row under this process's lease, with nobody working on it. False where the program ends
 * before: its leases then end with it. `what` begins the message about a ledger that fails.
 */
bool tools_record(const struct tools *tools, ledger_work work, void *step, const char *what);

/* Spreads by a name and a number what else would come at the same time. */
uint32_t tools_jitter(const char *name, int64_t n);

/* What the retry policy says of a failure of something that failed `attempts` times in a row.
 * `name` is that something's: what failed together does not come again together. */
struct policy_decision tools_decide(const struct tools *tools, const struct failure *failure,
                                    const char *name, int64_t attempts);

/* How the upstream's gate is to hear of the failure, or that of the owner whose account alone is in
 * trouble. Borrows from both. */
struct gate_failure tools_gate_failure(const struct failure *failure,
                                       const struct policy_decision *decision);

/* Tells GitHub's gate how a request about a repository went that was made under no runner's lease;
 * NULL where it came through. False where that could not be recorded. */
bool tools_tell_gate(const struct tools *tools, const char *repository,
                     const struct failure *failure);

/* Adds what failed to a log line. */
void tools_log_failure(struct log_line *line, const struct failure *failure);

/* When a lease ends for other processes: after what the requests can take at the longest, and a
 * minute; of clock_boot_ms. */
int64_t tools_lease_until(const struct config *config, int64_t github_requests,
                          int64_t nomad_requests);

/* A report about a job as this configuration has it applied. `source` is a delivery, or what else
 * brought it. */
struct job_report tools_report(const struct config *config, const struct rh_workflow_job *job,
                               enum job_event event, const struct pool *pool, const char *source);

#endif
