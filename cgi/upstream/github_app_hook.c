/*
 * GitHub's REST API, as far as a GitHub App's own webhook goes.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_app_hook.h"

#include "text/json.h"
#include "upstream/github_request.h"

/* Sends a call about the App, and gives its answer as a JSON object, which the caller deletes. */
static cJSON *
ask(struct github *github, struct account *app, const char *method, const char *rest,
    const struct github_hook_wish *wish, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX), body = BUFFER_INIT(GITHUB_HOOK_BODY_CAP);
    struct github_call call = {.method = method, .path = &path, .place = PLACE_APP, .as_app = app};
    struct http_reply reply;
    cJSON *json = NULL;

    if (wish != NULL && !github_hook_write_config(&body, wish)) {
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
        goto out;
    }
    if (wish != NULL) {
        call.body = buffer_text(&body);
        call.body_len = body.len;
    }
    if (!github_path(&path, PLACE_APP, failure))
        goto out;
    (void)buffer_add_text(&path, rest);
    if (!github_send(github, &call, &reply, failure))
        goto out;
    if (reply.status == 200) {
        json = json_parse(&reply.body);
        if (json == NULL)
            (void)failure_garbage(failure, UPSTREAM_GITHUB,
                                  "GitHub's answer about the App is no JSON object: is [github] "
                                  "api_url right?");
    } else if (wish != NULL) {
        (void)github_hook_refused(github, &call, &reply, wish, failure);
    } else {
        (void)github_refused(github, &call, &reply, failure);
    }
    http_reply_fini(&reply);
out:
    buffer_wipe(&body);
    buffer_fini(&path);
    return json;
}

bool
github_app_hook(struct github *github, struct account *app, struct github_hook *hook,
                struct failure *failure)
{
    cJSON *config, *whole;

    *hook = (struct github_hook){0};
    config = ask(github, app, "GET", "/hook/config", NULL, failure);
    if (config == NULL)
        return false;
    github_hook_read_config(config, hook);
    cJSON_Delete(config);
    whole = ask(github, app, "GET", "", NULL, failure);
    if (whole == NULL)
        return false;
    hook->is_active = true;
    github_hook_read_events(cJSON_GetObjectItemCaseSensitive(whole, "events"), hook);
    cJSON_Delete(whole);
    return true;
}

bool
github_app_hook_mend(struct github *github, struct account *app,
                     const struct github_hook_wish *wish, struct failure *failure)
{
    cJSON *answer = ask(github, app, "PATCH", "/hook/config", wish, failure);

    cJSON_Delete(answer);
    return answer != NULL;
}
