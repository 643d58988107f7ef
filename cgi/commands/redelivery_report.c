/*
 * What `runhook hooks redeliver` found and did.
 * SPDX-License-Identifier: MIT
 */
#include "commands/redelivery_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock/clock.h"
#include "commands/hooks_report.h"
#include "text/json.h"

static const struct {
    const char *done, *planned;       /* in a row */
    const char *counted, *to_be_done; /* in the last line */
} outcome_texts[] = {
    [REDELIVERY_DONE] = {"asked", "would ask", "asked for again", "to ask for again"},
    [REDELIVERY_RECENT] = {"asked before", "asked before", "asked for a moment ago",
                           "asked for a moment ago"},
    [REDELIVERY_FAILED] = {"failed", "failed", "failed", "failed"},
    [REDELIVERY_LEFT] = {"left", "left", "left for another time", "left for another time"},
};

void
redelivery_report_init(struct redelivery_report *report, int64_t since_ms, bool is_dry)
{
    static const char *const heading[] = {"WHEN",     "EVENT", "PLACE", "STATUS",
                                          "DELIVERY", "DONE",  "WHY"};

    *report = (struct redelivery_report){
        .since_ms = since_ms, .is_dry = is_dry, .rows = cJSON_CreateArray()};
    report->failed = report->rows == NULL;
    table_init(&report->table, heading, sizeof heading / sizeof heading[0]);
}

static void
add_cells(struct redelivery_report *report, const char *place,
          const struct github_delivery *delivery, const char *what, const char *why)
{
    char when[CLOCK_TEXT_CAP] = "", event[2 * GITHUB_EVENT_CAP] = "", status[24] = "";

    if (delivery != NULL) {
        (void)clock_text(delivery->delivered_at_ms, 0, when);
        (void)snprintf(event, sizeof event, "%s%s%s", delivery->event,
                       delivery->action[0] == '\0' ? "" : ".", delivery->action);
        (void)snprintf(status, sizeof status, "%" PRId64, delivery->status_code);
    }
    table_add(&report->table, when, SIZE_MAX);
    table_add(&report->table, event, SIZE_MAX);
    table_add(&report->table, hooks_place_label(place), SIZE_MAX);
    table_add(&report->table, status, SIZE_MAX);
    table_add(&report->table, delivery == NULL ? NULL : delivery->guid, SIZE_MAX);
    table_add(&report->table, what, SIZE_MAX);
    table_add(&report->table, why, SIZE_MAX);
}

/* A number that is null where it is 0. */
static bool
add_id(cJSON *row, const char *name, int64_t id)
{
    return id == 0 ? json_add_text(row, name, NULL) : json_add_number(row, name, id);
}

static bool
add_object(struct redelivery_report *report, const char *place, int64_t hook_id,
           const struct github_delivery *delivery, const char *what, const char *why)
{
    static const struct github_delivery none = {0};
    const struct github_delivery *of = delivery == NULL ? &none : delivery;
    cJSON *row = cJSON_CreateObject();

    if (row != NULL && json_add_text(row, "place", hooks_place_label(place)) &&
        add_id(row, "hook_id", hook_id) &&
        json_add_time(row, "delivered_at", of->delivered_at_ms) &&
        json_add_text(row, "event", delivery == NULL ? NULL : of->event) &&
        json_add_text(row, "action", of->action[0] == '\0' ? NULL : of->action) &&
        add_id(row, "repository_id", of->repository_id) &&
        add_id(row, "status_code", of->status_code) &&
        json_add_text(row, "delivery", delivery == NULL ? NULL : of->guid) &&
        json_add_text(row, "result", what) && json_add_text(row, "why", why) &&
        cJSON_AddItemToArray(report->rows, row))
        return true;
    cJSON_Delete(row);
    return false;
}

void
redelivery_report_add(struct redelivery_report *report, const char *place, int64_t hook_id,
                      const struct github_delivery *delivery, enum redelivery_outcome outcome,
                      const char *why)
{
    const char *what =
        report->is_dry ? outcome_texts[outcome].planned : outcome_texts[outcome].done;

    report->counts[outcome]++;
    add_cells(report, place, delivery, what, why);
    if (!add_object(report, place, hook_id, delivery, what, why))
        report->failed = true;
}

static bool
print_json(const struct redelivery_report *report)
{
    cJSON *root = cJSON_CreateObject(), *counts = cJSON_AddObjectToObject(root, "counts");
    bool done = counts != NULL && cJSON_AddBoolToObject(root, "dry_run", report->is_dry) != NULL &&
                json_add_time(root, "since", report->since_ms) &&
                cJSON_AddItemReferenceToObject(root, "deliveries", report->rows);

    for (size_t i = 0; done && i < REDELIVERY_OUTCOMES; i++)
        done = json_add_number(counts, outcome_texts[i].done, (int64_t)report->counts[i]);
    done = done && json_print(root);
    cJSON_Delete(root);
    return done;
}

static bool
print_table(const struct redelivery_report *report)
{
    const char *separator = report->is_dry ? "dry run: " : "";
    char since[CLOCK_TEXT_CAP];
    bool done = true;

    if (cJSON_GetArraySize(report->rows) > 0) {
        done = table_print(&report->table, stdout);
        (void)printf("\n");
    }
    for (size_t i = 0; i < REDELIVERY_OUTCOMES; i++) {
        if (report->counts[i] == 0 && i != REDELIVERY_DONE)
            continue;
        (void)printf("%s%zu %s", separator, report->counts[i],
                     report->is_dry ? outcome_texts[i].to_be_done : outcome_texts[i].counted);
        separator = ", ";
    }
    (void)printf(", of what failed since %s\n", clock_text(report->since_ms, 0, since));
    return done && fflush(stdout) == 0;
}

bool
redelivery_report_print(const struct redelivery_report *report, bool as_json)
{
    bool done = !report->failed && (as_json ? print_json(report) : print_table(report));

    if (!done)
        (void)fprintf(stderr, "runhook: error: %s\n",
                      report->failed ? "out of memory" : "the result could not be written");
    return done;
}

void
redelivery_report_fini(struct redelivery_report *report)
{
    table_fini(&report->table);
    cJSON_Delete(report->rows);
}
