/*
 * runhook jobs: the ledger as a table for people, or as JSON for programs; and what an operator may
 * ask of single jobs.
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <runhook/delivery.h>

#include "clock/clock.h"
#include "commands/command.h"
#include "commands/common.h"
#include "commands/row_json.h"
#include "config/values.h"
#include "ledger/gate.h"
#include "ledger/job.h"
#include "text/json.h"
#include "text/span.h"
#include "text/table.h"

#define NAME_CHARS 40

/* The end of a job's line: its conclusion, its child, or what went wrong and when it goes on. */
static void
add_what(struct table *table, const struct job *job, int64_t now_ms)
{
    struct buffer what = BUFFER_INIT(4096);
    char when[SPAN_CAP];

    if (job->last_error != NULL && job->state == JOB_QUEUED)
        (void)buffer_addf(&what, "again in %s: %s",
                          span_text(job->next_attempt_at_ms - now_ms, when), job->last_error);
    else if (job->state == JOB_DONE)
        (void)buffer_add_text(&what, job->conclusion);
    else if (job->last_error != NULL)
        (void)buffer_add_text(&what, job->last_error);
    else if (job->child != NULL)
        (void)buffer_add_text(&what, job->child);
    table_add(table, buffer_text(&what), SIZE_MAX); /* its end is what to do about it */
    buffer_fini(&what);
}

/* Owners' gates that are shown, at most: each is a line for a person. */
#define OWNERS_SHOWN 16

/* Both upstreams' gates, github and nomad, and those of owners that are shut. */
struct all_gates {
    struct gate items[2 + OWNERS_SHOWN];
    size_t len;
};

static void
take_owners_gate(const struct gate *gate, void *arg)
{
    struct all_gates *gates = arg;

    if (gates->len < sizeof gates->items / sizeof gates->items[0])
        gates->items[gates->len++] = *gate;
}

static enum ledger_error
read_gates(struct ledger_txn *txn, void *arg)
{
    struct all_gates *gates = arg;
    int64_t now_ms = clock_now_ms();
    enum ledger_error error = gate_read(txn, "github", now_ms, &gates->items[0]);

    if (error == LEDGER_OK)
        error = gate_read(txn, "nomad", now_ms, &gates->items[1]);
    gates->len = 2;
    if (error != LEDGER_OK)
        return error;
    return gate_list_owners(
        txn, &(struct gate_owners){.now_ms = now_ms, .visit = take_owners_gate, .arg = gates});
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
    char text[SPAN_CAP];

    (void)snprintf(text, sizeof text, "%" PRId64, job->id);
    table_add(&view->table, text, SIZE_MAX);
    table_add(&view->table, job_state_text(job->state), SIZE_MAX);
    table_add(&view->table, span_text(view->now_ms - job->received_at_ms, text), SIZE_MAX);
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
    cJSON *object = row_json_job(job);

    view->failed = object == NULL || !cJSON_AddItemToArray(view->array, object);
    if (view->failed)
        cJSON_Delete(object);
    return !view->failed;
}

static bool
add_gates(cJSON *root, const struct all_gates *gates)
{
    cJSON *array = cJSON_AddArrayToObject(root, "upstreams");

    for (size_t i = 0; array != NULL && i < gates->len; i++) {
        const struct gate *gate = &gates->items[i];
        cJSON *object = cJSON_CreateObject();

        if (!cJSON_AddItemToArray(array, object)) {
            cJSON_Delete(object);
            return false;
        }
        if (!json_add_text(object, "name", gate->upstream) ||
            !json_add_text(object, "state", gate->state == GATE_OPEN ? "open" : "shut") ||
            !json_add_number(object, "failures", gate->failures) ||
            !json_add_time(object, "next_probe_at", gate->shut_until_ms) ||
            !json_add_text(object, "error", gate->error[0] == '\0' ? NULL : gate->error))
            return false;
    }
    return array != NULL;
}

static void
print_gates(const struct all_gates *gates, int64_t now_ms)
{
    char when[SPAN_CAP];

    for (size_t i = 0; i < gates->len; i++) {
        const struct gate *gate = &gates->items[i];

        if (gate->state != GATE_OPEN)
            (void)printf("\n%s is left alone, and asked again in %s: %s\n", gate->upstream,
                         span_text(gate->shut_until_ms - now_ms, when), gate->error);
    }
}

static bool
print_json(struct ledger *ledger, struct rh_reason *reason)
{
    cJSON *root = cJSON_CreateObject();
    struct view view = {.array = cJSON_AddArrayToObject(root, "jobs")};
    struct job_list list = {.visit = add_object, .arg = &view};
    struct all_gates gates;
    bool done = false;

    (void)snprintf(reason->text, sizeof reason->text, "out of memory");
    if (view.array != NULL && ledger_read(ledger, job_list, &list, reason) == LEDGER_OK &&
        !view.failed && ledger_read(ledger, read_gates, &gates, reason) == LEDGER_OK &&
        add_gates(root, &gates))
        done = json_print(root);
    cJSON_Delete(root);
    return done;
}

static bool
print_table(struct ledger *ledger, struct rh_reason *reason)
{
    static const char *const heading[] = {
        "JOB",  "STATE", "AGE",      "REPOSITORY",
        "NAME", "POOL",  "ATTEMPTS", "NOMAD JOB, CONCLUSION, OR WHAT IS WRONG"};
    struct view view = {.now_ms = clock_now_ms()};
    struct job_list list = {.visit = add_row, .arg = &view};
    struct all_gates gates;
    bool done;

    table_init(&view.table, heading, sizeof heading / sizeof heading[0]);
    done = ledger_read(ledger, job_list, &list, reason) == LEDGER_OK &&
           ledger_read(ledger, read_gates, &gates, reason) == LEDGER_OK;
    if (done && !table_print(&view.table, stdout)) {
        (void)snprintf(reason->text, sizeof reason->text, "the table could not be written");
        done = false;
    }
    if (done)
        print_gates(&gates, view.now_ms);
    table_fini(&view.table);
    return done;
}

static int
show(const struct config *config, bool json)
{
    struct ledger *ledger = common_ledger(config, LEDGER_LOOK);
    struct rh_reason reason;
    bool done;

    if (ledger == NULL)
        return EXIT_FAILED;
    done = json ? print_json(ledger, &reason) : print_table(ledger, &reason);
    if (!done)
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
    ledger_close(ledger);
    return done ? EXIT_DONE : EXIT_FAILED;
}

/* Does one thing to one job, and says how it went. */
static bool
ask(struct ledger *ledger, ledger_work work, const char *past, const char *text)
{
    struct job_request request = {.now_ms = clock_now_ms()};
    struct rh_reason reason;

    if (!value_number(text, 1, RH_ID_MAX, &request.id, &reason)) {
        (void)fprintf(stderr, "runhook: error: a job's id %s\n", reason.text);
        return false;
    }
    if (ledger_write(ledger, work, &request, &reason) != LEDGER_OK)
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
    else if (request.before == JOB_NONE)
        (void)fprintf(stderr, "runhook: error: there is no job %" PRId64 " in the ledger\n",
                      request.id);
    else if (!request.done)
        (void)fprintf(stderr,
                      "runhook: error: job %" PRId64 " is %s: only one that is queued, failed, "
                      "expired or refused can be asked that of\n",
                      request.id, job_state_text(request.before));
    else
        (void)printf("job %" PRId64 " %s\n", request.id, past);
    return request.done;
}

static int
change(const struct config *config, bool is_retry, int argc, char **argv)
{
    struct ledger *ledger = common_ledger(config, LEDGER_CHANGE);
    struct rh_reason reason;
    bool done = ledger != NULL;

    for (int i = 0; ledger != NULL && i < argc; i++)
        done = ask(ledger, is_retry ? job_retry : job_forget,
                   is_retry ? "is due at once" : "is forgotten, and gets no runner", argv[i]) &&
               done;
    /* Who retries has mended something: what stands in the way is asked anew. */
    if (done && is_retry && ledger_write(ledger, gate_ask_anew, NULL, &reason) != LEDGER_OK) {
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
        done = false;
    }
    ledger_close(ledger);
    return done ? EXIT_DONE : EXIT_FAILED;
}

int
command_jobs(const struct invocation *invocation, int argc, char **argv)
{
    bool json, is_retry = argc > 2 && strcmp(argv[1], "retry") == 0;
    bool is_change = is_retry || (argc > 2 && strcmp(argv[1], "forget") == 0);
    struct config *config;
    int status = EXIT_FAILED;

    if (!is_change && !common_only_flag(argc, argv, "--json", &json))
        return command_usage(command_find("jobs"),
                             "jobs takes --json, or retry or forget and the ids of jobs");
    config = common_config(invocation, CONFIG_WITHOUT_SECRETS);
    if (config != NULL)
        status = is_change ? change(config, is_retry, argc - 2, argv + 2) : show(config, json);
    config_free(config);
    return status;
}
