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

/*
 * GitHub's gate has others beside it, one for each owner whose account alone is in trouble: its
 * token was revoked, its App's installation has used up its rate limit. They are rows like the
 * others, made when they are shut, without a probe: when the time is over, all may try.
 */
#define GATE_OWNER_PREFIX "github/"
#define GATE_UPSTREAM_CAP 288

/* Whether the gate of an owner, an SQL expression, is shut at a moment. */
#define GATE_OWNER_IS_SHUT(owner, now_ms)                                 \
    "EXISTS (SELECT 1 FROM upstream u WHERE u.name > '" GATE_OWNER_PREFIX \
    "' AND u.name < 'github0'"                                            \
    " AND u.shut_until_ms > " now_ms " AND substr(u.name, 8) = " owner " COLLATE NOCASE)"

/* What gate_read tells. */
struct gate {
    char upstream[GATE_UPSTREAM_CAP];
    enum gate_state state;
    int64_t failures;      /* in a row */
    int64_t shut_until_ms; /* 0 where it is not shut */
    int64_t passed_at_ms;  /* when a request last came through, as far as it was noted; 0: never */
    char error[256];       /* why */
};

/* Calls `visit` for each owner's gate that is shut at a moment. ledger_work; arg is a struct
 * gate_owners. */
struct gate_owners {
    int64_t now_ms;
    void (*visit)(const struct gate *gate, void *arg);
    void *arg;
};
enum ledger_error gate_list_owners(struct ledger_txn *txn, void *arg);

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

/* A request came through: opens the gate, makes what waited for it due, and notes when that was, to
 * GATE_PASSED_MS. */
#define GATE_PASSED_MS 1000
enum ledger_error gate_passed(struct ledger_txn *txn, const char *upstream, int64_t now_ms);

/* The same for GitHub, and for the owner of a place (config/place.h). */
enum ledger_error gate_github_passed(struct ledger_txn *txn, const char *place, int64_t now_ms);

/* How a failure bears on a gate. */
struct gate_failure {
    char upstream[GATE_UPSTREAM_CAP];
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
    const struct gate_failure *failure; /* NULL: a request about `place` came through */
    const char *place;
    int64_t now_ms;
};
/* ledger_work; arg is a struct gate_news. Tells a gate of a request that was nobody's order. */
enum ledger_error gate_tell(struct ledger_txn *txn, void *arg);

/* ledger_work, without an argument. Lets a probe go at once, whatever the time, and makes what
 * waits for a shut gate due for it: a restart, another configuration, or an operator's retry, asks
 * anew.
 */
enum ledger_error gate_ask_anew(struct ledger_txn *txn, void *arg);

#endif
