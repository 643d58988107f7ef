/*
 * docs/metrics.md has every family of the page with its type, its labels and their values, and no
 * other.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/family.h"
#include "text/buffer.h"

#define ROW_MAX ((size_t)4096)

/* What a family's row begins with: | `name` | type | labels | */
static char *
row_of(const struct family_description *family)
{
    struct buffer row = BUFFER_INIT(ROW_MAX);

    (void)buffer_addf(&row, "| `%s` | %s | ", family->name, family_type_text(family->type));
    for (size_t i = 0; i < FAMILY_LABELS_MAX && family->labels[i].name != NULL; i++) {
        const char *const *values = family->labels[i].values;

        (void)buffer_addf(&row, "%s`%s`", i == 0 ? "" : "; ", family->labels[i].name);
        for (size_t value = 0; values != NULL && values[value] != NULL; value++)
            (void)buffer_addf(&row, "%s`%s`", value == 0 ? ": " : ", ", values[value]);
    }
    (void)buffer_add_text(&row, family->labels[0].name == NULL ? "| " : " | ");
    return buffer_take(&row);
}

static void
each_family_has_its_row(void **state)
{
    FILE *file = fopen(METRICS_DOCUMENT, "re");
    int found[FAMILIES] = {0};
    char *line = NULL;
    size_t cap = 0;

    (void)state;
    assert_non_null(file);
    while (getline(&line, &cap, file) >= 0) {
        bool is_known = false;

        if (strncmp(line, "| `runhook_", 11) != 0)
            continue;
        for (int i = 0; i < FAMILIES; i++) {
            char *row = row_of(family_describe((enum family)i));

            if (strncmp(line, row, strlen(row)) == 0) {
                found[i]++;
                is_known = true;
            }
            free(row);
        }
        if (!is_known)
            fail_msg("the program has no such family: %s", line);
    }
    free(line);
    (void)fclose(file);
    for (int i = 0; i < FAMILIES; i++) {
        char *row = row_of(family_describe((enum family)i));

        if (found[i] != 1)
            fail_msg("%d rows begin with %s", found[i], row);
        free(row);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_family_has_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
