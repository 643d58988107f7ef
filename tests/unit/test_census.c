/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/secret_use.h"
#include "ledger/statement.h"
#include "metrics/census.h"

#define PAGE_MAX ((size_t)256 * 1024)

static char linux_name[] = "linux", arm_name[] = "arm";
static struct pool pools[] = {{.name = linux_name, .max_runners = 8},
                              {.name = arm_name, .max_runners = 2}};
static const struct config config = {.pools = pools, .pools_len = 2};

/* The page, which the caller frees. */
static char *
page_of(struct ledger *ledger, const struct config *of)
{
    struct samples samples = {0};
    struct buffer page = BUFFER_INIT(PAGE_MAX);
    struct census census = {
        .config = of, .receiver = ledger_receiver(ledger), .now_ms = NOW_MS, .out = &samples};
    struct rh_reason reason;

    if (ledger_read(ledger, census_take, &census, &reason) != LEDGER_OK)
        fail_msg("%s", reason.text);
    assert_true(exposition_write(&samples, &page));
    samples_fini(&samples);
    return buffer_take(&page);
}

static void
expect_lines(const char *page, const char *const lines[], size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char line[512];

        (void)snprintf(line, sizeof line, "\n%s\n", lines[i]);
        if (strstr(page, line) == NULL)
            fail_msg("\"%s\" is not on the page:\n%s", lines[i], page);
    }
}

static void
an_empty_ledger_shows_its_series_with_0(void **state)
{
    static const char *const lines[] = {
        "runhook_jobs{pool=\"arm\",state=\"queued\"} 0",
        "runhook_queue_oldest_age_seconds{pool=\"linux\"} 0",
        "runhook_dispatches_total{pool=\"linux\",outcome=\"failed\"} 0",
        "runhook_start_wait_seconds_bucket{pool=\"arm\",le=\"+Inf\"} 0",
        "runhook_runners{pool=\"linux\",state=\"busy\"} 0",
        "runhook_pool_runners{pool=\"arm\"} 0",
        "runhook_pool_max_runners{pool=\"arm\"} 2",
        "runhook_deliveries_total{outcome=\"refused\"} 0",
        "runhook_upstream_requests_total{upstream=\"nomad\",outcome=\"timeout\"} 0",
        "runhook_events_missed_total{event=\"queued\",found_by=\"discovery\"} 0",
        "runhook_redeliveries_total 0",
        "runhook_upstream_shut{upstream=\"github\"} 0",
        "runhook_owners_shut 0",
    };
    char *page = page_of(*state, &config);

    expect_lines(page, lines, COUNT(lines));
    /* What is not known is not made up. */
    assert_null(strstr(page, "\nrunhook_config_last_reload_successful "));
    assert_null(strstr(page, "\nrunhook_webhook_secret_last_used_timestamp_seconds{"));
    assert_null(strstr(page, "\nrunhook_github_rate_limit{"));
    free(page);
}

#define JOB(id, state, pool, runner, audit_at)                                                     \
    "INSERT INTO job (id, repository, repository_short, repository_url, fork, run_id, "            \
    "run_attempt,"                                                                                 \
    " name, workflow_name, head_branch, html_url, labels, installation_id, private, pool,"         \
    " delivery, state, runner, audit_at_ms, created_at_ms, received_at_ms, changed_at_ms) VALUES " \
    "(" #id ", 'o/r', 'r', '', 0, 1, 1, 'n', '', '', '', '[]', 0, 0, '" pool "', 'g', '" state     \
    "', " runner ", " #audit_at ", 1769903999000 - 1000 * " #id ", 0, 0);"
#define RUNNER(name, state, pool, job_id, sent_at, ended_at)                                 \
    "INSERT INTO runner (name, made_for, n, job_id, pool, repository, state, created_at_ms," \
    " sent_at_ms, ended_at_ms, changed_at_ms) VALUES ('" name "', 1, 1, " job_id ", '" pool  \
    "', 'o/r', '" state "', 0, " #sent_at ", " #ended_at ", 1769903939500);"

static void
rows_are_counted(void **state)
{
    static const char *const lines[] = {
        "runhook_jobs{pool=\"linux\",state=\"queued\"} 2",
        "runhook_jobs{pool=\"linux\",state=\"assigned\"} 1",
        "runhook_jobs{pool=\"linux\",state=\"running\"} 2",
        "runhook_jobs{pool=\"arm\",state=\"running\"} 1",
        "runhook_jobs{pool=\"former\",state=\"queued\"} 1",
        "runhook_queue_oldest_age_seconds{pool=\"linux\"} 2",
        "runhook_queue_oldest_age_seconds{pool=\"arm\"} 0",
        "runhook_runners{pool=\"linux\",state=\"live\"} 1",
        "runhook_runners{pool=\"linux\",state=\"busy\"} 1",
        "runhook_runners{pool=\"linux\",state=\"minting\"} 1",
        "runhook_runners{pool=\"linux\",state=\"leaving\"} 1",
        "runhook_runner_oldest_age_seconds{pool=\"linux\",state=\"live\"} 59.5",
        "runhook_runner_oldest_age_seconds{pool=\"linux\",state=\"retiring\"} 0",
        "runhook_pool_runners{pool=\"linux\"} 2",
    };
    char *page;

    change(*state, JOB(1, "queued", "linux", "NULL", 0) JOB(2, "queued", "linux", "NULL", 0)
                       JOB(3, "queued", "former", "NULL", 0));
    change(*state, JOB(4, "assigned", "linux", "'r4'", 0) JOB(5, "running", "linux", "'r5'", 0)
                       JOB(6, "running", "linux", "'theirs'", 99));
    change(*state, JOB(7, "running", "arm", "'r5'", 7) JOB(8, "done", "linux", "'r8'", 0)
                       JOB(9, "failed", "linux", "NULL", 0));
    change(*state, RUNNER("r4", "live", "linux", "4", 1, 0) RUNNER("r5", "busy", "linux", "5", 1, 0)
                       RUNNER("r6", "minting", "linux", "NULL", 0, 0));
    change(*state,
           RUNNER("r8", "leaving", "linux", "8", 1, 2) RUNNER("r9", "gone", "linux", "9", 1, 2));
    page = page_of(*state, &config);
    expect_lines(page, lines, COUNT(lines));
    free(page);
}

static void
hostile_text_stays_a_value(void **state)
{
    static const char *const lines[] = {
        "runhook_jobs{pool=\"x\\\"} 1 runhook_jobs{pool=\\\"y\",state=\"queued\"} 1",
        "runhook_queue_oldest_age_seconds{pool=\"x\\\"} 1 runhook_jobs{pool=\\\"y\"} 1",
    };
    char *page;

    change(*state,
           JOB(1, "queued", "x\"} 1\nrunhook_jobs{pool=\"y", "NULL",
               0) "INSERT INTO tally VALUES ('made_up_total', 0, 1), ('runhook_made_up', 0, 1);");
    page = page_of(*state, &config);
    expect_lines(page, lines, COUNT(lines));
    assert_null(strstr(page, "made_up"));
    free(page);
}

static void
gates_and_limits_are_told(void **state)
{
    static const char *const lines[] = {
        "runhook_upstream_shut{upstream=\"github\"} 0",
        "runhook_upstream_shut{upstream=\"nomad\"} 1",
        "runhook_owners_shut 1",
        "runhook_github_rate_limit_remaining{account=\"[owner octo]\",resource=\"core\"} 7",
        "runhook_github_rate_limit{account=\"[owner octo]\",resource=\"core\"} 5000",
        "runhook_github_rate_limit_reset_timestamp_seconds{account=\"[owner octo]\","
        "resource=\"core\"} 1769904000",
        "runhook_config_last_reload_successful 0",
        "runhook_last_start_timestamp_seconds 1.5",
    };
    char *page;

    /* One that may be probed is left alone as well. */
    change(*state, "UPDATE upstream SET shut_until_ms = 1, failures = 3 WHERE name = 'nomad';"
                   "INSERT INTO upstream (name, shut_until_ms) VALUES ('github/a', 1769904000000),"
                   " ('github/b', 1);"
                   "INSERT INTO rate_limit VALUES ('[owner octo]', 'core', 7, 5000, 1769904000000),"
                   " ('[github]', 'core', 7, 5000, 1769903999000);"
                   "INSERT INTO reading VALUES ('runhook_config_last_reload_successful', 0),"
                   " ('runhook_last_start_timestamp_seconds', 1500);");
    page = page_of(*state, &config);
    expect_lines(page, lines, COUNT(lines));
    assert_null(strstr(page, "account=\"[github]\"")); /* its window is over */
    free(page);
}

static void
secrets_are_told_where_they_are_known(void **state)
{
    static const char *const lines[] = {
        "runhook_webhook_secret_last_used_timestamp_seconds{secret=\"current\"} 0",
        "runhook_webhook_secret_last_used_timestamp_seconds{secret=\"previous\"} 5",
    };
    struct config with = config;
    char fingerprint[SECRET_FINGERPRINT_CAP], sql[128];
    char *page;

    assert_int_equal(rh_secret_new("new", 3, &with.github.webhook_secret), RH_OK);
    assert_int_equal(rh_secret_new("old", 3, &with.github.webhook_secret_previous), RH_OK);
    assert_true(secret_fingerprint(with.github.webhook_secret_previous, ledger_receiver(*state),
                                   fingerprint));
    (void)snprintf(sql, sizeof sql, "INSERT INTO secret_use VALUES ('%s', 5000)", fingerprint);
    change(*state, sql);
    page = page_of(*state, &with);
    expect_lines(page, lines, COUNT(lines));
    free(page);
    rh_secret_free(with.github.webhook_secret);
    rh_secret_free(with.github.webhook_secret_previous);
}

#define ENDED 3000

struct effort {
    struct census census;
    int64_t scanned; /* rows that were stepped over without an index */
};

static enum ledger_error
take_and_measure(struct ledger_txn *txn, void *arg)
{
    struct effort *effort = arg;
    enum ledger_error error = census_take(txn, &effort->census);

    for (size_t i = 0; i < txn->prepared_len; i++)
        effort->scanned +=
            sqlite3_stmt_status(txn->prepared[i].handle, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
    return error;
}

/* However many jobs have ended and runners are gone, none of them is looked at. */
static void
ended_rows_cost_nothing(void **state)
{
    struct samples samples = {0};
    struct effort effort = {.census = {.config = &config,
                                       .receiver = ledger_receiver(*state),
                                       .now_ms = NOW_MS,
                                       .out = &samples}};

    change(*state, JOB(1, "done", "linux", "'r1'", 0) RUNNER("r1", "gone", "linux", "1", 1, 2) JOB(
                       2, "running", "linux", "'r2'", 0) RUNNER("r2", "busy", "linux", "2", 1, 0));
    change(*state,
           "INSERT INTO job SELECT value + 100, repository, repository_short, repository_url, fork,"
           " private, run_id, run_attempt, name, workflow_name, head_branch, html_url, labels,"
           " installation_id, pool, delivery, state, conclusion, runner, attempts, lost,"
           " next_attempt_at_ms, held_by, last_error, origin, audit_at_ms, audits, created_at_ms,"
           " received_at_ms, changed_at_ms, started_at_ms FROM job, (WITH RECURSIVE n(value) AS "
           "(SELECT 1 UNION"
           " ALL SELECT value + 1 FROM n WHERE value < 3000) SELECT value FROM n) WHERE id = 1");
    assert_int_equal(number_of(*state, "SELECT count(*) FROM job"), ENDED + 2);
    assert_int_equal(ledger_read(*state, take_and_measure, &effort, NULL), LEDGER_OK);
    assert_in_range(effort.scanned, 0, 100);
    samples_fini(&samples);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(an_empty_ledger_shows_its_series_with_0),
        ON_LEDGER(rows_are_counted),
        ON_LEDGER(hostile_text_stays_a_value),
        ON_LEDGER(gates_and_limits_are_told),
        ON_LEDGER(secrets_are_told_where_they_are_known),
        ON_LEDGER(ended_rows_cost_nothing),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
