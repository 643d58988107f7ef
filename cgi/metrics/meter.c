/*
 * What this process counts outside of the ledger's transactions.
 *
 * Each part of each series has a cell, made at the start, so that counting is an addition and
 * nothing else.
 * SPDX-License-Identifier: MIT
 */
#include "metrics/meter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "ledger/rate_limit.h"
#include "ledger/reading.h"
#include "ledger/tally.h"
#include "upstream/account.h"

#define FLUSH_EVERY_MS INT64_C(5000)
#define FLUSH_AGAIN_MS INT64_C(60000)
#define SPARING_MS INT64_C(1000)

/* When METER_SPARING wrote last, in milliseconds since 1970: no series of the page. */
#define SPARING_READING "sparing_flush"

#define CELLS_MAX 256

/* Accounts and what their limits are of, at most; more are not told. */
#define LIMITS_MAX 256

#define OUTCOMES (OUTCOME_UNAVAILABLE + 1)
#define UPSTREAMS (UPSTREAM_NOMAD + 1)
#define UPSTREAM_OUTCOMES_MAX 24

struct cell {
    _Atomic int64_t count; /* since it was brought into the ledger last */
    int64_t part;
    char *series;
};

/* A histogram's cells: for each bucket, for what lies beyond, and the sum. */
struct times {
    const int64_t *bounds; /* ended by 0 */
    struct cell *cells;
};

struct limit_seen {
    char account[ACCOUNT_SECTION_CAP];
    struct upstream_limit limit;
    bool is_news;
};

enum noted {
    NOTED_START,
    NOTED_RELOAD_SUCCESSFUL,
    NOTED_RELOAD_SUCCESS,
};
#define NOTED (NOTED_RELOAD_SUCCESS + 1)

/* What was taken out of the meter to be written. */
struct batch {
    struct cell *cells[CELLS_MAX];
    int64_t counts[CELLS_MAX];
    size_t cells_len;
    struct reading readings[NOTED];
    size_t readings_len;
    bool was_noted[NOTED];
    struct limit_seen seen[LIMITS_MAX];
    struct rate_limit limits[LIMITS_MAX];
    size_t seen_at[LIMITS_MAX]; /* where the meter has it */
    size_t limits_len;
    int64_t now_ms;
    bool is_sparing;
};

struct meter {
    struct cell cells[CELLS_MAX];
    size_t cells_len;
    struct cell *deliveries[OUTCOMES]; /* NULL for those of pages */
    struct times delivery_times;
    struct cell *requests[UPSTREAMS][UPSTREAM_OUTCOMES_MAX];
    struct times request_times[UPSTREAMS];
    struct cell *reloads[2]; /* kept, reloaded */
    struct upstream_observer observer;

    pthread_mutex_t lock; /* of what follows: short, and not on a delivery's way */
    int64_t noted[NOTED];
    bool is_noted[NOTED];
    struct limit_seen seen[LIMITS_MAX];
    size_t seen_len;

    pthread_mutex_t flush_lock; /* of what follows */
    struct batch batch;
    int64_t flush_after_ms; /* of clock_monotonic_ms */
};

static const char *const delivery_outcomes[OUTCOMES] = {
    [OUTCOME_ACCEPTED] = "accepted",   [OUTCOME_DUPLICATE] = "duplicate",
    [OUTCOME_IGNORED] = "ignored",     [OUTCOME_PONG] = "pong",
    [OUTCOME_REFUSED] = "refused",     [OUTCOME_INVALID] = "invalid",
    [OUTCOME_TOO_LARGE] = "too_large", [OUTCOME_UNSUPPORTED_TYPE] = "unsupported_type",
    [OUTCOME_METHOD] = "method",       [OUTCOME_UNAVAILABLE] = "unavailable",
};

/* What GitHub limits, in the words of x-ratelimit-resource; any other is "other". */
static const char *const resources[] = {"core",    "actions_runner_registration", "search",
                                        "graphql", "integration_manifest",        "scim"};

/* -- Cells --------------------------------------------------------------------------------------
 */

/* NULL when out of memory, or where there is no room: the table above is too small then. */
static struct cell *
cell_new(struct meter *meter, enum family family, const char *const values[], int64_t part)
{
    struct cell *cell = &meter->cells[meter->cells_len];
    char series[FAMILY_SERIES_CAP];

    if (meter->cells_len == CELLS_MAX || !family_series(family, values, series))
        return NULL;
    atomic_init(&cell->count, 0);
    cell->part = part;
    cell->series = strdup(series);
    if (cell->series == NULL)
        return NULL;
    meter->cells_len++;
    return cell;
}

static void
count(struct cell *cell, int64_t by)
{
    (void)atomic_fetch_add_explicit(&cell->count, by, memory_order_relaxed);
}

static bool
times_init(struct meter *meter, struct times *times, enum family family, const char *const values[])
{
    const int64_t *bound = family_describe(family)->buckets;
    bool done;

    *times = (struct times){.bounds = bound, .cells = &meter->cells[meter->cells_len]};
    done = true;
    for (; done && *bound != 0; bound++)
        done = cell_new(meter, family, values, *bound) != NULL;
    return done && cell_new(meter, family, values, FAMILY_PART_BEYOND) != NULL &&
           cell_new(meter, family, values, FAMILY_PART_SUM) != NULL;
}

static void
observe(const struct times *times, int64_t value_ms)
{
    size_t bucket = 0, beyond;

    while (times->bounds[bucket] != 0 && value_ms > times->bounds[bucket])
        bucket++;
    beyond = bucket;
    while (times->bounds[beyond] != 0)
        beyond++;
    count(&times->cells[bucket], 1);
    count(&times->cells[beyond + 1], value_ms);
}

/* -- Counting -----------------------------------------------------------------------------------
 */

void
meter_delivery(struct meter *meter, enum outcome outcome, int64_t duration_ms)
{
    if (meter == NULL || meter->deliveries[outcome] == NULL)
        return;
    count(meter->deliveries[outcome], 1);
    observe(&meter->delivery_times, duration_ms);
}

/* With the lock held. */
static void
note(struct meter *meter, enum noted what, int64_t value)
{
    meter->noted[what] = value;
    meter->is_noted[what] = true;
}

void
meter_reload(struct meter *meter, bool is_good)
{
    if (meter == NULL)
        return;
    count(meter->reloads[is_good], 1);
    (void)pthread_mutex_lock(&meter->lock);
    note(meter, NOTED_RELOAD_SUCCESSFUL, is_good);
    if (is_good)
        note(meter, NOTED_RELOAD_SUCCESS, clock_now_ms());
    (void)pthread_mutex_unlock(&meter->lock);
}

void
meter_start(struct meter *meter)
{
    int64_t now_ms = clock_now_ms();

    (void)pthread_mutex_lock(&meter->lock);
    note(meter, NOTED_START, now_ms);
    note(meter, NOTED_RELOAD_SUCCESSFUL, 1);
    note(meter, NOTED_RELOAD_SUCCESS, now_ms);
    (void)pthread_mutex_unlock(&meter->lock);
}

/* The kind of failure that an answer of a status is, as far as it alone tells. */
static enum failure_kind
kind_of(const struct upstream_request_end *end)
{
    switch (end->status) {
    case 401:
        return FAILURE_UNAUTHORIZED;
    case 403:
        return end->is_rate_limited ? FAILURE_RATE_LIMITED : FAILURE_FORBIDDEN;
    case 404:
        return FAILURE_NOT_FOUND;
    case 409:
        return FAILURE_CONFLICT;
    case 422:
        return FAILURE_UNPROCESSABLE;
    case 429:
        return FAILURE_RATE_LIMITED;
    default:
        if (end->status >= 500)
            return FAILURE_SERVER;
        return end->status >= 400 ? FAILURE_REJECTED : FAILURE_REDIRECTED;
    }
}

const char *
meter_upstream_outcome(const struct upstream_request_end *end)
{
    if (end->status == 0)
        return failure_text(end->failure);
    if (end->status >= 200 && end->status < 300)
        return "2xx";
    if (end->status == 304)
        return "304";
    return failure_text(kind_of(end));
}

static void
request_ended(const struct upstream_request_end *end, void *arg)
{
    struct meter *meter = arg;
    const char *outcome = meter_upstream_outcome(end);

    for (size_t i = 0; family_upstream_outcomes[i] != NULL; i++) {
        if (strcmp(family_upstream_outcomes[i], outcome) == 0)
            count(meter->requests[end->upstream][i], 1);
    }
    observe(&meter->request_times[end->upstream], end->duration_ms);
}

/* The word that a limit is shown under. */
static const char *
resource_of(const struct upstream_limit *limit)
{
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++) {
        if (strcmp(limit->resource, resources[i]) == 0)
            return resources[i];
    }
    return limit->resource[0] == '\0' ? resources[0] : "other";
}

/* With the lock held; NULL where there is no room. */
static struct limit_seen *
find_limit(struct meter *meter, const char *account, const char *resource)
{
    struct limit_seen *seen;

    for (size_t i = 0; i < meter->seen_len; i++) {
        seen = &meter->seen[i];
        if (strcmp(seen->account, account) == 0 && strcmp(seen->limit.resource, resource) == 0)
            return seen;
    }
    if (meter->seen_len == LIMITS_MAX)
        return NULL;
    seen = &meter->seen[meter->seen_len++];
    *seen = (struct limit_seen){0};
    (void)snprintf(seen->account, sizeof seen->account, "%s", account);
    (void)snprintf(seen->limit.resource, sizeof seen->limit.resource, "%s", resource);
    return seen;
}

static struct rate_limit
as_row(const struct limit_seen *seen)
{
    return (struct rate_limit){.account = seen->account,
                               .resource = seen->limit.resource,
                               .remaining = seen->limit.remaining,
                               .allowed = seen->limit.allowed,
                               .reset_at_ms = seen->limit.reset_at_ms};
}

static void
limit_told(const char *section, const struct upstream_limit *limit, void *arg)
{
    struct meter *meter = arg;
    struct limit_seen told = {.limit = *limit}, *seen;
    struct rate_limit known_row, told_row;

    (void)snprintf(told.account, sizeof told.account, "%s", section);
    (void)snprintf(told.limit.resource, sizeof told.limit.resource, "%s", resource_of(limit));
    (void)pthread_mutex_lock(&meter->lock);
    seen = find_limit(meter, section, told.limit.resource);
    if (seen != NULL) {
        known_row = as_row(seen);
        told_row = as_row(&told);
        if (!rate_limit_stays(&known_row, &told_row, clock_now_ms())) {
            *seen = told;
            seen->is_news = true;
        }
    }
    (void)pthread_mutex_unlock(&meter->lock);
}

const struct upstream_observer *
meter_observer(struct meter *meter)
{
    return meter == NULL ? NULL : &meter->observer;
}

/* -- Into the ledger ----------------------------------------------------------------------------
 */

/* Takes what was counted since. */
static void
take(struct meter *meter, struct batch *batch)
{
    static const enum family families[NOTED] = {
        [NOTED_START] = FAMILY_LAST_START,
        [NOTED_RELOAD_SUCCESSFUL] = FAMILY_CONFIG_LAST_RELOAD_SUCCESSFUL,
        [NOTED_RELOAD_SUCCESS] = FAMILY_CONFIG_LAST_RELOAD_SUCCESS,
    };

    batch->cells_len = batch->readings_len = batch->limits_len = 0;
    for (size_t i = 0; i < meter->cells_len; i++) {
        int64_t counted = atomic_exchange(&meter->cells[i].count, 0);

        if (counted == 0)
            continue;
        batch->cells[batch->cells_len] = &meter->cells[i];
        batch->counts[batch->cells_len++] = counted;
    }
    (void)pthread_mutex_lock(&meter->lock);
    for (size_t i = 0; i < NOTED; i++) {
        if (meter->is_noted[i])
            batch->readings[batch->readings_len++] = (struct reading){
                .series = family_describe(families[i])->name, .value = meter->noted[i]};
        batch->was_noted[i] = meter->is_noted[i];
        meter->is_noted[i] = false;
    }
    for (size_t i = 0; i < meter->seen_len; i++) {
        if (!meter->seen[i].is_news)
            continue;
        batch->seen[batch->limits_len] = meter->seen[i];
        batch->seen_at[batch->limits_len] = i;
        batch->limits[batch->limits_len] = as_row(&batch->seen[batch->limits_len]);
        batch->limits_len++;
        meter->seen[i].is_news = false;
    }
    (void)pthread_mutex_unlock(&meter->lock);
}

/* What could not be written is counted on. Of notes and limits the meter has what is newest. */
static void
put_back(struct meter *meter, const struct batch *batch)
{
    for (size_t i = 0; i < batch->cells_len; i++)
        count(batch->cells[i], batch->counts[i]);
    (void)pthread_mutex_lock(&meter->lock);
    for (size_t i = 0; i < NOTED; i++)
        meter->is_noted[i] = meter->is_noted[i] || batch->was_noted[i];
    for (size_t i = 0; i < batch->limits_len; i++)
        meter->seen[batch->seen_at[i]].is_news = true;
    (void)pthread_mutex_unlock(&meter->lock);
}

/* Whether METER_SPARING has to let it be. */
static enum ledger_error
check_sparing(struct ledger_txn *txn, void *arg)
{
    const struct batch *batch = arg;
    struct reading last = {.series = SPARING_READING};
    enum ledger_error error = reading_find(txn, &last);

    if (error == LEDGER_OK && last.value <= batch->now_ms &&
        batch->now_ms - last.value < SPARING_MS)
        return LEDGER_BUSY;
    return error == LEDGER_NOT_FOUND ? LEDGER_OK : error;
}

static enum ledger_error
write_batch(struct ledger_txn *txn, void *arg)
{
    struct batch *batch = arg;
    struct readings readings = {.items = batch->readings, .len = batch->readings_len};
    const struct reading now = {.series = SPARING_READING, .value = batch->now_ms};
    struct readings sparing = {.items = &now, .len = 1};
    const struct rate_limits limits = {
        .items = batch->limits, .len = batch->limits_len, .now_ms = batch->now_ms};
    enum ledger_error error = batch->is_sparing ? check_sparing(txn, batch) : LEDGER_OK;

    for (size_t i = 0; error == LEDGER_OK && i < batch->cells_len; i++)
        error = tally_add(txn, batch->cells[i]->series, batch->cells[i]->part, batch->counts[i]);
    if (error == LEDGER_OK)
        error = readings_write(txn, &readings);
    if (error == LEDGER_OK && batch->is_sparing)
        error = readings_write(txn, &sparing);
    return error == LEDGER_OK && limits.len > 0 ? rate_limits_write(txn, &limits) : error;
}

/* With the flush lock held. */
static enum ledger_error
flush(struct meter *meter, struct ledger *ledger, enum meter_when when)
{
    struct batch *batch = &meter->batch;
    enum ledger_error error;

    batch->now_ms = clock_now_ms();
    batch->is_sparing = when == METER_SPARING;
    /* First without the lock that writers wait for. */
    if (batch->is_sparing && ledger_read(ledger, check_sparing, batch, NULL) != LEDGER_OK)
        return LEDGER_OK;
    take(meter, batch);
    if (batch->cells_len == 0 && batch->readings_len == 0 && batch->limits_len == 0)
        return LEDGER_OK;
    error = ledger_write(ledger, write_batch, batch, NULL);
    if (error != LEDGER_OK)
        put_back(meter, batch);
    meter->flush_after_ms =
        clock_monotonic_ms() + (error == LEDGER_OK ? FLUSH_EVERY_MS : FLUSH_AGAIN_MS);
    return error;
}

enum ledger_error
meter_flush(struct meter *meter, struct ledger *ledger, enum meter_when when)
{
    enum ledger_error error = LEDGER_OK;

    if (when == METER_DUE) {
        if (pthread_mutex_trylock(&meter->flush_lock) != 0)
            return LEDGER_OK;
        if (clock_monotonic_ms() >= meter->flush_after_ms)
            error = flush(meter, ledger, when);
    } else {
        (void)pthread_mutex_lock(&meter->flush_lock);
        error = flush(meter, ledger, when);
    }
    (void)pthread_mutex_unlock(&meter->flush_lock);
    return error;
}

/* -- The whole ----------------------------------------------------------------------------------
 */

static bool
init_deliveries(struct meter *meter)
{
    for (size_t i = 0; i < OUTCOMES; i++) {
        if (delivery_outcomes[i] == NULL)
            continue;
        meter->deliveries[i] =
            cell_new(meter, FAMILY_DELIVERIES, &delivery_outcomes[i], FAMILY_PART_TOTAL);
        if (meter->deliveries[i] == NULL)
            return false;
    }
    return times_init(meter, &meter->delivery_times, FAMILY_DELIVERY_DURATION, NULL);
}

static bool
init_requests(struct meter *meter, enum upstream upstream)
{
    const char *values[FAMILY_LABELS_MAX] = {upstream_text(upstream)};

    for (size_t i = 0; family_upstream_outcomes[i] != NULL; i++) {
        if (i == UPSTREAM_OUTCOMES_MAX)
            return false;
        values[1] = family_upstream_outcomes[i];
        meter->requests[upstream][i] =
            cell_new(meter, FAMILY_UPSTREAM_REQUESTS, values, FAMILY_PART_TOTAL);
        if (meter->requests[upstream][i] == NULL)
            return false;
    }
    return times_init(meter, &meter->request_times[upstream], FAMILY_UPSTREAM_DURATION, values);
}

static bool
init_reloads(struct meter *meter)
{
    static const char *const outcomes[] = {"kept", "reloaded"};

    for (size_t i = 0; i < 2; i++) {
        meter->reloads[i] = cell_new(meter, FAMILY_CONFIG_RELOADS, &outcomes[i], FAMILY_PART_TOTAL);
        if (meter->reloads[i] == NULL)
            return false;
    }
    return true;
}

struct meter *
meter_new(void)
{
    struct meter *meter = calloc(1, sizeof *meter);

    if (meter == NULL)
        return NULL;
    (void)pthread_mutex_init(&meter->lock, NULL);
    (void)pthread_mutex_init(&meter->flush_lock, NULL);
    meter->observer =
        (struct upstream_observer){.ended = request_ended, .limited = limit_told, .arg = meter};
    if (!init_deliveries(meter) || !init_requests(meter, UPSTREAM_GITHUB) ||
        !init_requests(meter, UPSTREAM_NOMAD) || !init_reloads(meter)) {
        meter_free(meter);
        return NULL;
    }
    return meter;
}

void
meter_free(struct meter *meter)
{
    if (meter == NULL)
        return;
    for (size_t i = 0; i < meter->cells_len; i++)
        free(meter->cells[i].series);
    (void)pthread_mutex_destroy(&meter->flush_lock);
    (void)pthread_mutex_destroy(&meter->lock);
    free(meter);
}
