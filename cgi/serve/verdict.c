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

/* Of an action or a status that a message shows. */
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
verdict_match(const struct config *config, const struct pool *pool,
              const struct rh_workflow_job *job, char *words, size_t words_cap)
{
    const struct pool_ask ask = {.labels = &job->labels,
                                 .repository = job->repository,
                                 .is_private = job->repository_private};

    if (!job->labels_overflow)
        return pool_serves(config, pool, &ask, words, words_cap);
    (void)snprintf(words, words_cap, "the job asks for labels that no runner can have");
    return false;
}

/* The first pool that has the job's labels, and so refuses its repository; NULL for none. */
static const struct pool *
find_refusing(const struct config *config, const struct rh_workflow_job *job)
{
    for (size_t i = 0; i < config->pools_len && !job->labels_overflow; i++) {
        const struct pool *pool = &config->pools[i];

        if (rh_labels_match(&job->labels, &pool->labels, pool->require_self_hosted, NULL) ==
            RH_MATCH_SERVES)
            return pool;
    }
    return NULL;
}

/* One line on what every pool lacks: for most people there is one pool, and this says it all. */
static void
ignore_unserved(const struct config *config, const struct rh_workflow_job *job,
                struct verdict *verdict)
{
    const struct pool *refusing = find_refusing(config, job);
    const struct pool *shown = refusing == NULL ? &config->pools[0] : refusing;
    char words[256];

    (void)verdict_match(config, shown, job, words, sizeof words);
    if (refusing != NULL)
        ignore(verdict, "pool %s is not for it: %s", shown->name, words);
    else if (config->pools_len == 1)
        ignore(verdict, "no pool serves its labels: pool %s: %s", shown->name, words);
    else
        ignore(verdict,
               "no pool serves its labels: none of %zu pools has all of them (the first, %s: %s)",
               config->pools_len, shown->name, words);
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

    verdict->pool = pool_for_job(config, job);
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
