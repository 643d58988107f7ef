/*
 * Registration tokens, kept in memory until five minutes before they expire.
 *
 * One is good for any number of runners of its repository, so a matrix of 256 jobs asks for one;
 * and of several threads that need the same one at the same moment, one asks and the others wait
 * for it. SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_TOKEN_CACHE_H
#define UPSTREAM_TOKEN_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/github.h"

/* How long before its end a token is no longer given out: a runner must have time to register. */
#define TOKEN_MARGIN_MS (INT64_C(5) * 60 * 1000)

/* Shared by threads. */
struct token_cache;

struct token_cache *token_cache_new(void);
void token_cache_free(struct token_cache *cache);

/* Gives a registration token for the repository, from memory or from GitHub: `*asked` says which.
 * The caller owns it. */
bool token_cache_get(struct token_cache *cache, struct github *github, const char *repository,
                     struct rh_secret **token, bool *asked, struct failure *failure);

/* The repositories whose token is at hand, as a JSON array, which the caller frees with cJSON_free.
 * NULL when out of memory. */
char *token_cache_repositories(struct token_cache *cache);

#endif
