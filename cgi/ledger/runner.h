/*
 * Rows of the table of runners: supply.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_RUNNER_H
#define LEDGER_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include <runhook/delivery.h>
#include <runhook/payload.h>

#include "ledger/ledger.h"
#include "ledger/rules.h"
#include "ledger/statement.h"

#define RUNNER_POOL_CAP 129
#define RUNNER_CHILD_CAP 520
#define RUNNER_NOTE_CAP 300
#define RUNNER_PLACE_CAP (RH_REPOSITORY_LEN_MAX + 16)

/* Whether a runner that registers at `place` can be given jobs of `repository`, both SQL
 * expressions. That an enterprise has a repository is for its pools to know: true. */
#define RUNNER_COVERS(place, repository)                               \
    "(" place " = 'repos/' || " repository " COLLATE NOCASE OR " place \
    " = 'orgs/' || substr(" repository ", 1, instr(" repository        \
    ", '/') - 1) COLLATE NOCASE OR " place " LIKE 'enterprises/%')"

/* The owner whose account at GitHub answers for a place, an SQL expression: see place_owner. */
#define RUNNER_OWNER(place)                                                                        \
    "iif(" place " LIKE 'enterprises/%', " place ", substr(" place ", instr(" place ", '/') + 1, " \
    "instr(substr(" place ", instr(" place ", '/') + 1) || '/', '/') - 1))"

/* Which runners of the table `runner` take their pool's room, and which of these wait for placement
 * in Nomad, as SQL: one that was only named, and is nobody's work now, takes none. */
#define RUNNER_TAKES_ROOM                 \
    "state <> 'gone' AND ended_at_ms = 0" \
    " AND (sent_at_ms > 0 OR lease_owner IS NOT NULL)"
#define RUNNER_IS_PENDING "placed_at_ms = 0 AND state IN ('minting', 'sent', 'live')"

/* How many runners of one pool take room, of those that are `which`, as an SQL expression: in two
 * parts, each of which the index runner_pool has in a row. */
#define RUNNERS_HELD(pool, which)                                                \
    "((SELECT count(*) FROM runner WHERE pool = " pool " AND state <> 'gone'"    \
    " AND ended_at_ms = 0 AND sent_at_ms > 0 AND " which                         \
    ") + (SELECT count(*) FROM runner WHERE pool = " pool " AND state <> 'gone'" \
    " AND ended_at_ms = 0 AND sent_at_ms = 0 AND lease_owner IS NOT NULL AND " which "))"

/* One row, as it was read. Texts are "" where the row has none. */
struct runner {
    char name[RH_RUNNER_NAME_MAX + 1];
    int64_t made_for; /* the workflow job whose id, with `n`, is its idempotency token */
    int64_t n;
    int64_t job_id; /* what it is for now, or has run; 0 where nothing needs it */
    char pool[RUNNER_POOL_CAP];
    char repository[RH_REPOSITORY_LEN_MAX + 1]; /* of the job that it was made for */
    char place[RUNNER_PLACE_CAP];               /* where it registers: see config/place.h */
    bool is_jit; /* its registration was made, or may have been, before there was any task */
    enum runner_state state;
    char child[RUNNER_CHILD_CAP]; /* its Nomad job */
    int64_t github_id;            /* of its registration; 0 where it is not known */
    int64_t audit_at_ms;          /* when it is looked at next */
    int64_t audits;               /* looks in a row that changed nothing */
    char note[RUNNER_NOTE_CAP];   /* what the last look found */
    int64_t created_at_ms;
    int64_t sent_at_ms;   /* 0: no dispatch of it can have reached Nomad */
    int64_t placed_at_ms; /* when it was first seen on a node; 0 where it was not */
    int64_t changed_at_ms;
};

/* Every read of runners selects RUNNER_COLUMNS FROM runner r, in this order, for runner_read. */
#define RUNNER_COLUMNS                                                                        \
    "r.name, r.made_for, r.n, coalesce(r.job_id, 0), r.pool, r.repository, r.state, r.child," \
    " r.github_id, r.audit_at_ms, r.audits, r.note, r.created_at_ms, r.sent_at_ms,"           \
    " r.placed_at_ms, r.changed_at_ms, r.place, r.jit"

void runner_read(struct statement *row, struct runner *runner);

/* Sets a runner's state and the job that it is for (0 for none), and makes it due for an audit at a
 * moment. A job that is believed to run on it, and that its audits are not about any more, is
 * audited by itself from now on. */
enum ledger_error runner_move(struct ledger_txn *txn, const char *name, enum runner_state state,
                              int64_t job_id, int64_t now_ms, int64_t audit_at_ms);

/* Retires the runners that still wait to serve a job which needs none any more. */
enum ledger_error runner_release(struct ledger_txn *txn, int64_t job_id, int64_t now_ms);

/* What runner_list calls for each row; false ends the list. */
typedef bool (*runner_visitor)(const struct runner *runner, void *arg);

struct runner_list {
    bool all; /* those that are gone, too */
    runner_visitor visit;
    void *arg;
};

/* ledger_work; arg is a struct runner_list. Oldest first, the gone ones last and newest first. */
enum ledger_error runner_list(struct ledger_txn *txn, void *arg);

/* What an operator asks of one runner. */
struct runner_request {
    const char *name;
    int64_t now_ms;
    enum runner_state before; /* set: RUNNER_NONE where there is no such runner */
    bool done;                /* set: false where its state does not allow it */
};

/* ledger_work; arg is a struct runner_request. Gives a runner up whose end nobody can see any more
 * (its repository is gone, say): the ledger takes it for gone. Only one that serves no job. */
enum ledger_error runner_forget(struct ledger_txn *txn, void *arg);

#endif
