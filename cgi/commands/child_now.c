/*
 * What Nomad says of a child at this moment.
 * SPDX-License-Identifier: MIT
 */
#include "commands/child_now.h"

#include <signal.h>
#include <stdio.h>

#include <curl/curl.h>

#include "config/values.h"
#include "text/json.h"
#include "text/span.h"
#include "upstream/credential.h"

static const char *
status_text(enum nomad_status status)
{
    static const char *const texts[] = {
        [NOMAD_PENDING] = "pending", [NOMAD_RUNNING] = "running", [NOMAD_DEAD] = "dead"};

    return texts[status];
}

/* The questions in turn, until one has no answer. */
static bool
ask(struct nomad *nomad, const char *id, struct child_now *now, struct failure *failure)
{
    struct nomad_child child;
    struct nomad_placement placement;

    if (!nomad_child(nomad, id, &child, failure)) {
        if (failure->kind != FAILURE_NOT_FOUND)
            return false;
        now->known = CHILD_ABSENT;
        return true;
    }
    now->known = CHILD_THERE;
    now->status = child.status;
    now->is_stopped = child.is_stopped;
    nomad_child_fini(&child);
    if (now->status == NOMAD_DEAD)
        return true;
    if (!nomad_placement(nomad, id, &placement, failure))
        return false;
    now->has_placement = true;
    now->allocations = placement.allocations;
    now->started_at_ms = placement.started_at_ms;
    return placement.allocations > 0 || nomad_unplaced(nomad, id, now->unplaced, failure);
}

void
child_now_ask(const struct nomad_config *config, const char *child, struct child_now *now)
{
    struct credential *token;
    struct nomad *nomad = NULL;
    struct failure failure;
    http_deadline deadline;

    *now = (struct child_now){0};
    (void)snprintf(now->reason.text, sizeof now->reason.text, "out of memory");
    (void)signal(SIGPIPE, SIG_IGN);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)snprintf(now->reason.text, sizeof now->reason.text, "libcurl does not start");
        return;
    }
    atomic_init(&deadline, INT64_MAX);
    token = credential_new(config->token, config->token_file, value_secret_file);
    if (token != NULL)
        nomad = nomad_new(config, token, NULL, &deadline);
    if (nomad != NULL) {
        now->known = CHILD_NOT_TOLD;
        if (ask(nomad, child, now, &failure))
            now->reason.text[0] = '\0';
        else
            now->reason = failure.text;
    }
    nomad_free(nomad);
    credential_free(token);
    curl_global_cleanup();
}

static void
tell_placement(const struct child_now *now, int64_t now_ms, struct buffer *out)
{
    char ago[SPAN_CAP];

    if (now->allocations == 0 && now->unplaced[0] != '\0')
        (void)buffer_addf(out, ", not placed: %s", now->unplaced);
    else if (now->allocations == 0)
        (void)buffer_add_text(out, ", on no node");
    else if (now->started_at_ms == 0)
        (void)buffer_add_text(out, ", placed, its task not started yet");
    else
        (void)buffer_addf(out, ", placed, its task started %s ago",
                          span_text(now_ms - now->started_at_ms, ago));
}

void
child_now_tell(const struct child_now *now, int64_t now_ms, struct buffer *out)
{
    switch (now->known) {
    case CHILD_NOT_ASKED:
        (void)buffer_addf(out, "not asked: %s", now->reason.text);
        return;
    case CHILD_NOT_TOLD:
        (void)buffer_addf(out, "not known: %s", now->reason.text);
        return;
    case CHILD_ABSENT:
        (void)buffer_add_text(out, "it has no such job: that one ended and was collected, or was "
                                   "purged");
        return;
    case CHILD_THERE:
        break;
    }
    (void)buffer_add_text(out, status_text(now->status));
    if (now->is_stopped)
        (void)buffer_add_text(out, ", stopped");
    if (now->has_placement)
        tell_placement(now, now_ms, out);
    if (now->reason.text[0] != '\0')
        (void)buffer_addf(out, "; the rest is not known: %s", now->reason.text);
}

static bool
fill(cJSON *object, const struct child_now *now)
{
    const char *status = now->known == CHILD_ABSENT  ? "absent"
                         : now->known == CHILD_THERE ? status_text(now->status)
                                                     : NULL;

    if (cJSON_AddBoolToObject(object, "asked", now->known != CHILD_NOT_ASKED) == NULL ||
        !json_add_text(object, "status", status) ||
        cJSON_AddBoolToObject(object, "stopped", now->is_stopped) == NULL)
        return false;
    if (now->has_placement ? !json_add_number(object, "allocations", (int64_t)now->allocations)
                           : !json_add_text(object, "allocations", NULL))
        return false;
    return json_add_time(object, "started_at", now->started_at_ms) &&
           json_add_text(object, "unplaced", now->unplaced[0] == '\0' ? NULL : now->unplaced) &&
           json_add_text(object, "error", now->reason.text[0] == '\0' ? NULL : now->reason.text);
}

cJSON *
child_now_json(const struct child_now *now)
{
    cJSON *object = cJSON_CreateObject();

    if (object != NULL && fill(object, now))
        return object;
    cJSON_Delete(object);
    return NULL;
}
