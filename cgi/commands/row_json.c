/*
 * Rows of the ledger as JSON.
 * SPDX-License-Identifier: MIT
 */
#include "commands/row_json.h"

#include "text/json.h"

/* A text that the ledger keeps as "" where there is none. */
static bool
add_optional(cJSON *object, const char *name, const char *text)
{
    return json_add_text(object, name, text[0] == '\0' ? NULL : text);
}

/* An id, of which 0 stands for none. */
static bool
add_id(cJSON *object, const char *name, int64_t id)
{
    return id == 0 ? json_add_text(object, name, NULL) : json_add_number(object, name, id);
}

static bool
add_labels(cJSON *object, const char *json)
{
    cJSON *labels = cJSON_Parse(json);

    if (labels != NULL && cJSON_AddItemToObject(object, "labels", labels))
        return true;
    cJSON_Delete(labels);
    return false;
}

static bool
fill_job(cJSON *object, const struct job *job)
{
    return add_labels(object, job->labels) && json_add_number(object, "job_id", job->id) &&
           json_add_text(object, "repository", job->repository) &&
           json_add_number(object, "run_id", job->run_id) &&
           json_add_text(object, "name", job->name) && json_add_text(object, "pool", job->pool) &&
           json_add_text(object, "state", job_state_text(job->state)) &&
           add_optional(object, "conclusion", job->conclusion) &&
           json_add_text(object, "runner", job->runner) &&
           json_add_text(object, "child", job->child) &&
           json_add_number(object, "attempts", job->attempts) &&
           json_add_number(object, "lost", job->lost) &&
           json_add_time(object, "next_attempt_at",
                         job->state == JOB_QUEUED ? job->next_attempt_at_ms : 0) &&
           json_add_text(object, "last_error", job->last_error) &&
           json_add_text(object, "delivery", job->delivery) &&
           json_add_text(object, "url", job->html_url) &&
           json_add_time(object, "created_at", job->created_at_ms) &&
           json_add_time(object, "received_at", job->received_at_ms) &&
           json_add_time(object, "changed_at", job->changed_at_ms);
}

/* Whether audits look at a runner in this state. */
static bool
is_audited(enum runner_state state)
{
    return state >= RUNNER_LIVE && state < RUNNER_GONE;
}

static bool
fill_runner(cJSON *object, const struct runner *runner)
{
    return json_add_text(object, "name", runner->name) &&
           json_add_text(object, "state", runner_state_text(runner->state)) &&
           json_add_text(object, "repository", runner->repository) &&
           json_add_text(object, "pool", runner->pool) &&
           add_id(object, "job_id", runner->job_id) &&
           json_add_number(object, "made_for", runner->made_for) &&
           add_optional(object, "child", runner->child) &&
           add_id(object, "github_id", runner->github_id) &&
           json_add_time(object, "created_at", runner->created_at_ms) &&
           json_add_time(object, "sent_at", runner->sent_at_ms) &&
           json_add_time(object, "placed_at", runner->placed_at_ms) &&
           json_add_time(object, "changed_at", runner->changed_at_ms) &&
           json_add_time(object, "next_look_at",
                         is_audited(runner->state) ? runner->audit_at_ms : 0) &&
           add_optional(object, "note", runner->note);
}

cJSON *
row_json_job(const struct job *job)
{
    cJSON *object = cJSON_CreateObject();

    if (object != NULL && fill_job(object, job))
        return object;
    cJSON_Delete(object);
    return NULL;
}

cJSON *
row_json_runner(const struct runner *runner)
{
    cJSON *object = cJSON_CreateObject();

    if (object != NULL && fill_runner(object, runner))
        return object;
    cJSON_Delete(object);
    return NULL;
}
