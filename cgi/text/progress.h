/*
 * A bar that shows how far a long piece of work has come, on a terminal; nowhere else.
 * SPDX-License-Identifier: MIT
 */
#ifndef TEXT_PROGRESS_H
#define TEXT_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define PROGRESS_WHAT_CAP 64

/* Zero-initialized, it shows nothing. */
struct progress {
    FILE *out; /* NULL where nothing is shown */
    size_t done, total;
    char what[PROGRESS_WHAT_CAP];
};

/* Shows itself on `out` where that is a terminal that can move its cursor. */
void progress_init(struct progress *progress, FILE *out);

/* Shows what is being done; `total` is 0 where it is not known. `what` is escaped. */
void progress_show(struct progress *progress, size_t done, size_t total, const char *what);

/* Takes the bar away, so that lines can be printed; progress_show draws it again. */
void progress_clear(struct progress *progress);

/* A line for people, above the bar. The caller escaped what is not ours in it. */
void progress_say(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
