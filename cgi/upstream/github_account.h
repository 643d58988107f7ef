/*
 * GitHub's REST API, as far as an account asks about itself: whose token it is and what it may do,
 * a GitHub App and where it is installed, and what is left of the rate limit.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_ACCOUNT_H
#define UPSTREAM_GITHUB_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/place.h"
#include "upstream/account.h"
#include "upstream/failure.h"
#include "upstream/github.h"
#include "upstream/github_permission.h"

#define GITHUB_LOGIN_CAP 128
#define GITHUB_SCOPES_CAP 1024

/* A token, as GitHub tells of it. */
struct github_token {
    int64_t server_now_ms; /* GitHub's clock; also set where GitHub refused, else 0 */
    char login[GITHUB_LOGIN_CAP];
    bool is_classic; /* it has scopes; a fine-grained one has permissions, which no answer tells */
    char scopes[GITHUB_SCOPES_CAP]; /* "repo, admin:org" */
    int64_t expires_at_ms;          /* 0 where it does not, or GitHub does not tell */
};

/* GET /user. */
bool github_token_self(struct github *github, struct account *account, struct github_token *token,
                       struct failure *failure);

/* What an App, or an installation of one, may do. */
enum github_level {
    GITHUB_NO_ACCESS,
    GITHUB_READ,
    GITHUB_WRITE,
};
struct github_grants {
    enum github_level levels[GITHUB_PERMISSIONS];
};

/* Whether they are enough for what a request needs. */
bool github_grants_allow(const struct github_grants *grants, enum github_permission permission);

struct github_app {
    int64_t server_now_ms; /* as above */
    char name[GITHUB_LOGIN_CAP];
    struct github_grants grants;
    bool sends_workflow_jobs; /* it subscribes to that event */
};

/* GET /app. FAILURE_NOT_FOUND where GitHub has no App of this id. */
bool github_app_self(struct github *github, struct account *account, struct github_app *app,
                     struct failure *failure);

struct github_installation {
    int64_t id;
    char owner[PLACE_CAP]; /* as [owner NAME] names it */
    bool is_suspended;
    bool is_selected; /* it has some of the owner's repositories, not all */
    struct github_grants grants;
};

typedef bool (*github_installation_visitor)(const struct github_installation *installation,
                                            void *arg);

/* Most that are asked for. */
#define GITHUB_INSTALLATIONS_MAX 1000

/* Calls `visit` for each of the App's; false ends the list. GET /app/installations. */
bool github_installations(struct github *github, struct account *account,
                          github_installation_visitor visit, void *arg, struct failure *failure);

/* The primary limit. */
struct github_rate {
    int64_t limit; /* an hour */
    int64_t used;
    int64_t remaining;
    int64_t renews_at_ms;
};

/* GET /rate_limit, which does not count: of the credential that asks about a place with this
 * permission. FAILURE_NOT_FOUND where the server limits nothing. */
bool github_rate(struct github *github, const char *place, enum github_permission permission,
                 struct github_rate *rate, struct failure *failure);

/* Whether a GET of "/{place}{suffix}" is allowed: its answer is not looked at. */
bool github_may_get(struct github *github, const char *place, const char *suffix,
                    enum github_permission permission, struct failure *failure);

#define GITHUB_STATUS_CAP 128

/* What a webhook's last delivery came to. */
struct github_last_delivery {
    bool was_there;
    int64_t code;                   /* the HTTP status of the answer; 0 where there was none */
    char status[GITHUB_STATUS_CAP]; /* in GitHub's words, made plain */
};

/* The last one of a place's webhook: GET /{place}/hooks/{id}/deliveries; or, with `app`, of the
 * App's own: GET /app/hook/deliveries, where `place` and `id` are not looked at. */
bool github_last_delivery(struct github *github, struct account *app, const char *place, int64_t id,
                          struct github_last_delivery *last, struct failure *failure);

#endif
