/*
 * The ids of runner groups, which the configuration knows by their names, kept in memory for an
 * hour. SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_RUNNER_GROUPS_H
#define UPSTREAM_RUNNER_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/github.h"

/* Shared by threads. */
struct runner_groups;

struct runner_groups *runner_groups_new(void);
void runner_groups_free(struct runner_groups *groups);

/* Gives the id of the group of this name (NULL for the default one) in a place, from memory or from
 * GitHub; see github_runner_group. */
bool runner_groups_find(struct runner_groups *groups, struct github *github, const char *place,
                        const char *name, int64_t *id, struct failure *failure);

/* What is known of a place may be wrong: a group was made anew under its name. */
void runner_groups_drop(struct runner_groups *groups, const char *place);

#endif
