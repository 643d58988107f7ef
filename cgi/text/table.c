/*
 * A table for a terminal.
 * SPDX-License-Identifier: MIT
 */
#include "text/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/buffer.h"
#include "text/escape.h"

#define CELL_MAX 8192

void
table_init(struct table *table, const char *const *heading, size_t columns)
{
    *table = (struct table){.columns = columns};
    for (size_t i = 0; i < columns; i++)
        table_add(table, heading[i], SIZE_MAX);
}

void
table_add(struct table *table, const char *text, size_t max_chars)
{
    struct buffer cell = BUFFER_INIT(CELL_MAX);
    char **grown = reallocarray(table->cells, table->cells_len + 1, sizeof *grown);
    size_t column = table->cells_len % table->columns, width;

    escape_add(&cell, text == NULL || text[0] == '\0' ? "-" : text, max_chars);
    if (grown != NULL)
        table->cells = grown;
    if (grown == NULL || (grown[table->cells_len] = buffer_take(&cell)) == NULL) {
        buffer_fini(&cell);
        table->failed = true;
        return;
    }
    width = escape_width(grown[table->cells_len++]);
    if (width > table->widths[column])
        table->widths[column] = width;
}

bool
table_print(const struct table *table, FILE *out)
{
    for (size_t i = 0; i < table->cells_len; i++) {
        size_t column = i % table->columns;
        bool is_last = column + 1 == table->columns;
        size_t gap = is_last ? 0 : table->widths[column] - escape_width(table->cells[i]) + 2;

        (void)fprintf(out, "%s%*s%s", table->cells[i], (int)gap, "", is_last ? "\n" : "");
    }
    return !table->failed && ferror(out) == 0;
}

void
table_fini(struct table *table)
{
    for (size_t i = 0; i < table->cells_len; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){0};
}
