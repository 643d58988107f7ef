/*
 * GitHub's REST API, and our access to it.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <runhook/delivery.h>

#include "clock/clock.h"
#include "text/json.h"
#include "upstream/github_access.h"
#include "upstream/github_request.h"

/* What a token may be made of: it becomes part of a command line and of an environment. */
#define TOKEN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

/* A clock that is off by more than this may be why GitHub refuses an App's token. */
#define SKEW_MAX_S 45

struct github {
    const struct github_config *config;
    struct accounts *accounts;
    struct http_origin origin;
    struct http_client *client;
};

struct github *
github_new(const struct github_config *config, struct accounts *accounts,
           const struct upstream_observer *observer, http_deadline *deadline)
{
    struct github *github = calloc(1, sizeof *github);

    if (github == NULL)
        return NULL;
    github->config = config;
    github->accounts = accounts;
    github->origin = (struct http_origin){.upstream = UPSTREAM_GITHUB,
                                          .base = config->api_url,
                                          .connect_timeout_ms = config->connect_timeout_s * 1000,
                                          .timeout_ms = config->timeout_s * 1000,
                                          .observer = observer};
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

/* Why GitHub did not take a credential, and what to do. */
static void
refuse_credential(const struct account *account, const struct github_call *call,
                  const struct http_reply *reply, struct failure *failure)
{
    int64_t skew_s = (clock_now_ms() - reply->server_now_ms) / 1000;
    char section[ACCOUNT_SECTION_CAP];

    (void)account_section(account, section);
    if (account_app_id(account) == NULL)
        (void)failure_set(
            failure, UPSTREAM_GITHUB, FAILURE_UNAUTHORIZED,
            "GitHub does not accept the token (401): it is wrong, revoked or expired; "
            "put a new one into %s token_file",
            section);
    else if (call->as_app == NULL)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_UNAUTHORIZED,
                          "GitHub does not accept a fresh token of the App %.64s (401)",
                          account_app_id(account));
    else if (skew_s > SKEW_MAX_S || skew_s < -SKEW_MAX_S)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_UNAUTHORIZED,
                          "GitHub does not accept the App's token (401): this machine's clock is "
                          "%" PRId64 " s %s GitHub's; set it right",
                          skew_s > 0 ? skew_s : -skew_s, skew_s > 0 ? "ahead of" : "behind");
    else
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_UNAUTHORIZED,
                          "GitHub does not accept the App's token (401): app_id %.64s and "
                          "private_key_file of %s do not belong together, or the key was deleted; "
                          "make a new one in the App's settings",
                          account_app_id(account), section);
}

static const char *
kind_text(const char *place)
{
    if (place_is_organization(place))
        return "organization";
    return place_is_enterprise(place) ? "enterprise" : "repository";
}

static void
refuse(struct github *github, const struct github_call *call, const struct http_reply *reply,
       struct failure *failure)
{
    const struct account *account =
        call->as_app != NULL ? call->as_app : accounts_for(github->accounts, call->place);
    const char *needed = github_permission(call->permission)->words;
    char place[PLACE_WORDS_CAP];
    long status = reply->status;

    (void)place_words(call->place, place);
    if (status == 429 || (status == 403 && is_rate_limit(reply)))
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_RATE_LIMITED,
                          "GitHub's rate limit is used up (%ld)", status);
    else if (status == 401)
        refuse_credential(account, call, reply, failure);
    else if (status == 403)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_FORBIDDEN,
                          "GitHub forbids it (403): the %s needs %s of %.96s",
                          account_app_id(account) == NULL ? "token" : "App", needed, place);
    else if (status == 404 && place_is_app(call->place))
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_NOT_FOUND,
                          "GitHub knows no webhook of the App %.64s (404): make it active in the "
                          "App's settings",
                          account_app_id(account));
    else if (status == 404)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_NOT_FOUND,
                          "GitHub knows no %.96s for this %s (404): grant it the %s, with %s",
                          place, account_app_id(account) == NULL ? "token" : "App",
                          kind_text(call->place), needed);
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
            status, place);
    else if (status >= 500)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_SERVER, "GitHub has trouble (%ld)",
                          status);
    else
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_REJECTED, "GitHub answered %ld",
                          status);
    if ((failure->kind == FAILURE_UNAUTHORIZED || failure->kind == FAILURE_RATE_LIMITED) &&
        account_is_owners(account)) {
        char owner[PLACE_CAP];

        place_owner(call->place, owner);
        (void)snprintf(failure->owner, sizeof failure->owner, "%s", owner);
    }
}

bool
github_refused(struct github *github, const struct github_call *call,
               const struct http_reply *reply, struct failure *failure)
{
    refuse(github, call, reply, failure);
    failure->status = reply->status;
    failure->is_apis_word = github_is_api_error(reply);
    failure->retry_after_ms = reply->retry_after_ms;
    return false;
}

bool
github_read_token(const struct http_reply *reply, struct rh_secret **token, int64_t *expires_at_ms,
                  struct failure *failure)
{
    cJSON *json = json_parse(&reply->body);
    const char *value = json_text(json, "token");
    const char *expires_at = json_text(json, "expires_at");
    int64_t expires_at_s;
    bool done = false;

    if (value == NULL || expires_at == NULL || !rh_time_parse(expires_at, &expires_at_s) ||
        value[strspn(value, TOKEN_CHARACTERS)] != '\0') {
        (void)failure_garbage(
            failure, UPSTREAM_GITHUB,
            "GitHub's answer has no token and expires_at: is [github] api_url right?");
    } else if (rh_secret_new(value, strlen(value), token) != RH_OK) {
        (void)failure_garbage(failure, UPSTREAM_GITHUB, "GitHub's answer has an unusable token");
    } else {
        *expires_at_ms = expires_at_s * 1000;
        done = true;
    }
    json_wipe(json);
    return done;
}

struct accounts *
github_accounts(struct github *github)
{
    return github->accounts;
}

bool
github_path(struct buffer *path, const char *place, struct failure *failure)
{
    if (!place_valid(place))
        return failure_set(failure, UPSTREAM_GITHUB, FAILURE_CONFIGURATION,
                           "the name of a repository or an owner cannot stand in a URL");
    (void)buffer_addf(path, "/%s", place);
    return true;
}

bool
github_repository_path(struct buffer *path, const char *repository, char place[PLACE_CAP],
                       struct failure *failure)
{
    if (!place_of_repository(repository, place))
        place[0] = '\0';
    return github_path(path, place, failure);
}

/* Who watches is told what an answer says of the account's limits; of what is asked without one,
 * the limits are this machine's. */
static void
tell_limit(const struct github *github, const struct account *account,
           const struct http_reply *reply)
{
    const struct upstream_observer *observer = github->origin.observer;
    char section[ACCOUNT_SECTION_CAP];

    if (observer != NULL && account != NULL && reply->tells_limit)
        observer->limited(account_section(account, section), &reply->limit, observer->arg);
}

/* Sends it once, under a credential. */
static bool
send_once(struct github *github, const struct github_call *call, const struct github_access *access,
          struct http_reply *reply, struct failure *failure)
{
    const struct http_header headers[] = {
        {.name = "Authorization", .prefix = "Bearer ", .secret = access->bearer},
        {.name = "Accept", .value = "application/vnd.github+json"},
        {.name = "X-GitHub-Api-Version", .value = github->config->api_version},
        {.name = "Content-Type", .value = call->body == NULL ? NULL : "application/json"},
        {.name = "If-None-Match", .value = call->etag},
    };
    const struct http_request request = {.method = call->method,
                                         .path = buffer_text(call->path),
                                         .headers = headers,
                                         .headers_len = sizeof headers / sizeof headers[0],
                                         .body = call->body,
                                         .body_len = call->body_len,
                                         .reply_max = call->reply_max,
                                         .keep = call->keep};

    if (!http_send(github->client, &request, reply, failure))
        return false;
    tell_limit(github, access->account, reply);
    return true;
}

bool
github_send(struct github *github, const struct github_call *call, struct http_reply *reply,
            struct failure *failure)
{
    struct github_access access = {0};
    bool answered = false, again = true;

    if (call->path->failed)
        return failure_set(failure, UPSTREAM_GITHUB, FAILURE_LOCAL,
                           "a request's path is too long, or out of memory");
    while (again) {
        answered = github_access_get(github, call, &access, failure) &&
                   send_once(github, call, &access, reply, failure);
        again = answered && reply->status == 401 && github_access_renew(call, &access);
        if (again)
            http_reply_fini(reply);
    }
    github_access_fini(&access);
    return answered;
}
