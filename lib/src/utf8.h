/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing over U+10FFFF.
 * SPDX-License-Identifier: MIT
 */
#ifndef RH_UTF8_H
#define RH_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes the character has that begins with the first of `left` (1 or more) bytes; 0 where
 * it is malformed or cut short. */
size_t rh_utf8_character_len(const char *bytes, size_t left);

/* Where the first byte stands that is not part of well-formed UTF-8; `len` where there is none. */
size_t rh_utf8_flaw(const void *bytes, size_t len);

/* The longest length up to `max` at which well-formed text can be cut between two characters. */
size_t rh_utf8_cut(const char *text, size_t len, size_t max);

#endif
