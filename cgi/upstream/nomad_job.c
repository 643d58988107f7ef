/*
 * Nomad's HTTP API, as far as it goes to find out whether runners can be dispatched.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/nomad_job.h"

#include <string.h>

#include "config/values.h"
#include "upstream/nomad_job_read.h"
#include "upstream/nomad_request.h"

#define BODY_MAX 256

/* What of a request names what it is about, and what that takes, for the words of a refusal. */
struct subject {
    const char *name;
    const char *capability;
};

/* Sends a GET. On success the caller ends `*reply`. */
static bool
ask(struct nomad *nomad, const char *path_text, const struct subject *subject,
    struct http_reply *reply, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(NOMAD_PATH_MAX);
    const struct nomad_call call = {
        .method = "GET", .path = &path, .job = subject->name, .capability = subject->capability};
    bool done;

    (void)nomad_path(nomad, path_text, &path);
    done = nomad_send(nomad, &call, reply, failure);
    buffer_fini(&path);
    return done;
}

bool
nomad_has_leader(struct nomad *nomad, bool *has_leader, struct failure *failure)
{
    static const struct subject subject = {"the cluster", "nothing"};
    struct http_reply reply;
    bool done;

    *has_leader = false;
    if (!ask(nomad, "/v1/status/leader", &subject, &reply, failure))
        /* A server that knows of none says so. */
        return failure->status == 500 && strstr(failure->text.text, "No cluster leader") != NULL;
    done = nomad_read_leader(&reply.body, has_leader, failure);
    http_reply_fini(&reply);
    return done;
}

bool
nomad_agent(struct nomad *nomad, struct nomad_agent *agent, struct failure *failure)
{
    static const struct subject subject = {"the agent", NOMAD_READ_AGENT};
    struct http_reply reply;
    bool done;

    *agent = (struct nomad_agent){.job_gc_s = -1};
    if (!ask(nomad, "/v1/agent/self", &subject, &reply, failure))
        return false;
    done = nomad_read_agent(&reply.body, agent, failure);
    http_reply_fini(&reply);
    return done;
}

bool
nomad_token(struct nomad *nomad, struct nomad_token *token, struct failure *failure)
{
    static const struct subject subject = {"itself", "nothing"};
    struct http_reply reply;
    bool done;

    *token = (struct nomad_token){0};
    if (ask(nomad, "/v1/acl/token/self", &subject, &reply, failure)) {
        done = nomad_read_token(&reply.body, token, failure);
        http_reply_fini(&reply);
        return done;
    }
    /* The status has been another one from version to version; the words have not. */
    token->is_off = strstr(failure->text.text, "ACL support disabled") != NULL;
    if (!token->is_off && strstr(failure->text.text, "ACL token not found") != NULL) {
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_UNAUTHORIZED,
                          "Nomad knows no such token (404): it is wrong, deleted or expired; put a "
                          "new one into [nomad] token_file");
        failure->status = 404;
    }
    return token->is_off;
}

void
nomad_job_fini(struct nomad_job *job)
{
    names_fini(&job->meta_required);
    names_fini(&job->meta_optional);
    *job = (struct nomad_job){0};
}

bool
nomad_job(struct nomad *nomad, const char *id, struct nomad_job *job, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(NOMAD_PATH_MAX);
    const struct nomad_call call = {
        .method = "GET", .path = &path, .job = id, .capability = NOMAD_READ_JOB};
    struct http_reply reply;
    bool done = false;

    *job = (struct nomad_job){0};
    (void)nomad_job_path(nomad, id, "", &path);
    if (nomad_send(nomad, &call, &reply, failure)) {
        done = nomad_read_job(&reply.body, id, job, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return done;
}

bool
nomad_may_dispatch(struct nomad *nomad, const char *id, const char *key,
                   struct nomad_dispatched *made, struct failure *failure)
{
    static const char *const refusals[] = {"unpermitted metadata keys",
                                           "Payload is not provided but required"};
    struct buffer body = BUFFER_INIT(BODY_MAX);
    struct nomad_order order = {.job = id};
    bool may = false;

    *made = (struct nomad_dispatched){0};
    (void)buffer_addf(&body, "{\"Meta\":{\"%s\":\"\"}}", key);
    order.body = buffer_text(&body);
    order.body_len = body.len;
    if (nomad_dispatch(nomad, &order, made, failure))
        may = true;
    for (size_t i = 0; !may && i < sizeof refusals / sizeof refusals[0]; i++)
        may = failure->kind == FAILURE_NOMAD_JOB && strstr(failure->text.text, refusals[i]) != NULL;
    buffer_fini(&body);
    return may;
}
