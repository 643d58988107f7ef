/*
 * UTF-8, one character at a time (RFC 3629).
 * SPDX-License-Identifier: MIT
 */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the character that `len` bytes (at least one) begin with. Returns how many bytes it has,
 * and 0, with `*point` 0, where they do not begin with a valid one. */
size_t utf8_decode(const unsigned char *bytes, size_t len, uint32_t *point);

/* Whether a character acts on what stands around it instead of showing itself: control characters,
 * line and paragraph separators, bidirectional controls, joiners, tags. */
bool utf8_is_steering(uint32_t point);

#endif
