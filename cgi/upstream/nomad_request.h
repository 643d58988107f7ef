/*
 * One request to Nomad's HTTP API: what every call of it shares.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_NOMAD_REQUEST_H
#define UPSTREAM_NOMAD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <runhook/secret.h>

#include "text/buffer.h"
#include "upstream/failure.h"
#include "upstream/http.h"
#include "upstream/nomad.h"

#define NOMAD_PATH_MAX 4096

/* What the token's policy must give for it (developer.hashicorp.com/nomad/docs, "ACL policy"). */
#define NOMAD_DISPATCH_JOB "dispatch-job"
#define NOMAD_READ_JOB "read-job"
#define NOMAD_LIST_JOBS "list-jobs"
#define NOMAD_STOP_JOB "submit-job (newest Nomad: deregister-job)"
#define NOMAD_READ_AGENT "agent:read"

/* All borrowed. */
struct nomad_call {
    const char *method;
    const struct buffer *path; /* where it overflowed, nothing is sent */
    const char *job;           /* that it is about */
    const char *capability;    /* that it needs there, for the words of a refusal */
    const char *body;          /* of a dispatch; NULL for none */
    size_t body_len;
    const struct rh_secret *credential; /* within the body: what Nomad says of it is not quoted */
    size_t reply_max;                   /* as in struct http_request */
};

/* Appends a job's path, and what selects namespace and region. `suffix` is "" or "/…". */
bool nomad_job_path(const struct nomad *nomad, const char *job, const char *suffix,
                    struct buffer *out);

/* Appends a path that is no job's, and what selects namespace and region. */
bool nomad_path(const struct nomad *nomad, const char *path, struct buffer *out);

/* Appends the path of the list of jobs whose ids begin with `prefix`. */
bool nomad_list_path(const struct nomad *nomad, const char *prefix, struct buffer *out);

/*
 * Sends a request, and makes a failure of every answer but 200. Under the token of now; once more
 * at once where Nomad refuses that (it says 403 to a token that has expired) and its file holds
 * another by now. On success the caller ends `*reply`.
 */
bool nomad_send(struct nomad *nomad, const struct nomad_call *call, struct http_reply *reply,
                struct failure *failure);

#endif
