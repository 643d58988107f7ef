/*
 * A delivery's way from bytes to an event.
 * SPDX-License-Identifier: MIT
 */
#include <runhook/delivery.h>

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "ascii.h"
#include "form.h"
#include "json.h"
#include "reason.h"
#include "workflow_job.h"

/* Media types compare without case, and no parameter of these two changes what the bytes mean:
 * RFC 9110, section 8.3.1. */
static bool
media_type_is(const char *content_type, const char *media_type)
{
    const char *start = content_type + strspn(content_type, " \t");
    size_t len = strcspn(start, "; \t");
    size_t end = len + strspn(start + len, " \t");

    if (start[end] != '\0' && start[end] != ';')
        return false;
    return rh_ascii_equal_nocase(start, len, media_type, strlen(media_type));
}

/* The members of the root that are read, of whatever event. */
static const struct rh_json_member wanted[] = {
    RH_JSON_MEMBER("action", NULL),
    RH_JSON_MEMBER("workflow_job", rh_workflow_job_members),
    RH_JSON_MEMBER("repository", rh_repository_members),
    RH_JSON_MEMBER("installation", rh_installation_members),
    RH_JSON_MEMBER("zen", NULL),
    RH_JSON_MEMBER("hook_id", NULL),
    RH_JSON_MEMBERS_END,
};

/* The JSON text out of a body: the body itself, or in `*decoded`, which the caller frees. */
static enum rh_error
json_text_find(const char *body, size_t body_len, const char *content_type, const char **text,
               size_t *text_len, char **decoded, struct rh_reason *reason)
{
    char quoted[RH_QUOTE_CAP];

    *text = body;
    *text_len = body_len;
    *decoded = NULL;
    if (content_type != NULL && media_type_is(content_type, "application/json"))
        return RH_OK;
    if (content_type != NULL && media_type_is(content_type, "application/x-www-form-urlencoded")) {
        enum rh_error error = rh_form_field(body, body_len, "payload", decoded, text_len, reason);
        *text = *decoded;
        return error;
    }
    rh_reason_set(
        reason, "the content type is %s, not application/json or application/x-www-form-urlencoded",
        content_type != NULL ? rh_reason_quote(content_type, strlen(content_type), quoted)
                             : "missing");
    return RH_ERR_CONTENT_TYPE;
}

/* Of the headers only the signature is proof, so the body alone says which event it is. */
static enum rh_error
event_read(const cJSON *root, const char *event_hint, struct rh_delivery *delivery,
           struct rh_reason *reason)
{
    if (!cJSON_IsObject(root)) {
        rh_reason_set(reason, "the JSON must be an object");
        return RH_ERR_FIELD;
    }

    const cJSON *job = cJSON_GetObjectItemCaseSensitive(root, "workflow_job");
    if (cJSON_IsObject(job)) {
        delivery->event = RH_EVENT_WORKFLOW_JOB;
        return rh_workflow_job_read(root, &delivery->job, reason);
    }
    if (event_hint != NULL && strcmp(event_hint, "workflow_job") == 0) {
        rh_reason_set(reason,
                      job != NULL ? "workflow_job must be an object" : "workflow_job is missing");
        return RH_ERR_FIELD;
    }

    const cJSON *zen = cJSON_GetObjectItemCaseSensitive(root, "zen");
    const cJSON *hook_id = cJSON_GetObjectItemCaseSensitive(root, "hook_id");
    if (cJSON_IsString(zen) && rh_id_read(hook_id, &delivery->hook_id))
        delivery->event = RH_EVENT_PING;
    return RH_OK;
}

enum rh_error
rh_delivery_parse(const void *body, size_t body_len, const char *content_type,
                  const char *event_hint, struct rh_delivery **out, struct rh_reason *reason)
{
    struct rh_delivery *delivery = NULL;
    cJSON *root = NULL;
    const char *text;
    size_t text_len;
    char *decoded;
    enum rh_error error = RH_OK;

    *out = NULL;
    reason->text[0] = '\0';
    error = json_text_find(body, body_len, content_type, &text, &text_len, &decoded, reason);
    if (error)
        goto out;
    error = rh_json_parse(text, text_len, wanted, &root, reason);
    if (error)
        goto out;
    delivery = calloc(1, sizeof *delivery);
    if (delivery == NULL) {
        error = RH_ERR_NO_MEMORY;
        goto out;
    }
    error = event_read(root, event_hint, delivery, reason);
    if (error)
        goto out;
    *out = delivery;
    delivery = NULL;

out:
    if (error == RH_ERR_NO_MEMORY)
        rh_reason_set(reason, "%s", rh_error_text(error));
    rh_delivery_free(delivery);
    cJSON_Delete(root);
    free(decoded);
    return error;
}

void
rh_delivery_free(struct rh_delivery *delivery)
{
    if (delivery == NULL)
        return;
    rh_workflow_job_fini(&delivery->job);
    free(delivery);
}
