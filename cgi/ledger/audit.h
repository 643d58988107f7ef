/*
 * The ledger's side of an audit: which rows are due for a look, and what a look comes to.
 *
 * A runner is audited under a lease, as an order is; a step under a lease that was lost changes
 * nothing. SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_AUDIT_H
#define LEDGER_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/gate.h"
#include "ledger/report.h"
#include "ledger/runner.h"

/* A runner under audit, with what the ledger believes of the job that it is for. */
struct audit {
    struct runner runner;
    enum job_state job; /* NONE where it is for none, or that one is forgotten */
    bool is_counted_on; /* that job has no other runner */
    int64_t job_lost;   /* runners that the job lost before */
    char job_repository[RH_REPOSITORY_LEN_MAX + 1]; /* the job's; the runner's where it has none */
    bool github_is_shut; /* GitHub is left alone, all of it or for its owner: see ledger/gate.h */
    int64_t calls_left;  /* requests to GitHub that may only confirm what is believed */
};

/* The functions below are each a ledger_work; `arg` is the structure that stands before it. */

struct audit_claim {
    int64_t owner;
    int64_t now_ms;
    int64_t lease_until_ms; /* of clock_boot_ms */
    int64_t calls_per_hour;
    struct audit *out; /* set on LEDGER_OK */
};
/* Takes up the runner that has been due for the longest. LEDGER_NOT_FOUND where none is. */
enum ledger_error audit_claim(struct ledger_txn *txn, void *arg);

typedef void (*audit_visitor)(const struct audit *audit, void *arg);

struct audit_list {
    int64_t now_ms;
    int64_t calls_per_hour;
    int64_t most; /* rows */
    audit_visitor visit;
    void *arg;
};
/* Reads the runners that are due and that nobody works on. Nothing, where Nomad's gate is shut. */
enum ledger_error audit_list_due(struct ledger_txn *txn, void *arg);

/* One of many that rest. */
struct audit_rested {
    char name[RH_RUNNER_NAME_MAX + 1];
    enum runner_state state; /* as it was read, with the time: one that has changed since is left */
    int64_t audit_at_ms;
    int64_t next_look_ms;
    bool is_placed;
};

struct audit_roll {
    const struct audit_rested *items;
    size_t len;
    int64_t now_ms;
};
/* Nothing has to change for many runners at once. */
enum ledger_error audit_rest_many(struct ledger_txn *txn, void *arg);

struct audit_strangers {
    const char *place; /* where the runner registers */
    int64_t since_ms;
    int64_t job_id; /* set: 0 where there is none */
    char runner[RH_RUNNER_NAME_MAX + 1];
};
/* Finds a job that began to run since a moment, on a runner that is not in the ledger. */
enum ledger_error audit_find_strangers(struct ledger_txn *txn, void *arg);

/* What every step has in common. */
struct audit_step {
    const struct audit *audit;
    int64_t owner;
    int64_t now_ms;
    int64_t next_look_ms;
    int64_t github_id;    /* of the registration, as far as it is known; 0 */
    bool is_placed;       /* the child was seen on a node */
    bool is_ended;        /* the child was seen to be over, with all of its allocations */
    const char *child;    /* found for a runner that had none; else NULL */
    const char *note;     /* what was found, for a person; NULL for nothing new */
    int64_t github_calls; /* how often GitHub was asked */
    bool github_passed;   /* and that it answered */
    bool nomad_passed;    /* Nomad was asked, and answered */
    const char *finding;  /* what the look came to: one of family_findings; NULL for nothing new */
};

/* Nothing has to change: the next look is at `next_look_ms`. */
enum ledger_error audit_rest(struct ledger_txn *txn, void *arg);

struct audit_loss {
    struct audit_step step;
    bool is_taken;              /* another job runs on it: busy; else it is retired */
    bool counts;                /* towards `max_lost` */
    int64_t max_lost;           /* the job fails when it has lost more */
    int64_t next_attempt_at_ms; /* when the job is due for another */
    const char *reason;
    enum job_state after; /* set: the job's; NONE where none counted on the runner */
};
/* The runner will not run its job: that waits for another, or has failed. */
enum ledger_error audit_lose(struct ledger_txn *txn, void *arg);

/* The runner is gone. */
enum ledger_error audit_gone(struct ledger_txn *txn, void *arg);

struct audit_news {
    struct audit_step step;
    struct job_report *report;
};
/* GitHub knew more of the job than the ledger: applies the report that was missed. */
enum ledger_error audit_apply(struct ledger_txn *txn, void *arg);

struct audit_failure {
    struct audit_step step;
    const struct gate_failure *gate; /* where the upstream itself is in trouble; else NULL */
};
/* The look could not be finished. */
enum ledger_error audit_failed(struct ledger_txn *txn, void *arg);

/* A job that runs on a runner which is not ours. */
struct audit_job {
    int64_t now_ms;
    int64_t interval_ms; /* the next look is after this, doubling with each that changes nothing */
    int64_t interval_max_ms;
    int64_t calls_per_hour;
    int64_t id; /* set on LEDGER_OK */
    char repository[RH_REPOSITORY_LEN_MAX + 1];
};
/* Takes up the one that has been due for the longest, and puts its next look off. LEDGER_NOT_FOUND
 * where none is due, or GitHub was asked often enough. */
enum ledger_error audit_claim_job(struct ledger_txn *txn, void *arg);

/* GitHub says that the job waits again: its runner was lost before it began. `arg` as above. */
enum ledger_error audit_requeue_job(struct ledger_txn *txn, void *arg);

/* When the next row is due, runner or job; INT64_MAX where none is. `arg` is an int64_t. */
enum ledger_error audit_next_due(struct ledger_txn *txn, void *arg);

#endif
