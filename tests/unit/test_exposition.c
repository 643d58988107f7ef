/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/exposition.h"

#define PAGE_MAX ((size_t)64 * 1024)

/* The lines of one family, without the comments, in the order of the page. The caller frees. */
static char *
lines_of(struct samples *samples, const char *name)
{
    struct buffer page = BUFFER_INIT(PAGE_MAX), found = BUFFER_INIT(PAGE_MAX);
    char *lines;

    assert_true(exposition_write(samples, &page));
    for (const char *line = buffer_text(&page); *line != '\0';) {
        size_t len = strcspn(line, "\n") + 1;

        if (strncmp(line, name, strlen(name)) == 0)
            assert_true(buffer_add(&found, line, len));
        line += len;
    }
    buffer_fini(&page);
    samples_fini(samples);
    lines = strdup(buffer_text(&found));
    buffer_fini(&found);
    return lines;
}

static void
expect(struct samples *samples, const char *name, const char *lines)
{
    char *found = lines_of(samples, name);

    assert_string_equal(found, lines);
    free(found);
}

static void
every_family_has_help_and_type_once(void **state)
{
    struct samples samples = {0};
    struct buffer page = BUFFER_INIT(PAGE_MAX);
    size_t lines = 0;

    (void)state;
    assert_true(exposition_write(&samples, &page));
    for (const char *c = buffer_text(&page); *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 2 * FAMILIES);
    assert_non_null(strstr(buffer_text(&page),
                           "# HELP runhook_redeliveries_total Failed deliveries that GitHub was "
                           "asked to make again.\n# TYPE runhook_redeliveries_total counter\n"));
    assert_int_equal(page.bytes[page.len - 1], '\n');
    buffer_fini(&page);
}

static void
parts_of_one_series_come_together(void **state)
{
    static const char *const linux_done[] = {"linux", "done"};
    static const char *const arm_done[] = {"arm", "done"};
    struct samples samples = {0};

    (void)state;
    samples_add(&samples, FAMILY_JOBS_ENDED, linux_done, FAMILY_PART_TOTAL, 2);
    samples_add_zero(&samples, FAMILY_JOBS_ENDED, arm_done);
    samples_add_series(&samples, "runhook_jobs_ended_total{pool=\"linux\",state=\"done\"}",
                       FAMILY_PART_TOTAL, INT64_C(9007199254740993));
    samples_add_zero(&samples, FAMILY_JOBS_ENDED, linux_done);
    samples_add_series(&samples, "somebody_elses_total", FAMILY_PART_TOTAL, 1);
    expect(&samples, "runhook_jobs_ended_total",
           "runhook_jobs_ended_total{pool=\"arm\",state=\"done\"} 0\n"
           "runhook_jobs_ended_total{pool=\"linux\",state=\"done\"} 9007199254740995\n");
}

static void
milliseconds_are_shown_as_seconds(void **state)
{
    static const struct {
        int64_t ms;
        const char *seconds;
    } rows[] = {
        {0, "0"},       {1, "0.001"},    {10, "0.01"},    {999, "0.999"},
        {1000, "1"},    {1500, "1.5"},   {100000, "100"}, {1769903999000, "1769903999"},
        {-1, "-0.001"}, {-1500, "-1.5"}, {-60000, "-60"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct samples samples = {0};
        char line[128];

        (void)snprintf(line, sizeof line, "runhook_last_start_timestamp_seconds %s\n",
                       rows[i].seconds);
        samples_add(&samples, FAMILY_LAST_START, NULL, FAMILY_PART_TOTAL, rows[i].ms);
        expect(&samples, "runhook_last_start_timestamp_seconds", line);
    }
}

static void
a_histogram_is_cumulative(void **state)
{
    static const char *const pool = "a\"b";
    struct samples samples = {0};
    char *found;

    (void)state;
    samples_add(&samples, FAMILY_DISPATCH_WAIT, &pool, 100, 2);
    samples_add(&samples, FAMILY_DISPATCH_WAIT, &pool, 300, 1); /* a bound of another version */
    samples_add(&samples, FAMILY_DISPATCH_WAIT, &pool, 1000, 4);
    samples_add(&samples, FAMILY_DISPATCH_WAIT, &pool, FAMILY_PART_BEYOND, 8);
    samples_add(&samples, FAMILY_DISPATCH_WAIT, &pool, FAMILY_PART_SUM, 12345);
    found = lines_of(&samples, "runhook_dispatch_wait_seconds");
    assert_memory_equal(
        found,
        "runhook_dispatch_wait_seconds_bucket{pool=\"a\\\"b\",le=\"0.1\"} 2\n"
        "runhook_dispatch_wait_seconds_bucket{pool=\"a\\\"b\",le=\"0.25\"} 2\n"
        "runhook_dispatch_wait_seconds_bucket{pool=\"a\\\"b\",le=\"0.5\"} 3\n"
        "runhook_dispatch_wait_seconds_bucket{pool=\"a\\\"b\",le=\"1\"} 7\n"
        "runhook_dispatch_wait_seconds_bucket{pool=\"a\\\"b\",le=\"2.5\"} 7\n",
        5 * strlen("runhook_dispatch_wait_seconds_bucket{pool=\"a\\\"b\",le=\"\"} 2\n") + 14);
    assert_non_null(strstr(found,
                           "runhook_dispatch_wait_seconds_bucket{pool=\"a\\\"b\",le=\"43200\"} 7\n"
                           "runhook_dispatch_wait_seconds_bucket{pool=\"a\\\"b\",le=\"+Inf\"} 15\n"
                           "runhook_dispatch_wait_seconds_sum{pool=\"a\\\"b\"} 12.345\n"
                           "runhook_dispatch_wait_seconds_count{pool=\"a\\\"b\"} 15\n"));
    free(found);
}

static void
a_histogram_may_be_empty_and_without_labels(void **state)
{
    struct samples samples = {0};
    char *found;

    (void)state;
    samples_add_zero(&samples, FAMILY_DELIVERY_DURATION, NULL);
    found = lines_of(&samples, "runhook_delivery_duration_seconds");
    assert_non_null(strstr(found, "runhook_delivery_duration_seconds_bucket{le=\"0.005\"} 0\n"));
    assert_non_null(strstr(found, "runhook_delivery_duration_seconds_bucket{le=\"+Inf\"} 0\n"
                                  "runhook_delivery_duration_seconds_sum 0\n"
                                  "runhook_delivery_duration_seconds_count 0\n"));
    free(found);
}

/* Half a page must not be taken for a whole one. */
static void
a_page_without_room_fails(void **state)
{
    struct samples samples = {0};
    struct buffer page = BUFFER_INIT(100);

    (void)state;
    assert_false(exposition_write(&samples, &page));
    buffer_fini(&page);
    page = BUFFER_INIT(PAGE_MAX);
    samples.failed = true;
    assert_false(exposition_write(&samples, &page));
    buffer_fini(&page);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_has_help_and_type_once),
        cmocka_unit_test(parts_of_one_series_come_together),
        cmocka_unit_test(milliseconds_are_shown_as_seconds),
        cmocka_unit_test(a_histogram_is_cumulative),
        cmocka_unit_test(a_histogram_may_be_empty_and_without_labels),
        cmocka_unit_test(a_page_without_room_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
