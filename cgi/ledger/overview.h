/*
 * What the ledger has of now and of the last day, for a page that shows it: every question here is
 * bounded, or answered from an index alone, however much history there is.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_OVERVIEW_H
#define LEDGER_OVERVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/job.h"
#include "ledger/runner.h"
#include "ledger/statement.h"

/* Some jobs, of one kind. */
enum overview_kind {
    OVERVIEW_WAITING, /* queued and assigned ones, the longest waiting first */
    OVERVIEW_RUNNING, /* the longest running first */
    OVERVIEW_ENDED,   /* those that are over, the last first */
    OVERVIEW_FAILED,  /* of these, those that need an operator and failed since a moment */
};

/* What overview_jobs calls for each; false ends the list. It may keep what the job holds, and empty
 * it (`*job = (struct job){0}`). */
typedef bool (*overview_job_visitor)(struct job *job, void *arg);

struct overview_jobs {
    enum overview_kind kind;
    int64_t since_ms; /* of OVERVIEW_FAILED */
    int64_t most;
    overview_job_visitor visit;
    void *arg;
};
enum ledger_error overview_jobs(struct ledger_txn *txn, const struct overview_jobs *jobs);

/* How many jobs of a pool are in a state in which they are not over. `pool` is borrowed. */
typedef void (*overview_count_visitor)(const char *pool, enum job_state state, int64_t count,
                                       void *arg);
enum ledger_error overview_counts(struct ledger_txn *txn, overview_count_visitor visit, void *arg);

/* How many runners of a pool take its room, and how many of these wait for placement in Nomad: as
 * order_claim counts them. `pool` is borrowed. */
typedef void (*overview_room_visitor)(const char *pool, int64_t runners, int64_t pending,
                                      void *arg);
enum ledger_error overview_rooms(struct ledger_txn *txn, overview_room_visitor visit, void *arg);

/* The spans of every job that is not over, and of those that ended since a moment. */
struct overview_span {
    enum job_state state;
    int64_t received_at_ms;
    int64_t started_at_ms; /* 0 where it did not run, or nobody saw it begin */
    int64_t ended_at_ms;   /* 0 while it is not over */
};
typedef void (*overview_span_visitor)(const struct overview_span *span, void *arg);
enum ledger_error overview_spans(struct ledger_txn *txn, int64_t since_ms,
                                 overview_span_visitor visit, void *arg);

/* A runner by its name. LEDGER_NOT_FOUND, and `*runner` empty, where there is none. */
enum ledger_error overview_runner(struct ledger_txn *txn, const char *name, struct runner *runner);

#endif
