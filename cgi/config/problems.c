/*
 * What is wrong with a configuration.
 * SPDX-License-Identifier: MIT
 */
#include "config/problems.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "text/buffer.h"
#include "text/escape.h"

#define TEXT_MAX 2048

static void add(struct problems *problems, bool is_error, const struct origin *origin,
                const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void
add(struct problems *problems, bool is_error, const struct origin *origin, const char *format,
    va_list args)
{
    char message[TEXT_MAX];
    struct buffer text = BUFFER_INIT(PATH_MAX + TEXT_MAX + 32);
    struct problem *grown;

    if (is_error)
        problems->errors++;
    (void)vsnprintf(message, sizeof message, format, args);
    if (origin->file != NULL && origin->line > 0)
        (void)buffer_addf(&text, "%.*s:%d: %s", PATH_MAX, origin->file, origin->line, message);
    else if (origin->file != NULL)
        (void)buffer_addf(&text, "%.*s: %s", PATH_MAX, origin->file, message);
    else if (origin->name != NULL)
        (void)buffer_addf(&text, "environment %s: %s", origin->name, message);
    else
        (void)buffer_add_text(&text, message);

    /* Names of files, keys and values are in it. */
    if (text.bytes != NULL)
        escape_tame(text.bytes);

    grown = reallocarray(problems->items, problems->len + 1, sizeof *grown);
    if (grown == NULL) {
        buffer_fini(&text);
        return;
    }
    problems->items = grown;
    grown[problems->len].is_error = is_error;
    grown[problems->len].text = buffer_take(&text);
    if (grown[problems->len].text != NULL)
        problems->len++;
}

void
problems_error(struct problems *problems, const struct origin *origin, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(problems, true, origin, format, args);
    va_end(args);
}

void
problems_warning(struct problems *problems, const struct origin *origin, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(problems, false, origin, format, args);
    va_end(args);
}

void
problems_fini(struct problems *problems)
{
    for (size_t i = 0; i < problems->len; i++)
        free(problems->items[i].text);
    free(problems->items);
    *problems = (struct problems){0};
}
