/*
 * The whole page of metrics. SPDX-License-Identifier: MIT
 */
#ifndef METRICS_SCRAPE_H
#define METRICS_SCRAPE_H

#include <stdbool.h>

#include "config/config.h"
#include "ledger/ledger.h"
#include "metrics/meter.h"
#include "text/buffer.h"

struct scrape {
    const struct config *config;
    struct ledger *ledger;
    struct meter *meter; /* NULL: the ledger is only read, and whether it can be written not told */
};

/*
 * Appends the page. What this process has counted is brought into the ledger before, so that it is
 * on the page; what others have, they bring within seconds. False where the ledger cannot be read,
 * or the page does not fit into `out`: `reason` says so.
 */
bool scrape_write(const struct scrape *scrape, struct buffer *out, struct rh_reason *reason);

#endif
