/*
 * What the status page shows: read from the ledger in one transaction, and every part of it
 * bounded. SPDX-License-Identifier: MIT
 */
#ifndef STATUS_VIEW_H
#define STATUS_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runhook/payload.h>

#include "config/config.h"
#include "ledger/gate.h"
#include "ledger/job.h"
#include "ledger/received.h"
#include "status/series.h"

/* How many of each are shown, at most. */
#define VIEW_WAITING_MAX 20
#define VIEW_RUNNING_MAX 20
#define VIEW_ENDED_MAX 15
#define VIEW_FAILED_MAX 5
#define VIEW_EVENTS_MAX 8
#define VIEW_OWNERS_MAX 8

/* One thing that happened to a job; "" where there is none. */
struct view_event {
    int64_t at_ms;
    char what[24];
    char runner[RH_RUNNER_NAME_MAX + 1];
    char detail[256];
};

struct view_job {
    struct job job;
    char *outlook;                             /* what happens to it next, in words; owned */
    struct view_event events[VIEW_EVENTS_MAX]; /* the last ones, oldest first */
    size_t events_len;
    int64_t events_before; /* that are not shown */
};

/* Jobs of one kind: the first of them, and how many there are. */
struct view_jobs {
    struct view_job *items; /* owned */
    size_t len;
    int64_t total;
};

struct view_pool {
    const char *name; /* borrowed from the configuration; NULL: those that it does not have */
    int64_t limit;    /* max_runners */
    int64_t runners;  /* that take its room */
    int64_t pending;  /* of them, waiting for placement */
    int64_t queued;   /* jobs, with the next two */
    int64_t assigned;
    int64_t running;
};

struct view_received {
    struct received items[RECEIVED_SIGNED_MAX + RECEIVED_REFUSED_MAX];
    size_t len;
};

struct view {
    int64_t now_ms;
    const char *version; /* borrowed, with the next */
    const char *receiver;
    char trouble[256]; /* why the ledger could not be written just now; "" where it could */

    struct view_pool pools[CONFIG_POOLS_MAX + 1]; /* in file order, the one without a name last */
    size_t pools_len;
    int64_t queued, assigned, running; /* jobs of all pools */

    struct gate gates[2 + VIEW_OWNERS_MAX]; /* Nomad, GitHub, and owners' that are shut */
    size_t gates_len;

    struct view_jobs waiting; /* queued and assigned ones, the longest waiting first */
    struct view_jobs now_running;
    struct view_jobs lately; /* the last that ended; the total is of the last day */
    struct view_jobs failed; /* of the last day */
    int64_t expired;         /* of the last day */
    int64_t refused;

    struct series series; /* of the last day */

    struct view_received with_signature; /* newest first */
    struct view_received without;
};

/* What view_read works with. */
struct view_ask {
    const struct config *config;
    int64_t now_ms;
    struct view *view; /* empty but for version, receiver and trouble; view_fini ends it, always */
};

/* ledger_work; arg is a struct view_ask. What it takes from the configuration is borrowed. */
enum ledger_error view_read(struct ledger_txn *txn, void *arg);

/* Frees what the view holds. */
void view_fini(struct view *view);

#endif
