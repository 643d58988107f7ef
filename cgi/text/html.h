/*
 * HTML, written so that text cannot become markup: what a program says itself is markup and must be
 * a literal, and everything else goes through html_text.
 * SPDX-License-Identifier: MIT
 */
#ifndef TEXT_HTML_H
#define TEXT_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/buffer.h"

/* Where a document is written to, which stays the caller's. What does not fit marks the buffer as
 * failed: its owner looks once, at the end. */
struct html {
    struct buffer *out;
};

/* Appends markup: a string literal, and nothing else compiles. */
#define html_markup(html, literal) html_add_literal(html, "" literal, sizeof(literal) - 1)
void html_add_literal(struct html *html, const char *literal, size_t len);

/*
 * Appends text, of whatever origin, as what stands between tags or within a quoted value of an
 * attribute: & < > " ' as references. What would steer (control characters, overrides of direction;
 * not the joiners that scripts and emoji need), and bytes that are not UTF-8, become U+FFFD; line
 * ends and tabs become spaces. At most `max_chars` characters are taken, then "…" follows.
 */
void html_text(struct html *html, const char *text, size_t max_chars);

/* Takes back what was written after the document had this length (`out->len`). */
void html_cut(struct html *html, size_t len);

void html_number(struct html *html, int64_t number);

/* Whether a URL may be a link: https, a host, printable ASCII alone, and of a length that a page
 * bears. Anything else (javascript:, data:, a path) is shown as text or not at all. */
bool html_can_link(const char *url);

#endif
