/*
 * runhook jobs: the ledger as a table for people, or as JSON for programs.
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>

#include "clock/clock.h"
#include "commands/command.h"
#include "commands/common.h"
#include "ledger/job.h"
#include "text/json.h"
#include "text/table.h"

#define NAME_CHARS 40
#define ERROR_CHARS 100

/* How long ago, or how far ahead, in one short word. */
static const char *
span_text(int64_t span_ms, char *out, size_t cap)
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (span_ms >= 2 * units[i].ms) {
            (void)snprintf(out, cap, "%" PRId64 "%c", span_ms / units[i].ms, units[i].unit);
            return out;
        }
    }
    (void)snprintf(out, cap, "%" PRId64 "s", span_ms < 0 ? 0 : span_ms / 1000);
    return out;
}

/* The end of a job's line: the child where it has one, else what went wrong and when it goes on. */
static void
add_what(struct table *table, const struct job *job, int64_t now_ms)
{
    struct buffer what = BUFFER_INIT(4096);
    char when[32];

    if (job->last_error != NULL && job->state == JOB_QUEUED)
        (void)buffer_addf(&what, "again in %s: %s",
                          span_text(job->next_attempt_at_ms - now_ms, when, sizeof when),
                          job->last_error);
    else if (job->last_error != NULL)
        (void)buffer_add_text(&what, job->last_error);
    else if (job->child != NULL)
        (void)buffer_add_text(&what, job->child);
    table_add(table, buffer_text(&what), ERROR_CHARS);
    buffer_fini(&what);
}

struct view {
    struct table table;
    cJSON *array; /* where JSON is wanted; else NULL */
    int64_t now_ms;
    bool failed;
};

static bool
add_row(const struct job *job, void *arg)
{
    struct view *view = arg;
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRId64, job->id);
    table_add(&view->table, text, SIZE_MAX);
    table_add(&view->table, job_state_text(job->state), SIZE_MAX);
    table_add(&view->table, span_text(view->now_ms - job->received_at_ms, text, sizeof text),
              SIZE_MAX);
    table_add(&view->table, job->repository, NAME_CHARS);
    table_add(&view->table, job->name, NAME_CHARS);
    table_add(&view->table, job->pool, NAME_CHARS);
    (void)snprintf(text, sizeof text, "%" PRId64, job->attempts);
    table_add(&view->table, text, SIZE_MAX);
    add_what(&view->table, job, view->now_ms);
    return !view->table.failed;
}

static bool
add_object(const struct job *job, void *arg)
{
    struct view *view = arg;
    cJSON *object = cJSON_CreateObject();
    cJSON *labels = cJSON_Parse(job->labels);

    view->failed = true;
    if (object == NULL || labels == NULL || !cJSON_AddItemToArray(view->array, object)) {
        cJSON_Delete(object);
        cJSON_Delete(labels);
        return false;
    }
    if (!cJSON_AddItemToObject(object, "labels", labels)) {
        cJSON_Delete(labels);
        return false;
    }
    view->failed = !(
        json_add_number(object, "job_id", job->id) &&
        json_add_text(object, "repository", job->repository) &&
        json_add_number(object, "run_id", job->run_id) &&
        json_add_text(object, "name", job->name) && json_add_text(object, "pool", job->pool) &&
        json_add_text(object, "state", job_state_text(job->state)) &&
        json_add_text(object, "conclusion", job->conclusion[0] == '\0' ? NULL : job->conclusion) &&
        json_add_text(object, "runner", job->runner) &&
        json_add_text(object, "child", job->child) &&
        json_add_number(object, "attempts", job->attempts) &&
        json_add_time(object, "next_attempt_at",
                      job->state == JOB_QUEUED ? job->next_attempt_at_ms : 0) &&
        json_add_text(object, "last_error", job->last_error) &&
        json_add_text(object, "delivery", job->delivery) &&
        json_add_text(object, "url", job->html_url) &&
        json_add_time(object, "created_at", job->created_at_ms) &&
        json_add_time(object, "received_at", job->received_at_ms) &&
        json_add_time(object, "changed_at", job->changed_at_ms));
    return !view->failed;
}

static bool
print_json(struct ledger *ledger, struct rh_reason *reason)
{
    cJSON *root = cJSON_CreateObject();
    struct view view = {.array = cJSON_AddArrayToObject(root, "jobs")};
    struct job_list list = {.visit = add_object, .arg = &view};
    char *text = NULL;
    bool done;

    (void)snprintf(reason->text, sizeof reason->text, "out of memory");
    if (view.array != NULL && ledger_read(ledger, job_list, &list, reason) == LEDGER_OK &&
        !view.failed)
        text = cJSON_Print(root);
    done = text != NULL && puts(text) >= 0 && fflush(stdout) == 0;
    cJSON_free(text);
    cJSON_Delete(root);
    return done;
}

static bool
print_table(struct ledger *ledger, struct rh_reason *reason)
{
    static const char *const heading[] = {
        "JOB",  "STATE", "AGE",      "REPOSITORY",
        "NAME", "POOL",  "ATTEMPTS", "NOMAD JOB, OR WHAT IS WRONG"};
    struct view view = {.now_ms = clock_now_ms()};
    struct job_list list = {.visit = add_row, .arg = &view};
    bool done;

    table_init(&view.table, heading, sizeof heading / sizeof heading[0]);
    done = ledger_read(ledger, job_list, &list, reason) == LEDGER_OK;
    if (done && !table_print(&view.table, stdout)) {
        (void)snprintf(reason->text, sizeof reason->text, "the table could not be written");
        done = false;
    }
    table_fini(&view.table);
    return done;
}

int
command_jobs(const struct invocation *invocation, int argc, char **argv)
{
    struct ledger *ledger = NULL;
    struct config *config;
    struct rh_reason reason;
    int status = EXIT_FAILED;
    bool json;

    if (!common_only_flag(argc, argv, "--json", &json))
        return command_usage(command_find("jobs"), "jobs takes --json and nothing else");
    config = common_config(invocation, CONFIG_WITHOUT_SECRETS);
    if (config == NULL || (ledger = common_ledger(config, LEDGER_LOOK)) == NULL)
        goto out;
    if (json ? print_json(ledger, &reason) : print_table(ledger, &reason))
        status = EXIT_DONE;
    else
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
out:
    ledger_close(ledger);
    config_free(config);
    return status;
}
