/*
 * docs/retry.md has the policy's table, row for row.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "work/policy.h"

/* The line of the document that begins with a failure's name; the caller frees it. NULL for none.
 */
static char *
find_row(const char *name)
{
    FILE *file = fopen(RETRY_DOCUMENT, "re");
    char begin[64], *line = NULL, *found = NULL;
    size_t cap = 0;

    assert_non_null(file);
    (void)snprintf(begin, sizeof begin, "| `%s` |", name);
    while (found == NULL && getline(&line, &cap, file) >= 0) {
        if (strncmp(line, begin, strlen(begin)) == 0) {
            found = line;
            line = NULL;
        }
    }
    free(line);
    (void)fclose(file);
    return found;
}

static void
test_each_failure_has_its_row(void **state)
{
    (void)state;
    for (int kind = FAILURE_NONE + 1; kind < FAILURE_KINDS; kind++) {
        const struct policy_row *row = policy_find((enum failure_kind)kind);
        char end[128], *line = find_row(failure_text((enum failure_kind)kind));
        size_t end_len;

        assert_row(row != NULL && line != NULL, failure_text((enum failure_kind)kind));
        (void)snprintf(end, sizeof end, "| %s | %s |\n", policy_pace_text(row->pace),
                       policy_scope_text(row->scope));
        end_len = strlen(end);
        if (strlen(line) < end_len || strcmp(line + strlen(line) - end_len, end) != 0)
            fail_msg("the document's row is %s but the policy's ends %s", line, end);
        free(line);
    }
}

static void
test_the_document_has_no_other_rows(void **state)
{
    FILE *file = fopen(RETRY_DOCUMENT, "re");
    char *line = NULL;
    size_t cap = 0;
    int rows = 0;

    (void)state;
    assert_non_null(file);
    while (getline(&line, &cap, file) >= 0)
        rows += strncmp(line, "| `", 3) == 0;
    free(line);
    (void)fclose(file);
    assert_int_equal(rows, FAILURE_KINDS - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_failure_has_its_row),
        cmocka_unit_test(test_the_document_has_no_other_rows),
    };

    return cmocka_run_group_tests_name("policy_document", tests, NULL, NULL);
}
