/*
 * A growing string with a cap.
 * SPDX-License-Identifier: MIT
 */
#include "text/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define BUFFER_FIRST_CAP 256

/* Makes room for `len` more bytes and the NUL. */
static bool
buffer_reserve(struct buffer *buffer, size_t len)
{
    size_t needed, cap;
    char *grown;

    if (len > buffer->max - buffer->len)
        return false;
    needed = buffer->len + len + 1;
    if (needed <= buffer->cap)
        return true;
    cap = buffer->cap == 0 ? BUFFER_FIRST_CAP : buffer->cap;
    while (cap < needed)
        cap *= 2;
    /* Not realloc: the old copy may hold a credential and is wiped. */
    grown = malloc(cap);
    if (grown == NULL)
        return false;
    if (buffer->bytes != NULL) {
        memcpy(grown, buffer->bytes, buffer->len);
        OPENSSL_cleanse(buffer->bytes, buffer->len);
        free(buffer->bytes);
    }
    buffer->bytes = grown;
    buffer->cap = cap;
    return true;
}

bool
buffer_add(struct buffer *buffer, const void *bytes, size_t len)
{
    if (buffer->failed || !buffer_reserve(buffer, len)) {
        buffer->failed = true;
        return false;
    }
    if (len > 0)
        memcpy(buffer->bytes + buffer->len, bytes, len);
    buffer->len += len;
    buffer->bytes[buffer->len] = '\0';
    return true;
}

bool
buffer_add_text(struct buffer *buffer, const char *text)
{
    return buffer_add(buffer, text, strlen(text));
}

bool
buffer_addf(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || buffer->failed || !buffer_reserve(buffer, (size_t)len)) {
        buffer->failed = true;
    } else {
        (void)vsnprintf(buffer->bytes + buffer->len, (size_t)len + 1, format, again);
        buffer->len += (size_t)len;
    }
    va_end(again);
    return !buffer->failed;
}

const char *
buffer_text(const struct buffer *buffer)
{
    return buffer->bytes == NULL ? "" : buffer->bytes;
}

char *
buffer_take(struct buffer *buffer)
{
    char *bytes = buffer->bytes;

    if (buffer->failed) {
        buffer_fini(buffer);
        return NULL;
    }
    if (bytes == NULL)
        bytes = calloc(1, 1);
    *buffer = BUFFER_INIT(buffer->max);
    return bytes;
}

void
buffer_fini(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = BUFFER_INIT(buffer->max);
}

void
buffer_wipe(struct buffer *buffer)
{
    if (buffer->bytes != NULL)
        OPENSSL_cleanse(buffer->bytes, buffer->len);
    buffer_fini(buffer);
}
