/*
 * Who may use the cluster.
 * SPDX-License-Identifier: MIT
 */
#include "config/access.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include <runhook/delivery.h>

bool
access_matches(const char *pattern, const char *name)
{
    return fnmatch(pattern, name, FNM_CASEFOLD | FNM_PATHNAME | FNM_NOESCAPE) == 0;
}

static bool
list_has(const struct names *patterns, const char *name)
{
    for (size_t i = 0; i < patterns->len; i++) {
        if (access_matches(patterns->items[i], name))
            return true;
    }
    return false;
}

static bool
has_list(const struct access_config *access)
{
    return access->repositories.len > 0 || access->owners.len > 0;
}

static bool
lists_have(const struct access_config *access, const char *repository)
{
    char owner[RH_REPOSITORY_LEN_MAX + 1];

    (void)snprintf(owner, sizeof owner, "%.*s", (int)strcspn(repository, "/"), repository);
    return list_has(&access->repositories, repository) || list_has(&access->owners, owner);
}

bool
access_permits(const struct config *config, const struct pool *pool, const char *repository,
               bool is_private, char *words, size_t words_cap)
{
    const struct access_config *lists = has_list(&pool->access) ? &pool->access : &config->access;
    enum permit public_ones = pool->access.public_repositories != PERMIT_UNSET
                                  ? pool->access.public_repositories
                                  : config->access.public_repositories;

    if (has_list(lists) && !lists_have(lists, repository)) {
        if (words != NULL)
            (void)snprintf(words, words_cap,
                           "the repository %.128s is not among its `repositories` and `owners`",
                           repository);
        return false;
    }
    if (public_ones == PERMIT_DENY && !is_private) {
        if (words != NULL)
            (void)snprintf(words, words_cap,
                           "the repository %.128s is public, and public_repositories = deny",
                           repository);
        return false;
    }
    return true;
}

const struct fork_rule *
access_forks(const struct config *config, const struct pool *pool)
{
    const struct fork_rule *own = &pool->access.fork_pull_requests;

    return own->permit != PERMIT_UNSET ? own : &config->access.fork_pull_requests;
}
