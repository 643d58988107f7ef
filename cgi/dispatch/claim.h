/*
 * What a dispatcher claims its next job with.
 * SPDX-License-Identifier: MIT
 */
#ifndef DISPATCH_CLAIM_H
#define DISPATCH_CLAIM_H

#include "ledger/ledger.h"
#include "ledger/order.h"
#include "work/tools.h"

/* Whether a job waits that is due: LEDGER_OK, or LEDGER_NOT_FOUND. Most looks are in vain, and one
 * does not take the ledger's write lock, as a claim does. */
enum ledger_error claim_look(const struct tools *tools, struct rh_reason *reason);

/* What order_claim claims the next job with, into `order`. Borrows from the tools. */
struct order_claim claim_for(const struct tools *tools, struct order *order);

#endif
