/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock/clock.h"

static void
times_as_text(void **state)
{
    (void)state;
    static const struct {
        int64_t at_ms;
        const char *want;
        const char *want_ms;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"},
        {999, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.999Z"},
        {1000, "1970-01-01T00:00:01Z", "1970-01-01T00:00:01.000Z"},
        {INT64_C(951825600007), "2000-02-29T12:00:00Z", "2000-02-29T12:00:00.007Z"},
        {INT64_C(1769903999123), "2026-01-31T23:59:59Z", "2026-01-31T23:59:59.123Z"},
        {(INT64_C(1) << 31) * 1000, "2038-01-19T03:14:08Z", "2038-01-19T03:14:08.000Z"},
        {INT64_C(253402300799000), "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[CLOCK_TEXT_CAP];
        assert_ptr_equal(clock_text(rows[i].at_ms, 0, text), text);
        assert_string_equal(text, rows[i].want);
        assert_string_equal(clock_text(rows[i].at_ms, 1, text), rows[i].want_ms);
    }
}

/* A time out of a damaged ledger must not be written past the end, nor trap. */
static void
no_number_is_too_large_to_show(void **state)
{
    (void)state;
    static const int64_t rows[] = {
        INT64_MAX, INT64_MIN, -1, -1000, INT64_C(253402300800000), INT64_C(9000000000000000000)};

    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[CLOCK_TEXT_CAP];
        memset(text, '?', sizeof text);
        assert_true(strnlen(clock_text(rows[i], 1, text), sizeof text) < sizeof text);
        assert_true(strnlen(clock_text(rows[i], 0, text), sizeof text) < sizeof text);
    }
}

static void
clocks_run(void **state)
{
    (void)state;
    int64_t now_ms = clock_now_ms(), before_ms = clock_monotonic_ms();

    assert_true(llabs(now_ms / 1000 - (int64_t)time(NULL)) <= 1);
    assert_int_equal(nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL), 0);
    assert_true(clock_monotonic_ms() - before_ms >= 4);
    assert_true(clock_monotonic_ms() - before_ms < 60000);
}

static void
a_test_moves_the_clock_by_a_file(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want_ms;
    } rows[] = {{"3600000\n", 3600000}, {"-3600000", -3600000}, {"0", 0}, {"", 0}, {"soon", 0}};

    assert_int_equal(setenv("RUNHOOK_CLOCK_OFFSET", scratch_path("offset").text, 1), 0);
    assert_true(llabs(clock_now_ms() / 1000 - (int64_t)time(NULL)) <= 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)scratch_write("offset", rows[i].text, 0600);
        int64_t moved_ms = clock_now_ms() - (int64_t)time(NULL) * 1000;
        assert_row(llabs(moved_ms - rows[i].want_ms) <= 1500, rows[i].text);
    }
    assert_int_equal(unsetenv("RUNHOOK_CLOCK_OFFSET"), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_as_text),
        cmocka_unit_test(no_number_is_too_large_to_show),
        cmocka_unit_test(clocks_run),
        cmocka_unit_test(a_test_moves_the_clock_by_a_file),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
