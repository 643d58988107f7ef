/*
 * What `check --online` found: each says that something is well, or what to do about it. Pure, but
 * for the printing.
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "upstream/failure.h"

enum finding_level {
    FINDING_OK,
    FINDING_WARNING, /* jobs run all the same */
    FINDING_ERROR,   /* it keeps jobs from running */
};

struct finding {
    enum finding_level level;
    char *subject; /* what it is about: "[github] token", "hooks of o/r", "pool linux" */
    char *words;   /* one sentence, made plain */
};

/* In the order in which they were found. Zero-initialize. */
struct findings {
    struct finding *items;
    size_t len;
    bool failed; /* out of memory: one or more are missing */
};

void findings_add(struct findings *findings, enum finding_level level, const char *subject,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* In a failure's words. */
void findings_add_failure(struct findings *findings, enum finding_level level, const char *subject,
                          const struct failure *failure);

size_t findings_count(const struct findings *findings, enum finding_level level);

/* "ok", "warning" or "error". */
const char *finding_level_text(enum finding_level level);

/* Each prints to standard output, all in order, and is false where that failed: lines of level,
 * subject and words, and a last one that sums up; or one JSON object. */
bool findings_print(const struct findings *findings);
bool findings_print_json(const struct findings *findings);

void findings_fini(struct findings *findings);

#endif
