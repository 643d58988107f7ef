/*
 * application/x-www-form-urlencoded bodies (WHATWG URL, section 5): name=value pairs between '&'.
 * SPDX-License-Identifier: MIT
 */
#ifndef RH_FORM_H
#define RH_FORM_H

#include <stddef.h>

#include <runhook/error.h>

/*
 * Decodes the first field with this name: '+' is a space, %XX a byte. `name` is compared as it
 * stands, so it must need no escape.
 *
 * On RH_OK `*out` is NUL-terminated and the caller frees it; `*out_len` does not count that NUL.
 * On failure it is NULL: RH_ERR_FIELD where there is no such field, RH_ERR_NOT_JSON where an escape
 * is malformed (of GitHub's one field nothing is left to parse then), both with a reason;
 * RH_ERR_NO_MEMORY.
 */
enum rh_error rh_form_field(const char *body, size_t body_len, const char *name, char **out,
                            size_t *out_len, struct rh_reason *reason) RH_MUST_CHECK;

#endif
