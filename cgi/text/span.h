/*
 * Spans of time for people.
 * SPDX-License-Identifier: MIT
 */
#ifndef TEXT_SPAN_H
#define TEXT_SPAN_H

#include <stdint.h>

/* Room for a span and its NUL. */
#define SPAN_CAP 32

/* Writes how long ago, or how far ahead, in one short word: "0s", "119s", "2m", "47h", "2d". What
 * is below 0 is "0s". Returns `out`. */
const char *span_text(int64_t span_ms, char out[SPAN_CAP]);

#endif
