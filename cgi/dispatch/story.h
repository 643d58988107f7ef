/*
 * The story of one job on its way to a runner: claim, credential, dispatch, record.
 * SPDX-License-Identifier: MIT
 */
#ifndef DISPATCH_STORY_H
#define DISPATCH_STORY_H

#include <stdbool.h>

#include "config/config.h"
#include "ledger/ledger.h"
#include "log/log.h"
#include "upstream/github.h"
#include "upstream/nomad.h"
#include "upstream/token_cache.h"

/* What a dispatching thread works with. All borrowed; github and nomad are this thread's own. */
struct storyteller {
    const struct config *config;
    struct ledger *ledger;
    struct log *log;
    struct token_cache *tokens;
    struct github *github;
    struct nomad *nomad;
    /* Waits a moment before the ledger is pressed again. False where the program ends. */
    bool (*rest)(void *arg);
    void *rest_arg;
};

enum story_end {
    STORY_NOTHING_DUE,
    STORY_DISPATCHED, /* or found to be wanted no more */
    STORY_FAILED,     /* recorded, to be tried again */
    STORY_LEDGER,     /* the ledger failed: rest before the next */
};

/* Takes up the next due job and does its steps. */
enum story_end story_tell(const struct storyteller *teller);

#endif
