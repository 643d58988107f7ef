/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <runhook/runhook.h>

static void
is_the_projects_version(void **state)
{
    (void)state;
    assert_string_equal(rh_version(), EXPECTED_VERSION);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_projects_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
