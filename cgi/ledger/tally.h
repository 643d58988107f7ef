/*
 * Counts that all processes of the ledger share, and that survive them: for metrics, and never
 * decided from. A series is one of metrics/family.h; its counts only go up.
 *
 * What happens in a transaction is counted in that; what happens outside of one, in memory first
 * (metrics/meter.h). SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_TALLY_H
#define LEDGER_TALLY_H

#include <stdint.h>

#include "ledger/statement.h"
#include "metrics/family.h"

/* Adds to a part of a series, as family_series wrote it. Nothing for 0. */
enum ledger_error tally_add(struct ledger_txn *txn, const char *series, int64_t part, int64_t by);

/* Counts one. `values` are those of the family's labels. */
enum ledger_error tally_count(struct ledger_txn *txn, enum family family,
                              const char *const values[]);

/* Enters a time into a histogram; one below 0, as of a clock that was set back, as 0. */
enum ledger_error tally_observe(struct ledger_txn *txn, enum family family,
                                const char *const values[], int64_t value_ms);

/* Calls `visit` for all there is. */
typedef void (*tally_visitor)(const char *series, int64_t part, int64_t total, void *arg);
enum ledger_error tally_list(struct ledger_txn *txn, tally_visitor visit, void *arg);

#endif
