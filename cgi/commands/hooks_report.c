/*
 * What a verb of `runhook hooks` did in each place.
 * SPDX-License-Identifier: MIT
 */
#include "commands/hooks_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/place.h"
#include "text/json.h"

static const struct {
    const char *done, *planned;       /* in a row */
    const char *counted, *to_be_done; /* in the last line */
} outcome_texts[] = {
    [HOOKS_CREATED] = {"created", "would create", "created", "to create"},
    [HOOKS_MENDED] = {"mended", "would mend", "mended", "to mend"},
    [HOOKS_RIGHT] = {"ok", "ok", "right already", "right already"},
    [HOOKS_REMOVED] = {"removed", "would remove", "removed", "to remove"},
    [HOOKS_PINGED] = {"pinged", "pinged", "pinged", "pinged"},
    [HOOKS_ABSENT] = {"none", "none", "without such a webhook", "without such a webhook"},
    [HOOKS_FAILED] = {"failed", "failed", "failed", "failed"},
    [HOOKS_LEFT] = {"left", "left", "left for another time", "left for another time"},
};

const char *
hooks_place_label(const char *place)
{
    return place_is_repository(place) ? place + strlen(PLACE_REPOSITORY) : place;
}

void
hooks_report_init(struct hooks_report *report, bool is_dry)
{
    static const char *const heading[] = {"PLACE", "DONE", "WHY"};

    *report = (struct hooks_report){.is_dry = is_dry, .rows = cJSON_CreateArray()};
    report->failed = report->rows == NULL;
    table_init(&report->table, heading, sizeof heading / sizeof heading[0]);
}

static const char *
word(const struct hooks_report *report, enum hooks_outcome outcome)
{
    return report->is_dry ? outcome_texts[outcome].planned : outcome_texts[outcome].done;
}

void
hooks_report_add(struct hooks_report *report, const char *place, const struct hooks_result *result)
{
    const char *label = hooks_place_label(place), *what = word(report, result->outcome);
    cJSON *row = cJSON_CreateObject();

    report->counts[result->outcome]++;
    table_add(&report->table, label, SIZE_MAX);
    table_add(&report->table, what, SIZE_MAX);
    table_add(&report->table, buffer_text(&result->why), SIZE_MAX);
    if (!json_add_text(row, "place", label) || !json_add_text(row, "result", what) ||
        !(result->id == 0 ? json_add_text(row, "hook_id", NULL)
                          : json_add_number(row, "hook_id", result->id)) ||
        !json_add_text(row, "why", result->why.len == 0 ? NULL : buffer_text(&result->why)) ||
        !cJSON_AddItemToArray(report->rows, row)) {
        cJSON_Delete(row);
        report->failed = true;
    }
}

static bool
print_json(const struct hooks_report *report)
{
    cJSON *root = cJSON_CreateObject(), *counts = cJSON_AddObjectToObject(root, "counts");
    bool done = counts != NULL && cJSON_AddBoolToObject(root, "dry_run", report->is_dry) != NULL &&
                cJSON_AddItemReferenceToObject(root, "hooks", report->rows);

    for (size_t i = 0; done && i < HOOKS_OUTCOMES; i++)
        done = json_add_number(counts, outcome_texts[i].done, (int64_t)report->counts[i]);
    done = done && json_print(root);
    cJSON_Delete(root);
    return done;
}

static bool
is_named(enum hooks_outcome outcome, const enum hooks_outcome *outcomes, size_t outcomes_len)
{
    for (size_t i = 0; i < outcomes_len; i++) {
        if (outcomes[i] == outcome)
            return true;
    }
    return false;
}

static bool
print_table(const struct hooks_report *report, const enum hooks_outcome *outcomes,
            size_t outcomes_len)
{
    const char *separator = report->is_dry ? "\ndry run: " : "\n";
    bool done = table_print(&report->table, stdout);

    for (size_t i = 0; i < HOOKS_OUTCOMES; i++) {
        if (report->counts[i] == 0 && !is_named((enum hooks_outcome)i, outcomes, outcomes_len))
            continue;
        (void)printf("%s%zu %s", separator, report->counts[i],
                     report->is_dry ? outcome_texts[i].to_be_done : outcome_texts[i].counted);
        separator = ", ";
    }
    (void)printf("\n");
    return done && fflush(stdout) == 0;
}

bool
hooks_report_print(const struct hooks_report *report, const enum hooks_outcome *outcomes,
                   size_t outcomes_len, bool as_json)
{
    bool done = !report->failed &&
                (as_json ? print_json(report) : print_table(report, outcomes, outcomes_len));

    if (!done)
        (void)fprintf(stderr, "runhook: error: %s\n",
                      report->failed ? "out of memory" : "the result could not be written");
    return done;
}

void
hooks_report_fini(struct hooks_report *report)
{
    table_fini(&report->table);
    cJSON_Delete(report->rows);
}
