/*
 * Who may use the cluster: the rules of [access], and of a pool in their place. Pure.
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_ACCESS_H
#define CONFIG_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/*
 * Whether a repository ("owner/name") may use a pool: where there are lists of repositories or
 * owners, one of them has it; and a public one is not denied. A pool that has a list of its own, of
 * either kind, goes by its own alone. Otherwise `words` (may be NULL, with 0) say why not, to
 * follow "pool NAME: ".
 */
bool access_permits(const struct config *config, const struct pool *pool, const char *repository,
                    bool is_private, char *words, size_t words_cap);

/* What the pool does with jobs of pull requests from forks. */
const struct fork_rule *access_forks(const struct config *config, const struct pool *pool);

/* Whether a repository's or owner's name matches a pattern: without case, '*' for any number of
 * characters but '/'. */
bool access_matches(const char *pattern, const char *name);

#endif
