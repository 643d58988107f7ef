/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "status/chart.h"

static struct buffer
drawn(const struct series *series)
{
    struct buffer out = BUFFER_INIT(65536);
    struct html html = {.out = &out};

    chart_draw(series, &html);
    assert_false(out.failed);
    return out;
}

static void
the_axis_ends_at_an_even_number(void **state)
{
    static const struct {
        int64_t value;
        int64_t top;
    } rows[] = {{0, 2},       {1, 2},
                {2, 2},       {3, 4},
                {7, 8},       {9, 10},
                {11, 20},     {20, 20},
                {61, 80},     {99, 100},
                {101, 200},   {5999, 6000},
                {6001, 8000}, {2147483647, 4000000000}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(chart_top(rows[i].value), rows[i].top);
}

static void
a_quiet_day_is_two_flat_lines(void **state)
{
    struct series series = {.begin_ms = INT64_C(1769817600000)}; /* at midnight */
    struct buffer out = drawn(&series);

    (void)state;
    assert_non_null(strstr(buffer_text(&out), "<path class=\"r\" d=\"M0 2H288V2\"/>"
                                              "<path class=\"w\" d=\"M0 2H288V2\"/>"));
    assert_non_null(strstr(buffer_text(&out), ">00:00</text>"));
    assert_non_null(strstr(buffer_text(&out), ">06:00</text>"));
    assert_non_null(strstr(buffer_text(&out), ">18:00</text>"));
    assert_non_null(strstr(buffer_text(&out), ">now</text>"));
    buffer_fini(&out);
}

static void
steps_are_drawn_where_the_count_changes(void **state)
{
    struct series series = {.most = {.waiting = 3, .running = 1}};
    struct buffer out;

    (void)state;
    series.slots[10].waiting = series.slots[11].waiting = 3;
    series.slots[287].running = 1;
    out = drawn(&series);
    assert_non_null(strstr(buffer_text(&out), "viewBox=\"0 0 288 4\""));
    assert_non_null(strstr(buffer_text(&out), "class=\"r\" d=\"M0 4H287V3H288V4\""));
    assert_non_null(strstr(buffer_text(&out), "class=\"w\" d=\"M0 4H10V1H12V4H288V4\""));
    /* The axis: its top, its middle, its foot. */
    assert_non_null(strstr(buffer_text(&out), ">4</text>"));
    assert_non_null(strstr(buffer_text(&out), ">2</text>"));
    assert_non_null(strstr(buffer_text(&out), ">0</text>"));
    buffer_fini(&out);
}

static void
who_does_not_see_it_is_told(void **state)
{
    struct series series = {.most = {.waiting = 12, .running = 8}};
    struct buffer out = drawn(&series);

    (void)state;
    assert_non_null(strstr(buffer_text(&out), "role=\"img\" aria-labelledby=\"chart-title\""
                                              " aria-describedby=\"chart-text\""));
    assert_non_null(strstr(buffer_text(&out), "<title id=\"chart-title\">"));
    assert_non_null(strstr(buffer_text(&out), "waiting, up to 12, and running, up to 8"));
    buffer_fini(&out);
}

static void
the_wildest_day_is_bounded(void **state)
{
    struct series series = {.begin_ms = -1, .most = {.waiting = INT32_MAX, .running = INT32_MAX}};
    struct buffer out;

    (void)state;
    for (size_t i = 0; i < SERIES_SLOTS; i++)
        series.slots[i] = (struct series_slot){.waiting = i % 2 == 0 ? INT32_MAX : 1,
                                               .running = i % 2 == 0 ? 1 : INT32_MAX};
    out = drawn(&series);
    assert_true(out.len < (size_t)12 * 1024);
    assert_null(strstr(buffer_text(&out), "style="));
    assert_null(strstr(buffer_text(&out), "NaN"));
    buffer_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_axis_ends_at_an_even_number),
        cmocka_unit_test(a_quiet_day_is_two_flat_lines),
        cmocka_unit_test(steps_are_drawn_where_the_count_changes),
        cmocka_unit_test(who_does_not_see_it_is_told),
        cmocka_unit_test(the_wildest_day_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
