/*
 * JSON that we read from upstreams, and that we print.
 * SPDX-License-Identifier: MIT
 */
#ifndef TEXT_JSON_H
#define TEXT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "text/buffer.h"

/* The whole body as one JSON object; NULL where it is anything else, and when out of memory: errno
 * is ENOMEM then, and not otherwise. Every text of it is well-formed UTF-8; of a U+0000, at which a
 * text of C would end, it has U+FFFD. */
cJSON *json_parse(const struct buffer *body);

/* The same for a JSON array, and for a text alone. */
cJSON *json_parse_array(const struct buffer *body);
cJSON *json_parse_text(const struct buffer *body);

/* A member's text, borrowed; NULL where it is missing or not a text, or `object` is NULL. */
const char *json_text(const cJSON *object, const char *name);

/* A member that is a whole number from 0 to `max`, which is at most 2^53 - 1. False, and `*number`
 * 0, where it is missing or anything else. */
bool json_number(const cJSON *object, const char *name, int64_t max, int64_t *number);

/* Frees, and wipes the texts of its first level before: one may be a credential. NULL is fine. */
void json_wipe(cJSON *object);

/* Prints JSON to standard output, fit for a terminal, and a newline. False where that failed. */
bool json_print(const cJSON *json);
bool json_print_text(const char *text);

/* Each adds a member, and is false when out of memory. A NULL text, and a time of 0, become null;
 * numbers keep every digit, which cJSON's own do not above 15; a time is in milliseconds since
 * 1970. */
bool json_add_text(cJSON *object, const char *name, const char *text);
bool json_add_number(cJSON *object, const char *name, int64_t number);
bool json_add_time(cJSON *object, const char *name, int64_t at_ms);

#endif
