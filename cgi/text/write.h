/*
 * Bytes written whole.
 * SPDX-License-Identifier: MIT
 */
#ifndef TEXT_WRITE_H
#define TEXT_WRITE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes all of it, however many writes that takes. False, and errno set, where one failed: a part
 * may be written then. */
bool write_whole(int fd, const char *bytes, size_t len);

#endif
