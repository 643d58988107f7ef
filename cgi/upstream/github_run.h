/*
 * GitHub's REST API, as far as workflow runs and their jobs go.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_RUN_H
#define UPSTREAM_GITHUB_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include <runhook/payload.h>

#include "upstream/failure.h"
#include "upstream/github.h"
#include "upstream/http.h"

#define GITHUB_ETAG_CAP HTTP_ETAG_CAP
#define GITHUB_CONCLUSION_CAP 32

/* How far a workflow job is. */
enum github_job_status {
    GITHUB_JOB_WAITING, /* not to be run yet: "waiting", "requested", "pending" */
    GITHUB_JOB_QUEUED,
    GITHUB_JOB_IN_PROGRESS,
    GITHUB_JOB_COMPLETED,
    GITHUB_JOB_ABSENT, /* 404: deleted with its run, or not for this token */
};

struct github_job {
    enum github_job_status status;
    char conclusion[GITHUB_CONCLUSION_CAP];   /* "" until completed */
    char runner_name[RH_RUNNER_NAME_MAX + 1]; /* "" where no runner has it; cut, with "…" at its
                                                 end, where it is longer than ours can be */
    int64_t runner_id;                        /* 0 where no runner has it */
};

/* Reads a job: GET /repos/{owner}/{repo}/actions/jobs/{id}. A 404 in other words than the API's is
 * FAILURE_NOT_FOUND, and not GITHUB_JOB_ABSENT. */
bool github_job_get(struct github *github, const char *repository, int64_t id,
                    struct github_job *job, struct failure *failure);

/*
 * Whether a run's code comes from a fork: its head repository is another than the one that it runs
 * in, or is not there any more. GET /repos/{owner}/{repo}/actions/runs/{run}.
 */
bool github_run_is_forks(struct github *github, const char *repository, int64_t run_id,
                         bool *is_forks, struct failure *failure);

/* A list that is asked for again and again. */
struct github_list {
    bool is_unchanged;          /* 304: nothing since the ETag was given; `items` is NULL */
    char etag[GITHUB_ETAG_CAP]; /* for the next time; "" where it must be asked without: it had
                                   several pages, and a page's ETag says nothing of the others */
    cJSON *items;               /* an array of what the API calls workflow_runs or jobs */
};

void github_list_fini(struct github_list *list);

/*
 * The runs of a repository in a status ("queued", "in_progress"):
 * GET /repos/{owner}/{repo}/actions/runs?status=…, all pages, at most 1,000 runs. `etag` is what
 * the last answer gave ("" for none): an unchanged list costs no rate limit. On success the caller
 * ends `*list`.
 */
bool github_runs(struct github *github, const char *repository, const char *status,
                 const char *etag, struct github_list *list, struct failure *failure);

/* The jobs of a run's latest attempt, as above:
 * GET /repos/{owner}/{repo}/actions/runs/{run}/jobs. */
bool github_run_jobs(struct github *github, const char *repository, int64_t run_id,
                     const char *etag, struct github_list *list, struct failure *failure);

#endif
