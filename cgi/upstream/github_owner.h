/*
 * GitHub's REST API, as far as owners go: what repositories a user or an organization has.
 * Forms: docs.github.com, "REST API endpoints for repositories" and "… for GitHub App
 * installations". SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_OWNER_H
#define UPSTREAM_GITHUB_OWNER_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "upstream/failure.h"
#include "upstream/github.h"

/* A repository, as a list tells of it. Borrowed for the visit. */
struct github_repository {
    const char *name; /* "owner/name", as it may stand in a path */
    bool is_private;
    bool is_fork;
    bool is_archived;
    bool lacks_admin;    /* GitHub says that the token's user is no administrator of it */
    const cJSON *topics; /* an array of texts; NULL where GitHub does not tell */
};

/* Without case, as GitHub has topics in lower case alone. */
bool github_repository_has_topic(const struct github_repository *repository, const char *topic);

typedef bool (*github_repository_visitor)(const struct github_repository *repository, void *arg);

/*
 * Calls `visit` for each repository of an owner that its account can see; false ends the list. For
 * a GitHub App these are the installation's (GET /installation/repositories); for a token an
 * organization's (/orgs/{org}/repos), a user's own where the token is the user's
 * (/user/repos?affiliation=owner), or else the public ones of a user (/users/{user}/repos).
 * FAILURE_NOT_FOUND where there is no such owner.
 */
bool github_owner_repositories(struct github *github, const char *owner,
                               github_repository_visitor visit, void *arg, struct failure *failure);

#endif
