/*
 * Nomad's HTTP API, as far as it goes to find out whether runners can be dispatched: the agent, the
 * token, a parameterized job, and what the token may do. Nothing here leaves anything behind.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_NOMAD_JOB_H
#define UPSTREAM_NOMAD_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "upstream/failure.h"
#include "upstream/nomad.h"

#define NOMAD_NAME_CAP 136 /* Nomad takes 128 bytes for the name of a group */

/* Whether the cluster has a leader: GET /v1/status/leader, which needs no right. */
bool nomad_has_leader(struct nomad *nomad, bool *has_leader, struct failure *failure);

/* The agent that answers. */
struct nomad_agent {
    char version[NOMAD_NAME_CAP];
    bool is_server;
    int64_t job_gc_s; /* after which its server collects dead jobs; -1 where it has Nomad's default
                         or is no server */
};

/* GET /v1/agent/self. FAILURE_FORBIDDEN where the token has no agent:read. */
bool nomad_agent(struct nomad *nomad, struct nomad_agent *agent, struct failure *failure);

/* The token that we ask with. */
struct nomad_token {
    bool is_off; /* ACLs are, so that everybody may do everything; the rest is then not set */
    char name[NOMAD_NAME_CAP];
    bool is_management;
    int64_t expires_at_ms; /* 0 for never */
};

/* GET /v1/acl/token/self. FAILURE_UNAUTHORIZED where Nomad knows no such token; a workload's
 * identity is none. */
bool nomad_token(struct nomad *nomad, struct nomad_token *token, struct failure *failure);

enum nomad_payload {
    NOMAD_PAYLOAD_OPTIONAL,
    NOMAD_PAYLOAD_REQUIRED,
    NOMAD_PAYLOAD_FORBIDDEN,
};

/* What a job starts again of itself. The names of the first group that does so; "" for none. */
struct nomad_again {
    char restart[NOMAD_NAME_CAP];    /* on its node, after a failure */
    char reschedule[NOMAD_NAME_CAP]; /* on another one, after a failure */
    char replace[NOMAD_NAME_CAP]; /* after its node was lost; of a Nomad that can be told not to */
};

struct nomad_job {
    bool is_batch;
    bool is_stopped;
    bool is_parameterized; /* the next three are set */
    enum nomad_payload payload;
    struct names meta_required;
    struct names meta_optional;
    struct nomad_again again;
};

void nomad_job_fini(struct nomad_job *job);

/* GET /v1/job/{job}. FAILURE_NOT_FOUND where Nomad has none of that id, as Nomad itself says. On
 * success the caller ends `*job`. */
bool nomad_job(struct nomad *nomad, const char *id, struct nomad_job *job, struct failure *failure);

/*
 * Whether the token may dispatch a job: POST /v1/job/{job}/dispatch with one meta key, `key`, that
 * no job declares, and no payload. Nomad looks at the token first, and then always refuses such a
 * request (validateDispatchRequest of nomad/job_endpoint.go); that is true. FAILURE_FORBIDDEN where
 * the token may not. Should Nomad make a child all the same, it is true, and `made->child` is set;
 * the caller stops that, and ends `*made` in any case. `key` has at most 24 characters.
 */
bool nomad_may_dispatch(struct nomad *nomad, const char *id, const char *key,
                        struct nomad_dispatched *made, struct failure *failure);

#endif
