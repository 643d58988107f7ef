/*
 * runhook hooks list: the webhooks that there are.
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>

#include "commands/hooks.h"
#include "commands/hooks_desk.h"
#include "commands/hooks_places.h"
#include "commands/hooks_report.h"
#include "hooks/hook_plan.h"
#include "text/escape.h"
#include "text/json.h"
#include "text/span.h"
#include "text/table.h"

#define URL_CHARS 80
#define WORDS_CHARS 40

struct view {
    struct table table;
    cJSON *array;
    bool failed;
};

static const char *
events_of(const struct github_hook *hook)
{
    if (hook->sends_workflow_jobs)
        return hook->sends_others ? "workflow_job, others" : "workflow_job";
    return hook->sends_others ? "others" : NULL;
}

static void
add_row(struct view *view, const char *place, const struct github_hook *hook)
{
    char text[GITHUB_HOOK_WORDS_CAP + SPAN_CAP];

    table_add(&view->table, place, SIZE_MAX);
    (void)snprintf(text, sizeof text, "%" PRId64, hook->id);
    table_add(&view->table, text, SIZE_MAX);
    table_add(&view->table, hook->url, URL_CHARS);
    table_add(&view->table, hook->is_active ? "yes" : "no", SIZE_MAX);
    table_add(&view->table, hook->is_json ? "json" : "form", SIZE_MAX);
    table_add(&view->table, hook->has_secret ? "yes" : "no", SIZE_MAX);
    table_add(&view->table, hook->is_tls_verified ? "verified" : "not verified", SIZE_MAX);
    table_add(&view->table, events_of(hook), SIZE_MAX);
    (void)snprintf(text, sizeof text, "%" PRId64 "%s%s", hook->last_code,
                   hook->last_message[0] == '\0' ? "" : " ", hook->last_message);
    table_add(&view->table, hook->last_code == 0 ? hook->last_message : text, WORDS_CHARS);
    view->failed = view->failed || view->table.failed;
}

static void
add_object(struct view *view, const char *place, const struct github_hook *hook)
{
    cJSON *object = cJSON_CreateObject();

    if (!json_add_text(object, "place", place) || !json_add_number(object, "hook_id", hook->id) ||
        !json_add_text(object, "url", hook->url) ||
        cJSON_AddBoolToObject(object, "active", hook->is_active) == NULL ||
        !json_add_text(object, "content_type", hook->is_json ? "json" : "form") ||
        cJSON_AddBoolToObject(object, "has_secret", hook->has_secret) == NULL ||
        cJSON_AddBoolToObject(object, "verifies_tls", hook->is_tls_verified) == NULL ||
        cJSON_AddBoolToObject(object, "sends_workflow_job", hook->sends_workflow_jobs) == NULL ||
        cJSON_AddBoolToObject(object, "sends_others", hook->sends_others) == NULL ||
        !(hook->last_code == 0 ? json_add_text(object, "last_code", NULL)
                               : json_add_number(object, "last_code", hook->last_code)) ||
        !json_add_text(object, "last_message",
                       hook->last_message[0] == '\0' ? NULL : hook->last_message) ||
        !cJSON_AddItemToArray(view->array, object)) {
        cJSON_Delete(object);
        view->failed = true;
    }
}

/* Adds a place's webhooks, or says why they are not there. */
static bool
look(struct hooks_desk *desk, const struct hooks_options *options, const struct hooks_place *place,
     struct view *view)
{
    const char *label = hooks_place_label(place->place), *fault = place->failure;
    struct hook_list list = {0};
    struct failure failure;

    if (fault == NULL && desk->is_stopped)
        fault = "was not asked for any more";
    else if (fault == NULL && !hooks_desk_list(desk, place->place, &list, &failure))
        fault = failure.text.text;
    if (fault != NULL)
        progress_say(&desk->progress, "runhook: error: %s: %s\n", label, fault);
    for (size_t i = 0; fault == NULL && i < list.len; i++) {
        if (options->url != NULL && !hook_is_ours(&list.items[i], options->url))
            continue;
        add_row(view, label, &list.items[i]);
        add_object(view, label, &list.items[i]);
    }
    hook_list_fini(&list);
    return fault == NULL;
}

static bool
print(const struct view *view, bool as_json)
{
    cJSON *root;
    bool done;

    if (!as_json)
        return !view->failed && table_print(&view->table, stdout) && fflush(stdout) == 0;
    root = cJSON_CreateObject();
    done = !view->failed && cJSON_AddItemReferenceToObject(root, "hooks", view->array) &&
           json_print(root);
    cJSON_Delete(root);
    return done;
}

static bool
show(struct hooks_desk *desk, const struct hooks_options *options,
     const struct hooks_places *places)
{
    static const char *const heading[] = {"PLACE",  "HOOK", "URL",    "ACTIVE",       "TYPE",
                                          "SECRET", "TLS",  "EVENTS", "LAST DELIVERY"};
    struct view view = {.array = cJSON_CreateArray()};
    bool done = true;

    view.failed = view.array == NULL;
    table_init(&view.table, heading, sizeof heading / sizeof heading[0]);
    for (size_t i = 0; i < places->len; i++) {
        progress_show(&desk->progress, i, places->len, hooks_place_label(places->items[i].place));
        done = look(desk, options, &places->items[i], &view) && done;
    }
    progress_clear(&desk->progress);
    if (!print(&view, hooks_given(options, HOOKS_JSON))) {
        (void)fprintf(stderr, "runhook: error: the list could not be written\n");
        done = false;
    }
    table_fini(&view.table);
    cJSON_Delete(view.array);
    return done;
}

int
hooks_list(const struct invocation *invocation, int argc, char **argv)
{
    struct hooks_places places = {0};
    struct hooks_options options;
    struct hooks_desk desk;
    bool done;
    int status = hooks_options_read(
        &options, HOOKS_URL | HOOKS_CHOICE | HOOKS_ORGANIZATION | HOOKS_JSON | HOOKS_INSECURE_URL,
        0, argc, argv);

    if (status != EXIT_DONE)
        return status;
    done = hooks_desk_open(&desk, invocation) &&
           (options.targets_len == 0 && options.organization == NULL
                ? hooks_places_known(&places, &desk)
                : hooks_places_find(&places, &desk, &options)) &&
           show(&desk, &options, &places);
    hooks_places_fini(&places);
    hooks_desk_close(&desk);
    return done ? EXIT_DONE : EXIT_FAILED;
}
