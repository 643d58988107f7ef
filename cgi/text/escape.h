/*
 * Untrusted text made safe to print: on a terminal, in a log line, in a table.
 * SPDX-License-Identifier: MIT
 */
#ifndef TEXT_ESCAPE_H
#define TEXT_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "text/buffer.h"

/*
 * Appends `text` so that it can neither end a line nor steer a terminal nor turn the direction of
 * what follows: control characters, line and paragraph separators and bidirectional controls become
 * \n, \t or \u{..}; bytes that are not UTF-8 become \x..; `"` and `\` get a backslash. Letters of
 * any script stay as they are. At most `max_chars` characters of the source are taken, then "…"
 * follows.
 */
void escape_add(struct buffer *out, const char *text, size_t max_chars);

/* The same for `len` bytes. False where `out` is full. */
bool escape_add_len(struct buffer *out, const char *bytes, size_t len, size_t max_chars);

/*
 * The same in plain: what would steer, and bytes that are not UTF-8, become "?"; all else stays as
 * it is. For texts that are escaped where they are shown. False where `out` is full.
 */
bool escape_plain(struct buffer *out, const char *bytes, size_t len, size_t max_chars);

/* The same in place: no byte more is needed. A last character of which only a part is there, as
 * after a snprintf that had no room, is cut off. */
void escape_tame(char *text);

/* Appends JSON text with what would steer as \uXXXX: the same JSON, fit for a terminal. A byte that
 * is not UTF-8, which JSON has not, becomes \ufffd. */
void escape_json(struct buffer *out, const char *json);

/* Copies as much of a text (NULL: none) as has room in `cap` bytes with its NUL, in whole
 * characters. */
void escape_copy(char *out, size_t cap, const char *text);

/* Cuts off a last character of which only a part is there, as after a snprintf that had no room. */
void escape_trim(char *text);

/* Columns that `text`, already escaped, takes on a terminal. */
size_t escape_width(const char *text);

#endif
