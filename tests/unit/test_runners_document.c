/*
 * docs/runners.md has what audits log, word for word, and the keys that they go by.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/inquiry.h"
#include "config/keys.h"

#define STEPS (STEP_GONE + 1)

/* Outcomes that stand for no conclusion: what was done, and what could not be. */
static const char *const others[] = {"deregistered", "stopped", "retry"};

/* Calls `visit` with each row of the document's tables, in the section under `heading` alone;
 * returns how many there are. */
static int
read_rows(const char *heading, void (*visit)(const char *row, void *arg), void *arg)
{
    FILE *file = fopen(RUNNERS_DOCUMENT, "re");
    char *line = NULL;
    size_t cap = 0;
    bool is_inside = false;
    int rows = 0;

    assert_non_null(file);
    while (getline(&line, &cap, file) >= 0) {
        if (line[0] == '#')
            is_inside = strcmp(line, heading) == 0;
        if (!is_inside || strncmp(line, "| `", 3) != 0)
            continue;
        visit(line, arg);
        rows++;
    }
    free(line);
    (void)fclose(file);
    return rows;
}

/* A row that is looked for by what it begins with. */
struct wanted {
    char begin[64];
    int found;
};

static void
count_row(const char *row, void *arg)
{
    struct wanted *wanted = arg;

    wanted->found += strncmp(row, wanted->begin, strlen(wanted->begin)) == 0;
}

static void
expect_one_row(const char *heading, const char *begin)
{
    struct wanted wanted = {.found = 0};

    (void)snprintf(wanted.begin, sizeof wanted.begin, "%s", begin);
    (void)read_rows(heading, count_row, &wanted);
    if (wanted.found != 1)
        fail_msg("%d rows begin with %s", wanted.found, begin);
}

static void
test_each_outcome_has_its_row(void **state)
{
    static const char heading[] = "### event=audit\n";
    int others_len = (int)(sizeof others / sizeof others[0]), outcomes = others_len;
    struct wanted none = {.begin = "none"};
    char begin[64];

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        if (!step_is_conclusion((enum step)step) || step == STEP_REST)
            continue; /* not logged */
        (void)snprintf(begin, sizeof begin, "| `%s` | ", step_text((enum step)step));
        expect_one_row(heading, begin);
        outcomes++;
    }
    for (int i = 0; i < others_len; i++) {
        (void)snprintf(begin, sizeof begin, "| `%s` | ", others[i]);
        expect_one_row(heading, begin);
    }
    assert_int_equal(read_rows(heading, count_row, &none), outcomes);
}

static void
test_each_outcome_of_a_redelivery_has_its_row(void **state)
{
    static const char heading[] = "### event=redelivery\n";
    static const char *const rows[] = {"| `asked` | ", "| `hook_gone` | ", "| `retry` | "};
    struct wanted none = {.begin = "none"};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_one_row(heading, rows[i]);
    assert_int_equal(read_rows(heading, count_row, &none), COUNT(rows));
}

static void
test_each_key_has_its_row_and_default(void **state)
{
    static const char heading[] = "## Limits and times\n";
    struct wanted none = {.begin = "none"};
    char begin[64];
    int keys = 0;

    (void)state;
    for (size_t i = 0; i < config_keys_len; i++) {
        const struct key *key = &config_keys[i];

        if (strcmp(key->section, "audit") != 0 && strcmp(key->name, "max_runners") != 0 &&
            strcmp(key->name, "max_pending") != 0)
            continue;
        (void)snprintf(begin, sizeof begin, "| `%s` | %s |", key->name, key->fallback);
        expect_one_row(heading, begin);
        keys++;
    }
    assert_int_equal(read_rows(heading, count_row, &none), keys);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_outcome_has_its_row),
        cmocka_unit_test(test_each_outcome_of_a_redelivery_has_its_row),
        cmocka_unit_test(test_each_key_has_its_row_and_default),
    };

    return cmocka_run_group_tests_name("runners_document", tests, NULL, NULL);
}
