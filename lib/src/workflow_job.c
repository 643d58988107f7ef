/*
 * Of the fields, GitHub always sends the ids, the labels, the status and the repository: those are
 * required. Any other may be absent, null, or of a type that GitHub comes up with one day; it then
 * reads as absent, because a detail for people must not cost a job its runner.
 * SPDX-License-Identifier: MIT
 */
#include "workflow_job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "reason.h"
#include "utf8.h"

#define URL_LEN_MAX 512

const struct rh_json_member rh_workflow_job_members[] = {
    RH_JSON_MEMBER("id", NULL),          RH_JSON_MEMBER("run_id", NULL),
    RH_JSON_MEMBER("run_attempt", NULL), RH_JSON_MEMBER("status", NULL),
    RH_JSON_MEMBER("conclusion", NULL),  RH_JSON_MEMBER("name", NULL),
    RH_JSON_MEMBER("labels", NULL),      RH_JSON_MEMBER("workflow_name", NULL),
    RH_JSON_MEMBER("head_branch", NULL), RH_JSON_MEMBER("runner_id", NULL),
    RH_JSON_MEMBER("runner_name", NULL), RH_JSON_MEMBER("html_url", NULL),
    RH_JSON_MEMBER("created_at", NULL),  RH_JSON_MEMBERS_END,
};

const struct rh_json_member rh_repository_members[] = {
    RH_JSON_MEMBER("full_name", NULL),
    RH_JSON_MEMBER("fork", NULL),
    RH_JSON_MEMBER("private", NULL),
    RH_JSON_MEMBER("html_url", NULL),
    RH_JSON_MEMBERS_END,
};

const struct rh_json_member rh_installation_members[] = {RH_JSON_MEMBER("id", NULL),
                                                         RH_JSON_MEMBERS_END};

/* One JSON object, and the start of its fields' names in a reason: "" or "workflow_job.". */
struct fields {
    const cJSON *object;
    const char *prefix;
    struct rh_reason *reason;
};

static const cJSON *
field(const struct fields *fields, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(fields->object, key);
}

static enum rh_error
field_missing(const struct fields *fields, const char *key)
{
    rh_reason_set(fields->reason, "%s%s is missing", fields->prefix, key);
    return RH_ERR_FIELD;
}

bool
rh_id_read(const cJSON *item, int64_t *out)
{
    *out = 0;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 1) ||
        !(item->valuedouble <= (double)RH_ID_MAX))
        return false;
    int64_t value = (int64_t)item->valuedouble;
    if ((double)value != item->valuedouble)
        return false;
    *out = value;
    return true;
}

static enum rh_error
id_required(const struct fields *fields, const char *key, int64_t *out)
{
    const cJSON *item = field(fields, key);
    if (item == NULL)
        return field_missing(fields, key);
    if (!rh_id_read(item, out)) {
        rh_reason_set(fields->reason, "%s%s must be a whole number from 1 to %" PRId64,
                      fields->prefix, key, RH_ID_MAX);
        return RH_ERR_FIELD;
    }
    return RH_OK;
}

static int64_t
id_optional(const struct fields *fields, const char *key)
{
    int64_t id = 0;
    return rh_id_read(field(fields, key), &id) ? id : 0;
}

static enum rh_error
text_copy(const char *text, char **out)
{
    size_t len = rh_utf8_cut(text, strlen(text), RH_TEXT_LEN_MAX);
    *out = malloc(len + 1);
    if (*out == NULL)
        return RH_ERR_NO_MEMORY;
    memcpy(*out, text, len);
    (*out)[len] = '\0';
    return RH_OK;
}

static enum rh_error
text_required(const struct fields *fields, const char *key, char **out)
{
    const cJSON *item = field(fields, key);
    if (item == NULL)
        return field_missing(fields, key);
    if (!cJSON_IsString(item)) {
        rh_reason_set(fields->reason, "%s%s must be a string", fields->prefix, key);
        return RH_ERR_FIELD;
    }
    return text_copy(item->valuestring, out);
}

/* The string, or "" where it is absent. Borrowed. */
static const char *
text_optional(const struct fields *fields, const char *key)
{
    const cJSON *item = field(fields, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* A runner is told to register at such an address and people click on it, so nothing is let through
 * that a URL has not (RFC 3986, section 2), nor the apostrophe, which could end a shell's word. */
static bool
url_valid(const char *url)
{
    static const char marks[] = "-._~:/?#[]@!$&()*+,;=%";

    if (strnlen(url, URL_LEN_MAX + 1) > URL_LEN_MAX)
        return false;
    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
        return false;
    for (const char *at = url; *at != '\0'; at++)
        if (!rh_ascii_is_alnum(*at) && strchr(marks, *at) == NULL)
            return false;
    return true;
}

static const char *
url_optional(const struct fields *fields, const char *key)
{
    const char *url = text_optional(fields, key);
    return url_valid(url) ? url : "";
}

static enum rh_action
action_of(const char *text)
{
    static const struct {
        const char *text;
        enum rh_action action;
    } actions[] = {
        {"queued", RH_ACTION_QUEUED},
        {"waiting", RH_ACTION_WAITING},
        {"in_progress", RH_ACTION_IN_PROGRESS},
        {"completed", RH_ACTION_COMPLETED},
    };

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(text, actions[i].text) == 0)
            return actions[i].action;
    return RH_ACTION_OTHER;
}

/* Labels that no set can hold make a job that no pool can serve, which is GitHub's to say and no
 * error. Nothing more is added then: ten thousand labels must not cost ten thousand searches. */
static enum rh_error
labels_required(const struct fields *fields, struct rh_workflow_job *job)
{
    const cJSON *array = field(fields, "labels");
    if (array == NULL)
        return field_missing(fields, "labels");
    if (!cJSON_IsArray(array)) {
        rh_reason_set(fields->reason, "%slabels must be an array of strings", fields->prefix);
        return RH_ERR_FIELD;
    }

    const cJSON *item = NULL;
    size_t index = 0;
    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsString(item)) {
            rh_reason_set(fields->reason, "%slabels[%zu] must be a string", fields->prefix, index);
            return RH_ERR_FIELD;
        }
        if (!job->labels_overflow) {
            enum rh_error error =
                rh_labels_add(&job->labels, item->valuestring, strlen(item->valuestring));
            if (error == RH_ERR_NO_MEMORY)
                return error;
            job->labels_overflow = error != RH_OK;
        }
        index++;
    }
    return RH_OK;
}

static enum rh_error
repository_name_required(const struct fields *fields, struct rh_workflow_job *job)
{
    char quoted[RH_QUOTE_CAP];
    const cJSON *item = field(fields, "full_name");

    if (item == NULL)
        return field_missing(fields, "full_name");
    if (!cJSON_IsString(item)) {
        rh_reason_set(fields->reason, "%sfull_name must be a string", fields->prefix);
        return RH_ERR_FIELD;
    }
    const char *name = item->valuestring;
    if (!rh_repository_valid(name)) {
        rh_reason_set(fields->reason,
                      "%sfull_name %s is not owner/name of letters, digits, '.', '_' and '-'",
                      fields->prefix, rh_reason_quote(name, strlen(name), quoted));
        return RH_ERR_FIELD;
    }
    enum rh_error error = text_copy(name, &job->repository);
    if (error)
        return error;
    return text_copy(strchr(name, '/') + 1, &job->repository_short);
}

static enum rh_error
repository_read(const cJSON *root, struct rh_workflow_job *job, struct rh_reason *reason)
{
    const struct fields top = {root, "", reason};
    const struct fields repository = {field(&top, "repository"), "repository.", reason};

    if (repository.object == NULL)
        return field_missing(&top, "repository");
    if (!cJSON_IsObject(repository.object)) {
        rh_reason_set(reason, "repository must be an object");
        return RH_ERR_FIELD;
    }
    enum rh_error error = repository_name_required(&repository, job);
    if (error)
        return error;
    job->repository_fork = cJSON_IsTrue(field(&repository, "fork"));
    job->repository_private = cJSON_IsTrue(field(&repository, "private"));
    return text_copy(url_optional(&repository, "html_url"), &job->repository_url);
}

static enum rh_error
details_read(const struct fields *fields, struct rh_workflow_job *job)
{
    const struct {
        const char *text;
        char **out;
    } texts[] = {
        {text_optional(fields, "conclusion"), &job->conclusion},
        {text_optional(fields, "name"), &job->name},
        {text_optional(fields, "workflow_name"), &job->workflow_name},
        {text_optional(fields, "head_branch"), &job->head_branch},
        {text_optional(fields, "runner_name"), &job->runner_name},
        {url_optional(fields, "html_url"), &job->html_url},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        enum rh_error error = text_copy(texts[i].text, texts[i].out);
        if (error)
            return error;
    }
    job->run_attempt = id_optional(fields, "run_attempt");
    job->runner_id = id_optional(fields, "runner_id");
    if (!rh_time_parse(text_optional(fields, "created_at"), &job->created_at_s))
        job->created_at_s = 0;
    return RH_OK;
}

enum rh_error
rh_workflow_job_read(const cJSON *root, struct rh_workflow_job *job, struct rh_reason *reason)
{
    const struct fields top = {root, "", reason};
    const struct fields fields = {field(&top, "workflow_job"), "workflow_job.", reason};
    const struct fields installation = {field(&top, "installation"), "installation.", reason};
    enum rh_error error = RH_OK;

    error = text_required(&top, "action", &job->action_text);
    if (error)
        return error;
    job->action = action_of(job->action_text);
    error = id_required(&fields, "id", &job->id);
    if (error)
        return error;
    error = id_required(&fields, "run_id", &job->run_id);
    if (error)
        return error;
    error = text_required(&fields, "status", &job->status);
    if (error)
        return error;
    error = labels_required(&fields, job);
    if (error)
        return error;
    error = repository_read(root, job, reason);
    if (error)
        return error;
    job->installation_id = id_optional(&installation, "id");
    return details_read(&fields, job);
}

void
rh_workflow_job_fini(struct rh_workflow_job *job)
{
    free(job->action_text);
    free(job->status);
    free(job->conclusion);
    free(job->name);
    free(job->workflow_name);
    free(job->head_branch);
    free(job->runner_name);
    free(job->html_url);
    free(job->repository);
    free(job->repository_short);
    free(job->repository_url);
    rh_labels_fini(&job->labels);
    *job = (struct rh_workflow_job){0};
}
