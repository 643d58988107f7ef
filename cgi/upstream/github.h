/*
 * GitHub's REST API, as far as a runner needs it.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_H
#define UPSTREAM_GITHUB_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "upstream/credential.h"
#include "upstream/failure.h"
#include "upstream/http.h"

/* The API and our access to it, for one thread at a time. Borrows all that it is made of. */
struct github;

struct github *github_new(const struct github_config *config, struct credential *token,
                          http_deadline *deadline);
void github_free(struct github *github);

/*
 * Mints a registration token for a repository ("owner/name", checked):
 * POST /repos/{owner}/{repo}/actions/runners/registration-token. It is valid for an hour and good
 * for any number of runners. On success the caller owns `*token`.
 */
bool github_registration_token(struct github *github, const char *repository,
                               struct rh_secret **token, int64_t *expires_at_ms,
                               struct failure *failure);

#endif
