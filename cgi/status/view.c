/*
 * What the status page shows.
 * SPDX-License-Identifier: MIT
 */
#include "status/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/history.h"
#include "ledger/overview.h"
#include "outlook/job_outlook.h"
#include "text/escape.h"

#define OUTLOOK_MAX 2048

/* -- pools ------------------------------------------------------------------------------------- */

/* The pool's row; the last one, which has no name, for those that the configuration lacks. */
static struct view_pool *
pool_row(struct view *view, const char *name)
{
    size_t i = 0;

    while (i < view->pools_len - 1 && strcmp(view->pools[i].name, name) != 0)
        i++;
    return &view->pools[i];
}

static void
take_count(const char *pool, enum job_state state, int64_t count, void *arg)
{
    struct view *view = arg;
    struct view_pool *row = pool_row(view, pool);

    if (state == JOB_QUEUED) {
        row->queued += count;
        view->queued += count;
    } else if (state == JOB_ASSIGNED) {
        row->assigned += count;
        view->assigned += count;
    } else {
        row->running += count;
        view->running += count;
    }
}

static void
take_room(const char *pool, int64_t runners, int64_t pending, void *arg)
{
    struct view_pool *row = pool_row(arg, pool);

    row->runners += runners;
    row->pending += pending;
}

static enum ledger_error
read_pools(struct ledger_txn *txn, const struct view_ask *ask)
{
    const struct config *config = ask->config;
    struct view *view = ask->view;
    enum ledger_error error;

    for (size_t i = 0; i < config->pools_len; i++)
        view->pools[i] = (struct view_pool){.name = config->pools[i].name,
                                            .limit = config->pools[i].max_runners};
    view->pools_len = config->pools_len + 1;
    error = overview_counts(txn, take_count, view);
    return error == LEDGER_OK ? overview_rooms(txn, take_room, view) : error;
}

/* -- upstreams --------------------------------------------------------------------------------- */

static void
take_owners_gate(const struct gate *gate, void *arg)
{
    struct view *view = arg;

    if (view->gates_len < sizeof view->gates / sizeof view->gates[0])
        view->gates[view->gates_len++] = *gate;
}

static enum ledger_error
read_gates(struct ledger_txn *txn, const struct view_ask *ask)
{
    struct view *view = ask->view;
    struct gate_owners owners = {.now_ms = ask->now_ms, .visit = take_owners_gate, .arg = view};
    enum ledger_error error = gate_read(txn, "nomad", ask->now_ms, &view->gates[0]);

    if (error == LEDGER_OK)
        error = gate_read(txn, "github", ask->now_ms, &view->gates[1]);
    view->gates_len = 2;
    return error == LEDGER_OK ? gate_list_owners(txn, &owners) : error;
}

/* -- jobs -------------------------------------------------------------------------------------- */

static bool
take_job(struct job *job, void *arg)
{
    struct view_jobs *jobs = arg;

    jobs->items[jobs->len++].job = *job;
    *job = (struct job){0}; /* it is the view's now */
    return true;
}

static bool
take_event(const struct history_event *event, void *arg)
{
    struct view_job *job = arg;
    struct view_event *copy = &job->events[job->events_len];

    if (job->events_len == VIEW_EVENTS_MAX)
        return false;
    copy->at_ms = event->at_ms;
    escape_copy(copy->what, sizeof copy->what, event->what);
    escape_copy(copy->runner, sizeof copy->runner, event->runner);
    escape_copy(copy->detail, sizeof copy->detail, event->detail);
    job->events_len++;
    return true;
}

/* What happens to the job next, in the words of `runhook explain`. */
static enum ledger_error
read_outlook(struct ledger_txn *txn, const struct view_ask *ask, struct view_job *job)
{
    const struct view *view = ask->view;
    const struct view_pool *pool = pool_row(ask->view, job->job.pool);
    struct job_story story = {.now_ms = ask->now_ms,
                              .job = job->job,
                              .nomad = view->gates[0],
                              .github = view->gates[1],
                              .pool_runners = pool->runners,
                              .pool_pending = pool->pending};
    char bytes[OUTLOOK_MAX + 1] = "";
    /* Of one that is too long the beginning stays, and takes no memory before it is kept. */
    struct buffer words = {.bytes = bytes, .cap = sizeof bytes, .max = OUTLOOK_MAX};
    enum ledger_error error = job->job.runner == NULL
                                  ? LEDGER_NOT_FOUND
                                  : overview_runner(txn, job->job.runner, &story.runner);

    story.has_runner = error == LEDGER_OK;
    if (error != LEDGER_OK && error != LEDGER_NOT_FOUND)
        return error;
    job_outlook(ask->config, &story, &words);
    escape_trim(bytes);
    job->outlook = strdup(bytes);
    return job->outlook == NULL ? LEDGER_NO_MEMORY : LEDGER_OK;
}

static enum ledger_error
read_jobs(struct ledger_txn *txn, const struct view_ask *ask, enum overview_kind kind, int64_t most,
          struct view_jobs *jobs)
{
    const struct overview_jobs list = {.kind = kind,
                                       .since_ms = ask->view->series.begin_ms,
                                       .most = most,
                                       .visit = take_job,
                                       .arg = jobs};
    enum ledger_error error;

    jobs->items = calloc((size_t)most, sizeof *jobs->items);
    if (jobs->items == NULL)
        return LEDGER_NO_MEMORY;
    error = overview_jobs(txn, &list);
    for (size_t i = 0; error == LEDGER_OK && i < jobs->len; i++) {
        struct view_job *job = &jobs->items[i];
        struct history_tail tail = {
            .job_id = job->job.id, .most = VIEW_EVENTS_MAX, .visit = take_event, .arg = job};

        error = read_outlook(txn, ask, job);
        if (error == LEDGER_OK)
            error = history_tail(txn, &tail);
        job->events_before = tail.before;
    }
    return error;
}

/* -- the last day ------------------------------------------------------------------------------ */

struct spans {
    struct series_count *count;
    struct view *view;
};

static void
take_span(const struct overview_span *span, void *arg)
{
    struct spans *spans = arg;
    struct view *view = spans->view;

    series_add(spans->count, span->received_at_ms, span->started_at_ms, span->ended_at_ms);
    if (span->ended_at_ms == 0)
        return;
    view->lately.total++;
    view->failed.total += span->state == JOB_FAILED;
    view->expired += span->state == JOB_EXPIRED;
    view->refused += span->state == JOB_REFUSED;
}

static enum ledger_error
read_day(struct ledger_txn *txn, const struct view_ask *ask)
{
    struct spans spans = {.count = series_begin(ask->now_ms), .view = ask->view};
    enum ledger_error error;

    if (spans.count == NULL)
        return LEDGER_NO_MEMORY;
    error = overview_spans(txn, series_since_ms(spans.count), take_span, &spans);
    series_end(spans.count, &ask->view->series);
    return error;
}

/* -- deliveries -------------------------------------------------------------------------------- */

static bool
take_received(const struct received *received, void *arg)
{
    struct view_received *all = arg;

    all->items[all->len++] = *received;
    return all->len < sizeof all->items / sizeof all->items[0];
}

static enum ledger_error
read_received(struct ledger_txn *txn, struct view *view)
{
    struct received_list with = {
        .is_signed = true, .visit = take_received, .arg = &view->with_signature};
    struct received_list without = {.visit = take_received, .arg = &view->without};
    enum ledger_error error = received_list(txn, &with);

    return error == LEDGER_OK ? received_list(txn, &without) : error;
}

enum ledger_error
view_read(struct ledger_txn *txn, void *arg)
{
    const struct view_ask *ask = arg;
    struct view *view = ask->view;
    enum ledger_error error;

    view->now_ms = ask->now_ms;
    error = read_pools(txn, ask);
    if (error == LEDGER_OK)
        error = read_gates(txn, ask);
    if (error == LEDGER_OK)
        error = read_day(txn, ask);
    if (error == LEDGER_OK)
        error = read_jobs(txn, ask, OVERVIEW_WAITING, VIEW_WAITING_MAX, &view->waiting);
    if (error == LEDGER_OK)
        error = read_jobs(txn, ask, OVERVIEW_RUNNING, VIEW_RUNNING_MAX, &view->now_running);
    if (error == LEDGER_OK)
        error = read_jobs(txn, ask, OVERVIEW_ENDED, VIEW_ENDED_MAX, &view->lately);
    if (error == LEDGER_OK)
        error = read_jobs(txn, ask, OVERVIEW_FAILED, VIEW_FAILED_MAX, &view->failed);
    view->waiting.total = view->queued + view->assigned;
    view->now_running.total = view->running;
    return error == LEDGER_OK ? read_received(txn, view) : error;
}

static void
jobs_fini(struct view_jobs *jobs)
{
    for (size_t i = 0; i < jobs->len; i++) {
        job_fini(&jobs->items[i].job);
        free(jobs->items[i].outlook);
    }
    free(jobs->items);
}

void
view_fini(struct view *view)
{
    jobs_fini(&view->waiting);
    jobs_fini(&view->now_running);
    jobs_fini(&view->lately);
    jobs_fini(&view->failed);
    *view = (struct view){0};
}
