/*
 * All that the ledger tells of one job.
 * SPDX-License-Identifier: MIT
 */
#include "outlook/job_story.h"

#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "ledger/history.h"

struct reading {
    struct job_story *story;
    bool failed; /* out of memory */
};

static char *
copy_text(const char *text, bool *failed)
{
    char *copy = text == NULL ? NULL : strdup(text);

    *failed |= text != NULL && copy == NULL;
    return copy;
}

static bool
add_event(const struct history_event *event, void *arg)
{
    struct reading *reading = arg;
    struct job_story *story = reading->story;
    struct job_event_row *grown =
        reallocarray(story->events, story->events_len + 1, sizeof *story->events);

    if (grown == NULL) {
        reading->failed = true;
        return false;
    }
    story->events = grown;
    grown[story->events_len++] =
        (struct job_event_row){.at_ms = event->at_ms,
                               .what = copy_text(event->what, &reading->failed),
                               .runner = copy_text(event->runner, &reading->failed),
                               .detail = copy_text(event->detail, &reading->failed)};
    return !reading->failed;
}

/* Finds the job's runner among all, and counts those that take room in its pool: see order_claim
 * on which do. */
static bool
take_runner(const struct runner *runner, void *arg)
{
    struct job_story *story = arg;

    if (story->job.runner != NULL && strcmp(runner->name, story->job.runner) == 0) {
        story->has_runner = true;
        story->runner = *runner;
    }
    if (runner->state == RUNNER_GONE || runner->sent_at_ms == 0 ||
        strcmp(runner->pool, story->job.pool) != 0)
        return true;
    story->pool_runners++;
    story->pool_pending += runner->placed_at_ms == 0 && rules_runner_idle(runner->state);
    return true;
}

enum ledger_error
job_story_read(struct ledger_txn *txn, void *arg)
{
    struct job_story *story = arg;
    struct reading reading = {.story = story};
    struct job_find find = {.id = story->job.id, .out = &story->job};
    struct history_list events = {.job_id = story->job.id, .visit = add_event, .arg = &reading};
    struct runner_list runners = {.all = true, .visit = take_runner, .arg = story};
    enum ledger_error error = job_find(txn, &find);

    story->now_ms = clock_now_ms();
    if (error == LEDGER_OK)
        error = history_list(txn, &events);
    if (error == LEDGER_OK && reading.failed)
        error = LEDGER_NO_MEMORY;
    if (error == LEDGER_OK)
        error = runner_list(txn, &runners);
    if (error == LEDGER_OK)
        error = gate_read(txn, "github", story->now_ms, &story->github);
    if (error == LEDGER_OK)
        error = gate_read(txn, "nomad", story->now_ms, &story->nomad);
    return error;
}

void
job_story_fini(struct job_story *story)
{
    for (size_t i = 0; i < story->events_len; i++) {
        free(story->events[i].what);
        free(story->events[i].runner);
        free(story->events[i].detail);
    }
    free(story->events);
    job_fini(&story->job);
    *story = (struct job_story){0};
}
