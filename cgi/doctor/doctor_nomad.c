/*
 * Asks Nomad whether runners can be dispatched there.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "clock/clock.h"
#include "doctor/judge_nomad.h"
#include "upstream/nomad_child.h"
#include "upstream/nomad_request.h"

/* A name that nothing has: of these many random bytes, in hexadecimal digits. */
#define NONCE_BYTES 8
#define NONCE_CAP (NONCE_BYTES * 2 + 1)

#define ID_CAP 512

static void
make_nonce(char out[NONCE_CAP])
{
    uint64_t bytes;

    /* Short only of less than 256 bytes before the pool is there, which blocks. */
    while (getrandom(&bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        continue;
    (void)snprintf(out, NONCE_CAP, "%016" PRIx64, bytes);
}

/* Whether the cluster is there, and its version, where we may know it. False where nothing more is
 * to be asked. */
static bool
ask_cluster(const struct config *config, struct nomad *nomad, struct findings *findings)
{
    const char *address = config->nomad.address;
    struct nomad_agent agent;
    struct failure failure;
    bool has_leader, is_told;

    if (!nomad_has_leader(nomad, &has_leader, &failure)) {
        findings_add_failure(findings, FINDING_ERROR, "Nomad", &failure);
        return false;
    }
    if (!has_leader) {
        findings_add(findings, FINDING_ERROR, "Nomad",
                     "at %.128s: the cluster has no leader; see nomad server members", address);
        return false;
    }
    is_told = nomad_agent(nomad, &agent, &failure);
    if (is_told)
        findings_add(findings, FINDING_OK, "Nomad", "%s at %.128s, with a leader", agent.version,
                     address);
    else if (failure.kind == FAILURE_FORBIDDEN || failure.kind == FAILURE_UNAUTHORIZED)
        findings_add(findings, FINDING_OK, "Nomad",
                     "at %.128s, with a leader; its version is not known, since the token has no "
                     "agent:read",
                     address);
    else
        findings_add_failure(findings, FINDING_WARNING, "Nomad", &failure);
    judge_nomad_collection(findings, is_told ? &agent : NULL);
    return true;
}

/* False where Nomad does not take the token, and so says no to all else. */
static bool
ask_token(struct nomad *nomad, struct findings *findings)
{
    struct nomad_token token;
    struct failure failure;

    if (nomad_token(nomad, &token, &failure)) {
        judge_nomad_token(findings, &token, clock_now_ms());
        return true;
    }
    if (failure.kind == FAILURE_UNAUTHORIZED) {
        findings_add_failure(findings, FINDING_ERROR, "[nomad] token", &failure);
        return false;
    }
    /* As of the identity of a workload, which is no token: what it may do is asked below. */
    findings_add(findings, FINDING_WARNING, "[nomad] token", "Nomad does not tell of it: %s",
                 failure.text.text);
    return true;
}

enum right {
    RIGHT_UNKNOWN,
    RIGHT_THERE,
    RIGHT_MISSING,
};

/* Whether there may be a job that can be dispatched. */
static bool
ask_job(const struct config *config, struct nomad *nomad, const struct pool *pool,
        enum right *may_read, struct findings *findings)
{
    char subject[CONFIG_POOL_NAME_MAX + 16];
    struct failure failure;
    struct nomad_job job;

    (void)snprintf(subject, sizeof subject, "pool %s", pool->name);
    if (nomad_job(nomad, pool->nomad_job, &job, &failure)) {
        bool good = job.is_parameterized && !job.is_stopped;

        *may_read = RIGHT_THERE;
        judge_nomad_job(findings, pool, &job);
        nomad_job_fini(&job);
        return good;
    }
    if (failure.kind == FAILURE_FORBIDDEN) {
        if (*may_read == RIGHT_UNKNOWN)
            judge_nomad_right(findings, "read-job", "read jobs", FINDING_ERROR, &failure);
        *may_read = RIGHT_MISSING;
        return true; /* whether it can be dispatched is not told by that */
    }
    if (failure.kind == FAILURE_NOT_FOUND) {
        *may_read = RIGHT_THERE;
        findings_add(findings, FINDING_ERROR, subject,
                     "Nomad has no job %.64s in the namespace %.64s: register it with nomad job "
                     "run, or mend nomad_job of [pool %s]",
                     pool->nomad_job, config->nomad.ns == NULL ? "default" : config->nomad.ns,
                     pool->name);
    } else {
        findings_add_failure(findings, FINDING_ERROR, subject, &failure);
    }
    return false;
}

static void
ignore_child(const char *id, enum nomad_status status, bool is_stopped, void *arg)
{
    (void)id;
    (void)status;
    (void)is_stopped;
    (void)arg;
}

static void
ask_list(struct nomad *nomad, const char *job, struct findings *findings)
{
    int64_t now_s = clock_now_ms() / 1000;
    struct failure failure;
    bool may = nomad_children(nomad, job, now_s, now_s, ignore_child, NULL, &failure);

    judge_nomad_right(findings, "list-jobs", "list jobs", FINDING_WARNING, may ? NULL : &failure);
}

/* Nomad made a child where it never should: that is undone, and said. */
static void
undo_dispatch(struct nomad *nomad, const char *child, struct findings *findings)
{
    struct failure failure;

    if (nomad_stop(nomad, child, &failure))
        findings_add(findings, FINDING_ERROR, "Nomad",
                     "it made the child %.128s of a request that every Nomad refuses; it was "
                     "stopped again. Is [nomad] address Nomad's?",
                     child);
    else
        findings_add(findings, FINDING_ERROR, "Nomad",
                     "it made the child %.128s of a request that every Nomad refuses, and it was "
                     "not stopped: do that with nomad job stop (%s)",
                     child, failure.text.text);
}

static void
ask_dispatch(struct nomad *nomad, const char *job, struct findings *findings)
{
    char nonce[NONCE_CAP], key[NONCE_CAP + 8];
    struct nomad_dispatched made;
    struct failure failure;
    bool may;

    make_nonce(nonce);
    (void)snprintf(key, sizeof key, "CHECK_%s", nonce);
    may = nomad_may_dispatch(nomad, job, key, &made, &failure);
    if (made.child != NULL)
        undo_dispatch(nomad, made.child, findings);
    judge_nomad_right(findings, "dispatch-job", "dispatch runners", FINDING_ERROR,
                      may ? NULL : &failure);
    nomad_dispatched_fini(&made);
}

/* Nomad answers 200 for a job that it has not, to who may stop it. */
static void
ask_stop(struct nomad *nomad, const char *job, struct findings *findings)
{
    char nonce[NONCE_CAP], child[ID_CAP];
    struct failure failure;
    bool may;

    make_nonce(nonce);
    (void)snprintf(child, sizeof child, "%.256s/dispatch-check-%s", job, nonce);
    may = nomad_stop(nomad, child, &failure);
    judge_nomad_right(findings, "submit-job", "stop runners", FINDING_WARNING,
                      may ? NULL : &failure);
}

void
doctor_nomad(const struct config *config, struct nomad *nomad, struct findings *findings)
{
    const char *good = NULL;
    enum right may_read = RIGHT_UNKNOWN;

    if (!ask_cluster(config, nomad, findings) || !ask_token(nomad, findings))
        return;
    for (size_t i = 0; i < config->pools_len; i++) {
        if (ask_job(config, nomad, &config->pools[i], &may_read, findings) && good == NULL)
            good = config->pools[i].nomad_job;
    }
    if (may_read == RIGHT_THERE)
        judge_nomad_right(findings, "read-job", "read jobs", FINDING_ERROR, NULL);
    ask_list(nomad, config->pools[0].nomad_job, findings);
    if (good != NULL)
        ask_dispatch(nomad, good, findings);
    ask_stop(nomad, config->pools[0].nomad_job, findings);
}
