/*
 * Reads an INI file, through inih, into its sections and keys with the line of each.
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/problems.h"

/* A key as it stands in the file. In a section without keys, `name` and `value` are NULL. */
struct file_entry {
    char *section;
    char *name;
    char *value; /* may be a secret: wiped when freed */
    int line;
    bool has_comment;  /* inih took a comment off the end of this line */
    bool is_continued; /* the value goes on over indented lines, joined by commas */
};

struct file_entries {
    struct file_entry *items;
    size_t len;
    bool others_can_read; /* by its mode */
};

/*
 * Reads the file. Returns false, with the errors in `problems`, where it cannot be read or a line
 * is not INI. The entries are to be freed in either case.
 */
bool file_read(const char *path, struct file_entries *out, struct problems *problems);

void file_entries_fini(struct file_entries *entries);

#endif
