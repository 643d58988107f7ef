/*
 * What all parts of the status page write with.
 * SPDX-License-Identifier: MIT
 */
#ifndef STATUS_PEN_H
#define STATUS_PEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status/view.h"
#include "text/html.h"

struct pen {
    struct html html;
    const struct view *view;
};

/* Characters that are shown of a text, at most. */
#define NAME_CHARS 120
#define SHORT_CHARS 48
#define REASON_CHARS 160
#define WORD_CHARS 24

/* Where the page has got to, in bytes from its beginning. */
size_t pen_at(const struct pen *pen);

/* Whether what was written from `begin` on stays within `end`, both as pen_at counts. Where it does
 * not, it is taken back. */
bool pen_fits(struct pen *pen, size_t begin, size_t end);

/* Text on its own: its direction is found from itself and ends with it. */
void pen_text(struct pen *pen, const char *text, size_t max_chars);

/* A moment: the time of day, with the month and day where they are not today's. */
void pen_time(struct pen *pen, int64_t at_ms);

/* A moment as hours and minutes alone. */
void pen_hour(struct pen *pen, int64_t at_ms);

/* See span_text. */
void pen_span(struct pen *pen, int64_t span_ms);

/* "1 job", "2 jobs". */
#define pen_count(pen, number, singular, plural)     \
    do {                                             \
        html_number(&(pen)->html, number);           \
        if ((number) == 1)                           \
            html_markup(&(pen)->html, " " singular); \
        else                                         \
            html_markup(&(pen)->html, " " plural);   \
    } while (0)

/* A further fact in a line of them, after a dot and a label; nothing where it is "" or NULL. */
#define pen_fact(pen, label, text, max_chars)       \
    do {                                            \
        if ((text) != NULL && (text)[0] != '\0') {  \
            html_markup(&(pen)->html, " · " label); \
            pen_text(pen, text, max_chars);         \
        }                                           \
    } while (0)

#endif
