/*
 * Samples, and the page that is written of them.
 * SPDX-License-Identifier: MIT
 */
#include "metrics/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- Samples ------------------------------------------------------------------------------------
 */

static void
add(struct samples *samples, enum family family, const char *labels, int64_t part, int64_t value)
{
    char *copied = strdup(labels);

    if (samples->len == samples->cap && copied != NULL) {
        size_t cap = samples->cap == 0 ? 256 : samples->cap * 2;
        struct sample *grown = reallocarray(samples->items, cap, sizeof *grown);

        if (grown != NULL) {
            samples->items = grown;
            samples->cap = cap;
        }
    }
    if (copied == NULL || samples->len == samples->cap) {
        free(copied);
        samples->failed = true;
        return;
    }
    samples->items[samples->len++] =
        (struct sample){.family = family, .labels = copied, .part = part, .value = value};
}

void
samples_add_series(struct samples *samples, const char *series, int64_t part, int64_t value)
{
    enum family family;
    const char *labels;

    if (family_of(series, &family, &labels))
        add(samples, family, labels, part, value);
}

void
samples_add(struct samples *samples, enum family family, const char *const values[], int64_t part,
            int64_t value)
{
    char series[FAMILY_SERIES_CAP];

    if (family_series(family, values, series))
        samples_add_series(samples, series, part, value);
}

void
samples_add_zero(struct samples *samples, enum family family, const char *const values[])
{
    bool is_histogram = family_describe(family)->type == FAMILY_HISTOGRAM;

    samples_add(samples, family, values, is_histogram ? FAMILY_PART_SUM : FAMILY_PART_TOTAL, 0);
}

void
samples_fini(struct samples *samples)
{
    for (size_t i = 0; i < samples->len; i++)
        free(samples->items[i].labels);
    free(samples->items);
    *samples = (struct samples){0};
}

static int
compare_numbers(int64_t one, int64_t other)
{
    return (one > other) - (one < other);
}

/* By family and series, and within one by part: the sum, then the buckets from the lowest. */
static int
compare(const void *one, const void *other)
{
    const struct sample *a = one, *b = other;
    int order = compare_numbers(a->family, b->family);

    if (order == 0)
        order = strcmp(a->labels, b->labels);
    return order == 0 ? compare_numbers(a->part, b->part) : order;
}

/* -- The page -----------------------------------------------------------------------------------
 */

/* The samples of one series. */
struct series {
    const struct family_description *family;
    const struct sample *items;
    size_t len;
};

static int64_t
part_of(const struct series *series, int64_t part)
{
    int64_t value = 0;

    for (size_t i = 0; i < series->len; i++) {
        if (series->items[i].part == part)
            value += series->items[i].value;
    }
    return value;
}

/* Milliseconds as seconds: without the zeros that say nothing. */
static void
add_seconds(struct buffer *out, int64_t ms)
{
    char text[32];
    size_t len;

    (void)snprintf(text, sizeof text, "%s%" PRId64 ".%03d", ms < 0 ? "-" : "",
                   ms / 1000 < 0 ? -(ms / 1000) : ms / 1000, abs((int)(ms % 1000)));
    len = strlen(text);
    while (text[len - 1] == '0')
        len--;
    if (text[len - 1] == '.')
        len--;
    (void)buffer_add(out, text, len);
}

static void
add_value(struct buffer *out, const struct family_description *family, int64_t value)
{
    if (family->is_ms)
        add_seconds(out, value);
    else
        (void)buffer_addf(out, "%" PRId64, value);
    (void)buffer_add_text(out, "\n");
}

static void
write_total(struct buffer *out, const struct series *series)
{
    (void)buffer_addf(out, "%s%s ", series->family->name, series->items[0].labels);
    add_value(out, series->family, part_of(series, FAMILY_PART_TOTAL));
}

/* Begins a bucket's line: its bound is one label more. */
static void
begin_bucket(struct buffer *out, const struct series *series)
{
    const char *labels = series->items[0].labels;
    size_t len = strlen(labels);

    (void)buffer_addf(out, "%s_bucket{", series->family->name);
    if (len > 2) {
        (void)buffer_add(out, labels + 1, len - 2);
        (void)buffer_add_text(out, ",");
    }
    (void)buffer_add_text(out, "le=\"");
}

/* What is in the bounds that a former version had counts to the next one of now. */
static void
write_histogram(struct buffer *out, const struct series *series)
{
    const char *labels = series->items[0].labels;
    int64_t count = 0;
    size_t next = 0;

    while (next < series->len && series->items[next].part < 1)
        next++;
    for (const int64_t *bound = series->family->buckets; *bound != 0; bound++) {
        for (; next < series->len && series->items[next].part <= *bound; next++)
            count += series->items[next].value;
        begin_bucket(out, series);
        add_seconds(out, *bound);
        (void)buffer_addf(out, "\"} %" PRId64 "\n", count);
    }
    for (; next < series->len; next++)
        count += series->items[next].value;
    begin_bucket(out, series);
    (void)buffer_addf(out, "+Inf\"} %" PRId64 "\n", count);
    (void)buffer_addf(out, "%s_sum%s ", series->family->name, labels);
    add_value(out, series->family, part_of(series, FAMILY_PART_SUM));
    (void)buffer_addf(out, "%s_count%s %" PRId64 "\n", series->family->name, labels, count);
}

/* Help texts are the catalogue's own: none has a backslash or a line's end. */
static void
write_head(struct buffer *out, const struct family_description *family)
{
    (void)buffer_addf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                      family_type_text(family->type));
}

bool
exposition_write(struct samples *samples, struct buffer *out)
{
    size_t next = 0;

    if (samples->len > 0)
        qsort(samples->items, samples->len, sizeof samples->items[0], compare);
    for (int family = 0; family < FAMILIES; family++) {
        const struct family_description *description = family_describe((enum family)family);

        write_head(out, description);
        while (next < samples->len && (int)samples->items[next].family == family) {
            struct series series = {.family = description, .items = &samples->items[next]};

            while (next < samples->len && (int)samples->items[next].family == family &&
                   strcmp(samples->items[next].labels, series.items[0].labels) == 0) {
                series.len++;
                next++;
            }
            if (description->type == FAMILY_HISTOGRAM)
                write_histogram(out, &series);
            else
                write_total(out, &series);
        }
    }
    return !out->failed && !samples->failed;
}
