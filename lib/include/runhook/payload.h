/*
 * What goes to Nomad: the body of POST /v1/job/{job}/dispatch.
 * Form: developer.hashicorp.com/nomad/api-docs/jobs, "Dispatch Job".
 * SPDX-License-Identifier: MIT
 */
#ifndef RUNHOOK_PAYLOAD_H
#define RUNHOOK_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runhook/error.h>
#include <runhook/export.h>
#include <runhook/labels.h>

/* Nomad's limit on a dispatch payload, in decoded bytes (DispatchPayloadSizeLimit, 16 KiB). */
#define RH_PAYLOAD_MAX 16384

/* Longest dispatch body, in bytes: the largest payload in base64, and room for the meta values. */
#define RH_DISPATCH_BODY_MAX 131072

/* GitHub's limit on a runner's name, in bytes. */
#define RH_RUNNER_NAME_MAX 64

enum rh_credential {
    RH_CREDENTIAL_REGISTRATION_TOKEN, /* the payload's key "token" */
    RH_CREDENTIAL_JIT_CONFIG,         /* the payload's key "jit_config" */
};

/* One more meta key that the Nomad job declares. */
struct rh_meta {
    const char *key;
    const char *value;
};

/* Everything that one dispatch says. All borrowed; no pointer may be NULL, but where it says so. */
struct rh_dispatch {
    const char *repository;       /* "owner/name" */
    const char *repository_short; /* "name" */
    bool fork;
    const char *job_name;
    int64_t run_id;
    int64_t job_id;
    const struct rh_labels *labels; /* the pool's, which the runner registers with */
    const char *url;                /* where the runner registers */
    const char *runner_name;        /* 1 to RH_RUNNER_NAME_MAX bytes */
    const char *runner_group;       /* which it registers in; NULL, and no such key, for none */
    enum rh_credential credential_kind;
    const char *credential;
    const struct rh_meta *meta; /* beyond the three that are always sent; may be NULL with 0 */
    size_t meta_len;
};

/*
 * The payload as JSON text, in this order of keys: repo, fork, job, run_id, job_id, labels, url,
 * runner_name, runner_group where there is one, and token or jit_config. run_id and job_id are
 * numbers, labels is an array.
 *
 * On RH_OK `*out` is NUL-terminated and belongs to the caller, who frees it with
 * rh_wipe_free(*out, *out_len) because the credential is in it. On failure `*out` is NULL:
 * RH_ERR_TOO_LARGE (over RH_PAYLOAD_MAX), RH_ERR_ARGUMENT (an id outside 1 to RH_ID_MAX, a runner's
 * name too long or empty, a text that is not UTF-8), RH_ERR_NO_MEMORY. No copy of the credential
 * stays behind. Any thread.
 */
RH_API enum rh_error rh_payload_build(const struct rh_dispatch *dispatch, char **out,
                                      size_t *out_len) RH_MUST_CHECK;

/*
 * The whole dispatch body: {"Payload": base64 of the payload, "Meta": {"REPO_FULL_NAME": …,
 * "REPO_SHORT_NAME": …, "WORKFLOW_RUN": run_id as a string, and `meta`}}. Same ownership and
 * errors; also RH_ERR_ARGUMENT where `meta` names one of the three again or a key twice, and
 * RH_ERR_TOO_LARGE where the body is over RH_DISPATCH_BODY_MAX.
 */
RH_API enum rh_error rh_dispatch_body_build(const struct rh_dispatch *dispatch, char **out,
                                            size_t *out_len) RH_MUST_CHECK;

#endif
