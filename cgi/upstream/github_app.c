/*
 * GitHub's REST API, as far as a GitHub App asks for itself. Forms: docs.github.com, "REST API
 * endpoints for GitHub Apps". SPDX-License-Identifier: MIT
 */
#include "upstream/github_app.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <runhook/delivery.h>

#include "text/json.h"
#include "upstream/github_request.h"

#define BODY_CAP 128

static bool
not_installed(struct account *app, const char *place, struct failure *failure)
{
    char owner[PLACE_CAP];

    place_owner(place, owner);
    (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_NOT_FOUND,
                      "the GitHub App %.64s is not installed for %.96s (404): install it there, or "
                      "take [owner %.64s] or the webhook away",
                      account_app_id(app), strchr(place, '/') + 1, owner);
    failure->status = 404;
    return false;
}

/* Asks one path for an installation. `*id` is 0 where the answer is a 404. */
static bool
ask_installation(struct github *github, struct account *app, const struct buffer *path,
                 const char *place, int64_t *id, struct failure *failure)
{
    const struct github_call call = {.method = "GET", .path = path, .place = place, .as_app = app};
    struct http_reply reply;
    cJSON *json = NULL;
    bool done = true;

    *id = 0;
    if (!github_send(github, &call, &reply, failure))
        return false;
    if (reply.status == 200) {
        json = json_parse(&reply.body);
        done = (json_number(json, "id", RH_ID_MAX, id) && *id > 0) ||
               failure_garbage(failure, UPSTREAM_GITHUB,
                               "GitHub's answer is no installation: is [github] api_url right?");
    } else if (reply.status != 404 || !github_is_api_error(&reply)) {
        done = github_refused(github, &call, &reply, failure);
    }
    cJSON_Delete(json);
    http_reply_fini(&reply);
    return done;
}

bool
github_installation_find(struct github *github, struct account *app, const char *place, int64_t *id,
                         struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    bool done;

    *id = 0;
    if (!github_path(&path, place, failure))
        return false;
    (void)buffer_add_text(&path, "/installation");
    done = ask_installation(github, app, &path, place, id, failure);
    buffer_fini(&path);
    if (done && *id == 0 && place_is_organization(place)) {
        path = BUFFER_INIT(GITHUB_PATH_MAX);
        (void)buffer_addf(&path, "/users/%s/installation", place + strlen(PLACE_ORGANIZATION));
        done = ask_installation(github, app, &path, place, id, failure);
        buffer_fini(&path);
    }
    return done && (*id != 0 || not_installed(app, place, failure));
}

/* What GitHub's 403 and 422 for a token mean: docs.github.com, "Create an installation access
 * token for an app". */
static bool
token_refused(struct github *github, const struct github_call *call, const struct http_reply *reply,
              enum github_permission permission, struct failure *failure)
{
    const char *app = account_app_id(call->as_app), *name = strchr(call->place, '/') + 1;

    if (reply->status == 404 && github_is_api_error(reply))
        return not_installed(call->as_app, call->place, failure);
    if (reply->status == 422)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_FORBIDDEN,
                          "the GitHub App %.64s lacks %s for %.96s (422): add it in the App's "
                          "settings, and let the owner accept it",
                          app, github_permission(permission)->words, name);
    else if (reply->status == 403 && strcasestr(buffer_text(&reply->body), "suspended") != NULL)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_FORBIDDEN,
                          "the GitHub App %.64s is suspended for %.96s (403): unsuspend it in the "
                          "owner's settings",
                          app, name);
    else
        return github_refused(github, call, reply, failure);
    failure->status = reply->status;
    return false;
}

bool
github_installation_token(struct github *github, struct account *app, const char *place, int64_t id,
                          enum github_permission permission, struct rh_secret **token,
                          int64_t *expires_at_ms, struct failure *failure)
{
    const struct github_permission_row *row = github_permission(permission);
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    char body[BODY_CAP];
    const struct github_call call = {
        .method = "POST",
        .path = &path,
        .place = place,
        .as_app = app,
        .body = body,
        .body_len = (size_t)snprintf(body, sizeof body, "{\"permissions\":{\"%s\":\"%s\"}}",
                                     row->name, row->level)};
    struct http_reply reply;
    bool done = false;

    *token = NULL;
    *expires_at_ms = 0;
    (void)buffer_addf(&path, "/app/installations/%" PRId64 "/access_tokens", id);
    if (github_send(github, &call, &reply, failure)) {
        done = reply.status == 201 ? github_read_token(&reply, token, expires_at_ms, failure)
                                   : token_refused(github, &call, &reply, permission, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return done;
}
