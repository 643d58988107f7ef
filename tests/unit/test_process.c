/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harden/process.h"

/* What process_harden has not seen to, as bits. In a child: there is no way back from it. */
static int
left_out(void)
{
    struct rlimit core;

    process_harden();
    return (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0) << 0 |
           (prctl(PR_GET_DUMPABLE) != 0) << 1 | (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) << 2;
}

static void
no_core_no_reader_no_new_right(void **state)
{
    pid_t child = fork();
    int status = -1;

    (void)state;
    if (child == 0)
        _exit(left_out());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_core_no_reader_no_new_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
