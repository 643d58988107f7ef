/*
 * Rows of the tables of repositories and of the lists that GitHub gave of them: what discovery
 * keeps. SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_REPOSITORY_H
#define LEDGER_REPOSITORY_H

#include <stdbool.h>
#include <stdint.h>

#include <runhook/delivery.h>

#include "ledger/gate.h"
#include "ledger/ledger.h"
#include "ledger/statement.h"

/* The functions below are each a ledger_work; `arg` is the structure that stands before it. */

struct repository_entry {
    const char *name;
    int64_t now_ms;
};
/* Enters a repository that the configuration names, where the ledger has it not. */
enum ledger_error repository_enter(struct ledger_txn *txn, void *arg);

struct repository_list {
    bool (*visit)(const char *name, void *arg); /* false ends the list */
    void *arg;
};
/* Visits all that the ledger has, by name. */
enum ledger_error repository_list(struct ledger_txn *txn, void *arg);

struct repository_claim {
    int64_t now_ms;
    int64_t interval_ms;    /* between two looks; longer where events come by themselves */
    int64_t window_ms;      /* for so long after its last event a repository is asked */
    int64_t calls_per_hour; /* see ledger/budget.h */
    const char *named;      /* a JSON array of those that are asked however long ago that was */
    char name[RH_REPOSITORY_LEN_MAX + 1]; /* set on LEDGER_OK */
};
/* Takes up the repository that has been due for the longest, and puts its next look off.
 * LEDGER_NOT_FOUND where none is due, or GitHub was asked often enough. */
enum ledger_error repository_claim(struct ledger_txn *txn, void *arg);

/* When the next repository is due, of those that repository_claim would take; INT64_MAX where none
 * is. */
struct repository_due {
    int64_t now_ms;
    int64_t window_ms;
    const char *named;
    int64_t due_ms; /* set */
};
enum ledger_error repository_next_due(struct ledger_txn *txn, void *arg);

/* A list as GitHub gave it last. */
struct listing {
    const char *repository;
    const char *path; /* a status, or a run's id */
    const char *etag; /* listing_keep: "" where it must be asked without */
    const char *runs; /* listing_keep: of a status, what it listed: a JSON array of objects with an
                         id; NULL for none */
    /* Set by listing_find; the caller frees both. NULL where there is none. */
    char *etag_found;
    char *runs_found;
};
enum ledger_error listing_find(struct ledger_txn *txn, void *arg);
enum ledger_error listing_keep(struct ledger_txn *txn, void *arg);

/* Forgets the lists of a repository's runs that are not in `runs`, a JSON array as above. */
struct listing_sweep {
    const char *repository;
    const char *runs;
};
enum ledger_error listing_forget(struct ledger_txn *txn, void *arg);

/* ledger_work; arg is a text that says which pools there are and what they serve. Where that is
 * another than the last time, forgets all lists: what was passed over is looked at anew. */
enum ledger_error listing_renew(struct ledger_txn *txn, void *arg);

struct repository_result {
    const char *name;
    int64_t now_ms;
    int64_t calls;                   /* that the look cost: see ledger/budget.h */
    bool failed;                     /* it is then put off until */
    int64_t until_ms;                /* this */
    const struct gate_failure *gate; /* where GitHub itself is in trouble; else NULL */
};
/* Records how a look ended. */
enum ledger_error repository_finish(struct ledger_txn *txn, void *arg);

#endif
