/*
 * The ledger's side of the page: its counts, and what its rows are at the moment. Read in one
 * transaction and by indices, so that a ledger full of ended jobs is as fast as an empty one.
 * SPDX-License-Identifier: MIT
 */
#ifndef METRICS_CENSUS_H
#define METRICS_CENSUS_H

#include "config/config.h"
#include "ledger/statement.h"
#include "metrics/exposition.h"

struct census {
    const struct config *config; /* whose pools are shown also where they have nothing */
    const char *receiver;        /* ledger_receiver's */
    int64_t now_ms;
    struct samples *out;
};
/* ledger_work; arg is a struct census. Only reads. */
enum ledger_error census_take(struct ledger_txn *txn, void *arg);

#endif
