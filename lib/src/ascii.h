/*
 * ASCII letters and digits without the locale: <ctype.h> and strcasecmp follow setlocale, and a
 * rule about bytes on the wire must not.
 * SPDX-License-Identifier: MIT
 */
#ifndef RH_ASCII_H
#define RH_ASCII_H

#include <stdbool.h>
#include <stddef.h>

static inline char
rh_ascii_lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

static inline bool
rh_ascii_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static inline bool
rh_ascii_equal_nocase(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len != b_len)
        return false;
    for (size_t i = 0; i < a_len; i++)
        if (rh_ascii_lower(a[i]) != rh_ascii_lower(b[i]))
            return false;
    return true;
}

/* The value of a hexadecimal digit, or -1. */
static inline int
rh_ascii_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = rh_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
