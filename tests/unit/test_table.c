/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/table.h"

static void
assert_prints(const struct table *table, const char *want)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_true(table_print(table, out));
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, want);
    free(text);
}

static void
columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    const char *const heading[] = {"JOB", "STATE", "NAME"};
    struct table table;

    table_init(&table, heading, 3);
    table_add(&table, "1", 10);
    table_add(&table, "queued", 10);
    table_add(&table, "build", 10);
    table_add(&table, "45678901234", 20);
    table_add(&table, "done", 10);
    table_add(&table, "x", 10);
    assert_prints(&table, "JOB          STATE   NAME\n"
                          "1            queued  build\n"
                          "45678901234  done    x\n");
    table_fini(&table);
}

static void
wide_characters_count_twice(void **state)
{
    (void)state;
    const char *const heading[] = {"NAME", "POOL"};
    struct table table;

    table_init(&table, heading, 2);
    table_add(&table, "日本語", 10);
    table_add(&table, "a", 10);
    table_add(&table, "é", 10);
    table_add(&table, "b", 10);
    table_add(&table, "🚀go", 10);
    table_add(&table, "c", 10);
    assert_prints(&table, "NAME    POOL\n"
                          "日本語  a\n"
                          "é       b\n"
                          "🚀go    c\n");
    table_fini(&table);
}

static void
untrusted_cells_are_escaped_cut_and_never_empty(void **state)
{
    (void)state;
    const char *const heading[] = {"A", "B"};
    struct table table;

    table_init(&table, heading, 2);
    table_add(&table, "\x1b[2J", 10);
    table_add(&table, "a\nb", 10);
    table_add(&table, NULL, 10);
    table_add(&table, "", 10);
    table_add(&table, "0123456789x", 10);
    table_add(&table, "\xe2\x80\xae", 10);
    assert_prints(&table, "A            B\n"
                          "\\u{1b}[2J    a\\nb\n"
                          "-            -\n"
                          "0123456789…  \\u{202e}\n");
    table_fini(&table);
}

static void
a_heading_alone(void **state)
{
    (void)state;
    const char *const heading[TABLE_COLUMNS_MAX] = {"a", "b", "c", "d", "e", "f",
                                                    "g", "h", "i", "j", "k", "l"};
    struct table table;

    table_init(&table, heading, TABLE_COLUMNS_MAX);
    assert_prints(&table, "a  b  c  d  e  f  g  h  i  j  k  l\n");
    table_fini(&table);
    table_fini(&table);
}

/* A cell that could not be held must not shift the ones after it under other headings unnoticed. */
static void
a_cell_that_is_too_long_fails_the_table(void **state)
{
    (void)state;
    const char *const heading[] = {"A"};
    char *cell = calloc(1, 20001);
    struct table table;
    FILE *out = fopen("/dev/null", "w");

    assert_non_null(cell);
    assert_non_null(out);
    memset(cell, 'x', 20000);
    table_init(&table, heading, 1);
    table_add(&table, cell, SIZE_MAX);
    assert_false(table_print(&table, out));
    table_fini(&table);
    table_init(&table, heading, 1);
    table_add(&table, cell, 100);
    assert_true(table_print(&table, out));
    table_fini(&table);
    (void)fclose(out);
    free(cell);
}

static void
a_stream_that_fails_is_told(void **state)
{
    (void)state;
    const char *const heading[] = {"A"};
    struct table table;
    FILE *out = fopen("/dev/full", "w");

    assert_non_null(out);
    assert_int_equal(setvbuf(out, NULL, _IONBF, 0), 0);
    table_init(&table, heading, 1);
    assert_false(table_print(&table, out));
    table_fini(&table);
    (void)fclose(out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(wide_characters_count_twice),
        cmocka_unit_test(untrusted_cells_are_escaped_cut_and_never_empty),
        cmocka_unit_test(a_heading_alone),
        cmocka_unit_test(a_cell_that_is_too_long_fails_the_table),
        cmocka_unit_test(a_stream_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
