/*
 * runhook explain JOB_ID: the story of one job, from the ledger, and what Nomad says of its runner
 * right now.
 *
 * The ledger's part needs no secret. Nomad is asked where it can be, and where not, that is said.
 * SPDX-License-Identifier: MIT
 */
#include "commands/explain_job.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <runhook/delivery.h>

#include "clock/clock.h"
#include "commands/child_now.h"
#include "commands/common.h"
#include "commands/row_json.h"
#include "config/values.h"
#include "outlook/job_outlook.h"
#include "outlook/job_story.h"
#include "text/escape.h"
#include "text/json.h"
#include "text/span.h"

#define LINE_MAX_LEN ((size_t)16 * 1024)
#define TIME_WIDTH 20 /* "2026-01-31T23:59:59Z" */
#define SINCE_WIDTH 6
#define WHAT_WIDTH 10

struct page {
    const struct config *config;
    struct job_story story;
    bool has_child; /* the job's runner has a child that may still be there */
    struct child_now child;
};

bool
explain_job_named(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* -- As text ------------------------------------------------------------------------------------
 */

static void print_line(const char *step, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One line, whatever its texts hold. */
static void
print_line(const char *step, const char *format, ...)
{
    struct buffer plain = BUFFER_INIT(LINE_MAX_LEN);
    char text[LINE_MAX_LEN];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    escape_trim(text);
    (void)escape_plain(&plain, text, strlen(text), SIZE_MAX);
    (void)printf("%-10s %s\n", step, buffer_text(&plain));
    buffer_fini(&plain);
}

static void
print_labels(const struct job *job)
{
    struct buffer text = BUFFER_INIT(LINE_MAX_LEN);
    cJSON *labels = cJSON_Parse(job->labels);
    const cJSON *label;

    cJSON_ArrayForEach(label, labels)
    {
        const char *name = cJSON_GetStringValue(label);

        (void)buffer_addf(&text, "%s%s", text.len == 0 ? "" : ", ", name == NULL ? "?" : name);
    }
    print_line("labels", "%s", text.len == 0 ? "none" : buffer_text(&text));
    buffer_fini(&text);
    cJSON_Delete(labels);
}

static void
print_state(const struct job_story *story)
{
    const struct job *job = &story->job;
    struct buffer text = BUFFER_INIT(LINE_MAX_LEN);
    char span[SPAN_CAP];

    (void)buffer_addf(&text, "%s", job_state_text(job->state));
    if (job->conclusion[0] != '\0')
        (void)buffer_addf(&text, ", %s", job->conclusion);
    (void)buffer_addf(&text, ", since %s ago", span_text(story->now_ms - job->changed_at_ms, span));
    if (job->attempts > 0)
        (void)buffer_addf(&text, "; attempts: %" PRId64, job->attempts);
    if (job->lost > 0)
        (void)buffer_addf(&text, "; runners lost: %" PRId64, job->lost);
    print_line("state", "%s", buffer_text(&text));
    buffer_fini(&text);
    /* Of one that waits it stands in the outlook. */
    if (job->last_error != NULL && job->state != JOB_QUEUED)
        print_line("error", "%s", job->last_error);
}

static void
print_event(const struct job_story *story, size_t i)
{
    const struct job_event_row *event = &story->events[i];
    char at[CLOCK_TEXT_CAP], span[SPAN_CAP], since[SPAN_CAP + 1] = "";

    if (i > 0)
        (void)snprintf(since, sizeof since, "+%s",
                       span_text(event->at_ms - story->events[i - 1].at_ms, span));
    print_line(i == 0 ? "history" : "", "%-*s %-*s %-*s %s%s%s", TIME_WIDTH,
               clock_text(event->at_ms, 0, at), SINCE_WIDTH, since, WHAT_WIDTH, event->what,
               event->runner == NULL ? "" : event->runner,
               event->runner == NULL || event->detail == NULL ? "" : ": ",
               event->detail == NULL ? "" : event->detail);
}

static void
print_runner(const struct job_story *story)
{
    const struct runner *runner = &story->runner;
    char span[SPAN_CAP], placed[SPAN_CAP + 16] = "not seen placed";

    if (!story->has_runner) {
        if (story->job.runner != NULL && story->job.runner[0] != '\0')
            print_line("runner", "%s, which is not in the ledger: not ours, or long gone",
                       story->job.runner);
        else
            print_line("runner", "none");
        return;
    }
    if (runner->placed_at_ms > 0)
        (void)snprintf(placed, sizeof placed, "seen placed %s ago",
                       span_text(story->now_ms - runner->placed_at_ms, span));
    print_line("runner", "%s: %s, since %s ago; %s%s%s", runner->name,
               runner_state_text(runner->state),
               span_text(story->now_ms - runner->changed_at_ms, span), placed,
               runner->note[0] == '\0' ? "" : "; ", runner->note);
    if (runner->child[0] != '\0')
        print_line("child", "%s", runner->child);
}

static bool
print_text(const struct page *page)
{
    const struct job_story *story = &page->story;
    const struct job *job = &story->job;
    struct buffer text = BUFFER_INIT(LINE_MAX_LEN);

    print_line("job", "%" PRId64 " \"%s\" of %s, run %" PRId64, job->id, job->name, job->repository,
               job->run_id);
    if (job->html_url[0] != '\0')
        print_line("link", "%s", job->html_url);
    print_labels(job);
    print_line("pool", "%s", job->pool);
    print_state(story);
    for (size_t i = 0; i < story->events_len; i++)
        print_event(story, i);
    print_runner(story);
    if (page->has_child) {
        child_now_tell(&page->child, story->now_ms, &text);
        print_line("nomad", "%s", buffer_text(&text));
        buffer_fini(&text);
    }
    text = BUFFER_INIT(LINE_MAX_LEN);
    job_outlook(page->config, story, &text);
    print_line("next", "%s", buffer_text(&text));
    buffer_fini(&text);
    return fflush(stdout) == 0;
}

/* -- As JSON ------------------------------------------------------------------------------------
 */

/* Adds what may be NULL for want of memory. */
static bool
add_item(cJSON *root, const char *name, cJSON *item)
{
    if (item != NULL && cJSON_AddItemToObject(root, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool
add_history(cJSON *root, const struct job_story *story)
{
    cJSON *array = cJSON_AddArrayToObject(root, "history");

    for (size_t i = 0; array != NULL && i < story->events_len; i++) {
        const struct job_event_row *event = &story->events[i];
        cJSON *object = cJSON_CreateObject();

        if (!cJSON_AddItemToArray(array, object)) {
            cJSON_Delete(object);
            return false;
        }
        if (!json_add_time(object, "at", event->at_ms) ||
            !json_add_text(object, "what", event->what) ||
            !json_add_text(object, "runner", event->runner) ||
            !json_add_text(object, "detail", event->detail))
            return false;
    }
    return array != NULL;
}

static bool
add_outlook(cJSON *root, const struct page *page)
{
    struct buffer text = BUFFER_INIT(LINE_MAX_LEN);
    bool done;

    job_outlook(page->config, &page->story, &text);
    done = json_add_text(root, "next", buffer_text(&text));
    buffer_fini(&text);
    return done;
}

static bool
print_json(const struct page *page)
{
    const struct job_story *story = &page->story;
    cJSON *root = cJSON_CreateObject();
    bool done =
        root != NULL && add_item(root, "job", row_json_job(&story->job)) &&
        add_history(root, story) &&
        add_item(root, "runner",
                 story->has_runner ? row_json_runner(&story->runner) : cJSON_CreateNull()) &&
        add_item(root, "nomad",
                 page->has_child ? child_now_json(&page->child) : cJSON_CreateNull()) &&
        add_outlook(root, page) && json_print(root);

    cJSON_Delete(root);
    return done;
}

/* -- The command --------------------------------------------------------------------------------
 */

static bool
read_story(const struct config *config, struct job_story *story)
{
    struct ledger *ledger = common_ledger(config, LEDGER_LOOK);
    int64_t id = story->job.id;
    struct rh_reason reason;
    enum ledger_error error;

    if (ledger == NULL)
        return false;
    error = ledger_read(ledger, job_story_read, story, &reason);
    ledger_close(ledger);
    if (error == LEDGER_NOT_FOUND)
        (void)fprintf(stderr,
                      "runhook: error: there is no job %" PRId64
                      " in the ledger: it never came, or is over for longer than [server] "
                      "retention\n",
                      id);
    else if (error != LEDGER_OK)
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
    return error == LEDGER_OK;
}

static void
ask_nomad(struct page *page, const struct rh_reason *missing)
{
    const struct job_story *story = &page->story;
    const struct runner *runner = &story->runner;

    page->has_child = story->has_runner && runner->state != RUNNER_GONE && runner->child[0] != '\0';
    if (!page->has_child)
        return;
    if (missing->text[0] == '\0')
        child_now_ask(&page->config->nomad, runner->child, &page->child);
    else
        page->child = (struct child_now){.known = CHILD_NOT_ASKED, .reason = *missing};
}

int
explain_job(const struct invocation *invocation, const char *id, bool json)
{
    struct config *config;
    struct page page = {0};
    struct rh_reason reason;
    int status = EXIT_FAILED;

    if (!value_number(id, 1, RH_ID_MAX, &page.story.job.id, &reason)) {
        (void)fprintf(stderr, "runhook: error: a job's id %s (a file of digits is given as ./%s)\n",
                      reason.text, id);
        return EXIT_FAILED;
    }
    config = common_config_at_best(invocation, &reason);
    if (config != NULL && read_story(config, &page.story)) {
        page.config = config;
        ask_nomad(&page, &reason);
        if (json ? print_json(&page) : print_text(&page))
            status = EXIT_DONE;
        else
            (void)fprintf(stderr, "runhook: error: the story could not be written\n");
    }
    job_story_fini(&page.story);
    config_free(config);
    return status;
}
