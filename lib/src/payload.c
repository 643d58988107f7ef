/*
 * The credential is in every text that is made here. cJSON therefore gets references to the
 * caller's strings and prints into buffers that are wiped; it copies nothing but the ids.
 * SPDX-License-Identifier: MIT
 */
#include <runhook/payload.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <runhook/delivery.h>
#include <runhook/secret.h>

#include "base64.h"
#include "utf8.h"

/* "cJSON is not always 100% accurate in estimating how much memory it will use, so to be safe
 * allocate 5 bytes more than you actually need" (cJSON.h, cJSON_PrintPreallocated). */
#define PRINT_SPARE 5

/* 19 digits, a sign and the terminating NUL. */
#define ID_CAP 21

static const char meta_repository[] = "REPO_FULL_NAME";
static const char meta_repository_short[] = "REPO_SHORT_NAME";
static const char meta_run_id[] = "WORKFLOW_RUN";

/* Takes `item` over, and frees it where it cannot be added. `key` must outlive the object. */
static bool
item_add(cJSON *object, const char *key, cJSON *item)
{
    if (item != NULL && cJSON_AddItemToObjectCS(object, key, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool
text_add(cJSON *object, const char *key, const char *text)
{
    return item_add(object, key, cJSON_CreateStringReference(text));
}

static void
id_format(int64_t id, char out[ID_CAP])
{
    (void)snprintf(out, ID_CAP, "%" PRId64, id);
}

/* As raw text: cJSON prints numbers with 15 digits where it takes the rest for noise, and ids go up
 * to 16. */
static bool
id_add(cJSON *object, const char *key, int64_t id)
{
    char text[ID_CAP];

    id_format(id, text);
    return item_add(object, key, cJSON_CreateRaw(text));
}

static bool
labels_add(cJSON *object, const char *key, const struct rh_labels *labels)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; array != NULL && i < labels->len; i++) {
        cJSON *item = cJSON_CreateStringReference(labels->items[i]);
        if (item == NULL || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return false;
        }
    }
    return item_add(object, key, array);
}

static enum rh_error
json_print(cJSON *json, size_t text_max, char **out, size_t *out_len)
{
    size_t cap = text_max + 1 + PRINT_SPARE;
    char *text = malloc(cap);
    enum rh_error error = RH_OK;

    if (text == NULL)
        return RH_ERR_NO_MEMORY;
    text[0] = '\0';
    /* Into a buffer of the caller's cJSON allocates nothing, so it fails for want of room alone. */
    if (!cJSON_PrintPreallocated(json, text, (int)cap, false)) {
        error = RH_ERR_TOO_LARGE;
        goto out;
    }
    size_t text_len = strlen(text);
    if (text_len > text_max) {
        error = RH_ERR_TOO_LARGE;
        goto out;
    }
    if (rh_utf8_flaw(text, text_len) < text_len) {
        error = RH_ERR_ARGUMENT;
        goto out;
    }
    *out = text;
    *out_len = text_len;
    text = NULL;

out:
    rh_wipe_free(text, cap);
    return error;
}

static bool
dispatch_valid(const struct rh_dispatch *dispatch)
{
    size_t name_len = strnlen(dispatch->runner_name, RH_RUNNER_NAME_MAX + 1);

    return dispatch->run_id >= 1 && dispatch->run_id <= RH_ID_MAX && dispatch->job_id >= 1 &&
           dispatch->job_id <= RH_ID_MAX && name_len >= 1 && name_len <= RH_RUNNER_NAME_MAX;
}

/* Nomad takes the last of two equal keys and says nothing. */
static bool
meta_valid(const struct rh_dispatch *dispatch)
{
    for (size_t i = 0; i < dispatch->meta_len; i++) {
        const char *key = dispatch->meta[i].key;
        if (strcmp(key, meta_repository) == 0 || strcmp(key, meta_repository_short) == 0 ||
            strcmp(key, meta_run_id) == 0)
            return false;
        for (size_t j = 0; j < i; j++)
            if (strcmp(key, dispatch->meta[j].key) == 0)
                return false;
    }
    return true;
}

enum rh_error
rh_payload_build(const struct rh_dispatch *dispatch, char **out, size_t *out_len)
{
    cJSON *json = NULL;
    enum rh_error error = RH_ERR_NO_MEMORY;

    *out = NULL;
    *out_len = 0;
    if (!dispatch_valid(dispatch)) {
        error = RH_ERR_ARGUMENT;
        goto out;
    }
    json = cJSON_CreateObject();
    if (json == NULL)
        goto out;
    if (!text_add(json, "repo", dispatch->repository) ||
        !item_add(json, "fork", cJSON_CreateBool(dispatch->fork)) ||
        !text_add(json, "job", dispatch->job_name) || !id_add(json, "run_id", dispatch->run_id) ||
        !id_add(json, "job_id", dispatch->job_id) ||
        !labels_add(json, "labels", dispatch->labels) || !text_add(json, "url", dispatch->url) ||
        !text_add(json, "runner_name", dispatch->runner_name) ||
        (dispatch->runner_group != NULL && !text_add(json, "runner_group", dispatch->runner_group)))
        goto out;
    if (!text_add(json,
                  dispatch->credential_kind == RH_CREDENTIAL_JIT_CONFIG ? "jit_config" : "token",
                  dispatch->credential))
        goto out;
    error = json_print(json, RH_PAYLOAD_MAX, out, out_len);

out:
    cJSON_Delete(json);
    return error;
}

static cJSON *
meta_new(const struct rh_dispatch *dispatch, const char *run_id)
{
    cJSON *meta = cJSON_CreateObject();

    if (!text_add(meta, meta_repository, dispatch->repository) ||
        !text_add(meta, meta_repository_short, dispatch->repository_short) ||
        !text_add(meta, meta_run_id, run_id))
        goto failed;
    for (size_t i = 0; i < dispatch->meta_len; i++)
        if (!text_add(meta, dispatch->meta[i].key, dispatch->meta[i].value))
            goto failed;
    return meta;

failed:
    cJSON_Delete(meta);
    return NULL;
}

enum rh_error
rh_dispatch_body_build(const struct rh_dispatch *dispatch, char **out, size_t *out_len)
{
    char *payload = NULL;
    size_t payload_len = 0;
    char *base64 = NULL;
    size_t base64_cap = 0;
    cJSON *json = NULL;
    char run_id[ID_CAP];
    enum rh_error error = RH_OK;

    *out = NULL;
    *out_len = 0;
    if (!meta_valid(dispatch)) {
        error = RH_ERR_ARGUMENT;
        goto out;
    }
    error = rh_payload_build(dispatch, &payload, &payload_len);
    if (error)
        goto out;
    base64_cap = RH_BASE64_CAP(payload_len);
    base64 = malloc(base64_cap);
    if (base64 == NULL) {
        error = RH_ERR_NO_MEMORY;
        goto out;
    }
    error = rh_base64_encode(payload, payload_len, base64, base64_cap);
    if (error)
        goto out;

    id_format(dispatch->run_id, run_id);
    json = cJSON_CreateObject();
    if (json == NULL || !text_add(json, "Payload", base64) ||
        !item_add(json, "Meta", meta_new(dispatch, run_id))) {
        error = RH_ERR_NO_MEMORY;
        goto out;
    }
    error = json_print(json, RH_DISPATCH_BODY_MAX, out, out_len);

out:
    cJSON_Delete(json);
    rh_wipe_free(base64, base64_cap);
    rh_wipe_free(payload, payload_len);
    return error;
}
