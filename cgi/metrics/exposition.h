/*
 * Samples, and the page that is written of them: Prometheus' text exposition format 0.0.4
 * (github.com/prometheus/docs, "Exposition formats"). Pure. SPDX-License-Identifier: MIT
 */
#ifndef METRICS_EXPOSITION_H
#define METRICS_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/family.h"
#include "text/buffer.h"

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct sample {
    enum family family;
    char *labels; /* what stands behind the name: "" or "{…}" */
    int64_t part;
    int64_t value;
};

/* A list that grows. Zero-initialize it; samples_fini frees what it holds. */
struct samples {
    struct sample *items;
    size_t len;
    size_t cap;
    bool failed; /* out of memory: something is missing */
};

/* Adds a value to a part of a series, by its labels' values or as family_series wrote it. A part
 * that is added to several times comes to the sum, so that a 0 only says that the series is there.
 * A series of no family is left out. */
void samples_add(struct samples *samples, enum family family, const char *const values[],
                 int64_t part, int64_t value);
void samples_add_series(struct samples *samples, const char *series, int64_t part, int64_t value);

/* Makes a series be there: a counter or a gauge with 0, a histogram with nothing in it. */
void samples_add_zero(struct samples *samples, enum family family, const char *const values[]);

void samples_fini(struct samples *samples);

/* Appends the page: every family of the catalogue with its help and its type, and the series that
 * there are of it, in order. Sorts the samples. False, where it is not whole: `out` has no room, or
 * `samples` failed. */
bool exposition_write(struct samples *samples, struct buffer *out);

#endif
