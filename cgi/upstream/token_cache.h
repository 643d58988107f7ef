/*
 * Tokens that are good for a while, kept in memory until five minutes before they expire:
 * registration tokens of places, installation tokens of a GitHub App.
 *
 * One is good for many uses, so a matrix of 256 jobs asks for one; and of several threads that need
 * the same one at the same moment, one asks and the others wait for it.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_TOKEN_CACHE_H
#define UPSTREAM_TOKEN_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include <runhook/secret.h>

#include "upstream/failure.h"

/* How long before its end a token is no longer given out: a runner must have time to register. */
#define TOKEN_MARGIN_MS (INT64_C(5) * 60 * 1000)

/* Shared by threads. */
struct token_cache;

struct token_cache *token_cache_new(void);
void token_cache_free(struct token_cache *cache);

/* Asks for the token of a key. On success the cache owns `*token`. Called with no lock held. */
typedef bool (*token_mint)(void *arg, const char *key, struct rh_secret **token,
                           int64_t *expires_at_ms, struct failure *failure);

/* Gives the token of a key (compared without case), from memory or by `mint`: `*asked` (may be
 * NULL) says which. The caller owns it. */
bool token_cache_get(struct token_cache *cache, const char *key, token_mint mint, void *arg,
                     struct rh_secret **token, bool *asked, struct failure *failure);

/* This token of the key is good for nothing any more: the next to ask mints another. */
void token_cache_drop(struct token_cache *cache, const char *key, const struct rh_secret *token);

/* Whether the token of a key is at hand. Does not wait for one that is asked for. */
bool token_cache_has(struct token_cache *cache, const char *key);

/* The keys whose token is at hand, as a JSON array, which the caller frees with cJSON_free. NULL
 * when out of memory. */
char *token_cache_keys(struct token_cache *cache);

#endif
