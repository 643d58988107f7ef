/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "status/series.h"

#define SLOT_MS (SERIES_SLOT_S * 1000)
#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* Two minutes into a slot, and half a second. */
#define SLOT_BEGIN (INT64_C(1769903700) * 1000)
#define NOW (SLOT_BEGIN + 120500)

/* A job, in ms before NOW; -1 stands for what did not happen. */
struct span {
    int64_t received;
    int64_t started;
    int64_t ended;
};

static struct series
counted(const struct span *spans, size_t len)
{
    struct series_count *count = series_begin(NOW);
    struct series series;

    assert_non_null(count);
    for (size_t i = 0; i < len; i++)
        series_add(count, NOW - spans[i].received,
                   spans[i].started < 0 ? 0 : NOW - spans[i].started,
                   spans[i].ended < 0 ? 0 : NOW - spans[i].ended);
    series_end(count, &series);
    return series;
}

static int64_t
total(const struct series *series, bool is_running)
{
    int64_t sum = 0;

    for (size_t i = 0; i < SERIES_SLOTS; i++)
        sum += is_running ? series->slots[i].running : series->slots[i].waiting;
    return sum;
}

static void
a_day_of_slots_ends_with_now(void **state)
{
    struct series series = counted(NULL, 0);

    (void)state;
    assert_int_equal(series.end_ms, NOW);
    assert_int_equal(series.begin_ms, SLOT_BEGIN - (SERIES_SLOTS - 1) * (int64_t)SLOT_MS);
    assert_int_equal(total(&series, true) + total(&series, false), 0);
    assert_int_equal(series.most.waiting + series.most.running, 0);
    assert_int_equal(series.began + series.wait_mean_ms + series.wait_most_ms, 0);
}

static void
a_job_counts_where_it_waited_and_where_it_ran(void **state)
{
    /* In slots from the last: it waited in 3 and 2, ran in 2 and 1. */
    const struct span span = {3 * SLOT_MS, 2 * SLOT_MS, SLOT_MS};
    struct series series = counted(&span, 1);
    const struct series_slot *last = &series.slots[SERIES_SLOTS - 1];

    (void)state;
    assert_int_equal(last[-4].waiting, 0);
    assert_int_equal(last[-3].waiting, 1);
    assert_int_equal(last[-2].waiting, 1);
    assert_int_equal(last[-1].waiting, 0);
    assert_int_equal(last[-3].running, 0);
    assert_int_equal(last[-2].running, 1);
    assert_int_equal(last[-1].running, 1);
    assert_int_equal(last[0].running, 0);
    assert_int_equal(series.began, 1);
    assert_int_equal(series.wait_mean_ms, SLOT_MS);
}

static void
the_most_at_once_counts_and_not_how_many(void **state)
{
    /* One after the other within a slot: never two at once. */
    static const struct span one_by_one[] = {
        {100000, 90000, 80000}, {80000, 70000, 60000}, {60000, 50000, 40000}};
    static const struct span together[] = {
        {100000, 90000, 40000}, {95000, 85000, 40000}, {60000, 50000, 40000}};
    struct series series = counted(one_by_one, COUNT(one_by_one));

    (void)state;
    assert_int_equal(series.most.waiting, 1);
    assert_int_equal(series.most.running, 1);
    series = counted(together, COUNT(together));
    assert_int_equal(series.most.waiting, 2);
    assert_int_equal(series.most.running, 3);
    assert_int_equal(series.wait_mean_ms, 10000);
}

static void
what_goes_on_is_there_now(void **state)
{
    static const struct span spans[] = {{0, -1, -1}, {5000, -1, -1}, {9000, 0, -1}, {9000, 10, -1}};
    struct series series = counted(spans, COUNT(spans));

    (void)state;
    assert_int_equal(series.most.running, 2);
    assert_int_equal(series.slots[SERIES_SLOTS - 1].running, 2);
    assert_int_equal(series.slots[SERIES_SLOTS - 1].waiting, 3);
}

static void
one_that_never_ran_waited_to_its_end(void **state)
{
    static const struct span span = {2 * SLOT_MS, -1, SLOT_MS};
    struct series series = counted(&span, 1);

    (void)state;
    assert_int_equal(total(&series, true), 0);
    assert_int_equal(total(&series, false), 2);
    assert_int_equal(series.began, 0);
}

static void
the_day_is_cut_at_its_ends(void **state)
{
    static const struct span rows[] = {
        {3 * DAY_MS, 2 * DAY_MS, 0},        /* ran through all of it */
        {3 * DAY_MS, -1, DAY_MS + SLOT_MS}, /* over before */
        {-SLOT_MS, -1, -1},                 /* of a clock that was ahead, with the next */
        {-3 * SLOT_MS, -2 * SLOT_MS, -SLOT_MS},
    };
    struct series series = counted(rows, COUNT(rows));

    (void)state;
    assert_int_equal(total(&series, true), SERIES_SLOTS);
    assert_int_equal(series.slots[0].running, 1);
    assert_int_equal(series.slots[0].waiting, 0);
    assert_int_equal(series.most.running, 1);
    assert_int_equal(series.began, 0);
}

/* What is out of order, since a clock was set, must neither count below nothing nor stay for ever.
 */
static void
spans_that_run_backwards_count_as_none(void **state)
{
    static const struct span rows[] = {
        {1000, 5000, 3000}, {1000, 500, 9000}, {1000, -1, 5000}, {9000, 9000, 9000}};
    struct series series;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        series = counted(&rows[i], 1);
        for (size_t k = 0; k < SERIES_SLOTS; k++) {
            assert_in_range(series.slots[k].waiting, 0, 1);
            assert_in_range(series.slots[k].running, 0, 1);
        }
        assert_true(series.wait_most_ms >= 0);
    }
}

static void
many_jobs_are_counted_exactly(void **state)
{
    struct series_count *count = series_begin(NOW);
    struct series series;

    (void)state;
    for (int i = 0; i < 100000; i++)
        series_add(count, NOW - 90000, NOW - 60000, NOW - 30000);
    series_end(count, &series);
    assert_int_equal(series.most.waiting, 100000);
    assert_int_equal(series.most.running, 100000);
    assert_int_equal(series.began, 100000);
    assert_int_equal(series.wait_mean_ms, 30000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_slots_ends_with_now),
        cmocka_unit_test(a_job_counts_where_it_waited_and_where_it_ran),
        cmocka_unit_test(the_most_at_once_counts_and_not_how_many),
        cmocka_unit_test(what_goes_on_is_there_now),
        cmocka_unit_test(one_that_never_ran_waited_to_its_end),
        cmocka_unit_test(the_day_is_cut_at_its_ends),
        cmocka_unit_test(spans_that_run_backwards_count_as_none),
        cmocka_unit_test(many_jobs_are_counted_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
