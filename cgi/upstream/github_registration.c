/*
 * GitHub's REST API, as far as what a runner registers with goes. Forms: docs.github.com, "REST API
 * endpoints for self-hosted runners" and "… for self-hosted runner groups".
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_registration.h"

#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>
#include <runhook/delivery.h>

#include "text/json.h"
#include "upstream/github_page.h"
#include "upstream/github_request.h"

/* An organization may have a thousand groups, a hundred on a page. */
#define GROUP_PAGES_MAX 10

#define BASE64_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-"

bool
github_registration_token(struct github *github, const char *place, struct rh_secret **token,
                          int64_t *expires_at_ms, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {.method = "POST",
                                     .path = &path,
                                     .place = place,
                                     .permission = github_permission_of_runners(place)};
    struct http_reply reply;
    bool done = false;

    *token = NULL;
    *expires_at_ms = 0;
    if (!github_path(&path, place, failure))
        return false;
    (void)buffer_add_text(&path, "/actions/runners/registration-token");
    if (github_send(github, &call, &reply, failure)) {
        done = reply.status == 201 ? github_read_token(&reply, token, expires_at_ms, failure)
                                   : github_refused(github, &call, &reply, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return done;
}

/* The request's body; the caller frees it with cJSON_free. NULL when out of memory. */
static char *
jit_body(const struct github_jit_request *request)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *labels = cJSON_CreateStringArray((const char *const *)request->labels->items,
                                            (int)request->labels->len);
    char *text = NULL;

    if (labels == NULL || !cJSON_AddItemToObject(json, "labels", labels)) {
        cJSON_Delete(labels);
        cJSON_Delete(json);
        return NULL;
    }
    if (json_add_text(json, "name", request->name) &&
        json_add_number(json, "runner_group_id", request->group_id) &&
        (request->work_folder == NULL || json_add_text(json, "work_folder", request->work_folder)))
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static bool
read_jit(const struct http_reply *reply, struct rh_secret **config, int64_t *runner_id,
         struct failure *failure)
{
    cJSON *json = json_parse(&reply->body);
    const cJSON *runner = cJSON_GetObjectItemCaseSensitive(json, "runner");
    const char *encoded = json_text(json, "encoded_jit_config");
    bool done = encoded != NULL && encoded[strspn(encoded, BASE64_CHARACTERS)] == '\0' &&
                json_number(runner, "id", RH_ID_MAX, runner_id) && *runner_id > 0 &&
                rh_secret_new(encoded, strlen(encoded), config) == RH_OK;

    json_wipe(json);
    return done || failure_garbage(
                       failure, UPSTREAM_GITHUB,
                       "GitHub's answer has no runner and encoded_jit_config: is [github] api_url "
                       "right?");
}

bool
github_jit_config(struct github *github, const char *place,
                  const struct github_jit_request *request, struct rh_secret **config,
                  int64_t *runner_id, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    char *body = jit_body(request);
    const struct github_call call = {.method = "POST",
                                     .path = &path,
                                     .place = place,
                                     .permission = github_permission_of_runners(place),
                                     .body = body,
                                     .body_len = body == NULL ? 0 : strlen(body)};
    struct http_reply reply;
    bool done = false;

    *config = NULL;
    *runner_id = 0;
    if (body == NULL) {
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
    } else if (github_path(&path, place, failure)) {
        (void)buffer_add_text(&path, "/actions/runners/generate-jitconfig");
        if (github_send(github, &call, &reply, failure)) {
            done = reply.status == 201 ? read_jit(&reply, config, runner_id, failure)
                                       : github_refused(github, &call, &reply, failure);
            http_reply_fini(&reply);
        }
    }
    cJSON_free(body);
    buffer_fini(&path);
    return done;
}

/* Looks for a group on one page; `*id` stays 0 where it is not there. */
static void
find_group(const struct github_page *page, const char *name, int64_t *id)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, page->items)
    {
        const char *text = json_text(item, "name");

        if (text != NULL && strcasecmp(text, name) == 0 && !json_number(item, "id", RH_ID_MAX, id))
            *id = 0;
    }
}

bool
github_runner_group(struct github *github, const char *place, const char *name, int64_t *id,
                    struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {
        .path = &path, .place = place, .permission = github_permission_of_runners(place)};
    char words[PLACE_WORDS_CAP];
    int64_t seen = 0;
    bool done, is_last = false;

    *id = 0;
    done = github_path(&path, place, failure);
    (void)buffer_add_text(&path, "/actions/runner-groups?");
    for (int number = 1; done && *id == 0 && !is_last && number <= GROUP_PAGES_MAX; number++) {
        struct github_page page;

        done = github_page_get(github, &call, "runner_groups", number, &page, failure);
        if (!done)
            break;
        find_group(&page, name, id);
        seen += page.items_len;
        is_last = page.items_len == 0 || seen >= page.total;
        github_page_fini(&page);
    }
    buffer_fini(&path);
    if (done && *id == 0)
        done = failure_set(failure, UPSTREAM_GITHUB, FAILURE_CONFIGURATION,
                           "%.96s has no runner group \"%.64s\": make it on GitHub, or mend the "
                           "pool's runner_group",
                           place_words(place, words), name);
    return done;
}
