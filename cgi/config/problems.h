/*
 * What is wrong with a configuration: all of it at once, in words for the person who has to mend
 * it. SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_PROBLEMS_H
#define CONFIG_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>

struct problem {
    bool is_error; /* else a warning */
    char *text;
};

/* Zero-initialize. */
struct problems {
    struct problem *items;
    size_t len;
    size_t errors;
};

/* Where a value came from, for the message: "FILE:LINE" or "environment NAME". */
struct origin {
    const char *file; /* NULL for the environment */
    int line;         /* 0 where no one line is to blame */
    const char *name; /* the environment variable's name */
};

/* Adds "ORIGIN: TEXT", as one line that no name or value in it can steer. Out of memory counts as
 * an error without a text. */
void problems_error(struct problems *problems, const struct origin *origin, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problems_warning(struct problems *problems, const struct origin *origin, const char *format,
                      ...) __attribute__((format(printf, 3, 4)));

void problems_fini(struct problems *problems);

#endif
