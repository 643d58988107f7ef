/*
 * Discovery of jobs whose `queued` was lost.
 * SPDX-License-Identifier: MIT
 */
#include "audit/discovery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <runhook/delivery.h>

#include "clock/clock.h"
#include "config/pool.h"
#include "ledger/repository.h"
#include "text/json.h"
#include "upstream/github_run.h"

/* A repository that the token may not ask about is left alone for this long: a person has to act,
 * and was told. */
#define REFUSED_MS (INT64_C(3600) * 1000)

/* Runs that one look goes into. GitHub's own list ends at a thousand. */
#define RUNS_MAX 1000

/* One repository's look under way. */
struct survey {
    const struct tools *tools;
    const char *repository;
    cJSON *runs; /* those in progress or queued: objects with id, fork, private and url */
    int64_t calls;
    int64_t entered; /* jobs that the ledger did not have */
    struct failure failure;
    bool ledger_failed;
};

/* Records, and notes where that was not possible. */
static bool
record(struct survey *survey, ledger_work work, void *arg)
{
    survey->ledger_failed =
        survey->ledger_failed ||
        !tools_record(survey->tools, work, arg, "what a discovery found could not be recorded");
    return !survey->ledger_failed;
}

static bool
find_listing(struct survey *survey, struct listing *listing)
{
    struct rh_reason reason;

    if (ledger_read(survey->tools->ledger, listing_find, listing, &reason) == LEDGER_OK)
        return true;
    survey->ledger_failed = true;
    return false;
}

static void
listing_fini(struct listing *listing)
{
    free(listing->etag_found);
    free(listing->runs_found);
}

/* -- Jobs ---------------------------------------------------------------------------------------
 */

/* Copies a member that is true or not. False when out of memory. */
static bool
add_flag(cJSON *to, const char *name, const cJSON *from)
{
    return cJSON_AddBoolToObject(
               to, name, cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(from, name))) != NULL;
}

/* The job as a delivery would have told of it, so that it is read and checked in the same way. NULL
 * where it cannot be read. */
static struct rh_delivery *
as_delivery(const struct survey *survey, const cJSON *run, const cJSON *job, const char *status)
{
    const char *short_name = strchr(survey->repository, '/');
    cJSON *root = cJSON_CreateObject();
    cJSON *repository = cJSON_AddObjectToObject(root, "repository");
    struct rh_delivery *delivery = NULL;
    struct rh_reason reason;
    char *text = NULL;

    if (repository != NULL && short_name != NULL &&
        cJSON_AddStringToObject(root, "action", status) != NULL &&
        cJSON_AddItemReferenceToObject(root, "workflow_job", (cJSON *)(uintptr_t)job) &&
        cJSON_AddStringToObject(repository, "full_name", survey->repository) != NULL &&
        cJSON_AddStringToObject(repository, "name", short_name + 1) != NULL &&
        json_add_text(repository, "html_url", json_text(run, "url")) &&
        add_flag(repository, "fork", run) && add_flag(repository, "private", run))
        text = cJSON_PrintUnformatted(root);
    if (text != NULL && rh_delivery_parse(text, strlen(text), "application/json", "workflow_job",
                                          &delivery, &reason) != RH_OK)
        delivery = NULL;
    cJSON_free(text);
    cJSON_Delete(root);
    return delivery;
}

static void
log_entered(const struct survey *survey, const struct rh_workflow_job *job, const char *pool)
{
    struct log_line line;

    log_begin(&line, LOG_LEVEL_WARNING, "discovery");
    log_text(&line, "repository", job->repository);
    log_number(&line, "job", job->id);
    log_text(&line, "pool", pool);
    log_text(&line, "outcome", "entered");
    log_text(&line, "reason", "its queued event did not come");
    log_end(survey->tools->log, &line);
}

/* Tells the ledger of a job, as the event would have. */
static bool
report(struct survey *survey, const struct rh_workflow_job *job)
{
    const struct config *config = survey->tools->config;
    int64_t now_s = clock_now_ms() / 1000;
    const struct pool *pool = NULL;
    enum job_event event;
    struct job_report news;

    if (strcmp(job->status, "queued") == 0)
        event = JOB_EVENT_QUEUED;
    else if (strcmp(job->status, "in_progress") == 0)
        event = JOB_EVENT_IN_PROGRESS;
    else if (strcmp(job->status, "completed") == 0)
        event = JOB_EVENT_COMPLETED;
    else
        return true;
    if (event == JOB_EVENT_QUEUED &&
        (job->created_at_s == 0 || now_s - job->created_at_s <= JOB_LIFE_MS / 1000))
        pool = pool_for_job(config, job);
    /* What began or ended is news of a job that is known, or of a runner of ours, alone. */
    if (event == JOB_EVENT_QUEUED && pool == NULL)
        return true;
    news = tools_report(config, job, event, pool, REPORT_BY_DISCOVERY);
    if (!record(survey, report_apply, &news))
        return false;
    if (event == JOB_EVENT_QUEUED && news.before == JOB_NONE) {
        survey->entered++;
        log_entered(survey, job, pool->name);
    }
    return true;
}

static bool
look_at_jobs(struct survey *survey, const cJSON *run, const cJSON *jobs)
{
    const cJSON *job;

    cJSON_ArrayForEach(job, jobs)
    {
        const char *status = json_text(job, "status");
        struct rh_delivery *delivery =
            status == NULL ? NULL : as_delivery(survey, run, job, status);
        bool done = delivery == NULL || report(survey, &delivery->job);

        rh_delivery_free(delivery);
        if (!done)
            return false;
    }
    return true;
}

/* A run's jobs, unless their list is the same as at the last look. */
static bool
look_at_run(struct survey *survey, const cJSON *run)
{
    char path[24];
    int64_t id = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(run, "id"));
    struct listing listing = {.repository = survey->repository, .path = path};
    struct github_list list;
    bool done = false;

    (void)snprintf(path, sizeof path, "%" PRId64, id);
    if (!find_listing(survey, &listing))
        return false;
    if (github_run_jobs(survey->tools->github, survey->repository, id,
                        listing.etag_found == NULL ? "" : listing.etag_found, &list,
                        &survey->failure)) {
        done = true;
        if (!list.is_unchanged) {
            survey->calls += 1 + cJSON_GetArraySize(list.items) / 100;
            listing.etag = list.etag;
            /* The list counts as seen only once all of it is on disk. */
            done = look_at_jobs(survey, run, list.items) && record(survey, listing_keep, &listing);
        }
        github_list_fini(&list);
    } else if (survey->failure.kind == FAILURE_NOT_FOUND) {
        done = true; /* deleted meanwhile */
    }
    listing_fini(&listing);
    return done;
}

/* -- Runs ---------------------------------------------------------------------------------------
 */

/* What is kept of a run: as much as its jobs need to be told of. NULL when out of memory or where
 * it has no id. */
static cJSON *
keep_run(const cJSON *run)
{
    const cJSON *repository = cJSON_GetObjectItemCaseSensitive(run, "repository");
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(run, "id");
    cJSON *kept = cJSON_CreateObject();

    if (kept != NULL && cJSON_IsNumber(id) && id->valuedouble >= 1 &&
        id->valuedouble <= (double)RH_ID_MAX &&
        json_add_number(kept, "id", (int64_t)id->valuedouble) &&
        json_add_text(kept, "url", json_text(repository, "html_url")) &&
        add_flag(kept, "fork", repository) && add_flag(kept, "private", repository))
        return kept;
    cJSON_Delete(kept);
    return NULL;
}

/* The runs of a status as they are kept; the caller frees. NULL when out of memory. */
static char *
keep_runs(const cJSON *items)
{
    cJSON *array = cJSON_CreateArray();
    char *text = NULL;
    const cJSON *run;

    cJSON_ArrayForEach(run, items)
    {
        cJSON *kept = keep_run(run);

        if (kept != NULL && !cJSON_AddItemToArray(array, kept))
            cJSON_Delete(kept);
    }
    if (array != NULL)
        text = cJSON_PrintUnformatted(array);
    cJSON_Delete(array);
    return text;
}

/* Adds the runs of a kept list to those that are looked into. */
static void
add_runs(struct survey *survey, const char *kept)
{
    cJSON *array = cJSON_Parse(kept);
    cJSON *run;

    while ((run = cJSON_DetachItemFromArray(array, 0)) != NULL) {
        if (cJSON_GetArraySize(survey->runs) >= RUNS_MAX ||
            !cJSON_AddItemToArray(survey->runs, run))
            cJSON_Delete(run);
    }
    cJSON_Delete(array);
}

static bool
list_runs(struct survey *survey, const char *status)
{
    struct listing listing = {.repository = survey->repository, .path = status};
    struct github_list list = {0};
    char *kept = NULL;
    bool done;

    if (!find_listing(survey, &listing))
        return false;
    done =
        github_runs(survey->tools->github, survey->repository, status,
                    listing.etag_found == NULL ? "" : listing.etag_found, &list, &survey->failure);
    if (done && list.is_unchanged) {
        add_runs(survey, listing.runs_found == NULL ? "[]" : listing.runs_found);
    } else if (done) {
        survey->calls += 1 + cJSON_GetArraySize(list.items) / 100;
        kept = keep_runs(list.items);
        add_runs(survey, kept == NULL ? "[]" : kept);
        listing.etag = kept == NULL ? "" : list.etag;
        listing.runs = kept;
        done = record(survey, listing_keep, &listing);
    }
    github_list_fini(&list);
    cJSON_free(kept);
    listing_fini(&listing);
    return done;
}

/* Queued and in progress: one job of a run may run while another's event was lost. */
static bool
survey_runs(struct survey *survey)
{
    struct listing_sweep sweep = {.repository = survey->repository};
    const cJSON *run;
    char *runs;
    bool done;

    if (!list_runs(survey, "queued") || !list_runs(survey, "in_progress"))
        return false;
    cJSON_ArrayForEach(run, survey->runs)
    {
        if (!look_at_run(survey, run))
            return false;
    }
    runs = cJSON_PrintUnformatted(survey->runs);
    sweep.runs = runs;
    done = runs == NULL || record(survey, listing_forget, &sweep);
    cJSON_free(runs);
    return done;
}

/* -- One repository ------------------------------------------------------------------------------
 */

static void
log_failure(const struct survey *survey, bool needs_operator)
{
    struct log_line line;

    log_begin(&line, needs_operator ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "discovery");
    log_text(&line, "repository", survey->repository);
    log_text(&line, "outcome", "retry");
    tools_log_failure(&line, &survey->failure);
    log_end(survey->tools->log, &line);
}

static enum work_end
finish(struct survey *survey, bool done)
{
    struct repository_result result = {.name = survey->repository,
                                       .now_ms = clock_now_ms(),
                                       .calls = survey->calls,
                                       .failed = !done};
    struct policy_decision decision;
    struct gate_failure gate;

    if (survey->ledger_failed)
        return WORK_LEDGER;
    if (!done) {
        decision = tools_decide(survey->tools, &survey->failure, survey->repository, 1);
        gate = tools_gate_failure(&survey->failure, &decision);
        result.gate = decision.is_upstreams ? &gate : NULL;
        if (decision.needs_operator)
            result.until_ms = result.now_ms + REFUSED_MS;
        log_failure(survey, decision.needs_operator);
    }
    if (!record(survey, repository_finish, &result))
        return WORK_LEDGER;
    return done ? WORK_DONE : WORK_FAILED;
}

enum work_end
discovery_look(const struct tools *tools)
{
    const struct audit_config *config = &tools->config->audit;
    struct repository_claim claim = {.now_ms = clock_now_ms(),
                                     .interval_ms = config->discover_interval_s * 1000,
                                     .window_ms = config->discover_window_s * 1000,
                                     .calls_per_hour = config->github_calls,
                                     .named = tools->repositories};
    struct survey survey = {.tools = tools, .repository = claim.name};
    struct rh_reason reason;
    enum ledger_error error;
    enum work_end end;

    if (config->discover_interval_s == 0)
        return WORK_NONE;
    error = ledger_write(tools->ledger, repository_claim, &claim, &reason);
    if (error != LEDGER_OK)
        return error == LEDGER_NOT_FOUND ? WORK_NONE : WORK_LEDGER;
    survey.runs = cJSON_CreateArray();
    end = finish(&survey, survey_runs(&survey));
    cJSON_Delete(survey.runs);
    return end;
}
