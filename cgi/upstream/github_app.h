/*
 * GitHub's REST API, as far as a GitHub App asks for itself: where it is installed, and the tokens
 * of its installations. SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_APP_H
#define UPSTREAM_GITHUB_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/failure.h"
#include "upstream/github.h"
#include "upstream/github_permission.h"

/*
 * Finds the App's installation that has a place: GET /repos/{owner}/{repo}/installation,
 * /orgs/{org}/installation, and for an owner that is no organization /users/{user}/installation.
 * FAILURE_NOT_FOUND where the App is not installed there, and says so.
 */
bool github_installation_find(struct github *github, struct account *app, const char *place,
                              int64_t *id, struct failure *failure);

/*
 * Mints a token of an installation, for one permission alone:
 * POST /app/installations/{id}/access_tokens. It is valid for an hour. FAILURE_NOT_FOUND where
 * there is no such installation any more, FAILURE_FORBIDDEN where it is suspended or lacks the
 * permission. `place` is for the words of a failure. On success the caller owns `*token`.
 */
bool github_installation_token(struct github *github, struct account *app, const char *place,
                               int64_t id, enum github_permission permission,
                               struct rh_secret **token, int64_t *expires_at_ms,
                               struct failure *failure);

#endif
