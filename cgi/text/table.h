/*
 * A table for a terminal: columns as wide as their widest cell, untrusted text escaped.
 * SPDX-License-Identifier: MIT
 */
#ifndef TEXT_TABLE_H
#define TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct table {
    char **cells;
    size_t cells_len;
    size_t columns;
    size_t widths[TABLE_COLUMNS_MAX];
    bool failed; /* out of memory */
};

/* Begins a table with its heading, of at most TABLE_COLUMNS_MAX columns. */
void table_init(struct table *table, const char *const *heading, size_t columns);

/* Adds the next cell, row after row, cut at `max_chars` characters. NULL and "" show as "-". */
void table_add(struct table *table, const char *text, size_t max_chars);

/* Prints what was added. False where memory ran out on the way or the stream failed. */
bool table_print(const struct table *table, FILE *out);

void table_fini(struct table *table);

#endif
