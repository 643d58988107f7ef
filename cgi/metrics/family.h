/*
 * The catalogue of what is measured: one table of name, type, help, labels and buckets, which the
 * page is written from and docs/metrics.md is held to.
 *
 * A series is a family with a value for each of its labels. Its text, `name{label="value"}`, is
 * also what it is known by in the ledger (ledger/tally.h). Pure, and without anything of its own:
 * the ledger's modules count by it, too. SPDX-License-Identifier: MIT
 */
#ifndef METRICS_FAMILY_H
#define METRICS_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of the page. */
enum family {
    FAMILY_BUILD_INFO,
    FAMILY_LAST_START,
    FAMILY_THREADS,
    FAMILY_CONFIG_RELOADS,
    FAMILY_CONFIG_LAST_RELOAD_SUCCESSFUL,
    FAMILY_CONFIG_LAST_RELOAD_SUCCESS,
    FAMILY_LEDGER_WRITABLE,
    FAMILY_LEDGER_SIZE,
    FAMILY_DELIVERIES,
    FAMILY_DELIVERY_DURATION,
    FAMILY_SECRET_LAST_USED,
    FAMILY_JOBS,
    FAMILY_QUEUE_OLDEST_AGE,
    FAMILY_JOBS_ENDED,
    FAMILY_DISPATCHES,
    FAMILY_DISPATCH_WAIT,
    FAMILY_START_WAIT,
    FAMILY_RUNNERS,
    FAMILY_RUNNER_OLDEST_AGE,
    FAMILY_POOL_RUNNERS,
    FAMILY_POOL_MAX_RUNNERS,
    FAMILY_AUDIT_FINDINGS,
    FAMILY_EVENTS_MISSED,
    FAMILY_REDELIVERIES,
    FAMILY_UPSTREAM_REQUESTS,
    FAMILY_UPSTREAM_DURATION,
    FAMILY_UPSTREAM_SHUT,
    FAMILY_OWNERS_SHUT,
    FAMILY_RATE_LIMIT,
    FAMILY_RATE_LIMIT_REMAINING,
    FAMILY_RATE_LIMIT_RESET,
};
#define FAMILIES (FAMILY_RATE_LIMIT_RESET + 1)

enum family_type {
    FAMILY_COUNTER,
    FAMILY_GAUGE,
    FAMILY_HISTOGRAM,
};

#define FAMILY_LABELS_MAX 2

struct label {
    const char *name;          /* NULL: the family has no such label */
    const char *const *values; /* all that it can have, ended by NULL; NULL where that is open */
};

struct family_description {
    const char *name;
    enum family_type type;
    const char *help;
    struct label labels[FAMILY_LABELS_MAX];
    bool is_ms;             /* values are milliseconds, and shown as seconds */
    const int64_t *buckets; /* of a histogram: upper bounds in milliseconds, ended by 0 */
};

const struct family_description *family_describe(enum family family);

/* "counter", "gauge", "histogram". */
const char *family_type_text(enum family_type type);

/* The label that names a pool: its values are the configuration's to say. */
#define FAMILY_LABEL_POOL "pool"

/* A series has a total, or, as a histogram, several: its parts. One for each bucket, by its upper
 * bound in milliseconds, not cumulated; one for what lies beyond; and the sum, in milliseconds. */
#define FAMILY_PART_TOTAL INT64_C(0)
#define FAMILY_PART_SUM INT64_C(-1)
#define FAMILY_PART_BEYOND INT64_MAX

/* The part of a histogram that a value belongs to. */
int64_t family_bucket(enum family family, int64_t value_ms);

/* The longest series, and its NUL: two names of 272 bytes with all of one escaped. */
#define FAMILY_SERIES_CAP 1024

/*
 * Writes a series: `values` has one for each label, in the catalogue's order; NULL stands for none
 * where the family has no labels. They may be untrusted: what would steer a terminal, or is not
 * UTF-8, becomes "?". Returns false, and `out` is "", where it has no room: then it is not counted.
 */
bool family_series(enum family family, const char *const values[], char out[FAMILY_SERIES_CAP]);

/* The family of a series; false where it is none of this program's, as in a ledger that a newer one
 * wrote. `*labels` becomes what stands behind the name: "" or "{…}". Borrowed from `series`. */
bool family_of(const char *series, enum family *family, const char **labels);

/* Values of labels that others count by: each list is ended by NULL. */
extern const char *const family_delivery_outcomes[];
extern const char *const family_upstream_outcomes[];
extern const char *const family_upstreams[];
extern const char *const family_findings[];

#endif
