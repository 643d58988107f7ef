/*
 * GitHub's REST API, as far as an account asks about itself.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_account.h"

#include <inttypes.h>
#include <string.h>

#include "upstream/github_account_read.h"
#include "upstream/github_array.h"
#include "upstream/github_request.h"

#define INSTALLATION_PAGES (GITHUB_INSTALLATIONS_MAX / 100)

static bool
garbage(struct failure *failure, const char *what)
{
    return failure_garbage(failure, UPSTREAM_GITHUB,
                           "GitHub's answer about %s cannot be read: is [github] api_url right?",
                           what);
}

bool
github_grants_allow(const struct github_grants *grants, enum github_permission permission)
{
    const char *level = github_permission(permission)->level;

    return grants->levels[permission] >= (strcmp(level, "write") == 0 ? GITHUB_WRITE : GITHUB_READ);
}

/* Asks for what is the account's own. True where there was an answer, which the caller ends. */
static bool
ask_self(struct github *github, struct account *account, const char *path_text,
         const char *const *keep, struct http_reply *reply, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {.method = "GET",
                                     .path = &path,
                                     .place =
                                         account_app_id(account) == NULL ? "its user" : PLACE_APP,
                                     .as_app = account,
                                     .keep = keep};
    char section[ACCOUNT_SECTION_CAP];
    bool answered;

    (void)buffer_add_text(&path, path_text);
    answered = github_send(github, &call, reply, failure);
    buffer_fini(&path);
    if (!answered || reply->status == 200)
        return answered;
    if (reply->status != 404)
        (void)github_refused(github, &call, reply, failure);
    else if (account_app_id(account) != NULL && github_is_api_error(reply))
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_NOT_FOUND,
                          "GitHub has no App of the id %.64s (404): see app_id of %s",
                          account_app_id(account), account_section(account, section));
    else
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_GARBAGE,
                          "there is no %s (404): is [github] api_url the API's address?",
                          path_text);
    return true;
}

bool
github_token_self(struct github *github, struct account *account, struct github_token *token,
                  struct failure *failure)
{
    static const char *const keep[] = {"x-oauth-scopes", "github-authentication-token-expiration",
                                       NULL};
    struct http_reply reply;
    bool done;

    *token = (struct github_token){0};
    if (!ask_self(github, account, "/user", keep, &reply, failure))
        return false;
    done = reply.status == 200 &&
           (github_read_token_self(&reply.body, reply.kept[0], reply.kept[1], token) ||
            garbage(failure, "the token"));
    token->server_now_ms = reply.server_now_ms;
    http_reply_fini(&reply);
    return done;
}

bool
github_app_self(struct github *github, struct account *account, struct github_app *app,
                struct failure *failure)
{
    struct http_reply reply;
    bool done;

    *app = (struct github_app){0};
    if (!ask_self(github, account, "/app", NULL, &reply, failure))
        return false;
    done =
        reply.status == 200 && (github_read_app(&reply.body, app) || garbage(failure, "the App"));
    app->server_now_ms = reply.server_now_ms;
    http_reply_fini(&reply);
    return done;
}

struct listing {
    github_installation_visitor visit;
    void *arg;
    bool is_garbage;
};

static bool
visit_installation(const cJSON *item, void *arg)
{
    struct listing *listing = arg;
    struct github_installation installation;

    listing->is_garbage = !github_read_installation(item, &installation);
    return !listing->is_garbage && listing->visit(&installation, listing->arg);
}

bool
github_installations(struct github *github, struct account *account,
                     github_installation_visitor visit, void *arg, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {.path = &path, .place = PLACE_APP, .as_app = account};
    struct listing listing = {.visit = visit, .arg = arg};
    bool done;

    (void)buffer_add_text(&path, "/app/installations");
    done = github_array(github, &call, NULL, INSTALLATION_PAGES, visit_installation, &listing,
                        failure);
    buffer_fini(&path);
    return done && (!listing.is_garbage || garbage(failure, "the App's installations"));
}

bool
github_rate(struct github *github, const char *place, enum github_permission permission,
            struct github_rate *rate, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {
        .method = "GET", .path = &path, .place = place, .permission = permission};
    struct http_reply reply;
    bool done = false;

    *rate = (struct github_rate){0};
    (void)buffer_add_text(&path, "/rate_limit");
    if (github_send(github, &call, &reply, failure)) {
        done = reply.status == 200
                   ? github_read_rate(&reply.body, rate) || garbage(failure, "the rate limit")
                   : github_refused(github, &call, &reply, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return done;
}

bool
github_may_get(struct github *github, const char *place, const char *suffix,
               enum github_permission permission, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {.method = "GET",
                                     .path = &path,
                                     .place = place,
                                     .permission = permission,
                                     .reply_max = HTTP_LIST_MAX};
    struct http_reply reply;
    bool may = false;

    if (!github_path(&path, place, failure))
        return false;
    (void)buffer_add_text(&path, suffix);
    if (github_send(github, &call, &reply, failure)) {
        may = reply.status == 200 || github_refused(github, &call, &reply, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return may;
}

struct last {
    struct github_last_delivery *delivery;
    bool is_garbage;
};

static bool
visit_delivery(const cJSON *item, void *arg)
{
    struct last *last = arg;

    last->is_garbage = !github_read_last_delivery(item, last->delivery);
    return false; /* the first one is the latest */
}

bool
github_last_delivery(struct github *github, struct account *app, const char *place, int64_t id,
                     struct github_last_delivery *last, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {.path = &path,
                                     .place = app == NULL ? place : PLACE_APP,
                                     .permission = github_permission_of_hooks(place),
                                     .as_app = app};
    struct last visit = {.delivery = last};
    bool done;

    *last = (struct github_last_delivery){0};
    if (!github_path(&path, call.place, failure))
        return false;
    if (app != NULL)
        (void)buffer_add_text(&path, "/hook/deliveries?per_page=1");
    else
        (void)buffer_addf(&path, "/hooks/%" PRId64 "/deliveries?per_page=1", id);
    done = github_array(github, &call, NULL, 1, visit_delivery, &visit, failure);
    buffer_fini(&path);
    return done && (!visit.is_garbage || garbage(failure, "a webhook's deliveries"));
}
