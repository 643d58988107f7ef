/*
 * Untrusted text made safe to print.
 * SPDX-License-Identifier: MIT
 */
#include "text/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "text/utf8.h"

bool
escape_add_len(struct buffer *out, const char *text, size_t len, size_t max_chars)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t left = len;

    for (size_t taken = 0; left > 0; taken++) {
        uint32_t point;
        size_t size = utf8_decode(bytes, left, &point);

        if (taken == max_chars)
            return buffer_add_text(out, "…");
        if (size == 0) {
            (void)buffer_addf(out, "\\x%02x", bytes[0]);
            size = 1;
        } else if (point == '\n') {
            (void)buffer_add_text(out, "\\n");
        } else if (point == '\t') {
            (void)buffer_add_text(out, "\\t");
        } else if (utf8_is_steering(point)) {
            (void)buffer_addf(out, "\\u{%x}", (unsigned)point);
        } else {
            if (point == '"' || point == '\\')
                (void)buffer_add_text(out, "\\");
            (void)buffer_add(out, bytes, size);
        }
        bytes += size;
        left -= size;
    }
    return !out->failed;
}

bool
escape_plain(struct buffer *out, const char *text, size_t len, size_t max_chars)
{
    const unsigned char *bytes = (const unsigned char *)text;

    for (size_t taken = 0; len > 0; taken++) {
        uint32_t point;
        size_t size = utf8_decode(bytes, len, &point);

        if (taken == max_chars)
            return buffer_add_text(out, "…");
        if (size == 0 || utf8_is_steering(point))
            (void)buffer_add_text(out, point == '\n' || point == '\t' ? " " : "?");
        else
            (void)buffer_add(out, bytes, size);
        if (size == 0)
            size = 1;
        bytes += size;
        len -= size;
    }
    return !out->failed;
}

void
escape_tame(char *text)
{
    unsigned char *from = (unsigned char *)text;
    size_t left;
    char *to = text;

    escape_trim(text);
    for (left = strlen(text); left > 0;) {
        uint32_t point;
        size_t size = utf8_decode(from, left, &point), taken = size == 0 ? 1 : size;

        if (size == 0 || utf8_is_steering(point)) {
            *to++ = point == '\n' || point == '\t' ? ' ' : '?';
        } else {
            memmove(to, from, size);
            to += size;
        }
        from += taken;
        left -= taken;
    }
    *to = '\0';
}

void
escape_json(struct buffer *out, const char *json)
{
    const unsigned char *bytes = (const unsigned char *)json;
    size_t left = strlen(json);

    while (left > 0) {
        uint32_t point;
        size_t size = utf8_decode(bytes, left, &point);

        if (size == 0)
            (void)buffer_add_text(out, "\\ufffd");
        else if (point < 0x20 || !utf8_is_steering(point))
            (void)buffer_add(out, bytes, size); /* within texts, what is below is escaped already */
        else if (point < 0x10000)
            (void)buffer_addf(out, "\\u%04x", (unsigned)point);
        else
            (void)buffer_addf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((point - 0x10000) >> 10)),
                              (unsigned)(0xdc00 + ((point - 0x10000) & 0x3ff)));
        if (size == 0)
            size = 1;
        bytes += size;
        left -= size;
    }
}

void
escape_trim(char *text)
{
    size_t len = strlen(text), begin = len;
    uint32_t point;

    while (begin > 0 && len - begin < 4 && ((unsigned char)text[begin - 1] & 0xc0) == 0x80)
        begin--;
    if (begin > 0 && utf8_decode((unsigned char *)text + begin - 1, len - begin + 1, &point) == 0)
        text[begin - 1] = '\0';
}

void
escape_copy(char *out, size_t cap, const char *text)
{
    size_t len = text == NULL ? 0 : strnlen(text, cap - 1);

    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
    escape_trim(out);
}

void
escape_add(struct buffer *out, const char *text, size_t max_chars)
{
    (void)escape_add_len(out, text, strlen(text), max_chars);
}

/* Ranges that a terminal shows two columns wide: East Asian Wide and Fullwidth, and the emoji. */
static bool
is_wide(uint32_t point)
{
    return (point >= 0x1100 && point <= 0x115f) || (point >= 0x2e80 && point <= 0x303e) ||
           (point >= 0x3041 && point <= 0xa4cf) || (point >= 0xac00 && point <= 0xd7a3) ||
           (point >= 0xf900 && point <= 0xfaff) || (point >= 0xfe30 && point <= 0xfe6f) ||
           (point >= 0xff00 && point <= 0xff60) || (point >= 0xffe0 && point <= 0xffe6) ||
           (point >= 0x1f300 && point <= 0x1faff) || (point >= 0x20000 && point <= 0x3fffd);
}

size_t
escape_width(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t left = strlen(text), width = 0;

    while (left > 0) {
        uint32_t point = 0;
        size_t size = utf8_decode(bytes, left, &point);

        if (size == 0)
            size = 1;
        if (!(point >= 0x300 && point <= 0x36f)) /* combining marks take no column */
            width += is_wide(point) ? 2 : 1;
        bytes += size;
        left -= size;
    }
    return width;
}
