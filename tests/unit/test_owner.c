/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/owner.h"

static int
open_locks(void)
{
    int fd = owner_open(scratch_path("ledger.db").text);

    assert_true(fd >= 0);
    return fd;
}

static void
a_number_is_taken_once(void **state)
{
    (void)state;
    static const int64_t numbers[] = {1, 2, 1000, INT64_MAX - 1};
    int mine = open_locks(), other = open_locks();

    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_false(owner_alive(other, numbers[i]));
        assert_true(owner_claim(mine, numbers[i]));
        assert_true(owner_alive(other, numbers[i]));
        assert_false(owner_claim(other, numbers[i]));
    }
    assert_int_equal(close(mine), 0);
    for (size_t i = 0; i < COUNT(numbers); i++)
        assert_false(owner_alive(other, numbers[i]));
    assert_int_equal(close(other), 0);
}

/* POSIX locks would go with the close of any descriptor of the file. */
static void
closing_another_descriptor_lets_nothing_go(void **state)
{
    (void)state;
    int mine = open_locks(), other = open_locks();

    assert_true(owner_claim(mine, 1));
    assert_int_equal(close(open_locks()), 0);
    assert_true(owner_alive(other, 1));
    assert_int_equal(close(mine), 0);
    assert_int_equal(close(other), 0);
}

static void
it_ends_with_the_process_however_that_ends(void **state)
{
    (void)state;
    static const int signals[] = {0, SIGKILL, SIGABRT};
    int fd = open_locks();

    for (size_t i = 0; i < COUNT(signals); i++) {
        int64_t owner = (int64_t)i + 1;
        int ready[2], go_on[2], status;
        char byte = 0;
        pid_t child;

        assert_int_equal(pipe(ready), 0);
        assert_int_equal(pipe(go_on), 0);
        child = fork();
        if (child == 0) {
            int own = owner_open(scratch_path("ledger.db").text);

            if (own < 0 || !owner_claim(own, owner) || write(ready[1], &byte, 1) != 1 ||
                read(go_on[0], &byte, 1) != 1)
                _exit(1);
            (void)signal(SIGABRT, SIG_DFL);
            if (signals[i] != 0)
                (void)raise(signals[i]);
            _exit(0);
        }
        assert_true(child > 0);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        assert_true(owner_alive(fd, owner));
        assert_int_equal(write(go_on[1], &byte, 1), 1);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_false(owner_alive(fd, owner));
        for (size_t j = 0; j < 2; j++) {
            (void)close(ready[j]);
            (void)close(go_on[j]);
        }
    }
    assert_int_equal(close(fd), 0);
}

/* A lease's end still bounds one that cannot be told. */
static void
what_cannot_be_told_counts_as_alive(void **state)
{
    (void)state;
    int fd = open_locks();

    assert_true(owner_alive(-1, 1));
    assert_true(owner_alive(fd, -1));
    assert_false(owner_claim(-1, 1));
    assert_int_equal(close(fd), 0);
}

static void
the_file_stays_empty_and_is_not_for_others(void **state)
{
    (void)state;
    mode_t before = umask(0);
    int fd = open_locks();
    struct stat status;

    (void)umask(before);
    assert_true(owner_claim(fd, 12345));
    assert_int_equal(stat(scratch_path("ledger.db.owners").text, &status), 0);
    assert_int_equal(status.st_size, 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(close(fd), 0);
}

static void
a_path_that_cannot_be_opened(void **state)
{
    (void)state;
    char path[8192];

    assert_int_equal(owner_open(scratch_path("no/folder/ledger.db").text), -1);
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(owner_open(path), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_number_is_taken_once, scratch_clear),
        cmocka_unit_test_setup(closing_another_descriptor_lets_nothing_go, scratch_clear),
        cmocka_unit_test_setup(it_ends_with_the_process_however_that_ends, scratch_clear),
        cmocka_unit_test_setup(what_cannot_be_told_counts_as_alive, scratch_clear),
        cmocka_unit_test_setup(the_file_stays_empty_and_is_not_for_others, scratch_clear),
        cmocka_unit_test_setup(a_path_that_cannot_be_opened, scratch_clear),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
