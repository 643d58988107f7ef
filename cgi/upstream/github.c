/*
 * GitHub's REST API, as far as a runner needs it.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <runhook/delivery.h>

#include "text/json.h"
#include "upstream/github_request.h"

/* What a token may be made of: it becomes part of a command line and of an environment. */
#define TOKEN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

struct github {
    const struct github_config *config;
    struct credential *token;
    struct http_origin origin;
    struct http_client *client;
};

struct github *
github_new(const struct github_config *config, struct credential *token, http_deadline *deadline)
{
    struct github *github = calloc(1, sizeof *github);

    if (github == NULL)
        return NULL;
    github->config = config;
    github->token = token;
    github->origin = (struct http_origin){.upstream = UPSTREAM_GITHUB,
                                          .base = config->api_url,
                                          .connect_timeout_ms = config->connect_timeout_s * 1000,
                                          .timeout_ms = config->timeout_s * 1000};
    github->client = http_client_new(&github->origin, deadline);
    if (github->client == NULL) {
        github_free(github);
        return NULL;
    }
    return github;
}

void
github_free(struct github *github)
{
    if (github == NULL)
        return;
    http_client_free(github->client);
    free(github);
}

/* GitHub's limits are 403s too: told by their headers, and the secondary ones at times by their
 * words alone (docs.github.com, "Rate limits for the REST API"). */
static bool
is_rate_limit(const struct http_reply *reply)
{
    static const char *const words[] = {"rate limit", "abuse detection"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasestr(buffer_text(&reply->body), words[i]) != NULL)
            return true;
    }
    return reply->rate_limited;
}

bool
github_is_api_error(const struct http_reply *reply)
{
    cJSON *json = json_parse(&reply->body);
    bool is_error = json_text(json, "message") != NULL;

    json_wipe(json);
    return is_error;
}

bool
github_refused(const struct github_call *call, const struct http_reply *reply,
               struct failure *failure)
{
    const char *repository = call->repository;
    long status = reply->status;

    if (status == 429 || (status == 403 && is_rate_limit(reply)))
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_RATE_LIMITED,
                          "GitHub's rate limit is used up (%ld)", status);
    else if (status == 401)
        (void)failure_set(
            failure, UPSTREAM_GITHUB, FAILURE_UNAUTHORIZED,
            "GitHub does not accept the token (401): it is wrong, revoked or expired; "
            "put a new one into [github] token_file");
    else if (status == 403)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_FORBIDDEN,
                          "GitHub forbids it (403): the token needs %s of %.96s", call->permission,
                          repository);
    else if (status == 404)
        (void)failure_set(
            failure, UPSTREAM_GITHUB, FAILURE_NOT_FOUND,
            "GitHub knows no %.96s for this token (404): grant it the repository, with %s",
            repository, call->permission);
    else if (status == 409)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_CONFLICT, "GitHub: conflict (409)");
    else if (status == 422)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_UNPROCESSABLE,
                          "GitHub does not accept the request (422)");
    else if (status >= 300 && status < 400)
        (void)failure_set(
            failure, UPSTREAM_GITHUB, FAILURE_REDIRECTED,
            "GitHub redirects (%ld): %.96s was renamed, or [github] api_url is not the "
            "API's address",
            status, repository);
    else if (status >= 500)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_SERVER, "GitHub has trouble (%ld)",
                          status);
    else
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_REJECTED, "GitHub answered %ld",
                          status);
    failure->status = status;
    failure->retry_after_ms = reply->retry_after_ms;
    return false;
}

static bool
read_token(const struct http_reply *reply, struct rh_secret **token, int64_t *expires_at_ms,
           struct failure *failure)
{
    cJSON *json = json_parse(&reply->body);
    const char *value = json_text(json, "token");
    const char *expires_at = json_text(json, "expires_at");
    int64_t expires_at_s;
    bool done = false;

    if (value == NULL || expires_at == NULL || !rh_time_parse(expires_at, &expires_at_s) ||
        value[strspn(value, TOKEN_CHARACTERS)] != '\0') {
        (void)failure_set(
            failure, UPSTREAM_GITHUB, FAILURE_GARBAGE,
            "GitHub's answer has no token and expires_at: is [github] api_url right?");
    } else if (rh_secret_new(value, strlen(value), token) != RH_OK) {
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_GARBAGE,
                          "GitHub's answer has an unusable token");
    } else {
        *expires_at_ms = expires_at_s * 1000;
        done = true;
    }
    json_wipe(json);
    return done;
}

bool
github_path(struct buffer *path, const char *repository, struct failure *failure)
{
    if (!rh_repository_valid(repository))
        return failure_set(failure, UPSTREAM_GITHUB, FAILURE_CONFIGURATION,
                           "the repository's name cannot stand in a URL");
    (void)buffer_addf(path, "/repos/%s", repository);
    return true;
}

bool
github_send(struct github *github, const struct github_call *call, struct http_reply *reply,
            struct failure *failure)
{
    bool answered = false, again = true;

    if (call->path->failed)
        return failure_set(failure, UPSTREAM_GITHUB, FAILURE_LOCAL,
                           "a request's path is too long, or out of memory");
    while (again) {
        struct rh_secret *token;
        bool got = credential_get(github->token, &token);
        const struct http_header headers[] = {
            {.name = "Authorization", .prefix = "Bearer ", .secret = token},
            {.name = "Accept", .value = "application/vnd.github+json"},
            {.name = "X-GitHub-Api-Version", .value = github->config->api_version},
            {.name = "If-None-Match", .value = call->etag},
        };
        const struct http_request request = {.method = call->method,
                                             .path = buffer_text(call->path),
                                             .headers = headers,
                                             .headers_len = sizeof headers / sizeof headers[0],
                                             .reply_max = call->reply_max};

        answered = got ? http_send(github->client, &request, reply, failure)
                       : failure_set(failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
        again = answered && reply->status == 401 && credential_renew(github->token, token);
        if (again)
            http_reply_fini(reply);
        rh_secret_free(token);
    }
    return answered;
}

bool
github_registration_token(struct github *github, const char *repository, struct rh_secret **token,
                          int64_t *expires_at_ms, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {.method = "POST",
                                     .path = &path,
                                     .repository = repository,
                                     .permission = GITHUB_ADMINISTRATION};
    struct http_reply reply;
    bool done = false;

    *token = NULL;
    *expires_at_ms = 0;
    if (!github_path(&path, repository, failure))
        return false;
    (void)buffer_add_text(&path, "/actions/runners/registration-token");
    if (github_send(github, &call, &reply, failure)) {
        done = reply.status == 201 ? read_token(&reply, token, expires_at_ms, failure)
                                   : github_refused(&call, &reply, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return done;
}
