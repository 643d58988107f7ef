/*
 * How often GitHub may be asked where it is only to confirm what is believed: so many requests an
 * hour, over all processes of the ledger, so that GitHub's own limit is left for what must be
 * asked. They are given out by the minute: what comes due together is spread.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_BUDGET_H
#define LEDGER_BUDGET_H

#include <stdint.h>

#include "ledger/statement.h"

/* What is left in this minute of `per_hour`; not below 0. */
enum ledger_error budget_left(struct ledger_txn *txn, int64_t now_ms, int64_t per_hour,
                              int64_t *left);

/* Whether GitHub may be asked now at all where it is only to confirm: LEDGER_OK, or
 * LEDGER_NOT_FOUND where its gate is shut (ledger/gate.h) or nothing is left. */
enum ledger_error budget_may_ask(struct ledger_txn *txn, int64_t now_ms, int64_t per_hour);

/* Counts requests that were made. */
enum ledger_error budget_spend(struct ledger_txn *txn, int64_t now_ms, int64_t calls);

/*
 * How often GitHub may be asked to make something (a runner's registration, a redelivery): so many
 * requests in any minute, over all processes of the ledger. GitHub has a limit of its own for
 * these, and shuts everybody out who goes over it (docs.github.com, "Rate limits for the REST API",
 * secondary rate limits).
 */

/* What is left at a moment of `per_minute`; not below 0. */
enum ledger_error content_left(struct ledger_txn *txn, int64_t now_ms, int64_t per_minute,
                               int64_t *left);

/* Counts requests that are made now. */
enum ledger_error content_spend(struct ledger_txn *txn, int64_t now_ms, int64_t requests);

#endif
