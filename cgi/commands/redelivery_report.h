/*
 * What `runhook hooks redeliver` found and did: a table for people, or JSON for programs.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_REDELIVERY_REPORT_H
#define COMMANDS_REDELIVERY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "text/table.h"
#include "upstream/github_delivery.h"

enum redelivery_outcome {
    REDELIVERY_DONE,   /* asked for; in a dry run, it would be */
    REDELIVERY_RECENT, /* asked for a moment ago: how that ends is not known yet */
    REDELIVERY_FAILED,
    REDELIVERY_LEFT, /* GitHub could not be asked any more */
};
#define REDELIVERY_OUTCOMES (REDELIVERY_LEFT + 1)

struct redelivery_report {
    struct table table;
    cJSON *rows;
    size_t counts[REDELIVERY_OUTCOMES];
    int64_t since_ms;
    bool is_dry;
    bool failed; /* out of memory */
};

void redelivery_report_init(struct redelivery_report *report, int64_t since_ms, bool is_dry);

/* Adds a row. `hook_id` is 0 for an App's webhook, or where it is about a whole place; `delivery`
 * is then NULL likewise, and `why` NULL where there is nothing to say. */
void redelivery_report_add(struct redelivery_report *report, const char *place, int64_t hook_id,
                           const struct github_delivery *delivery, enum redelivery_outcome outcome,
                           const char *why);

/* Prints it all, with a line that counts. False, with a message, where that failed. */
bool redelivery_report_print(const struct redelivery_report *report, bool as_json);

void redelivery_report_fini(struct redelivery_report *report);

#endif
