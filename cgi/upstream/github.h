/*
 * GitHub's REST API, and our access to it.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_H
#define UPSTREAM_GITHUB_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "upstream/account.h"
#include "upstream/failure.h"
#include "upstream/http.h"

/* For one thread at a time. Borrows all that it is made of. */
struct github;

/* `observer` is told of each request; NULL for nobody. NULL when out of memory. */
struct github *github_new(const struct github_config *config, struct accounts *accounts,
                          const struct upstream_observer *observer, http_deadline *deadline);
void github_free(struct github *github);

#endif
