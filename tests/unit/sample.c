/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

const char job_body[] =
    "{\"action\":\"queued\",\"workflow_job\":{"
    "\"id\":45678901234,\"run_id\":16245678901,\"workflow_name\":\"CI\",\"head_branch\":\"main\","
    "\"run_url\":\"https://api.github.com/repos/octo-org/hello-world/actions/runs/16245678901\","
    "\"run_attempt\":2,\"html_url\":\"https://github.com/octo-org/hello-world/actions/runs/1/job/"
    "2\","
    "\"status\":\"queued\",\"conclusion\":null,\"created_at\":\"2026-01-31T23:59:59Z\","
    "\"name\":\"build (ubuntu, 18)\",\"steps\":[],\"labels\":[\"self-hosted\",\"linux\"],"
    "\"runner_id\":null,\"runner_name\":null},"
    "\"repository\":{\"id\":1,\"name\":\"hello-world\",\"full_name\":\"octo-org/hello-world\","
    "\"private\":true,\"fork\":true,\"html_url\":\"https://github.com/octo-org/hello-world\"},"
    "\"sender\":{\"login\":\"octocat\"},\"installation\":{\"id\":987654}}";

/* Parses a copy of exactly `len` bytes, so that the address sanitizer sees a read past them. */
struct parsed
parse_as(const void *body, size_t len, const char *content_type, const char *event_hint)
{
    struct parsed outcome = {.delivery = (struct rh_delivery *)&outcome};
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, body, len);
    memset(&outcome.reason, '?', sizeof outcome.reason);
    outcome.error =
        rh_delivery_parse(copy, len, content_type, event_hint, &outcome.delivery, &outcome.reason);
    free(copy);

    assert_int_equal(outcome.delivery == NULL, outcome.error != RH_OK);
    size_t reason_len = strnlen(outcome.reason.text, RH_REASON_CAP);
    assert_true(reason_len < RH_REASON_CAP);
    assert_int_equal(reason_len == 0, outcome.error == RH_OK);
    for (size_t i = 0; i < reason_len; i++)
        assert_in_range((unsigned char)outcome.reason.text[i], 0x20, 0x7E);
    return outcome;
}

struct parsed
parse(const char *json)
{
    return parse_as(json, strlen(json), JSON_TYPE, "workflow_job");
}

char *
body_with(const char *path, const char *raw)
{
    cJSON *root = cJSON_Parse(job_body);
    cJSON *object = root;
    const char *dot = strchr(path, '.');
    const char *key = path;

    assert_non_null(root);
    if (dot != NULL) {
        char parent[32] = "";
        memcpy(parent, path, (size_t)(dot - path));
        object = cJSON_GetObjectItemCaseSensitive(root, parent);
        key = dot + 1;
    }
    assert_non_null(object);
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    if (raw != NULL)
        assert_non_null(cJSON_AddRawToObject(object, key, raw));
    char *body = cJSON_PrintUnformatted(root);
    assert_non_null(body);
    cJSON_Delete(root);
    return body;
}

struct parsed
parse_with(const char *path, const char *raw)
{
    char *body = body_with(path, raw);
    struct parsed outcome = parse(body);
    free(body);
    return outcome;
}
