/*
 * runhook runners: supply as a table for people, or as JSON for programs; and the giving up of
 * runners whose end nobody can see any more.
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock/clock.h"
#include "commands/command.h"
#include "commands/common.h"
#include "commands/row_json.h"
#include "ledger/runner.h"
#include "text/buffer.h"
#include "text/escape.h"
#include "text/json.h"
#include "text/span.h"
#include "text/table.h"

#define TEXT_CHARS 40

struct view {
    struct table table;
    cJSON *array; /* where JSON is wanted; else NULL */
    int64_t now_ms;
    bool failed;
};

static bool
add_row(const struct runner *runner, void *arg)
{
    struct view *view = arg;
    char text[SPAN_CAP] = "";

    table_add(&view->table, runner->name, SIZE_MAX);
    table_add(&view->table, runner_state_text(runner->state), SIZE_MAX);
    table_add(&view->table, span_text(view->now_ms - runner->changed_at_ms, text), SIZE_MAX);
    table_add(&view->table, runner->repository, TEXT_CHARS);
    table_add(&view->table, runner->pool, TEXT_CHARS);
    (void)snprintf(text, sizeof text, "%" PRId64, runner->job_id);
    table_add(&view->table, runner->job_id == 0 ? NULL : text, SIZE_MAX);
    table_add(&view->table, runner->child, SIZE_MAX);
    table_add(&view->table, runner->note, SIZE_MAX);
    return !view->table.failed;
}

static bool
add_object(const struct runner *runner, void *arg)
{
    struct view *view = arg;
    cJSON *object = row_json_runner(runner);

    view->failed = object == NULL || !cJSON_AddItemToArray(view->array, object);
    if (view->failed)
        cJSON_Delete(object);
    return !view->failed;
}

static bool
print_json(struct ledger *ledger, bool all, struct rh_reason *reason)
{
    cJSON *root = cJSON_CreateObject();
    struct view view = {.array = cJSON_AddArrayToObject(root, "runners")};
    struct runner_list list = {.all = all, .visit = add_object, .arg = &view};
    bool done = false;

    (void)snprintf(reason->text, sizeof reason->text, "out of memory");
    if (view.array != NULL && ledger_read(ledger, runner_list, &list, reason) == LEDGER_OK &&
        !view.failed)
        done = json_print(root);
    cJSON_Delete(root);
    return done;
}

static bool
print_table(struct ledger *ledger, bool all, struct rh_reason *reason)
{
    static const char *const heading[] = {"RUNNER", "STATE", "AGE",       "REPOSITORY",
                                          "POOL",   "JOB",   "NOMAD JOB", "NOTE"};
    struct view view = {.now_ms = clock_now_ms()};
    struct runner_list list = {.all = all, .visit = add_row, .arg = &view};
    bool done;

    table_init(&view.table, heading, sizeof heading / sizeof heading[0]);
    done = ledger_read(ledger, runner_list, &list, reason) == LEDGER_OK;
    if (done && !table_print(&view.table, stdout)) {
        (void)snprintf(reason->text, sizeof reason->text, "the table could not be written");
        done = false;
    }
    table_fini(&view.table);
    return done;
}

static int
show(const struct config *config, bool all, bool json)
{
    struct ledger *ledger = common_ledger(config, LEDGER_LOOK);
    struct rh_reason reason;
    bool done;

    if (ledger == NULL)
        return EXIT_FAILED;
    done = json ? print_json(ledger, all, &reason) : print_table(ledger, all, &reason);
    if (!done)
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
    ledger_close(ledger);
    return done ? EXIT_DONE : EXIT_FAILED;
}

static bool
forget_one(struct ledger *ledger, const char *name)
{
    struct runner_request request = {.name = name, .now_ms = clock_now_ms()};
    struct buffer shown = BUFFER_INIT(1024);
    struct rh_reason reason;

    escape_add(&shown, name, RH_RUNNER_NAME_MAX);
    if (ledger_write(ledger, runner_forget, &request, &reason) != LEDGER_OK) {
        request.done = false;
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
    } else if (request.before == RUNNER_NONE) {
        (void)fprintf(stderr, "runhook: error: there is no runner \"%s\" in the ledger\n",
                      buffer_text(&shown));
    } else if (!request.done) {
        (void)fprintf(stderr,
                      "runhook: error: runner %s is %s: only one that is retiring or leaving, or "
                      "busy with a job that the ledger does not have, can be given up\n",
                      buffer_text(&shown), runner_state_text(request.before));
    } else {
        (void)printf("runner %s is given up: the ledger takes it for gone\n", buffer_text(&shown));
    }
    buffer_fini(&shown);
    return request.done;
}

static int
forget(const struct config *config, int argc, char **argv)
{
    struct ledger *ledger = common_ledger(config, LEDGER_CHANGE);
    bool done = ledger != NULL;

    for (int i = 0; ledger != NULL && i < argc; i++)
        done = forget_one(ledger, argv[i]) && done;
    ledger_close(ledger);
    return done ? EXIT_DONE : EXIT_FAILED;
}

/* --all and --json, each at most once, in any order. */
static bool
parse_flags(int argc, char **argv, bool *all, bool *json)
{
    *all = *json = false;
    for (int i = 1; i < argc; i++) {
        bool *flag = strcmp(argv[i], "--all") == 0    ? all
                     : strcmp(argv[i], "--json") == 0 ? json
                                                      : NULL;

        if (flag == NULL || *flag)
            return false;
        *flag = true;
    }
    return true;
}

int
command_runners(const struct invocation *invocation, int argc, char **argv)
{
    bool all, json, is_forget = argc > 2 && strcmp(argv[1], "forget") == 0;
    struct config *config;
    int status = EXIT_FAILED;

    if (!is_forget && !parse_flags(argc, argv, &all, &json))
        return command_usage(command_find("runners"),
                             "runners takes --all and --json, or forget and the names of runners");
    config = common_config(invocation, CONFIG_WITHOUT_SECRETS);
    if (config != NULL)
        status = is_forget ? forget(config, argc - 2, argv + 2) : show(config, all, json);
    config_free(config);
    return status;
}
