/*
 * What the passing of time does to the ledger: leases of the dead, and those of others that ran
 * out, end; jobs expire; ended ones are purged. SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_UPKEEP_H
#define LEDGER_UPKEEP_H

#include <stdint.h>

#include "ledger/ledger.h"

struct upkeep {
    const struct ledger *ledger;
    int64_t now_ms;
    int64_t boot_ms;        /* of clock_boot_ms */
    int64_t recovered;      /* set: orders of processes that died, put back into the queue */
    int64_t retention_ms;   /* how long ended jobs are kept */
    int64_t horizon_ms;     /* no row is ever due further ahead than this */
    int64_t pulled;         /* set: rows that were, since the clock was set back, and are due now */
    int64_t expired;        /* set: jobs that GitHub has given up on by now */
    int64_t purged;         /* set: jobs that ended long enough ago, and are forgotten */
    int64_t next_due_at_ms; /* set: when the next waiting job is due; INT64_MAX where none waits */
};
/* What the passing of time does: leases of the dead, and those of others that ran out, end; jobs
 * expire, ended ones are purged; and what a clock that was set back has left far ahead is due. */
enum ledger_error upkeep_run(struct ledger_txn *txn, void *arg);

/* Reads what upkeep_run would have to do: LEDGER_OK where something, LEDGER_NOT_FOUND where
 * nothing. Sets `next_due_at_ms`. Only reads. */
enum ledger_error upkeep_due(struct ledger_txn *txn, void *arg);

#endif
