/*
 * The status page: from a view to HTML. Pure: no I/O, and nothing that is not in the view.
 *
 * One document without scripts, images, or anything else that would have to be fetched; its style
 * sheet stands within and is permitted by its digest alone.
 * SPDX-License-Identifier: MIT
 */
#ifndef STATUS_PAGE_H
#define STATUS_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "status/view.h"
#include "text/buffer.h"

/* No page is longer, in bytes, whatever the view holds: stories are left out first, then rows, and
 * it says so. */
#define PAGE_MAX ((size_t)100 * 1024)

/* Headers that go with it, each ended by CR LF. */
extern const char page_headers[];

/* Appends the document. False where `out` is full, or memory. */
bool page_render(const struct view *view, struct buffer *out);

#endif
