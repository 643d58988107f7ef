/*
 * Rows of the table of jobs.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/job.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/history.h"
#include "ledger/runner.h"
#include "ledger/tally.h"

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

static const char *const origins[] = {
    [JOB_ORIGIN_UNKNOWN] = "", [JOB_ORIGIN_OWN] = "own", [JOB_ORIGIN_FORK] = "fork"};

const char *
job_origin_text(enum job_origin origin)
{
    return origins[origin];
}

enum job_origin
job_origin_parse(const char *text)
{
    for (int i = JOB_ORIGIN_OWN; text != NULL && i <= JOB_ORIGIN_FORK; i++) {
        if (strcmp(text, origins[i]) == 0)
            return (enum job_origin)i;
    }
    return JOB_ORIGIN_UNKNOWN;
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
    job->lost = read_number(row);
    job->next_attempt_at_ms = read_number(row);
    job->last_error = copy_nullable(row, &ok);
    job->created_at_ms = read_number(row);
    job->received_at_ms = read_number(row);
    job->changed_at_ms = read_number(row);
    job->is_private = read_number(row) != 0;
    job->origin = job_origin_parse(read_text(row));
    job->installation_id = read_number(row);
    job->started_at_ms = read_number(row);
    ok = ok && row->code == SQLITE_OK;
    if (!ok)
        job_fini(job);
    return ok;
}

enum ledger_error
job_read_state(struct ledger_txn *txn, int64_t id, enum job_state *state)
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

enum ledger_error
job_count_end(struct ledger_txn *txn, int64_t id)
{
    struct statement statement = txn_prepare(txn, "SELECT pool, state FROM job WHERE id = ?1");
    int code;

    bind_number(&statement, id);
    code = statement_step(&statement);
    if (code == SQLITE_ROW) {
        const char *values[FAMILY_LABELS_MAX];

        values[0] = read_text(&statement);
        values[1] = read_text(&statement);
        return tally_count(txn, FAMILY_JOBS_ENDED, values);
    }
    return txn_error(code);
}

/* Changes a job that waits or was given up; `sql` takes its id and the time. */
static enum ledger_error
change_at_rest(struct ledger_txn *txn, struct job_request *request, const char *sql,
               const char *what)
{
    struct statement statement = txn_prepare(txn, sql);
    enum ledger_error error = job_read_state(txn, request->id, &request->before);

    request->done =
        error == LEDGER_OK && (request->before == JOB_QUEUED || request->before == JOB_FAILED ||
                               request->before == JOB_EXPIRED || request->before == JOB_REFUSED);
    if (!request->done)
        return error;
    bind_number(&statement, request->id);
    bind_number(&statement, request->now_ms);
    error = txn_error(statement_step(&statement));
    if (error == LEDGER_OK)
        error = history_add(txn, &(struct history_event){.job_id = request->id,
                                                         .at_ms = request->now_ms,
                                                         .what = what,
                                                         .detail = "by an operator"});
    return error;
}

enum ledger_error
job_retry(struct ledger_txn *txn, void *arg)
{
    /* Its day begins again: the operator knows that GitHub still waits for it. */
    return change_at_rest(
        txn, arg,
        "UPDATE job SET state = 'queued', next_attempt_at_ms = 0, attempts = 0,"
        " lost = 0, held_by = NULL, origin = '', changed_at_ms = ?2, started_at_ms = 0,"
        " created_at_ms ="
        " iif(state = 'expired', ?2, created_at_ms) WHERE id = ?1",
        "retried");
}

enum ledger_error
job_forget(struct ledger_txn *txn, void *arg)
{
    const struct job_request *request = arg;
    enum ledger_error error =
        change_at_rest(txn, arg,
                       "UPDATE job SET state = 'done', conclusion = 'forgotten',"
                       " changed_at_ms = ?2 WHERE id = ?1",
                       "forgotten");

    if (error == LEDGER_OK && request->done && request->before == JOB_QUEUED)
        error = job_count_end(txn, request->id);
    return error == LEDGER_OK && request->done ? runner_release(txn, request->id, request->now_ms)
                                               : error;
}

enum ledger_error
job_rehome(struct ledger_txn *txn, void *arg)
{
    struct job_rehome *rehome = arg;
    struct statement find = txn_prepare(txn, "SELECT id, labels, repository, private FROM job"
                                             " WHERE state = 'queued'"
                                             " AND pool NOT IN (SELECT value FROM json_each(?1))");
    int code;

    rehome->moved = 0;
    bind_text(&find, rehome->pools);
    while ((code = statement_step(&find)) == SQLITE_ROW) {
        struct statement move = txn_prepare(txn, "UPDATE job SET pool = ?2 WHERE id = ?1");
        int64_t id = read_number(&find);
        const char *labels = read_text(&find), *repository = read_text(&find);
        const char *pool =
            rehome->choose(rehome->config, labels, repository, read_number(&find) != 0);

        if (pool == NULL)
            continue; /* it waits until the configuration has one, or GitHub gives up on it */
        bind_number(&move, id);
        bind_text(&move, pool);
        if (statement_step(&move) != SQLITE_DONE)
            return txn_error(move.code);
        rehome->moved++;
    }
    return txn_error(code);
}

enum ledger_error
job_find(struct ledger_txn *txn, void *arg)
{
    const struct job_find *find = arg;
    struct statement statement =
        txn_prepare(txn, "SELECT " JOB_COLUMNS " FROM " JOB_TABLES " WHERE j.id = ?1");
    int code;

    bind_number(&statement, find->id);
    code = statement_step(&statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    if (code != SQLITE_ROW)
        return txn_error(code);
    return job_read(&statement, find->out) ? LEDGER_OK : LEDGER_NO_MEMORY;
}

enum ledger_error
job_list(struct ledger_txn *txn, void *arg)
{
    const struct job_list *list = arg;
    struct statement statement =
        txn_prepare(txn, "SELECT " JOB_COLUMNS " FROM " JOB_TABLES " ORDER BY j.state IN " JOB_ENDED
                         ", CASE WHEN j.state IN " JOB_ENDED
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
