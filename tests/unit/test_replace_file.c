/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/replace_file.h"
#include "scratch.h"

static bool
replace(const char *name, const char *text, bool *changed, struct rh_reason *reason)
{
    return replace_file(scratch_path(name).text, text, strlen(text), changed, reason);
}

static struct stat
look(const char *name)
{
    struct stat status;

    assert_int_equal(lstat(scratch_path(name).text, &status), 0);
    return status;
}

static void
holds(const char *name, const char *want)
{
    char *text = scratch_read(name);

    assert_string_equal(text, want);
    free(text);
}

static size_t
files(void)
{
    DIR *folder = opendir(scratch_path("").text);
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(folder);
    return count;
}

static void
a_new_one(void **state)
{
    struct rh_reason reason;
    bool changed = false;
    mode_t before = umask(0077);

    (void)state;
    assert_true(replace("a", "one\n", &changed, &reason));
    (void)umask(before);
    assert_true(changed);
    holds("a", "one\n");
    assert_int_equal(look("a").st_mode & 07777, 0644);
    assert_int_equal(files(), 1);
}

static void
an_old_one(void **state)
{
    static const struct {
        const char *old, *new;
        bool changes;
    } rows[] = {
        {"one\n", "one\n", false}, {"one\n", "two\n", true},  {"one\n", "one", true},
        {"one", "one\n", true},    {"", "one\n", true},       {"one\n", "", true},
        {"", "", false},           {"one\ntwo", "two", true},
    };
    struct rh_reason reason;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct stat old, new;
        bool changed = !rows[i].changes;

        (void)scratch_write("a", rows[i].old, 0640);
        old = look("a");
        assert_true(replace("a", rows[i].new, &changed, &reason));
        new = look("a");
        assert_int_equal(changed, rows[i].changes);
        holds("a", rows[i].new);
        assert_int_equal(new.st_mode & 07777, 0640);
        /* The same file where nothing changed, and where something did another, with the old one
         * as it was for who has it open. */
        assert_int_equal(new.st_ino == old.st_ino, !rows[i].changes);
        assert_int_equal(files(), 1);
    }
}

static void
what_cannot_be(void **state)
{
    static const struct {
        const char *name, *words;
    } rows[] = {
        {"folder", "is no regular file"}, {"link", "is no regular file"},
        {"folder/", "names no file"},     {"missing/a", "cannot make a file in"},
        {"file/a", "cannot look at"},
    };
    struct rh_reason reason;

    (void)state;
    assert_int_equal(mkdir(scratch_path("folder").text, 0755), 0);
    (void)scratch_write("file", "old\n", 0644);
    assert_int_equal(symlink("file", scratch_path("link").text), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool changed = true;

        assert_row(!replace(rows[i].name, "new\n", &changed, &reason), rows[i].name);
        assert_row(!changed, rows[i].name);
        if (strstr(reason.text, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].name, reason.text);
    }
    holds("file", "old\n");
    assert_int_equal(files(), 3);
    assert_int_equal(unlink(scratch_path("link").text), 0);
    assert_int_equal(rmdir(scratch_path("folder").text), 0);
}

static void
in_the_folder_of_now(void **state)
{
    struct rh_reason reason;
    bool changed;
    char *before = getcwd(NULL, 0);

    (void)state;
    assert_non_null(before);
    assert_int_equal(chdir(scratch_path("").text), 0);
    assert_true(replace_file("a", "one\n", 4, &changed, &reason));
    assert_int_equal(chdir(before), 0);
    free(before);
    holds("a", "one\n");
}

int
main(void)
{
#define CLEARED(test) cmocka_unit_test_setup(test, scratch_clear)
    const struct CMUnitTest tests[] = {
        CLEARED(a_new_one),
        CLEARED(an_old_one),
        CLEARED(what_cannot_be),
        CLEARED(in_the_folder_of_now),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
