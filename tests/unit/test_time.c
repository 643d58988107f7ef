/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <time.h>

#include <runhook/delivery.h>

static void
good_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want_s;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01Z", 1},
        {"1969-12-31T23:59:59Z", -1},
        {"2000-02-29T12:00:00Z", 951825600},
        {"2001-09-09T01:46:40Z", 1000000000},
        {"2024-02-29T23:59:59Z", 1709251199},
        {"2026-01-31T23:59:59Z", 1769903999},
        {"2026-01-31T23:59:59.999Z", 1769903999},
        {"2026-01-31T23:59:59.123456789123Z", 1769903999},
        {"2038-01-19T03:14:08Z", INT64_C(1) << 31},
        {"2026-02-01T01:59:59+02:00", 1769903999},
        {"2026-01-31T18:29:59-05:30", 1769903999},
        {"2026-01-31T23:59:59+00:00", 1769903999},
        {"2026-01-31T23:59:59.5-00:00", 1769903999},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799)},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800)},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t got_s = -7;
        assert_row(rh_time_parse(rows[i].text, &got_s), rows[i].text);
        assert_row(got_s == rows[i].want_s, rows[i].text);
    }
}

static void
bad_times(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "2026",
        "2026-01-31",
        "2026-01-31T23:59Z",
        "2026-01-31T23:59:59",
        "2026-01-31 23:59:59Z",
        "2026-01-31t23:59:59z",
        "2026-01-31T23:59:59z",
        " 2026-01-31T23:59:59Z",
        "2026-01-31T23:59:59Z ",
        "2026-01-31T23:59:59ZZ",
        "2026-01-31T23:59:59.Z",
        "2026-01-31T23:59:59,5Z",
        "2026-01-31T23:59:59.5",
        "2026-01-31T23:59:59.5.5Z",
        "2026-00-31T23:59:59Z",
        "2026-13-31T23:59:59Z",
        "2026-01-00T23:59:59Z",
        "2026-01-32T23:59:59Z",
        "2026-04-31T23:59:59Z",
        "2026-02-29T23:59:59Z",
        "1900-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:60:00Z",
        "2026-01-31T23:59:60Z",
        "2026-1-31T23:59:59Z",
        "26-01-31T23:59:59Z",
        "12026-01-31T23:59:59Z",
        "-026-01-31T23:59:59Z",
        "+026-01-31T23:59:59Z",
        "2026-01-31T23:59:59+0200",
        "2026-01-31T23:59:59+02",
        "2026-01-31T23:59:59+2:00",
        "2026-01-31T23:59:59+24:00",
        "2026-01-31T23:59:59+02:60",
        "2026-01-31T23:59:59+02:00Z",
        "2026-01-31T23:59:59+",
        "2026-01-31T23:59:59*02:00",
        "2026-01-3xT23:59:59Z",
        "1769903999",
        "tomorrow",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t got_s = -7;
        assert_row(!rh_time_parse(rows[i], &got_s), rows[i]);
        assert_row(got_s == 0, rows[i]);
    }
    int64_t got_s = -7;
    assert_false(rh_time_parse(NULL, &got_s));
    assert_int_equal(got_s, 0);
}

/* gmtime_r is an independent calendar: every day of eight centuries, by its own account. */
static void
agrees_with_gmtime(void **state)
{
    (void)state;
    const int64_t first_s = INT64_C(-11676096000); /* 1600-01-01 */
    const int64_t last_s = INT64_C(13569465600);   /* 2400-01-01 */

    for (int64_t day_s = first_s; day_s <= last_s; day_s += 86400) {
        int64_t want_s = day_s + 45296; /* 12:34:56 */
        time_t clock = (time_t)want_s;
        struct tm tm;
        char text[32];
        int64_t got_s = 0;

        assert_non_null(gmtime_r(&clock, &tm));
        assert_true(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
        assert_row(rh_time_parse(text, &got_s), text);
        assert_row(got_s == want_s, text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_times),
        cmocka_unit_test(bad_times),
        cmocka_unit_test(agrees_with_gmtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
