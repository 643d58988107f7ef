/*
 * What Nomad's answers mean for the runners to be.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/judge_nomad.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text/buffer.h"
#include "text/span.h"

#define SUBJECT_CAP (CONFIG_POOL_NAME_MAX + 16)
#define KEYS_MAX ((size_t)2048)

#define DAY_MS (INT64_C(86400) * 1000)
#define EXPIRES_SOON_MS (14 * DAY_MS)

/* Nomad's own, where a server's configuration does not say (nomad/config.go, JobGCThreshold). */
#define JOB_GC_DEFAULT_S (INT64_C(4) * 3600)

/* A child that is collected within the hour may be dispatched again by an attempt that was under
 * way, or put off, when its answer was lost. */
#define JOB_GC_MIN_S INT64_C(3600)

/* What is sent with every dispatch. */
static const char *const always[] = {"REPO_FULL_NAME", "REPO_SHORT_NAME", "WORKFLOW_RUN"};

void
judge_nomad_token(struct findings *findings, const struct nomad_token *token, int64_t now_ms)
{
    int64_t left_ms = token->expires_at_ms - now_ms;
    char span[SPAN_CAP];

    if (token->is_off) {
        findings_add(findings, FINDING_OK, "[nomad] token",
                     "not needed: ACLs are off, so everybody who reaches Nomad may do everything");
        return;
    }
    if (token->expires_at_ms > 0 && left_ms <= EXPIRES_SOON_MS) {
        findings_add(findings, FINDING_WARNING, "[nomad] token",
                     "\"%s\" expires in %s: put another into token_file before that, which is read "
                     "again when this one is refused",
                     token->name, span_text(left_ms, span));
        return;
    }
    if (token->is_management) {
        findings_add(findings, FINDING_WARNING, "[nomad] token",
                     "\"%s\" is a management token, which may do everything: make one of "
                     "examples/nomad/acl-policy.hcl",
                     token->name);
        return;
    }
    findings_add(findings, FINDING_OK, "[nomad] token", "\"%s\", a client token%s%s", token->name,
                 token->expires_at_ms > 0 ? ", expires in " : "",
                 token->expires_at_ms > 0 ? span_text(left_ms, span) : "");
}

static bool
has(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->len; i++) {
        if (strcmp(names->items[i], name) == 0)
            return true;
    }
    return false;
}

static bool
is_sent(const struct pool *pool, const char *key)
{
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (strcmp(always[i], key) == 0)
            return true;
    }
    for (size_t i = 0; i < pool->meta.len; i++) {
        if (strcmp(meta_key_names[pool->meta.items[i]], key) == 0)
            return true;
    }
    return false;
}

static void
add_key(struct buffer *out, const char *quote, const char *key)
{
    (void)buffer_addf(out, "%s%s%s%s", out->len == 0 ? "" : ", ", quote, key, quote);
}

static void
add_undeclared(const struct nomad_job *job, const char *key, struct buffer *keys,
               struct buffer *hcl)
{
    if (has(&job->meta_required, key) || has(&job->meta_optional, key))
        return;
    add_key(keys, "", key);
    add_key(hcl, "\"", key);
}

/* Keys that we send and it does not declare, which Nomad refuses with the dispatch. */
static bool
judge_declared(struct findings *findings, const char *subject, const struct pool *pool,
               const struct nomad_job *job)
{
    struct buffer keys = BUFFER_INIT(KEYS_MAX), hcl = BUFFER_INIT(KEYS_MAX);
    bool good;

    for (size_t i = 0; i < job->meta_optional.len; i++)
        add_key(&hcl, "\"", job->meta_optional.items[i]);
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        add_undeclared(job, always[i], &keys, &hcl);
    for (size_t i = 0; i < pool->meta.len; i++)
        add_undeclared(job, meta_key_names[pool->meta.items[i]], &keys, &hcl);
    good = keys.len == 0;
    if (!good)
        findings_add(findings, FINDING_ERROR, subject,
                     "Nomad's job %.64s does not declare %s, which is sent: write meta_optional = "
                     "[%s] into its parameterized block",
                     pool->nomad_job, buffer_text(&keys), buffer_text(&hcl));
    buffer_fini(&keys);
    buffer_fini(&hcl);
    return good;
}

static bool
is_meta_key(const char *key)
{
    for (size_t i = 0; i < META_KEYS; i++) {
        if (strcmp(meta_key_names[i], key) == 0)
            return true;
    }
    return false;
}

/* Keys that it requires and we do not send. */
static bool
judge_required(struct findings *findings, const char *subject, const struct pool *pool,
               const struct nomad_job *job)
{
    struct buffer ours = BUFFER_INIT(KEYS_MAX), others = BUFFER_INIT(KEYS_MAX);
    bool good;

    for (size_t i = 0; i < job->meta_required.len; i++) {
        const char *key = job->meta_required.items[i];

        if (!is_sent(pool, key))
            add_key(is_meta_key(key) ? &ours : &others, "", key);
    }
    good = ours.len == 0 && others.len == 0;
    if (ours.len > 0)
        findings_add(findings, FINDING_ERROR, subject,
                     "Nomad's job %.64s requires %s, which is not sent: add it to `meta` of "
                     "[pool %s]",
                     pool->nomad_job, buffer_text(&ours), pool->name);
    if (others.len > 0)
        findings_add(findings, FINDING_ERROR, subject,
                     "Nomad's job %.64s requires %s, which runhook does not know: take it out of "
                     "the job's meta_required",
                     pool->nomad_job, buffer_text(&others));
    buffer_fini(&ours);
    buffer_fini(&others);
    return good;
}

static bool
judge_form(struct findings *findings, const char *subject, const struct pool *pool,
           const struct nomad_job *job)
{
    const char *name = pool->nomad_job;

    if (job->is_stopped)
        findings_add(findings, FINDING_ERROR, subject,
                     "Nomad's job %.64s is stopped: register it again with nomad job run", name);
    else if (!job->is_parameterized)
        findings_add(findings, FINDING_ERROR, subject,
                     "Nomad's job %.64s has no parameterized block, so it cannot be dispatched: "
                     "see examples/nomad",
                     name);
    else if (!job->is_batch)
        findings_add(findings, FINDING_ERROR, subject,
                     "Nomad's job %.64s is not of type batch, so Nomad would start its runners "
                     "again: write type = \"batch\"",
                     name);
    else if (job->payload == NOMAD_PAYLOAD_FORBIDDEN)
        findings_add(findings, FINDING_ERROR, subject,
                     "Nomad's job %.64s forbids the payload that a runner registers with: write "
                     "payload = \"required\" into its parameterized block",
                     name);
    else
        return true;
    return false;
}

/* What starts a runner twice. The words are of examples/nomad. */
static bool
judge_again(struct findings *findings, const char *subject, const struct pool *pool,
            const struct nomad_job *job)
{
    const struct {
        const char *group;
        const char *when;
        const char *hcl;
    } rows[] = {
        {job->again.restart, "restarts a runner that failed",
         "restart { attempts = 0  mode = \"fail\" }"},
        {job->again.reschedule, "starts a runner that failed again on another node",
         "reschedule { attempts = 0  unlimited = false }"},
        {job->again.replace, "starts the runner of a lost node again, which may still run its job",
         "disconnect { replace = false }"},
    };
    bool good = true;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].group[0] == '\0')
            continue;
        good = false;
        findings_add(findings, FINDING_WARNING, subject,
                     "group \"%.64s\" of Nomad's job %.64s %s: write %s into it", rows[i].group,
                     pool->nomad_job, rows[i].when, rows[i].hcl);
    }
    return good;
}

void
judge_nomad_job(struct findings *findings, const struct pool *pool, const struct nomad_job *job)
{
    char subject[SUBJECT_CAP];
    bool good;

    (void)snprintf(subject, sizeof subject, "pool %s", pool->name);
    if (!judge_form(findings, subject, pool, job))
        return;
    good = judge_declared(findings, subject, pool, job);
    good = judge_required(findings, subject, pool, job) && good;
    good = judge_again(findings, subject, pool, job) && good;
    if (good)
        findings_add(findings, FINDING_OK, subject,
                     "Nomad's job %.64s takes its dispatches, and starts a runner once",
                     pool->nomad_job);
}

void
judge_nomad_collection(struct findings *findings, const struct nomad_agent *agent)
{
    static const char subject[] = "Nomad's garbage collection";
    int64_t after_s = agent == NULL || !agent->is_server ? -1
                      : agent->job_gc_s < 0              ? JOB_GC_DEFAULT_S
                                                         : agent->job_gc_s;
    char span[SPAN_CAP];

    if (after_s < 0)
        findings_add(findings, FINDING_OK, subject,
                     "not known, since %s: it has to leave dead jobs for an hour at least "
                     "(job_gc_threshold of a server; 4h where nothing is set)",
                     agent == NULL ? "the token has no agent:read" : "the agent is no server");
    else if (after_s < JOB_GC_MIN_S)
        findings_add(findings, FINDING_WARNING, subject,
                     "takes dead jobs after %s, and with them what keeps a dispatch whose answer "
                     "was lost from being made twice: set job_gc_threshold of the servers to 1h or "
                     "more",
                     span_text(after_s * 1000, span));
    else
        findings_add(findings, FINDING_OK, subject, "takes dead jobs after %s",
                     span_text(after_s * 1000, span));
}

void
judge_nomad_right(struct findings *findings, const char *word, const char *does,
                  enum finding_level level, const struct failure *failure)
{
    static const char subject[] = "[nomad] token";

    if (failure == NULL)
        findings_add(findings, FINDING_OK, subject, "may %s (%s)", does, word);
    else if (failure->kind == FAILURE_FORBIDDEN &&
             strstr(failure->text.text, "Permission denied") != NULL)
        findings_add(findings, level, subject,
                     "may not %s: add \"%s\" to the capabilities of its policy (see "
                     "examples/nomad/acl-policy.hcl)",
                     does, word);
    else
        findings_add(findings, FINDING_ERROR, subject, "whether it may %s is not known: %s", does,
                     failure->text.text);
}
