/*
 * The places that the ledger knows: repositories that jobs came from, and webhooks that deliveries
 * did. SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_PLACES_H
#define LEDGER_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "ledger/ledger.h"

/* ledger_work; arg is a struct places_read. */
struct places_read {
    int64_t since_ms;         /* repositories with an event since then, */
    int64_t repositories_max; /* the latest first, so many at most */
    void (*repository)(const char *name, void *arg);
    /* Each webhook but a GitHub App's own, by its place (config/place.h). */
    void (*hook)(const char *place, int64_t id, void *arg);
    void *arg;
};
enum ledger_error places_read(struct ledger_txn *txn, void *arg);

#endif
