/*
 * The ledger's side of the page.
 * SPDX-License-Identifier: MIT
 */
#include "metrics/census.h"

#include <string.h>

#include "ledger/gate.h"
#include "ledger/overview.h"
#include "ledger/rate_limit.h"
#include "ledger/reading.h"
#include "ledger/secret_use.h"
#include "ledger/tally.h"

static void
add(const struct census *census, enum family family, const char *const values[], int64_t value)
{
    samples_add(census->out, family, values, FAMILY_PART_TOTAL, value);
}

/* A time before now; one that lies ahead, as when the clock was set back, is none. */
static int64_t
age_ms(const struct census *census, int64_t since_ms)
{
    return census->now_ms > since_ms ? census->now_ms - since_ms : 0;
}

/* -- What is there though nothing has happened --------------------------------------------------
 */

static bool
is_pool(const struct label *label)
{
    return label->name != NULL && strcmp(label->name, FAMILY_LABEL_POOL) == 0;
}

/* A series for each value of the second label; one, where there is no such label. */
static void
add_zeros_of(const struct census *census, enum family family, const char *first)
{
    const struct label *second = &family_describe(family)->labels[1];
    const char *values[FAMILY_LABELS_MAX] = {first};

    if (second->name == NULL)
        samples_add_zero(census->out, family, values);
    for (size_t i = 0; second->values != NULL && second->values[i] != NULL; i++) {
        values[1] = second->values[i];
        samples_add_zero(census->out, family, values);
    }
}

/* A count that begins with its first event hides that one from who asks how much it went up by. */
static void
add_zeros(const struct census *census)
{
    const struct config *config = census->config;

    for (int i = 0; i < FAMILIES; i++) {
        const struct family_description *description = family_describe((enum family)i);
        const struct label *first = &description->labels[0];

        if (is_pool(first)) {
            for (size_t pool = 0; pool < config->pools_len; pool++)
                add_zeros_of(census, (enum family)i, config->pools[pool].name);
        } else if (description->type == FAMILY_GAUGE) {
            continue; /* it is there where it is known */
        } else if (first->name == NULL) {
            samples_add_zero(census->out, (enum family)i, NULL);
        }
        for (size_t value = 0; first->values != NULL && first->values[value] != NULL; value++)
            add_zeros_of(census, (enum family)i, first->values[value]);
    }
}

/* -- What is written down -----------------------------------------------------------------------
 */

static void
add_total(const char *series, int64_t part, int64_t total, void *arg)
{
    const struct census *census = arg;

    samples_add_series(census->out, series, part, total);
}

static void
add_reading(const char *series, int64_t value, void *arg)
{
    add_total(series, FAMILY_PART_TOTAL, value, arg);
}

static void
add_limit(const struct rate_limit *limit, void *arg)
{
    const struct census *census = arg;
    const char *const values[] = {limit->account, limit->resource};

    add(census, FAMILY_RATE_LIMIT, values, limit->allowed);
    add(census, FAMILY_RATE_LIMIT_REMAINING, values, limit->remaining);
    add(census, FAMILY_RATE_LIMIT_RESET, values, limit->reset_at_ms);
}

/* -- What the rows are --------------------------------------------------------------------------
 */

static void
take_jobs(const char *pool, enum job_state state, int64_t count, void *arg)
{
    const char *const values[] = {pool, job_state_text(state)};

    samples_add(arg, FAMILY_JOBS, values, FAMILY_PART_TOTAL, count);
}

static enum ledger_error
count_jobs(struct ledger_txn *txn, const struct census *census)
{
    return overview_counts(txn, take_jobs, census->out);
}

static enum ledger_error
find_oldest(struct ledger_txn *txn, const struct census *census)
{
    struct statement statement = txn_prepare(txn, "SELECT pool, min(created_at_ms) FROM job"
                                                  " WHERE state = 'queued' GROUP BY pool");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        const char *const values[] = {read_text(&statement)};

        add(census, FAMILY_QUEUE_OLDEST_AGE, values, age_ms(census, read_number(&statement)));
    }
    return txn_error(code);
}

static enum ledger_error
count_runners(struct ledger_txn *txn, const struct census *census)
{
    struct statement statement =
        txn_prepare(txn, "SELECT pool, state, count(*), min(changed_at_ms),"
                         " sum(" RUNNER_TAKES_ROOM ") FROM runner"
                         " WHERE state <> 'gone' GROUP BY pool, state");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        const char *values[FAMILY_LABELS_MAX];

        values[0] = read_text(&statement);
        values[1] = read_text(&statement);
        add(census, FAMILY_RUNNERS, values, read_number(&statement));
        add(census, FAMILY_RUNNER_OLDEST_AGE, values, age_ms(census, read_number(&statement)));
        add(census, FAMILY_POOL_RUNNERS, values, read_number(&statement));
    }
    return txn_error(code);
}

static void
count_owner(const struct gate *gate, void *arg)
{
    int64_t *shut = arg;

    (void)gate;
    (*shut)++;
}

/* One that may be probed is shut for all others. */
static enum ledger_error
read_gates(struct ledger_txn *txn, const struct census *census)
{
    int64_t shut = 0;
    struct gate_owners owners = {.now_ms = census->now_ms, .visit = count_owner, .arg = &shut};
    enum ledger_error error = gate_list_owners(txn, &owners);

    for (const char *const *name = family_upstreams; error == LEDGER_OK && *name != NULL; name++) {
        struct gate gate;

        error = gate_read(txn, *name, census->now_ms, &gate);
        add(census, FAMILY_UPSTREAM_SHUT, name, gate.state != GATE_OPEN);
    }
    add(census, FAMILY_OWNERS_SHUT, NULL, shut);
    return error;
}

/* Without its secrets, as for a user who may not read them, the configuration tells of none. */
static enum ledger_error
read_secrets(struct ledger_txn *txn, const struct census *census)
{
    const struct github_config *github = &census->config->github;
    const struct {
        const struct rh_secret *secret;
        const char *name;
    } secrets[] = {{github->webhook_secret, "current"},
                   {github->webhook_secret_previous, "previous"}};
    enum ledger_error error = LEDGER_OK;

    for (size_t i = 0; error == LEDGER_OK && i < SECRETS_MAX; i++) {
        char fingerprint[SECRET_FINGERPRINT_CAP];
        struct secret_use use = {.fingerprint = fingerprint};

        if (secrets[i].secret == NULL ||
            !secret_fingerprint(secrets[i].secret, census->receiver, fingerprint))
            continue;
        error = secret_use_find(txn, &use);
        add(census, FAMILY_SECRET_LAST_USED, &secrets[i].name, use.used_at_ms);
    }
    return error;
}

static enum ledger_error
read_size(struct ledger_txn *txn, const struct census *census)
{
    struct statement statement =
        txn_prepare(txn, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    int code = statement_step(&statement);

    if (code == SQLITE_ROW)
        add(census, FAMILY_LEDGER_SIZE, NULL, read_number(&statement));
    return txn_error(code);
}

static enum ledger_error
read_written(struct ledger_txn *txn, struct census *census)
{
    enum ledger_error error = tally_list(txn, add_total, census);

    if (error == LEDGER_OK)
        error = readings_list(txn, add_reading, census);
    return error == LEDGER_OK ? rate_limits_list(txn, census->now_ms, add_limit, census) : error;
}

enum ledger_error
census_take(struct ledger_txn *txn, void *arg)
{
    static enum ledger_error (*const parts[])(struct ledger_txn *, const struct census *) = {
        count_jobs, find_oldest, count_runners, read_gates, read_secrets, read_size};
    struct census *census = arg;
    const struct config *config = census->config;
    enum ledger_error error = read_written(txn, census);

    add_zeros(census);
    for (size_t i = 0; i < config->pools_len; i++) {
        const char *const name = config->pools[i].name;

        add(census, FAMILY_POOL_MAX_RUNNERS, &name, config->pools[i].max_runners);
    }
    for (size_t i = 0; error == LEDGER_OK && i < sizeof parts / sizeof parts[0]; i++)
        error = parts[i](txn, census);
    return error;
}
