/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "hooks/pace.h"

static void
so_many_in_any_minute(void **state)
{
    struct pace pace;
    int64_t now_ms = 5, at_ms[500];

    (void)state;
    assert_true(pace_init(&pace, 80));
    for (size_t i = 0; i < COUNT(at_ms); i++) {
        now_ms += (int64_t)(i % 7) * 100 + pace_wait_ms(&pace, now_ms);
        now_ms += pace_wait_ms(&pace, now_ms);
        at_ms[i] = now_ms;
        pace_count(&pace, now_ms);
        if (i >= 80)
            assert_true(at_ms[i] - at_ms[i - 80] >= 60000);
    }
    pace_fini(&pace);
}

static void
no_longer_than_needed(void **state)
{
    struct pace pace;

    (void)state;
    assert_true(pace_init(&pace, 2));
    assert_int_equal(pace_wait_ms(&pace, 1000), 0);
    pace_count(&pace, 1000);
    assert_int_equal(pace_wait_ms(&pace, 11000), 0);
    pace_count(&pace, 11000);
    assert_int_equal(pace_wait_ms(&pace, 11000), 50000);
    assert_int_equal(pace_wait_ms(&pace, 60999), 1);
    assert_int_equal(pace_wait_ms(&pace, 61000), 0);
    pace_count(&pace, 61000);
    assert_int_equal(pace_wait_ms(&pace, 61000), 10000);
    assert_int_equal(pace_wait_ms(&pace, 1000000), 0);
    pace_fini(&pace);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_in_any_minute),
        cmocka_unit_test(no_longer_than_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
