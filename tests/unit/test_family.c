/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "audit/inquiry.h"
#include "metrics/family.h"
#include "upstream/failure.h"

static void
series_are_escaped(void **state)
{
    static const struct {
        const char *row, *pool, *series;
    } rows[] = {
        {"plain", "linux", "{pool=\"linux\",state=\"done\"}"},
        {"empty", "", "{pool=\"\",state=\"done\"}"},
        {"quote", "a\"b", "{pool=\"a\\\"b\",state=\"done\"}"},
        {"backslash", "a\\b", "{pool=\"a\\\\b\",state=\"done\"}"},
        {"both", "\\\"", "{pool=\"\\\\\\\"\",state=\"done\"}"},
        {"line's end", "a\nb 1", "{pool=\"a b 1\",state=\"done\"}"},
        {"carriage return", "a\rb", "{pool=\"a?b\",state=\"done\"}"},
        {"another series", "x\"} 1\nrunhook_jobs{pool=\"y",
         "{pool=\"x\\\"} 1 runhook_jobs{pool=\\\"y\",state=\"done\"}"},
        {"terminal", "\x1b[31m", "{pool=\"?[31m\",state=\"done\"}"},
        {"not UTF-8", "a\xff", "{pool=\"a?\",state=\"done\"}"},
        {"cut UTF-8", "a\xe6\x97", "{pool=\"a??\",state=\"done\"}"},
        {"UTF-8", "日本", "{pool=\"日本\",state=\"done\"}"},
        {"turned direction", "a\u202e", "{pool=\"a?\",state=\"done\"}"},
    };
    char series[FAMILY_SERIES_CAP];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *const values[] = {rows[i].pool, "done"};

        assert_row(family_series(FAMILY_JOBS_ENDED, values, series), rows[i].row);
        assert_row(strcmp(series + strlen("runhook_jobs_ended_total"), rows[i].series) == 0,
                   rows[i].row);
    }
    assert_true(family_series(FAMILY_REDELIVERIES, NULL, series));
    assert_string_equal(series, "runhook_redeliveries_total");
}

/* One that does not fit is not cut: it would be another. */
static void
what_has_no_room_is_no_series(void **state)
{
    char series[FAMILY_SERIES_CAP], value[2 * FAMILY_SERIES_CAP];
    const char *const values[] = {value, "done"};
    size_t overhead = strlen("runhook_jobs_ended_total{pool=\"\",state=\"done\"}");

    (void)state;
    memset(value, 'a', sizeof value);
    value[FAMILY_SERIES_CAP - 1 - overhead] = '\0';
    assert_true(family_series(FAMILY_JOBS_ENDED, values, series));
    assert_int_equal(strlen(series), FAMILY_SERIES_CAP - 1);
    value[FAMILY_SERIES_CAP - 1 - overhead] = 'a';
    value[FAMILY_SERIES_CAP - overhead] = '\0';
    assert_false(family_series(FAMILY_JOBS_ENDED, values, series));
    assert_string_equal(series, "");
    memset(value, '"', sizeof value);
    value[sizeof value - 1] = '\0';
    assert_false(family_series(FAMILY_JOBS_ENDED, values, series));
}

static void
a_series_tells_its_family(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "{pool=\"x\"}",
        "runhook_jobs_ended_totals",
        "runhook_jobs_ended",
        "runhook_job",
        "sparing_flush",
        "runhook_jobs_ended_total_bucket{}",
    };
    enum family family;
    const char *labels;

    (void)state;
    for (int i = 0; i < FAMILIES; i++) {
        assert_true(family_of(family_describe((enum family)i)->name, &family, &labels));
        assert_int_equal(family, i);
        assert_string_equal(labels, "");
    }
    assert_true(family_of("runhook_jobs{pool=\"{\"}", &family, &labels));
    assert_int_equal(family, FAMILY_JOBS);
    assert_string_equal(labels, "{pool=\"{\"}");
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_row(!family_of(bad[i], &family, &labels), bad[i]);
}

static void
buckets_take_their_upper_bound(void **state)
{
    static const struct {
        const char *row;
        int64_t value_ms, part;
    } rows[] = {
        {"nothing", 0, 5},
        {"on the bound", 5, 5},
        {"over it", 6, 10},
        {"the last", 10000, 10000},
        {"over the last", 10001, INT64_MAX},
        {"far", INT64_MAX, INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(family_bucket(FAMILY_DELIVERY_DURATION, rows[i].value_ms) == rows[i].part,
                   rows[i].row);
}

static bool
has(const char *const values[], const char *value)
{
    for (; *values != NULL; values++) {
        if (strcmp(*values, value) == 0)
            return true;
    }
    return false;
}

/* What the catalogue says of each family holds together, in Prometheus' conventions. */
static void
the_catalogue_is_sound(void **state)
{
    (void)state;
    for (int i = 0; i < FAMILIES; i++) {
        const struct family_description *family = family_describe((enum family)i);
        size_t len = strlen(family->name);
        bool is_total = len > 6 && strcmp(family->name + len - 6, "_total") == 0;
        bool is_seconds = len > 8 && strcmp(family->name + len - 8, "_seconds") == 0;

        assert_row(strncmp(family->name, "runhook_", 8) == 0, family->name);
        assert_row(is_total == (family->type == FAMILY_COUNTER), family->name);
        assert_row(is_seconds == family->is_ms, family->name);
        assert_row(strpbrk(family->help, "\\\n") == NULL, family->name);
        assert_row((family->buckets != NULL) == (family->type == FAMILY_HISTOGRAM), family->name);
        for (const int64_t *bound = family->buckets; bound != NULL && bound[0] != 0; bound++)
            assert_row(bound[0] > 0 && (bound[1] == 0 || bound[1] > bound[0]), family->name);
    }
}

/* Each word that others count by is in the catalogue, so that its series begins with 0. */
static void
the_words_are_those_of_the_program(void **state)
{
    (void)state;
    for (int step = 0; step <= STEP_GONE; step++) {
        if (step_is_conclusion((enum step)step) && step != STEP_REST)
            assert_row(has(family_findings, step_text((enum step)step)),
                       step_text((enum step)step));
    }
    assert_true(has(family_upstreams, upstream_text(UPSTREAM_GITHUB)));
    assert_true(has(family_upstreams, upstream_text(UPSTREAM_NOMAD)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_are_escaped),
        cmocka_unit_test(what_has_no_room_is_no_series),
        cmocka_unit_test(a_series_tells_its_family),
        cmocka_unit_test(buckets_take_their_upper_bound),
        cmocka_unit_test(the_catalogue_is_sound),
        cmocka_unit_test(the_words_are_those_of_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
