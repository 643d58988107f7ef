/*
 * Sentences that say what was wrong.
 * SPDX-License-Identifier: MIT
 */
#include "reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
rh_reason_set(struct rh_reason *reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(reason->text, sizeof reason->text, format, arguments);
    va_end(arguments);
    if (len < 0)
        reason->text[0] = '\0';
}

const char *
rh_reason_quote(const char *text, size_t text_len, char out[RH_QUOTE_CAP])
{
    static const char hex_digits[] = "0123456789abcdef";
    static const char cut_end[] = "...\"";
    size_t len = 0;

    out[len++] = '"';
    for (size_t i = 0; i < text_len; i++) {
        unsigned char byte = (unsigned char)text[i];
        char piece[4];
        size_t piece_len = 0;

        if (byte < 0x20 || byte > 0x7E) {
            piece[piece_len++] = '\\';
            piece[piece_len++] = 'x';
            piece[piece_len++] = hex_digits[byte >> 4];
            piece[piece_len++] = hex_digits[byte & 0x0F];
        } else {
            if (byte == '"' || byte == '\\')
                piece[piece_len++] = '\\';
            piece[piece_len++] = (char)byte;
        }

        if (len + piece_len + sizeof cut_end > RH_QUOTE_CAP) {
            memcpy(out + len, cut_end, sizeof cut_end);
            return out;
        }
        memcpy(out + len, piece, piece_len);
        len += piece_len;
    }
    out[len++] = '"';
    out[len] = '\0';
    return out;
}
