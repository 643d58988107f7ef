/*
 * What GitHub's REST API answers, read and checked. Forms: docs.github.com, "REST API endpoints for
 * self-hosted runners", "… for workflow jobs", "… for workflow runs".
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_read.h"

#include <stdio.h>
#include <string.h>

#include <runhook/delivery.h>

#include "text/escape.h"
#include "text/json.h"

#define ELLIPSIS "\xe2\x80\xa6"

cJSON *
github_read_page(const struct buffer *body, const char *member, int64_t *total)
{
    cJSON *json = json_parse(body);
    cJSON *items = cJSON_GetObjectItemCaseSensitive(json, member);
    const cJSON *item;
    bool good = json_number(json, "total_count", RH_ID_MAX, total) && cJSON_IsArray(items);

    cJSON_ArrayForEach(item, items)
    {
        if (!cJSON_IsObject(item))
            good = false;
    }
    if (good)
        (void)cJSON_DetachItemViaPointer(json, items);
    else
        *total = 0;
    cJSON_Delete(json);
    return good ? items : NULL;
}

/* An id that GitHub gives: 1 to 2^53 - 1. */
static bool
read_id(const cJSON *object, int64_t *id)
{
    return json_number(object, "id", RH_ID_MAX, id) && *id > 0;
}

bool
github_read_runner(const cJSON *runners, const char *name, struct github_runner *runner)
{
    const cJSON *item;

    *runner = (struct github_runner){0};
    cJSON_ArrayForEach(item, runners)
    {
        const cJSON *busy = cJSON_GetObjectItemCaseSensitive(item, "busy");
        const char *status = json_text(item, "status");
        const char *item_name = json_text(item, "name");
        int64_t id;

        if (item_name == NULL)
            return false;
        if (strcmp(item_name, name) != 0)
            continue;
        if (status == NULL || !cJSON_IsBool(busy) || !read_id(item, &id))
            return false;
        *runner = (struct github_runner){.is_registered = true,
                                         .id = id,
                                         .is_online = strcmp(status, "online") == 0,
                                         .is_busy = cJSON_IsTrue(busy)};
        return true;
    }
    return true;
}

static bool
read_status(const char *text, enum github_job_status *status)
{
    static const struct {
        const char *text;
        enum github_job_status status;
    } known[] = {
        {"requested", GITHUB_JOB_WAITING},       {"waiting", GITHUB_JOB_WAITING},
        {"pending", GITHUB_JOB_WAITING},         {"queued", GITHUB_JOB_QUEUED},
        {"in_progress", GITHUB_JOB_IN_PROGRESS}, {"completed", GITHUB_JOB_COMPLETED},
    };

    for (size_t i = 0; text != NULL && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(text, known[i].text) == 0) {
            *status = known[i].status;
            return true;
        }
    }
    return false;
}

/* A text or null (or nothing), which is "". One that is too long is cut, and ends in "…". */
static bool
read_text(const cJSON *object, const char *name, char *out, size_t out_cap)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    const char *text = cJSON_GetStringValue(item);

    out[0] = '\0';
    if (text == NULL)
        return item == NULL || cJSON_IsNull(item);
    if (strlen(text) < out_cap) {
        memcpy(out, text, strlen(text) + 1);
        return true;
    }
    (void)snprintf(out, out_cap - strlen(ELLIPSIS), "%s", text);
    escape_trim(out);
    memcpy(out + strlen(out), ELLIPSIS, sizeof ELLIPSIS);
    return true;
}

/* An id that is null or 0 (or missing) until there is one. */
static bool
read_late_id(const cJSON *object, const char *name, int64_t *id)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    *id = 0;
    return item == NULL || cJSON_IsNull(item) || json_number(object, name, RH_ID_MAX, id);
}

bool
github_read_job(const struct buffer *body, int64_t id, struct github_job *job)
{
    cJSON *json = json_parse(body);
    int64_t read = 0;
    bool good;

    *job = (struct github_job){0};
    good = read_id(json, &read) && read == id &&
           read_status(json_text(json, "status"), &job->status) &&
           read_text(json, "conclusion", job->conclusion, sizeof job->conclusion) &&
           read_text(json, "runner_name", job->runner_name, sizeof job->runner_name) &&
           read_late_id(json, "runner_id", &job->runner_id);
    if (!good)
        *job = (struct github_job){0};
    cJSON_Delete(json);
    return good;
}

bool
github_read_origin(const struct buffer *body, int64_t run_id, bool *is_forks)
{
    cJSON *json = json_parse(body);
    const cJSON *head = cJSON_GetObjectItemCaseSensitive(json, "head_repository");
    const cJSON *base = cJSON_GetObjectItemCaseSensitive(json, "repository");
    int64_t read = 0, head_id = 0, base_id = 0;
    bool good;

    *is_forks = true;
    good = read_id(json, &read) && read == run_id && read_id(base, &base_id) && head != NULL &&
           (cJSON_IsNull(head) || read_id(head, &head_id));
    if (good)
        *is_forks = head_id != base_id;
    cJSON_Delete(json);
    return good;
}
