/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/file.h"

static void
sections_keys_and_lines(void **state)
{
    (void)state;
    static const struct {
        const char *section, *name, *value;
        int line;
        bool has_comment, is_continued;
    } want[] = {
        {"server", NULL, NULL, 2, false, false},
        {"server", "threads", "4", 3, true, false},
        {"server", "listen", "unix:/x;y", 6, false, false},
        {"pool linux", NULL, NULL, 8, false, false},
        {"pool linux", "labels", "self-hosted,linux,x64", 9, false, true},
        {"pool linux", "nomad_job", "a = b", 12, false, false},
        {"pool linux", "empty", "", 13, false, false},
        {"nomad", NULL, NULL, 14, false, false},
        {"nomad", "region", "eu", 15, false, false},
    };
    struct path path = scratch_write("conf",
                                     "# a comment\n"
                                     "[server]\n"
                                     "threads = 4 ; a comment\n"
                                     "; another\n"
                                     "\n"
                                     "listen=unix:/x;y\r\n"
                                     "# last\n"
                                     "[pool linux] # kinds of runners\n"
                                     "labels = self-hosted\n"
                                     "    linux\n"
                                     "\tx64\n"
                                     "nomad_job : a = b\n"
                                     "empty =\n"
                                     "[nomad]\n"
                                     "  region = eu",
                                     0600);
    struct file_entries entries;
    struct problems problems = {0};

    assert_true(file_read(path.text, &entries, &problems));
    assert_int_equal(problems.len, 0);
    assert_false(entries.others_can_read);
    assert_int_equal(entries.len, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct file_entry *entry = &entries.items[i];

        assert_string_equal(entry->section, want[i].section);
        assert_int_equal(entry->name == NULL, want[i].name == NULL);
        assert_int_equal(entry->line, want[i].line);
        if (entry->name == NULL)
            continue;
        assert_string_equal(entry->name, want[i].name);
        assert_string_equal(entry->value, want[i].value);
        assert_int_equal(entry->has_comment, want[i].has_comment);
        assert_int_equal(entry->is_continued, want[i].is_continued);
    }
    file_entries_fini(&entries);
    problems_fini(&problems);
}

/* The first problem of a file, without its path; the caller frees. "" where there is none. */
static char *
first_problem(struct path path)
{
    struct file_entries entries;
    struct problems problems = {0};
    bool done = file_read(path.text, &entries, &problems);
    char *text;

    assert_int_equal(done, problems.errors == 0);
    if (!done) {
        assert_true(problems.len > 0);
        assert_memory_equal(problems.items[0].text, path.text, strlen(path.text));
    }
    text = strdup(done ? "" : problems.items[0].text + strlen(path.text));
    file_entries_fini(&entries);
    problems_fini(&problems);
    assert_non_null(text);
    return text;
}

static void
lines_that_are_not_ini(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        const char *want;
    } rows[] = {
        {"empty", "", ""},
        {"comments alone", "# x\n; y\n\n   \n", ""},
        {"a word", "[server]\n\nthreads\n", ":3: expected [section] or key = value"},
        {"a secret by itself", "hunter2\n", ":1: expected [section] or key = value"},
        {"an open section", "[server\nthreads = 4\n", ":1: expected [section] or key = value"},
        {"a closing bracket", "]server[\n", ":1: expected [section] or key = value"},
        {"the first of two", "x\n[server]\ny\n", ":1: expected [section] or key = value"},
        {"a long section", "[pool 1234567890123456789012345678901234567890123456]\n",
         ":1: a section's name has at most 49 characters"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = first_problem(scratch_write("conf", rows[i].text, 0600));
        assert_string_equal(text, rows[i].want);
        free(text);
    }
}

static void
a_line_that_inih_would_cut_is_refused(void **state)
{
    (void)state;
    char text[1200], *problem;

    (void)snprintf(text, sizeof text, "[github]\nwebhook_secret = %01000d\n", 0);
    problem = first_problem(scratch_write("conf", text, 0600));
    assert_memory_equal(problem, ":2: a line has at most ", 23);
    assert_non_null(strstr(problem, "continue a list on indented lines"));
    free(problem);

    (void)snprintf(text, sizeof text, "[github]\n# %01000d\nwebhook_secret = %0100d\n", 0, 0);
    problem = first_problem(scratch_write("conf", text, 0600));
    assert_string_equal(problem, "");
    free(problem);
}

/* The longest line that is taken is taken whole. */
static void
no_line_is_cut_in_silence(void **state)
{
    (void)state;
    for (int len = 150; len < 220; len++) {
        char text[300];
        struct file_entries entries;
        struct problems problems = {0};

        (void)snprintf(text, sizeof text, "[a]\nk = %0*d\nlast = 1\n", len, 7);
        struct path path = scratch_write("conf", text, 0600);
        if (file_read(path.text, &entries, &problems)) {
            assert_int_equal(entries.len, 3);
            assert_int_equal(strlen(entries.items[1].value), len);
            assert_string_equal(entries.items[2].name, "last");
            assert_int_equal(entries.items[2].line, 3);
        } else {
            assert_int_equal(problems.len, 1);
        }
        file_entries_fini(&entries);
        problems_fini(&problems);
    }
}

static void
a_list_may_be_long_over_its_lines(void **state)
{
    (void)state;
    char *text = calloc(1, 20000);
    struct file_entries entries;
    struct problems problems = {0};
    size_t len = 0;

    assert_non_null(text);
    len += (size_t)snprintf(text, 20000, "[pool p]\nlabels = l\n");
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(text + len, 20000 - len, "    label-%d\n", i);
    struct path path = scratch_write("conf", text, 0600);
    assert_true(file_read(path.text, &entries, &problems));
    assert_int_equal(entries.len, 2);
    assert_true(entries.items[1].is_continued);
    assert_string_equal(entries.items[1].value + strlen(entries.items[1].value) - 10, ",label-199");
    file_entries_fini(&entries);
    free(text);
}

static void
what_is_no_configuration_file(void **state)
{
    (void)state;
    struct path fifo = scratch_path("fifo");
    char *large = calloc(1, 1024 * 1024 + 2), *problem;

    assert_non_null(large);
    assert_int_equal(mkfifo(fifo.text, 0600), 0);
    problem = first_problem(fifo);
    assert_non_null(strstr(problem, "not a regular file"));
    free(problem);
    problem = first_problem(scratch_path(""));
    assert_non_null(strstr(problem, "not a regular file"));
    free(problem);
    problem = first_problem(scratch_path("missing"));
    assert_non_null(strstr(problem, "No such file"));
    free(problem);
    problem = first_problem(scratch_write_len("nul", "[a]\nb = c\0\n", 11, 0600));
    assert_non_null(strstr(problem, "cannot read the configuration"));
    free(problem);

    memset(large, '\n', 1024 * 1024 + 1);
    problem = first_problem(scratch_write_len("large", large, 1024 * 1024, 0600));
    assert_string_equal(problem, "");
    free(problem);
    problem = first_problem(scratch_write_len("large", large, 1024 * 1024 + 1, 0600));
    assert_non_null(strstr(problem, "at most 1 MiB"));
    free(problem);
    free(large);
}

static void
who_can_read_it_is_noted(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        bool want;
    } rows[] = {{0600, false}, {0640, false}, {0644, true}, {0604, true}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct path path = scratch_write("conf", "[a]\n", rows[i].mode);
        struct file_entries entries;
        struct problems problems = {0};

        assert_true(file_read(path.text, &entries, &problems));
        assert_int_equal(entries.others_can_read, rows[i].want);
        file_entries_fini(&entries);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sections_keys_and_lines, scratch_clear),
        cmocka_unit_test_setup(lines_that_are_not_ini, scratch_clear),
        cmocka_unit_test_setup(a_line_that_inih_would_cut_is_refused, scratch_clear),
        cmocka_unit_test_setup(no_line_is_cut_in_silence, scratch_clear),
        cmocka_unit_test_setup(a_list_may_be_long_over_its_lines, scratch_clear),
        cmocka_unit_test_setup(what_is_no_configuration_file, scratch_clear),
        cmocka_unit_test_setup(who_can_read_it_is_noted, scratch_clear),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
