/*
 * What happened to a job, in order: written in the transactions that make it happen, read by a
 * person, and never decided from.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_HISTORY_H
#define LEDGER_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/statement.h"

/* One thing that happened. Texts are borrowed; `runner` and `detail` are NULL where there is none.
 */
struct history_event {
    int64_t job_id;
    int64_t at_ms;
    const char *what; /* a word: "queued", "dispatched", "running", … */
    const char *runner;
    const char *detail;
};

/* Writes one down. Nothing for a job_id of 0. */
enum ledger_error history_add(struct ledger_txn *txn, const struct history_event *event);

typedef bool (*history_visitor)(const struct history_event *event, void *arg);

struct history_list {
    int64_t job_id;
    history_visitor visit; /* false ends the list */
    void *arg;
};

/* ledger_work; arg is a struct history_list. Oldest first. */
enum ledger_error history_list(struct ledger_txn *txn, void *arg);

/* The last things that happened to a job. */
struct history_tail {
    int64_t job_id;
    int64_t most;
    history_visitor visit;
    void *arg;
    int64_t before; /* set: how many came before those */
};
/* Oldest first. */
enum ledger_error history_tail(struct ledger_txn *txn, struct history_tail *tail);

#endif
