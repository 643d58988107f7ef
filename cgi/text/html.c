/*
 * HTML.
 * SPDX-License-Identifier: MIT
 */
#include "text/html.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "text/utf8.h"

#define LINK_MAX_LEN 512

void
html_add_literal(struct html *html, const char *literal, size_t len)
{
    (void)buffer_add(html->out, literal, len);
}

/* The reference that stands for a character; NULL where it may stand for itself. */
static const char *
reference(uint32_t point)
{
    switch (point) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\n':
    case '\r':
    case '\t':
        return " ";
    default:
        return NULL;
    }
}

/* The zero-width non-joiner and joiner: Persian is not written without the one, nor a family's or a
 * profession's emoji without the other. */
static bool
is_joiner(uint32_t point)
{
    return point == 0x200c || point == 0x200d;
}

/* Characters that HTML forbids in a document. */
static bool
is_noncharacter(uint32_t point)
{
    return (point & 0xfffe) == 0xfffe || (point >= 0xfdd0 && point <= 0xfdef);
}

void
html_text(struct html *html, const char *text, size_t max_chars)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t left = strlen(text);

    for (size_t taken = 0; left > 0; taken++) {
        uint32_t point;
        size_t size = utf8_decode(bytes, left, &point);
        const char *instead = size == 0 ? "\xef\xbf\xbd" : reference(point);

        if (taken == max_chars) {
            (void)buffer_add_text(html->out, "…");
            return;
        }
        if (instead == NULL &&
            ((utf8_is_steering(point) && !is_joiner(point)) || is_noncharacter(point)))
            instead = "\xef\xbf\xbd"; /* U+FFFD */
        if (instead != NULL)
            (void)buffer_add_text(html->out, instead);
        else
            (void)buffer_add(html->out, bytes, size);
        if (size == 0)
            size = 1;
        bytes += size;
        left -= size;
    }
}

void
html_cut(struct html *html, size_t len)
{
    if (len >= html->out->len)
        return;
    html->out->len = len;
    html->out->bytes[len] = '\0';
}

void
html_number(struct html *html, int64_t number)
{
    (void)buffer_addf(html->out, "%" PRId64, number);
}

bool
html_can_link(const char *url)
{
    static const char scheme[] = "https://";
    size_t len = strnlen(url, LINK_MAX_LEN + 1);

    if (len > LINK_MAX_LEN || strncmp(url, scheme, sizeof scheme - 1) != 0 ||
        !isalnum((unsigned char)url[sizeof scheme - 1]))
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)url[i];

        if (c <= ' ' || c >= 0x7f || c == '\\' || c == '@')
            return false;
    }
    return true;
}
