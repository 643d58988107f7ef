/*
 * What a verb of `runhook hooks` did in each place: a table for people, or JSON for programs.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_HOOKS_REPORT_H
#define COMMANDS_HOOKS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "text/buffer.h"
#include "text/table.h"

enum hooks_outcome {
    HOOKS_CREATED,
    HOOKS_MENDED,
    HOOKS_RIGHT,
    HOOKS_REMOVED,
    HOOKS_PINGED,
    HOOKS_ABSENT, /* there is no such webhook */
    HOOKS_FAILED,
    HOOKS_LEFT, /* for another time: GitHub could not be asked any more */
};
#define HOOKS_OUTCOMES (HOOKS_LEFT + 1)

#define HOOKS_WHY_MAX 2048

/* What became of one place. */
struct hooks_result {
    enum hooks_outcome outcome;
    int64_t id; /* of the webhook; 0 where there is none */
    struct buffer why;
};

struct hooks_report {
    struct table table;
    cJSON *rows;
    size_t counts[HOOKS_OUTCOMES];
    bool is_dry;
    bool failed; /* out of memory */
};

void hooks_report_init(struct hooks_report *report, bool is_dry);

/* Adds a row. `place` is one of config/place.h, or an owner's name. */
void hooks_report_add(struct hooks_report *report, const char *place,
                      const struct hooks_result *result);

/* Prints it all, with a line that counts these outcomes, and any other that there was. False, with
 * a message, where that failed. */
bool hooks_report_print(const struct hooks_report *report, const enum hooks_outcome *outcomes,
                        size_t outcomes_len, bool as_json);

void hooks_report_fini(struct hooks_report *report);

/* How a place is called in tables: "o/r", "orgs/o", "app". */
const char *hooks_place_label(const char *place);

#endif
