/*
 * What a request to GitHub's API needs to be allowed: the permissions of fine-grained tokens and of
 * GitHub Apps, by the names of docs.github.com, "Permissions required for GitHub Apps", and the
 * scopes of classic tokens. SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_PERMISSION_H
#define UPSTREAM_GITHUB_PERMISSION_H

#include <stdbool.h>

enum github_permission {
    GITHUB_METADATA, /* which every token has */
    GITHUB_ACTIONS,
    GITHUB_ADMINISTRATION,
    GITHUB_ORGANIZATION_RUNNERS,
    GITHUB_ENTERPRISE_RUNNERS, /* which no App and no fine-grained token can have */
    GITHUB_REPOSITORY_HOOKS,
    GITHUB_ORGANIZATION_HOOKS,
};
#define GITHUB_PERMISSIONS (GITHUB_ORGANIZATION_HOOKS + 1)

struct github_permission_row {
    const char *name;  /* as an App's installation token is asked for it */
    const char *level; /* "read" or "write" */
    const char *words; /* in the words of GitHub's settings: "administration (write)" */
    const char *scope; /* a classic token's, at the least */
};

const struct github_permission_row *github_permission(enum github_permission permission);

/* What it takes to manage the runners of a place (config/place.h), and its hooks. */
enum github_permission github_permission_of_runners(const char *place);
enum github_permission github_permission_of_hooks(const char *place);

#endif
