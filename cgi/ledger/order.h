/*
 * An order: a waiting job taken up by one dispatcher, with the runner that it is to get.
 *
 *     claimed ──sent──> live        the job has its Nomad child
 *        └──────┴─────> failed      back to the queue, to be tried again with the same runner
 *
 * Written before done: the runner's name is on disk before its credential is asked for, and `sent`
 * before the dispatch goes out, so that a crash at any instant leaves a name to look for.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_ORDER_H
#define LEDGER_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include <runhook/payload.h>

#include "ledger/gate.h"
#include "ledger/job.h"
#include "ledger/ledger.h"

struct order {
    struct job job;
    char runner[RH_RUNNER_NAME_MAX + 1];
    int64_t
        n; /* which runner of this job it is, from 1: the second half of the idempotency token */
};

void order_fini(struct order *order);

/* Writes the name of a job's n-th runner: unique to the attempt and to the receiver. False where it
 * would be longer than GitHub takes. */
bool order_runner_name(const char *prefix, const char *receiver, int64_t job_id, int64_t n,
                       char out[RH_RUNNER_NAME_MAX + 1]);

/* The functions below are each a ledger_work; `arg` is the structure that stands before it. */

struct order_claim {
    int64_t owner;
    const char *receiver;
    const char *prefix; /* of runner names */
    int64_t now_ms;
    int64_t lease_until_ms; /* of clock_boot_ms */
    const char *tokens;     /* a JSON array of the repositories whose registration token is at hand:
                               their jobs need nothing of GitHub */
    struct order *out;      /* set on LEDGER_OK; the caller ends it with order_fini */
};
/* Takes up the oldest waiting job that is due, repositories in turn, under a lease.
 * LEDGER_NOT_FOUND where none is due. A runner that an earlier attempt named and may have
 * dispatched is taken again. */
enum ledger_error order_claim(struct ledger_txn *txn, void *arg);

struct order_step {
    const struct order *order;
    int64_t owner; /* who holds the lease: a step under a lease that was lost changes nothing */
    int64_t now_ms;
    bool github_passed; /* order_sent: GitHub was asked, and gave */
    bool wanted;        /* set by order_sent */
    const char *child;  /* order_live: the Nomad job that is the runner */
    const char *runner; /* order_live: the name that lives in it; NULL for the order's own */
};
/* The dispatch is about to go out. `wanted` becomes false where the job has no use for it any more
 * (it was cancelled, or another runner took it): the order is then ended, and nothing may be sent.
 */
enum ledger_error order_sent(struct ledger_txn *txn, void *arg);
/* The dispatch came through: the runner is live, the lease ends. Where another receiver's runner
 * lives in the child, that one is adopted, and the order's own name, which nobody ever used, is
 * gone. */
enum ledger_error order_live(struct ledger_txn *txn, void *arg);

struct order_failure {
    const struct order *order;
    int64_t owner;
    int64_t now_ms;
    int64_t next_attempt_at_ms; /* put off where the gate is shut for longer */
    const char *error;
    bool counts; /* as an attempt; it does not where only our own end broke it off */
    const struct gate_failure *gate; /* where the upstream itself is in trouble; else NULL */
};
/* It did not come through: the job waits again, the lease ends. */
enum ledger_error order_failed(struct ledger_txn *txn, void *arg);

#endif
