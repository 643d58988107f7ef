/*
 * GitHub's REST API, as far as the registrations of runners go: in a repository, an organization or
 * an enterprise, as the place says (config/place.h).
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_RUNNER_H
#define UPSTREAM_GITHUB_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/failure.h"
#include "upstream/github.h"

/* A registration of a name. */
struct github_runner {
    bool is_registered; /* false: GitHub knows no runner of that name, and the rest is 0 */
    int64_t id;
    bool is_online;
    bool is_busy; /* a job runs on it, as far as GitHub has noticed */
};

/*
 * Looks a runner up by its name, compared exactly: GET /{place}/actions/runners?name=…, on to
 * further pages where the server ignores the name (GitHub Enterprise Server before it knew that
 * parameter). That there is none is said only of a list that was read whole: FAILURE_CONFLICT where
 * it changed from page to page, FAILURE_OVERSIZED where it has no end. FAILURE_NOT_FOUND is of the
 * place.
 */
bool github_runner_find(struct github *github, const char *place, const char *name,
                        struct github_runner *runner, struct failure *failure);

/* What became of a registration that was to be deleted. */
enum github_deletion {
    GITHUB_DELETED, /* 204: it was idle, and can take no job any more */
    GITHUB_ABSENT,  /* 404: there is no registration of this id */
    GITHUB_BUSY,    /* 422: it runs a job */
};

/*
 * DELETE /{place}/actions/runners/{id}: the one safe way to take a runner away. `*deletion` is
 * GITHUB_BUSY where it fails. A place that the credential no longer sees is GITHUB_ABSENT too,
 * which GitHub does not tell apart; a 404 in other words than the API's fails.
 */
bool github_runner_delete(struct github *github, const char *place, int64_t id,
                          enum github_deletion *deletion, struct failure *failure);

#endif
