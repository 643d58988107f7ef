/*
 * What a delivery's content calls for.
 * SPDX-License-Identifier: MIT
 */
#include "serve/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/pool.h"
#include "text/escape.h"

#define LABEL_CHARS 48

static void ignore(struct verdict *verdict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
ignore(struct verdict *verdict, const char *format, ...)
{
    va_list args;

    verdict->outcome = OUTCOME_IGNORED;
    va_start(args, format);
    (void)vsnprintf(verdict->reason, sizeof verdict->reason, format, args);
    va_end(args);
}

bool
verdict_match(const struct pool *pool, const struct rh_workflow_job *job, char *words,
              size_t words_cap)
{
    const char *missing = NULL;
    struct buffer label = BUFFER_INIT(512);

    if (job->labels_overflow) {
        (void)snprintf(words, words_cap, "the job asks for labels that no runner can have");
        return false;
    }
    switch (rh_labels_match(&job->labels, &pool->labels, pool->require_self_hosted, &missing)) {
    case RH_MATCH_SERVES:
        (void)snprintf(words, words_cap, "serves the job");
        return true;
    case RH_MATCH_NO_LABELS:
        (void)snprintf(words, words_cap, "the job asks for no label");
        break;
    case RH_MATCH_NOT_SELF_HOSTED:
        (void)snprintf(words, words_cap, "the job does not ask for \"self-hosted\"");
        break;
    case RH_MATCH_LABEL_MISSING:
        (void)escape_plain(&label, missing, strlen(missing), LABEL_CHARS);
        (void)snprintf(words, words_cap, "has no label \"%s\"", buffer_text(&label));
        break;
    }
    buffer_fini(&label);
    return false;
}

const struct pool *
verdict_pool(const struct config *config, const struct rh_workflow_job *job)
{
    return job->labels_overflow ? NULL : pool_serving(config, &job->labels);
}

/* One line on what every pool lacks: for most people there is one pool, and this says it all. */
static void
ignore_unserved(const struct config *config, const struct rh_workflow_job *job,
                struct verdict *verdict)
{
    char words[256];

    (void)verdict_match(&config->pools[0], job, words, sizeof words);
    if (config->pools_len == 1)
        ignore(verdict, "no pool serves its labels: pool %s: %s", config->pools[0].name, words);
    else
        ignore(verdict,
               "no pool serves its labels: none of %zu pools has all of them (the first, %s: %s)",
               config->pools_len, config->pools[0].name, words);
}

/* What an action reports to the ledger. False where it reports nothing. */
static bool
event_of(enum rh_action action, enum job_event *event)
{
    switch (action) {
    case RH_ACTION_QUEUED:
        *event = JOB_EVENT_QUEUED;
        return true;
    case RH_ACTION_IN_PROGRESS:
        *event = JOB_EVENT_IN_PROGRESS;
        return true;
    case RH_ACTION_COMPLETED:
        *event = JOB_EVENT_COMPLETED;
        return true;
    case RH_ACTION_WAITING:
    case RH_ACTION_OTHER:
        break;
    }
    return false;
}

static void
reach_for_job(const struct config *config, const struct rh_workflow_job *job, int64_t now_s,
              struct verdict *verdict)
{
    struct buffer text = BUFFER_INIT(512);

    verdict->pool = verdict_pool(config, job);
    if (verdict->pool == NULL) {
        ignore_unserved(config, job, verdict);
        /* A job that is known goes on, whatever the pools are by now. */
        verdict->is_reported =
            event_of(job->action, &verdict->event) && verdict->event != JOB_EVENT_QUEUED;
        return;
    }
    switch (job->action) {
    case RH_ACTION_QUEUED:
        break;
    case RH_ACTION_IN_PROGRESS:
    case RH_ACTION_COMPLETED:
        verdict->is_reported = event_of(job->action, &verdict->event);
        ignore(verdict, "action %s starts no runner; the job's state is noted",
               job->action == RH_ACTION_COMPLETED ? "completed" : "in_progress");
        return;
    case RH_ACTION_WAITING:
        ignore(verdict, "the job waits for an approval; its queued event comes after that");
        return;
    case RH_ACTION_OTHER:
        (void)escape_plain(&text, job->action_text, strlen(job->action_text), LABEL_CHARS);
        ignore(verdict, "action \"%s\" starts no runner", buffer_text(&text));
        buffer_fini(&text);
        return;
    }
    if (strcmp(job->status, "queued") != 0) {
        (void)escape_plain(&text, job->status, strlen(job->status), LABEL_CHARS);
        ignore(verdict, "queued, but with status \"%s\": the queued event that counts comes later",
               buffer_text(&text));
        buffer_fini(&text);
    } else if (job->created_at_s != 0 && now_s - job->created_at_s > JOB_LIFE_MS / 1000) {
        verdict->is_stale = true;
        ignore(verdict, "the job is over 24 hours old: GitHub has cancelled it");
    } else {
        verdict->outcome = OUTCOME_ACCEPTED;
        verdict->is_reported = event_of(job->action, &verdict->event);
    }
}

void
verdict_reach(const struct config *config, const struct rh_delivery *delivery, int64_t now_s,
              struct verdict *verdict)
{
    *verdict = (struct verdict){0};
    switch (delivery->event) {
    case RH_EVENT_PING:
        verdict->outcome = OUTCOME_PONG;
        break;
    case RH_EVENT_OTHER:
        ignore(verdict, "not a workflow_job event: let the webhook send \"Workflow jobs\" alone");
        break;
    case RH_EVENT_WORKFLOW_JOB:
        reach_for_job(config, &delivery->job, now_s, verdict);
        break;
    }
}
