/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/repository.h"

#define INTERVAL_MS 300000
#define WINDOW_MS INT64_C(604800000)
#define CALLS 6000

static void
enter_repository(struct ledger *ledger, const char *name)
{
    struct repository_entry entry = {.name = name, .now_ms = NOW_MS};

    assert_int_equal(ledger_write(ledger, repository_enter, &entry, NULL), LEDGER_OK);
}

/* A repository whose last event was so long ago, and which is due since. */
static void
add(struct ledger *ledger, const char *name, int64_t seen_ago_ms, int64_t due_ago_ms)
{
    char sql[256];

    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO repository (name, seen_at_ms, discover_at_ms)"
                   " VALUES ('%s', %lld, %lld)",
                   name, (long long)(NOW_MS - seen_ago_ms), (long long)(NOW_MS - due_ago_ms));
    change(ledger, sql);
}

/* The name that is taken up; "" for none. */
static struct text
claim(struct ledger *ledger, int64_t now_ms, const char *named)
{
    struct repository_claim claim = {.now_ms = now_ms,
                                     .interval_ms = INTERVAL_MS,
                                     .window_ms = WINDOW_MS,
                                     .calls_per_hour = CALLS,
                                     .named = named};
    enum ledger_error error = ledger_write(ledger, repository_claim, &claim, NULL);
    struct text text = {""};

    assert_true(error == LEDGER_OK || error == LEDGER_NOT_FOUND);
    if (error == LEDGER_OK)
        (void)snprintf(text.bytes, sizeof text.bytes, "%s", claim.name);
    return text;
}

static int64_t
next_due(struct ledger *ledger, const char *named)
{
    struct repository_due due = {.now_ms = NOW_MS, .window_ms = WINDOW_MS, .named = named};

    assert_int_equal(ledger_read(ledger, repository_next_due, &due, NULL), LEDGER_OK);
    return due.due_ms;
}

/* -- Which repository is asked ------------------------------------------------------------------
 */

static void
one_that_the_configuration_names_is_asked_at_once(void **state)
{
    assert_string_equal(claim(*state, NOW_MS, "[\"o/r\"]").bytes, "");
    enter_repository(*state, "o/r");
    assert_int_equal(number_of(*state, "SELECT seen_at_ms FROM repository"), 0);
    assert_int_equal(next_due(*state, "[\"o/r\"]"), NOW_MS);
    assert_true(next_due(*state, "[]") == INT64_MAX);
    assert_string_equal(claim(*state, NOW_MS, "[]").bytes, "");
    assert_string_equal(claim(*state, NOW_MS, "[\"O/R\"]").bytes, "o/r");
    assert_string_equal(claim(*state, NOW_MS, "[\"O/R\"]").bytes, "");
}

static void
entering_leaves_one_that_is_there(void **state)
{
    struct text before;

    enter(*state, 1, "o/r", 10);
    change(*state, "UPDATE repository SET turn = 7, discover_at_ms = 8, discovered_at_ms = 9");
    before = text_of(*state, "SELECT name || turn || discover_at_ms || discovered_at_ms ||"
                             " seen_at_ms FROM repository");
    enter_repository(*state, "O/R");
    assert_string_equal(text_of(*state, "SELECT name || turn || discover_at_ms ||"
                                        " discovered_at_ms || seen_at_ms FROM repository")
                            .bytes,
                        before.bytes);
}

/* One that the configuration names takes its turn among the others. */
static void
one_that_enters_does_not_push_in(void **state)
{
    enter(*state, 1, "o/r", 10);
    change(*state, "UPDATE repository SET turn = 7");
    enter_repository(*state, "o/new");
    assert_int_equal(number_of(*state, "SELECT turn FROM repository WHERE name = 'o/new'"), 7);
}

static void
what_is_due_for_longest_goes_first(void **state)
{
    add(*state, "o/a", 5, 10);
    add(*state, "o/b", 5, 30);
    add(*state, "o/c", WINDOW_MS, 20);
    add(*state, "o/d", WINDOW_MS + 1, 99);
    add(*state, "o/e", 5, -1);
    assert_int_equal(next_due(*state, "[]"), NOW_MS - 30);
    assert_int_equal(next_due(*state, "[\"o/d\"]"), NOW_MS - 99);
    assert_string_equal(claim(*state, NOW_MS, "[]").bytes, "o/b");
    assert_string_equal(claim(*state, NOW_MS, "[]").bytes, "o/c");
    assert_string_equal(claim(*state, NOW_MS, "[]").bytes, "o/a");
    assert_string_equal(claim(*state, NOW_MS, "[]").bytes, "");
    assert_string_equal(claim(*state, NOW_MS, "[\"o/x\",\"o/d\"]").bytes, "o/d");
    assert_string_equal(claim(*state, NOW_MS + 1, "[]").bytes, "o/e");
}

static void
a_new_repository_has_events_and_can_wait(void **state)
{
    struct job_sample sample;
    struct job_report report = {.job = &sample.job,
                                .event = JOB_EVENT_QUEUED,
                                .pool = "linux",
                                .delivery = "guid",
                                .now_ms = NOW_MS,
                                .discover_interval_ms = INTERVAL_MS};

    job_sample_init(&sample, 1, "o/r", 10);
    assert_int_equal(ledger_write(*state, report_apply, &report, NULL), LEDGER_OK);
    assert_int_equal(next_due(*state, "[]"), NOW_MS + INTERVAL_MS);
    sample.job.id = 2;
    report.now_ms = NOW_MS + 1000;
    assert_int_equal(ledger_write(*state, report_apply, &report, NULL), LEDGER_OK);
    assert_int_equal(next_due(*state, "[]"), NOW_MS + INTERVAL_MS);
    assert_int_equal(number_of(*state, "SELECT seen_at_ms FROM repository"), NOW_MS + 1000);
}

/* Its events bring what is new; the look is for the one that was lost. */
static void
one_that_is_busy_by_events_is_asked_less(void **state)
{
    add(*state, "o/r", 5, 10);
    assert_string_equal(claim(*state, NOW_MS, "[]").bytes, "o/r");
    assert_int_equal(next_due(*state, "[]"), NOW_MS + INTERVAL_MS);
    change(*state, "UPDATE repository SET seen_at_ms = discovered_at_ms + 1");
    assert_string_equal(claim(*state, NOW_MS + INTERVAL_MS, "[]").bytes, "o/r");
    assert_int_equal(next_due(*state, "[]"), NOW_MS + 4 * INTERVAL_MS);
    /* Quiet since. */
    assert_string_equal(claim(*state, NOW_MS + 4 * INTERVAL_MS, "[]").bytes, "o/r");
    assert_int_equal(next_due(*state, "[]"), NOW_MS + 5 * INTERVAL_MS);
}

static enum ledger_error
shut_github(struct ledger_txn *txn, void *arg)
{
    struct gate_failure failure = {
        .upstream = "github", .error = "away", .at_once = true, .asked_ms = 5000};
    int64_t until_ms;

    (void)arg;
    return gate_failed(txn, &failure, NOW_MS, &until_ms);
}

static void
github_is_left_alone_while_it_must_be(void **state)
{
    add(*state, "o/r", 5, 10);
    assert_int_equal(ledger_write(*state, shut_github, NULL, NULL), LEDGER_OK);
    assert_string_equal(claim(*state, NOW_MS, "[]").bytes, "");
    assert_int_equal(next_due(*state, "[]"), NOW_MS - 10);
    assert_string_equal(claim(*state, NOW_MS + 5000, "[]").bytes, "o/r");
}

static void
a_spent_budget_puts_off_discovery(void **state)
{
    struct repository_result result = {.name = "o/other", .now_ms = NOW_MS, .calls = CALLS / 60};

    add(*state, "o/r", 5, 10);
    assert_int_equal(ledger_write(*state, repository_finish, &result, NULL), LEDGER_OK);
    assert_string_equal(claim(*state, NOW_MS, "[]").bytes, "");
    assert_string_equal(claim(*state, NOW_MS + 60000, "[]").bytes, "o/r");
}

/* -- How a look ended ---------------------------------------------------------------------------
 */

static void
how_a_look_ended(void **state)
{
    static const struct gate_failure gate = {
        .upstream = "github", .error = "away", .at_once = true, .asked_ms = 5000};
    static const struct {
        const char *name;
        struct repository_result result;
        int64_t want_due_ms; /* after NOW_MS */
        int64_t want_failures, want_calls;
    } rows[] = {
        {"done", {.name = "o/r", .now_ms = NOW_MS, .calls = 3}, INTERVAL_MS, 0, 3},
        {"failed",
         {.name = "o/r", .now_ms = NOW_MS, .failed = true, .until_ms = NOW_MS + 2 * INTERVAL_MS},
         2 * INTERVAL_MS,
         2,
         0},
        {"failed, and is put off for less than it is anyway",
         {.name = "o/r", .now_ms = NOW_MS, .failed = true, .until_ms = NOW_MS + 1},
         INTERVAL_MS,
         2,
         0},
        {"GitHub is in trouble",
         {.name = "O/R",
          .now_ms = NOW_MS,
          .failed = true,
          .until_ms = NOW_MS + 900000,
          .gate = &gate,
          .calls = 1},
         900000,
         3,
         1},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct repository_result result = rows[i].result;

        change(*state, "DELETE FROM repository; UPDATE upstream SET failures = 2,"
                       " shut_until_ms = 0, minute_calls = 0");
        add(*state, "o/r", 5, 10);
        assert_string_equal(claim(*state, NOW_MS, "[]").bytes, "o/r");
        assert_int_equal(ledger_write(*state, repository_finish, &result, NULL), LEDGER_OK);
        assert_row(next_due(*state, "[]") == NOW_MS + rows[i].want_due_ms, rows[i].name);
        assert_row(number_of(*state, "SELECT failures FROM upstream WHERE name = 'github'") ==
                       rows[i].want_failures,
                   rows[i].name);
        assert_row(number_of(*state, "SELECT minute_calls FROM upstream WHERE name = 'github'") ==
                       rows[i].want_calls,
                   rows[i].name);
    }
}

/* -- Lists as GitHub gave them last -------------------------------------------------------------
 */

static void
keep(struct ledger *ledger, const char *repository, const char *path, const char *etag,
     const char *runs)
{
    struct listing listing = {.repository = repository, .path = path, .etag = etag, .runs = runs};

    assert_int_equal(ledger_write(ledger, listing_keep, &listing, NULL), LEDGER_OK);
}

/* "etag runs", or "" where there is none. */
static struct text
found(struct ledger *ledger, const char *repository, const char *path)
{
    struct listing listing = {.repository = repository, .path = path};
    struct text text = {""};

    assert_int_equal(ledger_read(ledger, listing_find, &listing, NULL), LEDGER_OK);
    assert_int_equal(listing.etag_found == NULL, listing.runs_found == NULL);
    if (listing.etag_found != NULL)
        (void)snprintf(text.bytes, sizeof text.bytes, "%s %s", listing.etag_found,
                       listing.runs_found);
    free(listing.etag_found);
    free(listing.runs_found);
    return text;
}

static void
a_list_is_kept_by_repository_and_path(void **state)
{
    assert_string_equal(found(*state, "o/r", "queued").bytes, "");
    keep(*state, "o/r", "queued", "\"one\"", "[{\"id\":1}]");
    keep(*state, "o/r", "in_progress", "W/\"two\"", "[]");
    keep(*state, "o/r", "1", "\"three\"", NULL);
    keep(*state, "o/other", "queued", "", "[{\"id\":2}]");
    assert_string_equal(found(*state, "O/R", "queued").bytes, "\"one\" [{\"id\":1}]");
    assert_string_equal(found(*state, "o/r", "in_progress").bytes, "W/\"two\" []");
    assert_string_equal(found(*state, "o/r", "1").bytes, "\"three\" []");
    assert_string_equal(found(*state, "o/other", "queued").bytes, " [{\"id\":2}]");
    keep(*state, "O/R", "queued", "\"four\"", "[]");
    assert_string_equal(found(*state, "o/r", "queued").bytes, "\"four\" []");
    assert_int_equal(number_of(*state, "SELECT count(*) FROM listing"), 4);
}

static void
lists_of_runs_that_are_over_are_forgotten(void **state)
{
    struct listing_sweep sweep = {.repository = "O/R", .runs = "[{\"id\":2},{\"id\":30}]"};

    keep(*state, "o/r", "queued", "q", "[]");
    keep(*state, "o/r", "in_progress", "i", "[]");
    keep(*state, "o/r", "2", "e", NULL);
    keep(*state, "o/r", "3", "e", NULL);
    keep(*state, "o/r", "30", "e", NULL);
    keep(*state, "o/other", "3", "e", NULL);
    assert_int_equal(ledger_write(*state, listing_forget, &sweep, NULL), LEDGER_OK);
    assert_string_equal(text_of(*state, "SELECT group_concat(row, ', ') FROM (SELECT repository ||"
                                        " ' ' || path AS row FROM listing ORDER BY 1)")
                            .bytes,
                        "o/other 3, o/r 2, o/r 30, o/r in_progress, o/r queued");
    sweep.runs = "[]";
    assert_int_equal(ledger_write(*state, listing_forget, &sweep, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM listing"), 3);
}

/* What was passed over under other pools is looked at anew. */
static void
other_pools_make_lists_worthless(void **state)
{
    static char pools[] = "linux: self-hosted, linux", others[] = "linux: self-hosted, linux, gpu";
    static const struct {
        char *pools;
        int64_t want;
    } rows[] = {{pools, 0}, {pools, 1}, {others, 0}, {others, 1}, {pools, 0}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        keep(*state, "o/r", "queued", "q", "[]");
        assert_int_equal(ledger_write(*state, listing_renew, rows[i].pools, NULL), LEDGER_OK);
        assert_int_equal(number_of(*state, "SELECT count(*) FROM listing"), rows[i].want);
    }
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(one_that_the_configuration_names_is_asked_at_once),
        ON_LEDGER(entering_leaves_one_that_is_there),
        ON_LEDGER(one_that_enters_does_not_push_in),
        ON_LEDGER(what_is_due_for_longest_goes_first),
        ON_LEDGER(a_new_repository_has_events_and_can_wait),
        ON_LEDGER(one_that_is_busy_by_events_is_asked_less),
        ON_LEDGER(github_is_left_alone_while_it_must_be),
        ON_LEDGER(a_spent_budget_puts_off_discovery),
        ON_LEDGER(how_a_look_ended),
        ON_LEDGER(a_list_is_kept_by_repository_and_path),
        ON_LEDGER(lists_of_runs_that_are_over_are_forgotten),
        ON_LEDGER(other_pools_make_lists_worthless),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
