/*
 * What this process counts outside of the ledger's transactions: in memory, where counting costs
 * next to nothing and a flood of forged deliveries writes nothing to the disk. Now and then what
 * was counted is brought into the ledger, where all processes' counts come together; what a process
 * that is killed had not brought there is lost. Shared by threads. SPDX-License-Identifier: MIT
 */
#ifndef METRICS_METER_H
#define METRICS_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "metrics/family.h"
#include "serve/answer.h"
#include "upstream/observer.h"

struct meter;

/* NULL when out of memory. */
struct meter *meter_new(void);
void meter_free(struct meter *meter);

/* Counts a request to the webhook, whose answer took so long; nothing for a page's. Never waits.
 * `meter` may be NULL: then nothing is counted. */
void meter_delivery(struct meter *meter, enum outcome outcome, int64_t duration_ms);

/* Counts a reading of the configuration after SIGHUP, and notes how it went. */
void meter_reload(struct meter *meter, bool is_good);

/* Notes that the process begins to serve, with a good configuration. */
void meter_start(struct meter *meter);

/* Counts requests to upstreams. Lives as long as the meter. NULL where that is NULL. */
const struct upstream_observer *meter_observer(struct meter *meter);

/* How a request to an upstream ended: one of family_upstream_outcomes. */
const char *meter_upstream_outcome(const struct upstream_request_end *end);

enum meter_when {
    METER_DUE, /* where the last time is some seconds ago, and nobody else is at it */
    METER_ALL, /* now: the process ends, or somebody asks for the counts */
    /* Where no process has done so for a second: of a process that lives for one request of a
     * stranger, who must not be able to make it write as often as they like. Else what it counted
     * is forgotten. */
    METER_SPARING,
};

/*
 * Brings what was counted into the ledger. Nothing is written where nothing was counted. A failure
 * keeps the counts for the next time, which METER_DUE then lets wait for a minute.
 */
enum ledger_error meter_flush(struct meter *meter, struct ledger *ledger, enum meter_when when);

#endif
