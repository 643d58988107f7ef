/*
 * The circuit breaker before each upstream, in the ledger so that all processes and restarts share
 * it.
 *
 *     closed ──3 failures in a row, or one that says so──> shut until a moment
 *       ^                                                       │ then one order at a time probes
 *       └──────── a request came through <──────────────────────┘ a probe that fails shuts it for
 * longer
 *
 * While it is shut, orders that need the upstream are not taken up; what waited for it goes out at
 * once when it opens, in its order. SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_GATE_H
#define LEDGER_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/statement.h"

/* Failures in a row that shut a gate. Fewer are a job's own bad luck. */
#define GATE_FAILURES 3

enum gate_state {
    GATE_OPEN,  /* requests may go */
    GATE_SHUT,  /* none may: its time is not over, or a probe is under way */
    GATE_PROBE, /* one may, to see */
};

/* What gate_read tells. */
struct gate {
    char upstream[16];
    enum gate_state state;
    int64_t failures;      /* in a row */
    int64_t shut_until_ms; /* 0 where it is not shut */
    char error[256];       /* why */
};

/* Reads a gate's state at a moment. */
enum ledger_error gate_read(struct ledger_txn *txn, const char *upstream, int64_t now_ms,
                            struct gate *gate);

/* Makes what is done under a runner's lease the probe. It ends with that lease. */
enum ledger_error gate_probe(struct ledger_txn *txn, const char *upstream, const char *runner);

/* What the gates of both upstreams let through. */
struct gates {
    enum gate_state github;
    enum gate_state nomad;
};
enum ledger_error gates_read(struct ledger_txn *txn, int64_t now_ms, struct gates *gates);

/* Makes a runner's lease the probe of those that may be probed. */
enum ledger_error gates_probe(struct ledger_txn *txn, const struct gates *gates,
                              const char *runner);

/* A request came through: opens the gate, and makes what waited for it due. */
enum ledger_error gate_passed(struct ledger_txn *txn, const char *upstream);

/* How a failure bears on a gate. */
struct gate_failure {
    const char *upstream;
    const char *error;
    bool at_once;       /* shut it now; else after GATE_FAILURES in a row */
    int64_t asked_ms;   /* for so long, since the upstream asked for it; -1: doubling */
    int64_t initial_ms; /* of the doubling */
    int64_t max_ms;
    uint32_t jitter; /* any number: see rules_backoff_ms */
};
/* `*shut_until_ms` becomes when the gate is tried again; 0 where it stays open. */
enum ledger_error gate_failed(struct ledger_txn *txn, const struct gate_failure *failure,
                              int64_t now_ms, int64_t *shut_until_ms);

struct gate_news {
    const struct gate_failure *failure; /* NULL: a request came through `upstream` */
    const char *upstream;
    int64_t now_ms;
};
/* ledger_work; arg is a struct gate_news. Tells a gate of a request that was nobody's order. */
enum ledger_error gate_tell(struct ledger_txn *txn, void *arg);

/* ledger_work, without an argument. Lets a probe go at once, whatever the time, and makes what waits
 * for a shut gate due for it: a restart, another configuration, or an operator's retry, asks anew.
 */
enum ledger_error gate_ask_anew(struct ledger_txn *txn, void *arg);

#endif
