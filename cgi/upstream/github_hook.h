/*
 * GitHub's REST API, as far as webhooks go: of a repository or an organization (config/place.h).
 * Forms: docs.github.com, "REST API endpoints for repository webhooks" and "… for organization
 * webhooks". SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_HOOK_H
#define UPSTREAM_GITHUB_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include <runhook/secret.h>

#include "upstream/failure.h"
#include "upstream/github.h"

#define GITHUB_HOOK_URL_CAP 1024
#define GITHUB_HOOK_WORDS_CAP 160

/* A webhook, as GitHub tells of it. It never tells the secret. */
struct github_hook {
    int64_t id;
    char url[GITHUB_HOOK_URL_CAP];
    bool is_active;
    bool is_json;              /* its content type is json; else form */
    bool has_secret;           /* some secret is set */
    bool is_tls_verified;      /* insecure_ssl is "0" */
    bool sends_workflow_jobs;  /* among its events is workflow_job, or "*" */
    bool sends_others;         /* there are others among them, or "*" */
    int64_t last_code;         /* of its last delivery; 0 where there was none */
    char last_message[GITHUB_HOOK_WORDS_CAP]; /* as GitHub words that, made plain; "" for none */
};

typedef bool (*github_hook_visitor)(const struct github_hook *hook, void *arg);

/* Calls `visit` for each webhook of a place; false ends the list. GET /{place}/hooks, all pages. */
bool github_hooks(struct github *github, const char *place, github_hook_visitor visit, void *arg,
                  struct failure *failure);

/* What a webhook of ours is like. Borrowed. */
struct github_hook_wish {
    const char *url;
    const struct rh_secret *secret;
};

/* Makes it: JSON, the secret, workflow_job only, TLS verified, active. POST /{place}/hooks. */
bool github_hook_create(struct github *github, const char *place,
                        const struct github_hook_wish *wish, int64_t *id, struct failure *failure);

/* Makes one that is there like it, its secret included. PATCH /{place}/hooks/{id}. */
bool github_hook_mend(struct github *github, const char *place, int64_t id,
                      const struct github_hook_wish *wish, struct failure *failure);

/* DELETE /{place}/hooks/{id}: also true where there was none. */
bool github_hook_delete(struct github *github, const char *place, int64_t id,
                        struct failure *failure);

/* POST /{place}/hooks/{id}/pings. */
bool github_hook_ping(struct github *github, const char *place, int64_t id,
                      struct failure *failure);

#endif
