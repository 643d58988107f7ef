/*
 * When the webhook secrets of a configuration are used. The threads that answer only note the
 * moment in memory; another brings that into the ledger. SPDX-License-Identifier: MIT
 */
#ifndef SETUP_SECRET_WATCH_H
#define SETUP_SECRET_WATCH_H

#include <stddef.h>

#include "config/config.h"
#include "ledger/ledger.h"

struct secret_watch;

/* Makes one of webhook_secret and webhook_secret_previous; keeps neither. `receiver` is
 * ledger_receiver's. NULL when out of memory. */
struct secret_watch *secret_watch_new(const struct github_config *github, const char *receiver);
void secret_watch_free(struct secret_watch *watch);

/* A delivery was signed with webhook_secret (0) or webhook_secret_previous (1). Any thread; never
 * waits. */
void secret_watch_note(struct secret_watch *watch, size_t secret);

enum secret_watch_when {
    SECRET_WATCH_DUE, /* a first use at once, and then what is new once a minute */
    SECRET_WATCH_ALL, /* all that is new: the program, or this configuration, ends */
};

/*
 * Writes what is new into the ledger, and forgets there what is older than `retention_ms` and of no
 * secret of these. A ledger that cannot be written gets it a minute later, or not at all: it is for
 * a person to see, and for nothing else. From one thread at a time.
 */
void secret_watch_write(struct secret_watch *watch, struct ledger *ledger, int64_t retention_ms,
                        enum secret_watch_when when);

#endif
