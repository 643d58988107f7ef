/*
 * What was last so, for metrics: of two processes' words the later one stays. Never decided from.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_READING_H
#define LEDGER_READING_H

#include <stdint.h>

#include "ledger/statement.h"

struct reading {
    const char *series; /* the name of a gauge without labels (metrics/family.h), or another word */
    int64_t value;
};

struct readings {
    const struct reading *items;
    size_t len;
};
/* ledger_work; arg is a struct readings. */
enum ledger_error readings_write(struct ledger_txn *txn, void *arg);

/* Sets the value of the series that it names; LEDGER_NOT_FOUND where there is none. */
enum ledger_error reading_find(struct ledger_txn *txn, struct reading *reading);

/* Calls `visit` for all there is, with their series. */
typedef void (*reading_visitor)(const char *series, int64_t value, void *arg);
enum ledger_error readings_list(struct ledger_txn *txn, reading_visitor visit, void *arg);

#endif
