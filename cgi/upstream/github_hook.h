/*
 * GitHub's REST API, as far as webhooks go: of a repository or an organization (config/place.h).
 * Forms: docs.github.com, "REST API endpoints for repository webhooks" and "… for organization
 * webhooks". SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_HOOK_H
#define UPSTREAM_GITHUB_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <runhook/secret.h>

#include "text/buffer.h"
#include "upstream/failure.h"
#include "upstream/github.h"
#include "upstream/github_request.h"

#define GITHUB_HOOK_URL_CAP 1024
#define GITHUB_HOOK_WORDS_CAP 160

/* Room for the JSON of a webhook's configuration: of the longest URL and secret, all escaped. */
#define GITHUB_HOOK_BODY_CAP (6 * (RH_SECRET_MAX + GITHUB_HOOK_URL_CAP) + 512)

/* A webhook, as GitHub tells of it. It never tells the secret. */
struct github_hook {
    int64_t id;
    char url[GITHUB_HOOK_URL_CAP]; /* "" where it has none, or a longer one */
    bool is_active;
    bool is_json;             /* its content type is json; else form */
    bool has_secret;          /* some secret is set */
    bool is_tls_verified;     /* insecure_ssl is "0" */
    bool sends_workflow_jobs; /* among its events is workflow_job, or "*" */
    bool sends_others;        /* there are others among them, or "*" */
    int64_t last_code;        /* of its last delivery; 0 where there was none, or GitHub does not
                                 tell, as of an organization's */
    char last_message[GITHUB_HOOK_WORDS_CAP]; /* as GitHub words that, made plain; "" for none */
};

/* Reads one of a list, or an answer. False where it is no webhook. */
bool github_hook_read(const cJSON *json, struct github_hook *hook);

/* Reads {"url": …, "content_type": …, "insecure_ssl": …, "secret": …} into the fields of those. */
void github_hook_read_config(const cJSON *config, struct github_hook *hook);

/* Reads a list of events into the fields of those. */
void github_hook_read_events(const cJSON *events, struct github_hook *hook);

typedef bool (*github_hook_visitor)(const struct github_hook *hook, void *arg);

/* Calls `visit` for each webhook of a place; false ends the list. GET /{place}/hooks, all pages. */
bool github_hooks(struct github *github, const char *place, github_hook_visitor visit, void *arg,
                  struct failure *failure);

/* What a webhook of ours is like. Borrowed. */
struct github_hook_wish {
    const char *url;
    const struct rh_secret *secret;
};

/* Adds its configuration as JSON: {"url": …, "content_type": "json", "insecure_ssl": "0",
 * "secret": …}. It holds the secret: the caller ends `out`, which is for GITHUB_HOOK_BODY_CAP
 * bytes, with buffer_wipe. False where it does not fit, or when out of memory. */
bool github_hook_write_config(struct buffer *out, const struct github_hook_wish *wish);

/* Says why GitHub did not take a webhook's form (422), in its own words, the secret withheld; any
 * other status as github_refused does. Returns false. */
bool github_hook_refused(struct github *github, const struct github_call *call,
                         const struct http_reply *reply, const struct github_hook_wish *wish,
                         struct failure *failure);

/* Makes it: JSON, the secret, workflow_job only, TLS verified, active. POST /{place}/hooks. */
bool github_hook_create(struct github *github, const char *place,
                        const struct github_hook_wish *wish, int64_t *id, struct failure *failure);

/* Makes one that is there like it, its secret included. PATCH /{place}/hooks/{id}. */
bool github_hook_mend(struct github *github, const char *place, int64_t id,
                      const struct github_hook_wish *wish, struct failure *failure);

/* DELETE /{place}/hooks/{id}: also true where there was none. GitHub answers 404 as well to who may
 * see it and not take it away: that is FAILURE_FORBIDDEN. */
bool github_hook_delete(struct github *github, const char *place, int64_t id,
                        struct failure *failure);

/* POST /{place}/hooks/{id}/pings. */
bool github_hook_ping(struct github *github, const char *place, int64_t id,
                      struct failure *failure);

#endif
