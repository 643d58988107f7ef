/*
 * What one request to GitHub is sent under: a token, an App's JSON Web Token, or a token of the
 * App's installation that has the place. Internal to github_send.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_ACCESS_H
#define UPSTREAM_GITHUB_ACCESS_H

#include <stdbool.h>

#include <runhook/secret.h>

#include "upstream/github_request.h"

/* Zero-initialize; one for all tries of a request. */
struct github_access {
    struct account *account;  /* NULL for none: see is_public */
    struct rh_secret *bearer; /* what goes into the header; NULL for none */
    struct rh_secret *secret; /* what an App signs with; NULL where `bearer` is a token */
    bool is_installations;    /* `bearer` is of an installation */
    bool was_renewed;
};

/* Gets the credential of now. FAILURE_CONFIGURATION where the configuration has none. */
bool github_access_get(struct github *github, const struct github_call *call,
                       struct github_access *access, struct failure *failure);

/* GitHub refused it (401): whether there is another by now, to ask with at once. */
bool github_access_renew(const struct github_call *call, struct github_access *access);

void github_access_fini(struct github_access *access);

#endif
