/*
 * Nomad's HTTP API, as far as dispatched jobs (children) go.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/nomad_child.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "text/json.h"
#include "upstream/nomad_read.h"
#include "upstream/nomad_request.h"

/* Dispatches of one job in the seconds around one that was lost: more are not looked into. */
#define CANDIDATES_MAX 512

#define SECOND_CAP 24

void
nomad_child_fini(struct nomad_child *child)
{
    free(child->runner_name);
    free(child->idempotency_token);
    *child = (struct nomad_child){0};
}

/* Sends a request about a child. On success the caller ends `*reply`. */
static bool
ask(struct nomad *nomad, const char *method, const char *id, const char *suffix,
    const char *capability, struct http_reply *reply, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(NOMAD_PATH_MAX);
    const struct nomad_call call = {.method = method,
                                    .path = &path,
                                    .job = id,
                                    .capability = capability,
                                    .reply_max = suffix[0] == '\0' ? 0 : HTTP_LIST_MAX};
    bool done;

    (void)nomad_job_path(nomad, id, suffix, &path);
    done = nomad_send(nomad, &call, reply, failure);
    buffer_fini(&path);
    return done;
}

bool
nomad_child(struct nomad *nomad, const char *id, struct nomad_child *child, struct failure *failure)
{
    struct http_reply reply;
    bool done;

    *child = (struct nomad_child){0};
    if (!ask(nomad, "GET", id, "", NOMAD_READ_JOB, &reply, failure))
        return false;
    done = nomad_read_child(&reply.body, id, child, failure);
    http_reply_fini(&reply);
    return done;
}

bool
nomad_placement(struct nomad *nomad, const char *id, struct nomad_placement *placement,
                struct failure *failure)
{
    struct http_reply reply;
    bool done;

    *placement = (struct nomad_placement){0};
    if (!ask(nomad, "GET", id, "/allocations", NOMAD_READ_JOB, &reply, failure))
        return false;
    done = nomad_read_placement(&reply.body, placement, failure);
    http_reply_fini(&reply);
    return done;
}

bool
nomad_unplaced(struct nomad *nomad, const char *id, char reason[NOMAD_REASON_CAP],
               struct failure *failure)
{
    struct http_reply reply;
    bool done;

    reason[0] = '\0';
    if (!ask(nomad, "GET", id, "/evaluations", NOMAD_READ_JOB, &reply, failure))
        return false;
    done = nomad_read_unplaced(&reply.body, reason, failure);
    http_reply_fini(&reply);
    return done;
}

bool
nomad_stop(struct nomad *nomad, const char *id, struct failure *failure)
{
    struct http_reply reply;
    cJSON *json;
    bool done;

    if (!ask(nomad, "DELETE", id, "", NOMAD_STOP_JOB, &reply, failure))
        return false;
    json = json_parse(&reply.body);
    /* EvalID is "" where there was nothing to stop, but it is there. */
    done = json_text(json, "EvalID") != NULL;
    if (!done)
        (void)failure_garbage(failure, UPSTREAM_NOMAD,
                              "the answer to a stop has no EvalID: is [nomad] address Nomad's?");
    json_wipe(json);
    http_reply_fini(&reply);
    return done;
}

/* What the ids of all children begin with that were dispatched from `from_s` to `to_s`: the digits
 * that both have are enough, and leave few others. */
static void
add_prefix(const char *parent, int64_t from_s, int64_t to_s, struct buffer *out)
{
    char from[SECOND_CAP], to[SECOND_CAP];
    size_t common = 0;

    (void)snprintf(from, sizeof from, "%" PRId64, from_s);
    (void)snprintf(to, sizeof to, "%" PRId64, to_s);
    if (strlen(from) == strlen(to)) {
        while (from[common] != '\0' && from[common] == to[common])
            common++;
    }
    (void)buffer_addf(out, "%s/dispatch-%.*s", parent, (int)common, from);
}

/* The jobs that may be among those children; NULL with `failure` set. */
static cJSON *
list_children(struct nomad *nomad, const char *parent, int64_t from_s, int64_t to_s,
              struct failure *failure)
{
    struct buffer path = BUFFER_INIT(NOMAD_PATH_MAX), prefix = BUFFER_INIT(NOMAD_PATH_MAX);
    const struct nomad_call call = {.method = "GET",
                                    .path = &path,
                                    .job = parent,
                                    .capability = NOMAD_LIST_JOBS,
                                    .reply_max = HTTP_LIST_MAX};
    struct http_reply reply;
    cJSON *jobs = NULL;

    add_prefix(parent, from_s, to_s, &prefix);
    path.failed = prefix.failed;
    (void)nomad_list_path(nomad, buffer_text(&prefix), &path);
    if (nomad_send(nomad, &call, &reply, failure)) {
        jobs = nomad_read_jobs(&reply.body, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&prefix);
    buffer_fini(&path);
    return jobs;
}

bool
nomad_children(struct nomad *nomad, const char *parent, int64_t from_s, int64_t to_s,
               nomad_visitor visit, void *arg, struct failure *failure)
{
    cJSON *jobs = list_children(nomad, parent, from_s, to_s, failure);
    bool done = jobs != NULL;
    const cJSON *job;

    cJSON_ArrayForEach(job, jobs)
    {
        enum nomad_status status;

        /* One that is not told of rightly is not told of: whoever wants to know asks for it. */
        if (nomad_read_status(json_text(job, "Status"), &status))
            visit(json_text(job, "ID"), status,
                  cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(job, "Stop")), arg);
    }
    cJSON_Delete(jobs);
    return done;
}

/* Whether a child has this token, and this runner. One that is collected by now has none. */
static bool
check_token(struct nomad *nomad, const char *id, const char *idempotency_token,
            const char *runner_name, bool *is_it, struct failure *failure)
{
    struct nomad_child child;

    *is_it = false;
    if (!nomad_child(nomad, id, &child, failure))
        return failure->kind == FAILURE_NOT_FOUND;
    *is_it = child.idempotency_token != NULL && child.runner_name != NULL &&
             strcmp(child.idempotency_token, idempotency_token) == 0 &&
             strcmp(child.runner_name, runner_name) == 0;
    nomad_child_fini(&child);
    return true;
}

bool
nomad_find_child(struct nomad *nomad, const char *parent, const char *idempotency_token,
                 const char *runner_name, int64_t from_s, int64_t to_s, char **child,
                 struct failure *failure)
{
    cJSON *jobs = list_children(nomad, parent, from_s, to_s, failure);
    int candidates = 0;
    const cJSON *job;
    bool done = jobs != NULL;

    *child = NULL;
    cJSON_ArrayForEach(job, jobs)
    {
        const char *id = json_text(job, "ID");
        int64_t at_s;
        bool is_it = false;

        if (!nomad_read_dispatched_at(id, parent, &at_s) || at_s < from_s || at_s > to_s)
            continue;
        if (++candidates > CANDIDATES_MAX)
            done =
                failure_set(failure, UPSTREAM_NOMAD, FAILURE_OVERSIZED,
                            "%.64s has too many children to find one of them by its token", parent);
        else
            done = check_token(nomad, id, idempotency_token, runner_name, &is_it, failure);
        if (is_it) {
            *child = strdup(id);
            done = *child != NULL ||
                   failure_set(failure, UPSTREAM_NOMAD, FAILURE_LOCAL, "out of memory");
        }
        if (!done || is_it)
            break;
    }
    cJSON_Delete(jobs);
    return done;
}
