/*
 * A growing string with a cap: what is written beyond the cap, or when memory ends, marks the
 * buffer as failed, so that a writer checks once, at the end. SPDX-License-Identifier: MIT
 */
#ifndef TEXT_BUFFER_H
#define TEXT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *bytes; /* NUL-terminated once anything was written; NULL before */
    size_t len;  /* without the NUL */
    size_t cap;  /* bytes allocated */
    size_t max;  /* most bytes that it may come to hold, without the NUL */
    bool failed; /* over `max`, or out of memory; `bytes` then holds what fitted */
};

/* An empty buffer that may grow to `max` bytes. */
#define BUFFER_INIT(max_len) ((struct buffer){.max = (max_len)})

/* Appends. Returns false, and sets `failed`, when not everything fitted. */
bool buffer_add(struct buffer *buffer, const void *bytes, size_t len);
bool buffer_add_text(struct buffer *buffer, const char *text);
bool buffer_addf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The text so far, never NULL. */
const char *buffer_text(const struct buffer *buffer);

/* Gives the text to the caller, who frees it, and leaves the buffer empty. NULL where it failed. */
char *buffer_take(struct buffer *buffer);

/* Frees; buffer_wipe clears the bytes first. */
void buffer_fini(struct buffer *buffer);
void buffer_wipe(struct buffer *buffer);

#endif
