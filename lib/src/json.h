/*
 * JSON text (RFC 8259) to cJSON's tree, stricter than cJSON by itself.
 * SPDX-License-Identifier: MIT
 */
#ifndef RH_JSON_H
#define RH_JSON_H

#include <stddef.h>

#include <cjson/cJSON.h>
#include <runhook/error.h>

#include "json_prune.h"

/*
 * Parses a text, whose members outside of `wanted` are checked and left out (see json_prune.h).
 * Every string of the result is well-formed UTF-8 without a NUL. A byte order mark at the start is
 * skipped, as RFC 8259, section 8.1, allows.
 *
 * On RH_OK the caller frees `*out` with cJSON_Delete. On failure it is NULL: RH_ERR_NOT_JSON with a
 * reason, RH_ERR_NO_MEMORY.
 */
enum rh_error rh_json_parse(const char *text, size_t text_len, const struct rh_json_member *wanted,
                            cJSON **out, struct rh_reason *reason) RH_MUST_CHECK;

#endif
