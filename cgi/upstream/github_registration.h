/*
 * GitHub's REST API, as far as what a runner registers with goes: a registration token, or a
 * just-in-time configuration. SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_REGISTRATION_H
#define UPSTREAM_GITHUB_REGISTRATION_H

#include <stdbool.h>
#include <stdint.h>

#include <runhook/labels.h>
#include <runhook/secret.h>

#include "upstream/failure.h"
#include "upstream/github.h"

/* The group that every place has: "Default". */
#define GITHUB_DEFAULT_GROUP 1

/*
 * Mints a registration token for a place (config/place.h):
 * POST /{place}/actions/runners/registration-token. It is valid for an hour and good for any number
 * of runners there. On success the caller owns `*token`.
 */
bool github_registration_token(struct github *github, const char *place, struct rh_secret **token,
                               int64_t *expires_at_ms, struct failure *failure);

/* A runner to be. All borrowed. */
struct github_jit_request {
    const char *name; /* unique in the place */
    int64_t group_id;
    const struct rh_labels *labels; /* all that it gets: GitHub adds none */
    const char *work_folder;        /* NULL for GitHub's default, "_work" */
};

/*
 * Registers a runner and makes the configuration that it starts with, once:
 * POST /{place}/actions/runners/generate-jitconfig. FAILURE_CONFLICT where the name is taken. After
 * any failure that failure_changed_nothing does not clear, the runner may be registered all the
 * same. On success the caller owns `*config`, and `*runner_id` is the registration's.
 */
bool github_jit_config(struct github *github, const char *place,
                       const struct github_jit_request *request, struct rh_secret **config,
                       int64_t *runner_id, struct failure *failure);

/*
 * Finds a runner group of an organization or an enterprise by its name (compared without case):
 * GET /{place}/actions/runner-groups. FAILURE_CONFIGURATION where there is none of that name.
 */
bool github_runner_group(struct github *github, const char *place, const char *name, int64_t *id,
                         struct failure *failure);

#endif
