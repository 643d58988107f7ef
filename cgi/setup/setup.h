/*
 * One configuration, and all that the program derives from it and keeps while that is in force.
 * SPDX-License-Identifier: MIT
 */
#ifndef SETUP_SETUP_H
#define SETUP_SETUP_H

#include "config/config.h"
#include "setup/secret_watch.h"
#include "upstream/account.h"
#include "upstream/credential.h"
#include "upstream/runner_groups.h"
#include "upstream/token_cache.h"

/* All its own. Never changes once made, but within the types that threads may share: who has it has
 * it from current_take. */
struct setup {
    struct config *config;
    char *limits;       /* of the pools: see order_limits */
    char *repositories; /* that the configuration names, as a JSON array */
    char *pool_names;   /* likewise */
    char *pool_labels;  /* which pools there are, what they serve and for whom, as one text */
    struct token_cache *tokens;
    struct runner_groups *groups;
    struct accounts *accounts; /* at GitHub */
    struct credential *nomad_token;
    struct secret_watch *secrets; /* when each webhook secret was used */
    size_t holders;               /* of setup/current.c, under its lock */
};

/* Makes one of a configuration, which it owns from then on, in either case. `receiver` is
 * ledger_receiver's. NULL when out of memory. */
struct setup *setup_new(struct config *config, const char *receiver);
void setup_free(struct setup *setup);

#endif
