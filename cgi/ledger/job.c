/*
 * Rows of the table of jobs.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/job.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

void
job_fini(struct job *job)
{
    free(job->repository);
    free(job->repository_short);
    free(job->repository_url);
    free(job->name);
    free(job->workflow_name);
    free(job->head_branch);
    free(job->html_url);
    free(job->labels);
    free(job->pool);
    free(job->delivery);
    free(job->conclusion);
    free(job->runner);
    free(job->child);
    free(job->last_error);
    *job = (struct job){0};
}

/* Copies the next column, "" for a NULL. Clears `*ok` when out of memory. */
static char *
copy_text(struct statement *row, bool *ok)
{
    const char *text = read_text(row);
    char *copy = strdup(text == NULL ? "" : text);

    if (copy == NULL)
        *ok = false;
    return copy;
}

/* As copy_text, but a NULL stays one. */
static char *
copy_nullable(struct statement *row, bool *ok)
{
    const char *text = read_text(row);
    char *copy = text == NULL ? NULL : strdup(text);

    if (text != NULL && copy == NULL)
        *ok = false;
    return copy;
}

bool
job_read(struct statement *row, struct job *job)
{
    bool ok = true;
    const char *state;

    *job = (struct job){0};
    job->id = read_number(row);
    job->repository = copy_text(row, &ok);
    job->repository_short = copy_text(row, &ok);
    job->repository_url = copy_text(row, &ok);
    job->fork = read_number(row) != 0;
    job->run_id = read_number(row);
    job->run_attempt = read_number(row);
    job->name = copy_text(row, &ok);
    job->workflow_name = copy_text(row, &ok);
    job->head_branch = copy_text(row, &ok);
    job->html_url = copy_text(row, &ok);
    job->labels = copy_text(row, &ok);
    job->pool = copy_text(row, &ok);
    job->delivery = copy_text(row, &ok);
    state = read_text(row);
    job->state = state == NULL ? JOB_NONE : job_state_parse(state);
    job->conclusion = copy_text(row, &ok);
    job->runner = copy_nullable(row, &ok);
    job->child = copy_nullable(row, &ok);
    job->attempts = read_number(row);
    job->next_attempt_at_ms = read_number(row);
    job->last_error = copy_nullable(row, &ok);
    job->created_at_ms = read_number(row);
    job->received_at_ms = read_number(row);
    job->changed_at_ms = read_number(row);
    if (!ok)
        job_fini(job);
    return ok;
}

/* The labels as a JSON array, which the caller frees with cJSON_free; NULL when out of memory. */
static char *
labels_json(const struct rh_labels *labels)
{
    cJSON *array = cJSON_CreateStringArray((const char *const *)labels->items, (int)labels->len);
    char *text = array == NULL ? NULL : cJSON_PrintUnformatted(array);

    cJSON_Delete(array);
    return text;
}

static enum ledger_error
read_state(struct ledger_txn *txn, int64_t id, enum job_state *state)
{
    struct statement statement = txn_prepare(txn, "SELECT state FROM job WHERE id = ?1");
    int code;

    bind_number(&statement, id);
    code = statement_step(&statement);
    *state = JOB_NONE;
    if (code == SQLITE_ROW)
        *state = job_state_parse(read_text(&statement));
    return txn_error(code);
}

/* Enters a job that is not there, whatever event told of it first: a `completed` that overtook its
 * `queued` must be there when that comes, or it would start a runner for nothing. */
static enum ledger_error
insert(struct ledger_txn *txn, const struct job_report *report)
{
    const struct rh_workflow_job *job = report->job;
    struct statement statement = txn_prepare(
        txn, "INSERT INTO job (id, repository, repository_short, repository_url, fork, run_id,"
             " run_attempt, name, workflow_name, head_branch, html_url, labels, installation_id,"
             " pool, delivery, state, conclusion, runner, created_at_ms, received_at_ms,"
             " changed_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
             " ?15, ?16, ?17, nullif(?18, ''), ?19, ?20, ?20)");
    char *labels = labels_json(&job->labels);
    int code;

    if (labels == NULL)
        return LEDGER_NO_MEMORY;
    bind_number(&statement, job->id);
    bind_text(&statement, job->repository);
    bind_text(&statement, job->repository_short);
    bind_text(&statement, job->repository_url);
    bind_number(&statement, job->repository_fork);
    bind_number(&statement, job->run_id);
    bind_number(&statement, job->run_attempt);
    bind_text(&statement, job->name);
    bind_text(&statement, job->workflow_name);
    bind_text(&statement, job->head_branch);
    bind_text(&statement, job->html_url);
    bind_text(&statement, labels);
    bind_number(&statement, job->installation_id);
    bind_text(&statement, report->pool);
    bind_text(&statement, report->delivery);
    bind_text(&statement, job_state_text(report->after));
    bind_text(&statement, job->conclusion);
    bind_text(&statement, job->runner_name);
    bind_number(&statement, job->created_at_s == 0 ? report->now_ms : job->created_at_s * 1000);
    bind_number(&statement, report->now_ms);
    code = statement_step(&statement);
    cJSON_free(labels);
    return txn_error(code);
}

static enum ledger_error
update(struct ledger_txn *txn, const struct job_report *report)
{
    struct statement statement = txn_prepare(
        txn,
        "UPDATE job SET state = ?2, conclusion = ?3, runner = coalesce(nullif(?4, ''), runner),"
        " changed_at_ms = ?5 WHERE id = ?1");

    bind_number(&statement, report->job->id);
    bind_text(&statement, job_state_text(report->after));
    bind_text(&statement, report->job->conclusion);
    bind_text(&statement, report->job->runner_name);
    bind_number(&statement, report->now_ms);
    return txn_error(statement_step(&statement));
}

static enum ledger_error
see_repository(struct ledger_txn *txn, const struct job_report *report)
{
    /* A repository that is new takes its turn among the others, not before all of them. */
    struct statement statement =
        txn_prepare(txn, "INSERT INTO repository (name, turn, seen_at_ms)"
                         " VALUES (?1, (SELECT coalesce(max(turn), 0) FROM repository), ?2)"
                         " ON CONFLICT (name) DO UPDATE SET seen_at_ms = excluded.seen_at_ms");

    bind_text(&statement, report->job->repository);
    bind_number(&statement, report->now_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
job_apply(struct ledger_txn *txn, void *arg)
{
    struct job_report *report = arg;
    enum ledger_error error = read_state(txn, report->job->id, &report->before);

    if (error != LEDGER_OK)
        return error;
    report->after = rules_job_next(report->before, report->event);
    if (report->before == JOB_NONE && report->pool == NULL)
        report->after = JOB_NONE;
    if (report->after == report->before)
        return LEDGER_OK;
    error = report->before == JOB_NONE ? insert(txn, report) : update(txn, report);
    return error == LEDGER_OK ? see_repository(txn, report) : error;
}

/* Changes a job that waits or was given up; `sql` takes its id and the time. */
static enum ledger_error
change_at_rest(struct ledger_txn *txn, struct job_request *request, const char *sql)
{
    struct statement statement = txn_prepare(txn, sql);
    enum ledger_error error = read_state(txn, request->id, &request->before);

    request->done =
        error == LEDGER_OK && (request->before == JOB_QUEUED || request->before == JOB_FAILED ||
                               request->before == JOB_EXPIRED);
    if (!request->done)
        return error;
    bind_number(&statement, request->id);
    bind_number(&statement, request->now_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
job_retry(struct ledger_txn *txn, void *arg)
{
    /* Its day begins again: the operator knows that GitHub still waits for it. */
    return change_at_rest(txn, arg,
                          "UPDATE job SET state = 'queued', next_attempt_at_ms = 0, attempts = 0,"
                          " held_by = NULL, changed_at_ms = ?2, created_at_ms ="
                          " iif(state = 'expired', ?2, created_at_ms) WHERE id = ?1");
}

enum ledger_error
job_forget(struct ledger_txn *txn, void *arg)
{
    return change_at_rest(txn, arg,
                          "UPDATE job SET state = 'done', conclusion = 'forgotten',"
                          " changed_at_ms = ?2 WHERE id = ?1");
}

enum ledger_error
job_list(struct ledger_txn *txn, void *arg)
{
    const struct job_list *list = arg;
    struct statement statement =
        txn_prepare(txn, "SELECT " JOB_COLUMNS " FROM " JOB_TABLES
                         " ORDER BY j.state IN ('done', 'failed', 'expired'),"
                         " CASE WHEN j.state IN ('done', 'failed', 'expired')"
                         " THEN -j.changed_at_ms ELSE j.created_at_ms END, j.id");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        struct job job;
        bool more;

        if (!job_read(&statement, &job))
            return LEDGER_NO_MEMORY;
        more = list->visit(&job, list->arg);
        job_fini(&job);
        if (!more)
            return LEDGER_OK;
    }
    return txn_error(code);
}
