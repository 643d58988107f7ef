/*
 * A folder of its own for a test program, and files in it.
 * SPDX-License-Identifier: MIT
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "unit.h"

#include <sys/types.h>

struct path {
    char text[256];
};

/* Group fixtures: make the folder, and remove it with all that is in it. */
int scratch_make(void **state);
int scratch_remove(void **state);

/* Test fixture: empties the folder. */
int scratch_clear(void **state);

/* The path of a name in the folder; "" is the folder itself. */
struct path scratch_path(const char *name);

/* Writes a file of exactly this mode, whatever the umask is. */
struct path scratch_write(const char *name, const char *text, mode_t mode);
struct path scratch_write_len(const char *name, const void *bytes, size_t len, mode_t mode);

/* Reads a whole file, NUL-terminated; the caller frees. */
char *scratch_read(const char *name);

#endif
