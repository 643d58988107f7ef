/*
 * GitHub's REST API, as far as a GitHub App's own webhook goes, which gets the deliveries of all
 * its installations. The API sets where it goes, and not what it is sent: that is for the App's
 * settings. Forms: docs.github.com, "REST API endpoints for GitHub App webhooks".
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_APP_HOOK_H
#define UPSTREAM_GITHUB_APP_HOOK_H

#include <stdbool.h>

#include "upstream/account.h"
#include "upstream/failure.h"
#include "upstream/github.h"
#include "upstream/github_hook.h"

/* Reads it: GET /app/hook/config and, for its events, GET /app. It has no id and counts as active;
 * GitHub tells of no last delivery here. FAILURE_NOT_FOUND where the App has none. */
bool github_app_hook(struct github *github, struct account *app, struct github_hook *hook,
                     struct failure *failure);

/* Sets its URL, JSON, the secret, TLS verified. PATCH /app/hook/config. */
bool github_app_hook_mend(struct github *github, struct account *app,
                          const struct github_hook_wish *wish, struct failure *failure);

#endif
