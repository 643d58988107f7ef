/*
 * GitHub's REST API, as far as webhooks go.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_hook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <runhook/delivery.h>

#include "text/escape.h"
#include "text/json.h"
#include "upstream/github_array.h"
#include "upstream/quote.h"

/* GitHub allows 20 webhooks of an event in one place, and has some seventy events. */
#define PAGES_MAX 20

#define EVENT "workflow_job"
#define EVENT_ALL "*"

/* -- What GitHub tells --------------------------------------------------------------------------
 */

void
github_hook_read_events(const cJSON *events, struct github_hook *hook)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, events)
    {
        const char *event = cJSON_GetStringValue(item);
        bool is_all = event != NULL && strcmp(event, EVENT_ALL) == 0;
        bool is_ours = event != NULL && strcmp(event, EVENT) == 0;

        hook->sends_workflow_jobs = hook->sends_workflow_jobs || is_ours || is_all;
        hook->sends_others = hook->sends_others || !is_ours;
    }
}

/* "0" or 0, which is also what it is where GitHub does not say. */
static bool
is_verified(const cJSON *insecure_ssl)
{
    const char *text = cJSON_GetStringValue(insecure_ssl);

    if (text != NULL)
        return strcmp(text, "0") == 0;
    return insecure_ssl == NULL || (cJSON_IsNumber(insecure_ssl) && insecure_ssl->valuedouble == 0);
}

void
github_hook_read_config(const cJSON *config, struct github_hook *hook)
{
    const char *url = json_text(config, "url"), *type = json_text(config, "content_type");
    const char *secret = json_text(config, "secret");

    (void)snprintf(hook->url, sizeof hook->url, "%s",
                   url == NULL || strlen(url) >= sizeof hook->url ? "" : url);
    hook->is_json = type != NULL && strcmp(type, "json") == 0;
    hook->has_secret = secret != NULL && secret[0] != '\0';
    hook->is_tls_verified = is_verified(cJSON_GetObjectItemCaseSensitive(config, "insecure_ssl"));
}

static void
read_last_response(const cJSON *last, struct github_hook *hook)
{
    const char *message = json_text(last, "message");
    struct buffer plain = BUFFER_INIT(sizeof hook->last_message - 1);

    (void)json_number(last, "code", 999, &hook->last_code);
    if (message != NULL)
        (void)escape_plain(&plain, message, strlen(message), SIZE_MAX);
    (void)snprintf(hook->last_message, sizeof hook->last_message, "%s", buffer_text(&plain));
    escape_trim(hook->last_message);
    buffer_fini(&plain);
}

bool
github_hook_read(const cJSON *json, struct github_hook *hook)
{
    *hook = (struct github_hook){0};
    if (!json_number(json, "id", RH_ID_MAX, &hook->id) || hook->id == 0)
        return false;
    hook->is_active = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "active"));
    github_hook_read_config(cJSON_GetObjectItemCaseSensitive(json, "config"), hook);
    github_hook_read_events(cJSON_GetObjectItemCaseSensitive(json, "events"), hook);
    read_last_response(cJSON_GetObjectItemCaseSensitive(json, "last_response"), hook);
    return true;
}

struct listing {
    github_hook_visitor visit;
    void *arg;
    bool is_garbage;
};

static bool
visit_hook(const cJSON *item, void *arg)
{
    struct listing *listing = arg;
    struct github_hook hook;

    listing->is_garbage = !github_hook_read(item, &hook);
    return !listing->is_garbage && listing->visit(&hook, listing->arg);
}

bool
github_hooks(struct github *github, const char *place, github_hook_visitor visit, void *arg,
             struct failure *failure)
{
    struct listing listing = {.visit = visit, .arg = arg};
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {
        .path = &path, .place = place, .permission = github_permission_of_hooks(place)};
    bool done;

    if (!github_path(&path, place, failure))
        return false;
    (void)buffer_add_text(&path, "/hooks");
    done = github_array(github, &call, NULL, PAGES_MAX, visit_hook, &listing, failure);
    buffer_fini(&path);
    if (done && listing.is_garbage)
        done =
            failure_garbage(failure, UPSTREAM_GITHUB,
                            "GitHub's list of webhooks cannot be read: is [github] api_url right?");
    return done;
}

/* -- What it is asked for -----------------------------------------------------------------------
 */

/* Adds a text as JSON. cJSON prints into our own room, and leaves no copy of a secret elsewhere. */
static bool
add_json_text(struct buffer *out, const char *text)
{
    size_t cap = 6 * strlen(text) + 16;
    cJSON *json = cJSON_CreateStringReference(text);
    char *room = malloc(cap);

    if (json == NULL || room == NULL || !cJSON_PrintPreallocated(json, room, (int)cap, 0))
        out->failed = true;
    else
        (void)buffer_add_text(out, room);
    if (room != NULL)
        OPENSSL_cleanse(room, cap);
    free(room);
    cJSON_Delete(json);
    return !out->failed;
}

bool
github_hook_write_config(struct buffer *out, const struct github_hook_wish *wish)
{
    return buffer_add_text(out, "{\"url\":") && add_json_text(out, wish->url) &&
           buffer_add_text(out, ",\"content_type\":\"json\",\"insecure_ssl\":\"0\",\"secret\":") &&
           add_json_text(out, rh_secret_bytes(wish->secret)) && buffer_add_text(out, "}");
}

/* {"message": "Validation Failed", "errors": [{"message": …}]}: the second says what it is. */
static const char *
words_of(const cJSON *json)
{
    const cJSON *error = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "errors"), 0);
    const char *words =
        cJSON_IsString(error) ? cJSON_GetStringValue(error) : json_text(error, "message");

    return words != NULL ? words : json_text(json, "message");
}

bool
github_hook_refused(struct github *github, const struct github_call *call,
                    const struct http_reply *reply, const struct github_hook_wish *wish,
                    struct failure *failure)
{
    struct buffer quoted = BUFFER_INIT(1024);
    const struct quote_secret secret = quote_secret_of(wish->secret);
    const char *words;
    cJSON *json;

    (void)github_refused(github, call, reply, failure);
    json = reply->status == 422 ? json_parse(&reply->body) : NULL;
    words = words_of(json);
    if (words != NULL) {
        int64_t retry_after_ms = failure->retry_after_ms;

        (void)quote_add(&quoted, words, &secret, 1);
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_UNPROCESSABLE,
                          "GitHub does not accept the webhook (422): %s", buffer_text(&quoted));
        failure->status = reply->status;
        failure->retry_after_ms = retry_after_ms;
    }
    cJSON_Delete(json);
    buffer_fini(&quoted);
    return false;
}

static bool
read_id(const struct http_reply *reply, int64_t *id, struct failure *failure)
{
    cJSON *json = json_parse(&reply->body);
    bool done = json_number(json, "id", RH_ID_MAX, id) && *id != 0;

    cJSON_Delete(json);
    return done || failure_garbage(failure, UPSTREAM_GITHUB,
                                   "GitHub's answer is no webhook: is [github] api_url right?");
}

/* The path of a place's webhooks, or of one where `id` is not 0, with what follows it. */
static bool
hook_path(struct buffer *path, const char *place, int64_t id, const char *rest,
          struct failure *failure)
{
    if (!github_path(path, place, failure))
        return false;
    (void)buffer_add_text(path, "/hooks");
    if (id != 0)
        (void)buffer_addf(path, "/%" PRId64 "%s", id, rest);
    return true;
}

/* POST makes one, and PATCH mends one; `id` is of the one that is there, and 0 of one to be made.
 */
static bool
send_whole(struct github *github, const char *place, int64_t *id,
           const struct github_hook_wish *wish, struct failure *failure)
{
    const bool is_new = *id == 0;
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX), body = BUFFER_INIT(GITHUB_HOOK_BODY_CAP);
    struct github_call call = {.method = is_new ? "POST" : "PATCH",
                               .path = &path,
                               .place = place,
                               .permission = github_permission_of_hooks(place)};
    struct http_reply reply;
    bool done = false;

    (void)buffer_addf(&body, "{%s\"active\":true,\"events\":[\"" EVENT "\"],\"config\":",
                      is_new ? "\"name\":\"web\"," : "");
    (void)github_hook_write_config(&body, wish);
    (void)buffer_add_text(&body, "}");
    if (body.failed) {
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
        goto out;
    }
    if (!hook_path(&path, place, *id, "", failure))
        goto out;
    call.body = buffer_text(&body);
    call.body_len = body.len;
    if (!github_send(github, &call, &reply, failure))
        goto out;
    done = reply.status == (is_new ? 201 : 200)
               ? read_id(&reply, id, failure)
               : github_hook_refused(github, &call, &reply, wish, failure);
    http_reply_fini(&reply);
out:
    buffer_wipe(&body);
    buffer_fini(&path);
    return done;
}

bool
github_hook_create(struct github *github, const char *place, const struct github_hook_wish *wish,
                   int64_t *id, struct failure *failure)
{
    *id = 0;
    return send_whole(github, place, id, wish, failure);
}

bool
github_hook_mend(struct github *github, const char *place, int64_t id,
                 const struct github_hook_wish *wish, struct failure *failure)
{
    return send_whole(github, place, &id, wish, failure);
}

/* Asks for one thing of a webhook; true where the answer is this status. `*is_absent`, where it is
 * not NULL, is then set instead for a 404 of the API's own. */
static bool
ask(struct github *github, const char *method, const char *place, int64_t id, const char *rest,
    long status, bool *is_absent, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {.method = method,
                                     .path = &path,
                                     .place = place,
                                     .permission = github_permission_of_hooks(place)};
    struct http_reply reply;
    bool done = false;

    if (hook_path(&path, place, id, rest, failure) && github_send(github, &call, &reply, failure)) {
        done = true;
        if (is_absent != NULL && reply.status == 404 && github_is_api_error(&reply))
            *is_absent = true;
        else if (reply.status != status)
            done = github_refused(github, &call, &reply, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return done;
}

bool
github_hook_delete(struct github *github, const char *place, int64_t id, struct failure *failure)
{
    char words[PLACE_WORDS_CAP];
    bool is_absent = false, is_gone = false;

    if (!ask(github, "DELETE", place, id, "", 204, &is_absent, failure))
        return false;
    if (!is_absent)
        return true;
    if (!ask(github, "GET", place, id, "", 200, &is_gone, failure))
        return false;
    if (is_gone)
        return true;
    (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_FORBIDDEN,
                      "GitHub does not let the webhook be taken away (404): that needs %s, or the "
                      "scope %s of a classic token, of %.96s",
                      github_permission(github_permission_of_hooks(place))->words,
                      github_permission(github_permission_of_hooks(place))->scope,
                      place_words(place, words));
    failure->status = 404;
    return false;
}

bool
github_hook_ping(struct github *github, const char *place, int64_t id, struct failure *failure)
{
    return ask(github, "POST", place, id, "/pings", 204, NULL, failure);
}
