/*
 * An order: a waiting job taken up by one dispatcher, with the runner that it is to get.
 *
 *     claimed ──sent──> live        the job has its Nomad child
 *        └──────┴─────> failed      back to the queue, to be tried again with the same runner
 *
 * Written before done: the runner's name is on disk before its credential is asked for, and `sent`
 * before the dispatch goes out, so that a crash at any instant leaves a name to look for. Where
 * nothing has to be asked for, the two are one step.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_ORDER_H
#define LEDGER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runhook/payload.h>

#include "ledger/gate.h"
#include "ledger/job.h"
#include "ledger/ledger.h"
#include "ledger/runner.h"

struct order {
    struct job job;
    char runner[RH_RUNNER_NAME_MAX + 1];
    int64_t made_for; /* the workflow job that the runner was made for: this one, or one that it was
                         swapped with. With `n`, from 1, it is the idempotency token */
    int64_t n;
    char pool[RUNNER_POOL_CAP];   /* the runner's: what it is dispatched as */
    char place[RUNNER_PLACE_CAP]; /* where it registers: see config/place.h */
    bool is_jit;                  /* with a just-in-time configuration */
    bool is_new;                  /* it was named just now: no earlier attempt made anything */
    bool is_sent;                 /* it was claimed as sent: its credential is at hand */
    int64_t sent_before_ms;       /* when an earlier dispatch of it may have reached Nomad; or 0 */
};

void order_fini(struct order *order);

/* Writes the name of a job's n-th runner: unique to the attempt and to the receiver. False where it
 * would be longer than GitHub takes. */
bool order_runner_name(const char *prefix, const char *receiver, int64_t job_id, int64_t n,
                       char out[RH_RUNNER_NAME_MAX + 1]);

/* Room for "<job id>.<n>" and its NUL. */
#define ORDER_TOKEN_CAP 48

/* Writes the idempotency token of a job's n-th runner. Returns `out`. */
const char *order_token(int64_t job_id, int64_t n, char out[ORDER_TOKEN_CAP]);

/* What a pool may have at once. */
struct order_limit {
    const char *pool;
    int64_t max_runners; /* under way, living, or not yet seen gone */
    int64_t max_pending; /* of them, waiting for placement in Nomad; 0 for no limit */
    bool is_jit;         /* each of them takes a request that makes something on GitHub */
    bool asks_origin;    /* before it has one, GitHub is asked whose code a job's run has */
    const char *owner;   /* whose account at GitHub serves it; NULL for the job's repository's */
};

/* How a runner of a pool registers that is made for a job of a repository. */
struct order_registration {
    char place[RUNNER_PLACE_CAP];
    bool is_jit;
};

/* Tells that. False where there is no such pool any more. `config` is whoever's that asks. */
typedef bool (*order_registers)(const void *config, const char *pool, const char *repository,
                                struct order_registration *registration);

/* Whether a runner of the pool that registers in the place, by a token, needs nothing more of
 * GitHub before its dispatch. `supplies` is whoever's that asks. Within a transaction: it must not
 * wait. */
typedef bool (*order_is_provided)(const void *supplies, const char *pool, const char *place);

/* All pools and places of which that is so: a JSON array of {"pool": …, "place": …}, which the
 * claim frees with cJSON_free. NULL when out of memory. */
typedef char *(*order_provided)(const void *supplies);

/* The limits of pools as the claim takes them; the caller frees. NULL when out of memory. */
char *order_limits(const struct order_limit *limits, size_t len);

/* The functions below are each a ledger_work; `arg` is the structure that stands before it. */

struct order_look {
    int64_t now_ms;
    const char *limits;
    int64_t content_per_minute;
};
/* Whether a job waits that is due and whose pool has room, whatever the gates say of it: LEDGER_OK,
 * or LEDGER_NOT_FOUND. Only reads, which costs less than a claim in vain. */
enum ledger_error order_is_due(struct ledger_txn *txn, void *arg);

struct order_claim {
    int64_t owner;
    const char *receiver;
    const char *prefix; /* of runner names */
    int64_t now_ms;
    int64_t lease_until_ms;     /* of clock_boot_ms */
    const char *limits;         /* the pools' limits: see order_limits */
    int64_t content_per_minute; /* see ledger/budget.h */
    order_registers registers;  /* with its first argument; NULL: all in their repository */
    const void *config;
    order_is_provided is_provided; /* with its first argument; NULL: nobody is */
    order_provided provided;       /* the same; asked for only where GitHub is to be left alone */
    const void *supplies;
    struct order *out; /* set on LEDGER_OK; the caller ends it with order_fini */
};
/* Takes up the oldest waiting job that is due and whose pool has room, repositories in turn, under
 * a lease. LEDGER_NOT_FOUND where there is none. A runner that an earlier attempt named and may
 * have dispatched is taken again. One that is provided for is marked as sent, too: its dispatch has
 * to follow at once, or after order_sent. */
enum ledger_error order_claim(struct ledger_txn *txn, void *arg);

struct order_step {
    const struct order *order;
    int64_t owner; /* who holds the lease: a step under a lease that was lost changes nothing */
    int64_t now_ms;
    bool github_passed;  /* order_sent: GitHub was asked, and gave */
    int64_t github_id;   /* order_sent: of the registration that was made with it; 0 for none */
    int64_t made;        /* order_sent: requests that made something on GitHub, beside the one that
                            the claim of a just-in-time runner counted */
    bool wanted;         /* set by order_sent */
    const char *child;   /* order_live: the Nomad job that is the runner */
    const char *runner;  /* order_live: the name that lives in it; NULL for the order's own */
    int64_t audit_at_ms; /* order_live: when it is looked at first */
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
    bool counts;     /* as an attempt; it does not where only our own end broke it off */
    bool is_certain; /* the dispatch cannot have reached Nomad, or Nomad refused it: no child */
    bool is_spent;   /* the runner's name is registered, or may be: it retires, and the next attempt
                        takes another */
    int64_t github_id;               /* of that registration, where it is known; else 0 */
    int64_t made;                    /* as in struct order_step */
    const struct gate_failure *gate; /* where the upstream itself is in trouble; else NULL */
};
/* It did not come through: the job waits again, the lease ends. */
enum ledger_error order_failed(struct ledger_txn *txn, void *arg);

struct order_origin {
    const struct order *order;
    int64_t owner;
    int64_t now_ms;
    enum job_origin origin;
    bool was_asked;      /* GitHub told it just now */
    const char *refused; /* why the job may not use the cluster; NULL where it may */
    const char *pool;    /* which one it is for instead; NULL for the one that it has */
    bool goes_on;        /* set: the order does; else it is over */
};
/* Notes whose code the job's run has, for all of the run's jobs. Where the job is refused, or is
 * another pool's, its runner, for which nothing was made yet, is gone, and the lease ends. */
enum ledger_error order_origin(struct ledger_txn *txn, void *arg);

#endif
