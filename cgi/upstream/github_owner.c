/*
 * GitHub's REST API, as far as owners go.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_owner.h"

#include <string.h>
#include <strings.h>

#include <runhook/delivery.h>

#include "text/json.h"
#include "upstream/github_array.h"
#include "upstream/github_request.h"

/* A hundred on a page: more than any list that GitHub gives to its end. */
#define PAGES_MAX 1000

bool
github_repository_has_topic(const struct github_repository *repository, const char *topic)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, repository->topics)
    {
        const char *text = cJSON_GetStringValue(item);

        if (text != NULL && strcasecmp(text, topic) == 0)
            return true;
    }
    return false;
}

struct listing {
    const char *owner;
    bool is_app;
    github_repository_visitor visit;
    void *arg;
    bool is_garbage;
};

static bool
member_is(const cJSON *json, const char *name, bool value)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(json, name);

    return value ? cJSON_IsTrue(member) : cJSON_IsFalse(member);
}

static bool
visit_repository(const cJSON *item, void *arg)
{
    struct listing *listing = arg;
    const cJSON *permissions = cJSON_GetObjectItemCaseSensitive(item, "permissions");
    struct github_repository repository = {
        .name = json_text(item, "full_name"),
        .is_private = member_is(item, "private", true),
        .is_fork = member_is(item, "fork", true),
        .is_archived = member_is(item, "archived", true),
        /* Of an App GitHub tells there what a user could do. */
        .lacks_admin = !listing->is_app && member_is(permissions, "admin", false),
        .topics = cJSON_GetObjectItemCaseSensitive(item, "topics")};
    size_t len = strlen(listing->owner);

    if (repository.name == NULL || !rh_repository_valid(repository.name)) {
        listing->is_garbage = true;
        return false;
    }
    /* An enterprise's installation, and affiliations, may bring others' as well. */
    if (strncasecmp(repository.name, listing->owner, len) != 0 || repository.name[len] != '/')
        return true;
    return listing->visit(&repository, listing->arg);
}

/* Asks for one object; NULL where there is none. The caller deletes it. */
static cJSON *
ask(struct github *github, const char *place, const char *path_text, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {
        .method = "GET", .path = &path, .place = place, .permission = GITHUB_METADATA};
    struct http_reply reply;
    cJSON *json = NULL;

    (void)buffer_add_text(&path, path_text);
    if (github_send(github, &call, &reply, failure)) {
        json = reply.status == 200 ? json_parse(&reply.body) : NULL;
        if (reply.status == 404 && github_is_api_error(&reply)) {
            (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_NOT_FOUND,
                              "GitHub knows no user or organization %.64s (404)",
                              strchr(place, '/') + 1);
            failure->status = reply.status;
        } else if (reply.status != 200) {
            (void)github_refused(github, &call, &reply, failure);
        } else if (json == NULL) {
            (void)failure_garbage(failure, UPSTREAM_GITHUB,
                                  "GitHub's answer is no owner: is [github] api_url right?");
        }
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return json;
}

/* Where a token finds the repositories of an owner: written to `path`. */
static bool
find_list(struct github *github, const char *place, const char *owner, struct buffer *path,
          struct failure *failure)
{
    struct buffer who = BUFFER_INIT(GITHUB_PATH_MAX);
    const char *type, *login;
    cJSON *json;
    bool is_own;

    (void)buffer_addf(&who, "/users/%s", owner);
    json = ask(github, place, buffer_text(&who), failure);
    buffer_fini(&who);
    if (json == NULL)
        return false;
    type = json_text(json, "type");
    if (type != NULL && strcmp(type, "Organization") == 0) {
        (void)buffer_addf(path, "/orgs/%s/repos?type=all&sort=full_name&per_page=100", owner);
        cJSON_Delete(json);
        return true;
    }
    cJSON_Delete(json);
    json = ask(github, place, "/user", failure);
    if (json == NULL)
        return false;
    login = json_text(json, "login");
    is_own = login != NULL && strcasecmp(login, owner) == 0;
    cJSON_Delete(json);
    if (is_own)
        (void)buffer_add_text(path, "/user/repos?affiliation=owner&sort=full_name&per_page=100");
    else
        (void)buffer_addf(path, "/users/%s/repos?type=owner&sort=full_name&per_page=100", owner);
    return true;
}

bool
github_owner_repositories(struct github *github, const char *owner, github_repository_visitor visit,
                          void *arg, struct failure *failure)
{
    struct listing listing = {.owner = owner, .visit = visit, .arg = arg};
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    struct account *account;
    char place[PLACE_CAP], words[PLACE_WORDS_CAP];
    const struct github_call call = {.path = &path, .place = place, .permission = GITHUB_METADATA};
    bool done = true;

    if (!place_of_owner(owner, place) || !place_valid(place))
        return failure_set(failure, UPSTREAM_GITHUB, FAILURE_CONFIGURATION,
                           "the name of an owner cannot stand in a URL");
    account = accounts_for(github_accounts(github), place);
    if (account == NULL)
        return failure_set(failure, UPSTREAM_GITHUB, FAILURE_CONFIGURATION,
                           "the configuration has no token or App for %.96s: give it an [owner "
                           "NAME], or [github] one for all",
                           strchr(place, '/') + 1);
    listing.is_app = account_app_id(account) != NULL;
    if (listing.is_app)
        (void)buffer_add_text(&path, "/installation/repositories");
    else
        done = find_list(github, place, owner, &path, failure);
    done = done && github_array(github, &call, listing.is_app ? "repositories" : NULL, PAGES_MAX,
                                visit_repository, &listing, failure);
    buffer_fini(&path);
    if (done && listing.is_garbage)
        done = failure_garbage(
            failure, UPSTREAM_GITHUB,
            "GitHub's list of the repositories of %.96s cannot be read: is [github] "
            "api_url right?",
            place_words(place, words));
    return done;
}
