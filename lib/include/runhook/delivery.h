/*
 * One webhook delivery: from the bytes of a body whose signature holds to the facts that decide.
 * Fields: docs.github.com, "Webhook events and payloads", `workflow_job` and `ping`.
 * SPDX-License-Identifier: MIT
 */
#ifndef RUNHOOK_DELIVERY_H
#define RUNHOOK_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runhook/error.h>
#include <runhook/export.h>
#include <runhook/labels.h>

/* Ids are 1 to 2^53 - 1: what a JSON number carries exactly. */
#define RH_ID_MAX ((INT64_C(1) << 53) - 1)

/* "owner/name" at its longest, in bytes. */
#define RH_REPOSITORY_LEN_MAX 256

/* Free texts (a job's, a workflow's, a branch's name) longer than this many bytes are cut at a
 * character's boundary: a long name must not cost a job its runner. */
#define RH_TEXT_LEN_MAX 1024

enum rh_event {
    RH_EVENT_OTHER = 0,    /* anything else that GitHub sends: valid JSON, no job in it */
    RH_EVENT_PING,         /* sent once when a webhook is made */
    RH_EVENT_WORKFLOW_JOB, /* a job of a workflow changed */
};

enum rh_action {
    RH_ACTION_OTHER = 0, /* an action that GitHub may add one day */
    RH_ACTION_QUEUED,
    RH_ACTION_WAITING,
    RH_ACTION_IN_PROGRESS,
    RH_ACTION_COMPLETED,
};

/* One job of a workflow, as the delivery tells it. Strings are UTF-8, never NULL ("" where the
 * delivery had none), and owned by the delivery. Required are the action, the ids of job and run,
 * the status, the labels and the repository's name; any other field that is null or of an unknown
 * type reads as absent. */
struct rh_workflow_job {
    enum rh_action action;
    char *action_text; /* as GitHub wrote it */
    char *status;      /* "queued", "waiting", "in_progress", "completed", … */
    char *conclusion;  /* "" until completed */

    int64_t id;
    int64_t run_id;
    int64_t run_attempt;  /* 0 where the delivery had none */
    int64_t created_at_s; /* seconds since 1970 (UTC); 0 where the delivery had none */
    int64_t runner_id;    /* 0 until a runner has the job */

    char *name;
    char *workflow_name;
    char *head_branch;
    char *runner_name;
    char *html_url; /* the job's page; http(s):// or "" */

    struct rh_labels labels; /* what the job asks for */
    bool labels_overflow;    /* it asked for more than RH_LABELS_MAX, or for one too long to exist:
                                no pool can serve it */

    char *repository;       /* "owner/name", checked by rh_repository_valid */
    char *repository_short; /* "name" */
    char *repository_url;   /* its page, where a runner registers; http(s):// or "" */
    bool repository_fork;
    bool repository_private;
    int64_t installation_id; /* of the GitHub App that sent it; 0 where it was another webhook */
};

struct rh_delivery {
    enum rh_event event;
    int64_t hook_id;            /* of a ping; else 0 */
    struct rh_workflow_job job; /* all zero unless event is RH_EVENT_WORKFLOW_JOB */
};

/*
 * Parses a body. Call it only after rh_signature_verify gave RH_OK for these bytes.
 *
 * `content_type` (NULL where there was none) decides the form: application/json, or
 * application/x-www-form-urlencoded with the JSON in its `payload` field (GitHub's default for a
 * new webhook). `event_hint` is the X-GitHub-Event header (may be NULL): it is not signed, so it
 * decides nothing, but where it says workflow_job and the body has no such object, that is
 * RH_ERR_FIELD rather than another event.
 *
 * On RH_OK `*out` belongs to the caller (rh_delivery_free). On failure `*out` is NULL and `reason`
 * (never NULL) says what is wrong in words for the person who reads GitHub's list of deliveries:
 * RH_ERR_CONTENT_TYPE, RH_ERR_NOT_JSON, RH_ERR_FIELD, RH_ERR_NO_MEMORY. Any thread.
 */
RH_API enum rh_error rh_delivery_parse(const void *body, size_t body_len, const char *content_type,
                                       const char *event_hint, struct rh_delivery **out,
                                       struct rh_reason *reason) RH_MUST_CHECK;

/* NULL is fine. */
RH_API void rh_delivery_free(struct rh_delivery *delivery);

/*
 * Whether `text` is "owner/name", each part one or more of [A-Za-z0-9._-], neither part "." or
 * "..", and no longer than RH_REPOSITORY_LEN_MAX in all: safe to become part of a URL.
 */
RH_API bool rh_repository_valid(const char *text);

/*
 * Seconds since 1970 (UTC) of an ISO 8601 time as GitHub writes it: "2026-01-31T23:59:59Z", with an
 * optional fraction of a second (dropped) and with "Z" or an offset "+02:00".
 * False, and `*out_s` 0, where the text is anything else.
 */
RH_API bool rh_time_parse(const char *text, int64_t *out_s) RH_MUST_CHECK;

#endif
