/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

#include "ledger/budget.h"
#include "ledger/hook.h"
#include "ledger/upkeep.h"

#define INTERVAL_MS 1800000
#define PAUSE_MS 60000
#define DAY_MS INT64_C(86400000)
#define CALLS 6000
#define REPOSITORY "repos/o/r"

static void
see(struct ledger *ledger, const char *place, int64_t id, int64_t now_ms)
{
    struct hook_sighting sighting = {.place = place, .id = id, .now_ms = now_ms};

    assert_int_equal(ledger_write(ledger, hook_seen, &sighting, NULL), LEDGER_OK);
}

/* "PLACE ID SWEPT_TO" of the one that is taken up, this counted from NOW_MS; "" for none. */
static struct text
claim(struct ledger *ledger, int64_t now_ms)
{
    struct hook_claim claim = {
        .now_ms = now_ms, .interval_ms = INTERVAL_MS, .calls_per_hour = CALLS};
    enum ledger_error error = ledger_write(ledger, hook_claim, &claim, NULL);
    struct text text = {""};

    assert_true(error == LEDGER_OK || error == LEDGER_NOT_FOUND);
    if (error == LEDGER_OK)
        (void)snprintf(text.bytes, sizeof text.bytes, "%s %lld %lld", claim.place,
                       (long long)claim.id,
                       claim.swept_to_ms == 0 ? -1 : (long long)(claim.swept_to_ms - NOW_MS));
    return text;
}

static void
finish(struct ledger *ledger, struct hook_result result)
{
    result.place = REPOSITORY;
    result.id = 7;
    assert_int_equal(ledger_write(ledger, hook_finish, &result, NULL), LEDGER_OK);
}

static int64_t
next_due(struct ledger *ledger)
{
    struct hook_due due;

    assert_int_equal(ledger_read(ledger, hook_next_due, &due, NULL), LEDGER_OK);
    return due.due_ms;
}

static void
start(struct ledger *ledger, int64_t now_ms)
{
    struct hook_start start = {.now_ms = now_ms, .pause_ms = PAUSE_MS};

    assert_int_equal(ledger_write(ledger, hook_make_due, &start, NULL), LEDGER_OK);
}

/* -- When one is swept --------------------------------------------------------------------------
 */

static void
a_new_one_is_due_at_once_and_then_at_intervals(void **state)
{
    assert_true(next_due(*state) == INT64_MAX);
    see(*state, REPOSITORY, 7, NOW_MS);
    assert_true(next_due(*state) == NOW_MS);
    assert_string_equal(claim(*state, NOW_MS).bytes, REPOSITORY " 7 -1");
    assert_string_equal(claim(*state, NOW_MS).bytes, "");
    finish(*state, (struct hook_result){.now_ms = NOW_MS + 100, .swept_to_ms = NOW_MS + 5});
    assert_true(next_due(*state) == NOW_MS + INTERVAL_MS);
    assert_string_equal(claim(*state, NOW_MS + INTERVAL_MS - 1).bytes, "");
    assert_string_equal(claim(*state, NOW_MS + INTERVAL_MS).bytes, REPOSITORY " 7 5");
}

static void
the_one_due_for_the_longest_comes_first(void **state)
{
    see(*state, "orgs/b", 2, NOW_MS - 1);
    see(*state, REPOSITORY, 7, NOW_MS - 2);
    see(*state, HOOK_APP "123", 0, NOW_MS - 3);
    assert_string_equal(claim(*state, NOW_MS).bytes, HOOK_APP "123 0 -1");
    assert_string_equal(claim(*state, NOW_MS).bytes, REPOSITORY " 7 -1");
    assert_string_equal(claim(*state, NOW_MS).bytes, "orgs/b 2 -1");
    assert_string_equal(claim(*state, NOW_MS).bytes, "");
}

static void
a_sweep_that_failed_leaves_how_far_it_was_swept(void **state)
{
    see(*state, REPOSITORY, 7, NOW_MS);
    (void)claim(*state, NOW_MS);
    finish(*state, (struct hook_result){.now_ms = NOW_MS, .swept_to_ms = NOW_MS + 5});
    (void)claim(*state, NOW_MS + INTERVAL_MS);
    finish(*state, (struct hook_result){.now_ms = NOW_MS + INTERVAL_MS,
                                        .until_ms = NOW_MS + INTERVAL_MS + 60000,
                                        .note = "GitHub has trouble (502)"});
    assert_string_equal(text_of(*state, "SELECT note FROM hook").bytes, "GitHub has trouble (502)");
    assert_string_equal(claim(*state, NOW_MS + INTERVAL_MS + 59999).bytes, "");
    assert_string_equal(claim(*state, NOW_MS + INTERVAL_MS + 60000).bytes, REPOSITORY " 7 5");
    finish(*state, (struct hook_result){.now_ms = NOW_MS, .swept_to_ms = NOW_MS + 6});
    assert_string_equal(text_of(*state, "SELECT note FROM hook").bytes, "");
}

static void
a_start_makes_all_due_but_what_was_swept_just_now(void **state)
{
    see(*state, REPOSITORY, 7, NOW_MS);
    (void)claim(*state, NOW_MS);
    start(*state, NOW_MS + PAUSE_MS - 1);
    assert_true(next_due(*state) == NOW_MS + INTERVAL_MS);
    start(*state, NOW_MS + PAUSE_MS);
    assert_true(next_due(*state) == NOW_MS + PAUSE_MS);
    /* One that is due already keeps its turn. */
    start(*state, NOW_MS + PAUSE_MS + 5);
    assert_true(next_due(*state) == NOW_MS + PAUSE_MS);
    /* The clock was set back. */
    (void)claim(*state, NOW_MS + PAUSE_MS);
    start(*state, NOW_MS - DAY_MS);
    assert_true(next_due(*state) == NOW_MS - DAY_MS);
}

static void
not_while_a_gate_is_shut_or_the_requests_are_used_up(void **state)
{
    see(*state, REPOSITORY, 7, NOW_MS);
    see(*state, HOOK_APP "123", 0, NOW_MS);
    change(*state, "UPDATE upstream SET failures = 3, shut_until_ms = 1769903999001"
                   " WHERE name = 'github'");
    assert_string_equal(claim(*state, NOW_MS).bytes, "");
    change(*state, "UPDATE upstream SET failures = 0, shut_until_ms = 0");
    change(*state, "INSERT INTO upstream (name, failures, shut_until_ms)"
                   " VALUES ('github/O', 1, 1769903999001)");
    assert_string_equal(claim(*state, NOW_MS).bytes, HOOK_APP "123 0 -1");
    assert_string_equal(claim(*state, NOW_MS).bytes, "");
    change(*state, "DELETE FROM upstream WHERE name = 'github/O'");
    change(*state, "UPDATE upstream SET minute_at_ms = 1769903999000, minute_calls = 100"
                   " WHERE name = 'github'");
    assert_string_equal(claim(*state, NOW_MS).bytes, "");
    assert_string_equal(claim(*state, NOW_MS + 60000).bytes, REPOSITORY " 7 -1");
}

static void
an_app_has_a_gate_of_its_own(void **state)
{
    see(*state, REPOSITORY, 7, NOW_MS);
    see(*state, HOOK_APP "123", 0, NOW_MS - 1);
    change(*state, "INSERT INTO upstream (name, failures, shut_until_ms)"
                   " VALUES ('github/app', 1, 1769903999001)");
    assert_string_equal(claim(*state, NOW_MS).bytes, REPOSITORY " 7 -1");
    assert_string_equal(claim(*state, NOW_MS).bytes, "");
    finish(*state, (struct hook_result){.now_ms = NOW_MS, .gate_place = PLACE_APP});
    assert_int_equal(number_of(*state, "SELECT count(*) FROM upstream WHERE name = 'github/app'"),
                     0);
    assert_string_equal(claim(*state, NOW_MS).bytes, HOOK_APP "123 0 -1");
}

static void
a_sweep_is_counted_and_told_to_the_gate(void **state)
{
    const struct gate_failure gate = {.upstream = "github",
                                      .error = "GitHub's rate limit is used up (429)",
                                      .at_once = true,
                                      .asked_ms = 60000};

    see(*state, REPOSITORY, 7, NOW_MS);
    (void)claim(*state, NOW_MS);
    finish(*state, (struct hook_result){.now_ms = NOW_MS, .calls = 3, .gate = &gate});
    assert_int_equal(number_of(*state, "SELECT minute_calls FROM upstream WHERE name = 'github'"),
                     3);
    assert_true(number_of(*state, "SELECT shut_until_ms FROM upstream WHERE name = 'github'") ==
                NOW_MS + 60000);
}

/* -- Which are known ----------------------------------------------------------------------------
 */

static void
that_it_delivers_is_written_once_in_a_while(void **state)
{
    see(*state, REPOSITORY, 7, NOW_MS);
    see(*state, "repos/O/R", 7, NOW_MS + 3599999);
    assert_true(number_of(*state, "SELECT seen_at_ms FROM hook") == NOW_MS);
    see(*state, REPOSITORY, 7, NOW_MS + 3600000);
    assert_true(number_of(*state, "SELECT seen_at_ms FROM hook") == NOW_MS + 3600000);
    see(*state, REPOSITORY, 7, NOW_MS - DAY_MS); /* the clock was set back */
    assert_true(number_of(*state, "SELECT seen_at_ms FROM hook") == NOW_MS - DAY_MS);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM hook"), 1);
    assert_true(number_of(*state, "SELECT sweep_at_ms FROM hook") == NOW_MS);
}

static void
a_place_has_so_many_at_most(void **state)
{
    for (int64_t id = 1; id <= HOOKS_OF_PLACE_MAX + 5; id++)
        see(*state, REPOSITORY, id, NOW_MS);
    see(*state, "repos/o/s", 99, NOW_MS);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM hook"), HOOKS_OF_PLACE_MAX + 1);
}

static void
one_that_github_does_not_know_is_forgotten(void **state)
{
    see(*state, REPOSITORY, 7, NOW_MS);
    (void)claim(*state, NOW_MS);
    finish(*state, (struct hook_result){
                       .now_ms = NOW_MS + 10, .is_gone = true, .until_ms = NOW_MS + DAY_MS});
    assert_true(next_due(*state) == INT64_MAX);
    start(*state, NOW_MS + PAUSE_MS);
    assert_string_equal(claim(*state, NOW_MS + 2 * DAY_MS).bytes, "");
    see(*state, "orgs/b", 1, NOW_MS + 4 * DAY_MS);
    (void)claim(*state, NOW_MS + 4 * DAY_MS + 11);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM hook WHERE id = 7"), 0);
}

/* The credential may not see it: GitHub answers 404 to that, too. */
static void
one_that_delivers_after_all_is_asked_about_in_a_day(void **state)
{
    see(*state, REPOSITORY, 7, NOW_MS);
    (void)claim(*state, NOW_MS);
    finish(*state, (struct hook_result){
                       .now_ms = NOW_MS + 10, .is_gone = true, .until_ms = NOW_MS + DAY_MS});
    see(*state, REPOSITORY, 7, NOW_MS + 20);
    assert_true(next_due(*state) == NOW_MS + DAY_MS);
    assert_string_equal(claim(*state, NOW_MS + DAY_MS - 1).bytes, "");
    assert_string_equal(claim(*state, NOW_MS + DAY_MS).bytes, REPOSITORY " 7 -1");
}

static bool
count_known(const char *place, int64_t id, void *arg)
{
    struct text *text = arg;
    size_t len = strlen(text->bytes);

    (void)snprintf(text->bytes + len, sizeof text->bytes - len, "%s %lld,", place, (long long)id);
    return id != 2;
}

static void
known_ones_are_listed(void **state)
{
    struct text text = {""};
    struct hooks_known known = {.visit = count_known, .arg = &text};
    struct hook_key key = {.place = "REPOS/o/r", .id = 8};

    see(*state, REPOSITORY, 8, NOW_MS);
    see(*state, REPOSITORY, 7, NOW_MS);
    see(*state, HOOK_APP "1", 0, NOW_MS);
    assert_int_equal(ledger_read(*state, hooks_known, &known, NULL), LEDGER_OK);
    assert_string_equal(text.bytes, HOOK_APP "1 0," REPOSITORY " 7," REPOSITORY " 8,");
    assert_int_equal(ledger_write(*state, hook_forget, &key, NULL), LEDGER_OK);
    finish(*state, (struct hook_result){.now_ms = NOW_MS, .is_gone = true});
    see(*state, "orgs/a", 2, NOW_MS);
    see(*state, "orgs/b", 3, NOW_MS);
    text.bytes[0] = '\0';
    assert_int_equal(ledger_read(*state, hooks_known, &known, NULL), LEDGER_OK);
    assert_string_equal(text.bytes, HOOK_APP "1 0,orgs/a 2,");
}

static void
a_clock_that_was_set_back_does_not_put_a_sweep_off(void **state)
{
    struct upkeep upkeep = {
        .ledger = *state, .now_ms = NOW_MS, .retention_ms = 7 * DAY_MS, .horizon_ms = 3660000};

    see(*state, REPOSITORY, 7, NOW_MS + DAY_MS + 3660000);
    assert_int_equal(ledger_write(*state, upkeep_run, &upkeep, NULL), LEDGER_OK);
    assert_int_equal(upkeep.pulled, 0);
    see(*state, "orgs/b", 1, NOW_MS + DAY_MS + 3660001);
    assert_int_equal(ledger_read(*state, upkeep_due, &upkeep, NULL), LEDGER_OK);
    assert_int_equal(ledger_write(*state, upkeep_run, &upkeep, NULL), LEDGER_OK);
    assert_int_equal(upkeep.pulled, 1);
    assert_true(next_due(*state) == NOW_MS);
}

/* -- Which deliveries were asked for ------------------------------------------------------------
 */

static enum redelivery_permit
ask(struct ledger *ledger, const char *guid, int64_t now_ms, int64_t asked_since_ms)
{
    struct redelivery_claim claim = {.guid = guid,
                                     .now_ms = now_ms,
                                     .per_minute = 4,
                                     .reserve = 1,
                                     .asked_since_ms = asked_since_ms};

    assert_int_equal(ledger_write(ledger, redelivery_claim, &claim, NULL), LEDGER_OK);
    return claim.permit;
}

static bool
asked(struct ledger *ledger, const char *guid, int64_t since_ms)
{
    struct redelivery_find find = {.guid = guid, .asked_since_ms = since_ms};

    assert_int_equal(ledger_read(ledger, redelivery_find, &find, NULL), LEDGER_OK);
    return find.was_asked;
}

static void
each_is_asked_for_once(void **state)
{
    assert_false(asked(*state, "a", 0));
    assert_int_equal(ask(*state, "a", NOW_MS, 0), REDELIVERY_MAY);
    assert_true(asked(*state, "a", 0));
    assert_int_equal(ask(*state, "a", NOW_MS + DAY_MS, 0), REDELIVERY_ASKED);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM content"), 1);
}

static void
by_hand_it_is_asked_for_again_after_a_moment(void **state)
{
    assert_int_equal(ask(*state, "a", NOW_MS, 0), REDELIVERY_MAY);
    assert_int_equal(ask(*state, "a", NOW_MS + 60000, NOW_MS), REDELIVERY_ASKED);
    assert_int_equal(ask(*state, "a", NOW_MS + 60001, NOW_MS + 1), REDELIVERY_MAY);
    assert_true(asked(*state, "a", NOW_MS + 60001));
    assert_int_equal(ask(*state, "a", NOW_MS + 60002, 0), REDELIVERY_ASKED);
}

static void
what_could_not_be_asked_for_is_released(void **state)
{
    char guid[] = "a";

    assert_int_equal(ask(*state, guid, NOW_MS, 0), REDELIVERY_MAY);
    assert_int_equal(ledger_write(*state, redelivery_release, guid, NULL), LEDGER_OK);
    assert_int_equal(ask(*state, guid, NOW_MS, 0), REDELIVERY_MAY);
}

static void
the_limit_is_kept_and_some_of_it_left(void **state)
{
    assert_int_equal(ask(*state, "a", NOW_MS, 0), REDELIVERY_MAY);
    assert_int_equal(ask(*state, "b", NOW_MS, 0), REDELIVERY_MAY);
    assert_int_equal(ask(*state, "c", NOW_MS, 0), REDELIVERY_MAY);
    assert_int_equal(ask(*state, "d", NOW_MS, 0), REDELIVERY_LATER);
    assert_false(asked(*state, "d", 0));
    assert_int_equal(ask(*state, "c", NOW_MS, 0), REDELIVERY_ASKED);
    assert_int_equal(ask(*state, "d", NOW_MS + 61999, 0), REDELIVERY_LATER);
    assert_int_equal(ask(*state, "d", NOW_MS + 62000, 0), REDELIVERY_MAY);
}

static void
old_ones_are_forgotten(void **state)
{
    assert_int_equal(ask(*state, "a", NOW_MS, 0), REDELIVERY_MAY);
    assert_int_equal(ask(*state, "b", NOW_MS + REDELIVERY_KEPT_MS, 0), REDELIVERY_MAY);
    assert_true(asked(*state, "a", 0));
    assert_int_equal(ask(*state, "c", NOW_MS + REDELIVERY_KEPT_MS + 1, 0), REDELIVERY_MAY);
    assert_false(asked(*state, "a", 0));
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(a_new_one_is_due_at_once_and_then_at_intervals),
        ON_LEDGER(the_one_due_for_the_longest_comes_first),
        ON_LEDGER(a_sweep_that_failed_leaves_how_far_it_was_swept),
        ON_LEDGER(a_start_makes_all_due_but_what_was_swept_just_now),
        ON_LEDGER(not_while_a_gate_is_shut_or_the_requests_are_used_up),
        ON_LEDGER(an_app_has_a_gate_of_its_own),
        ON_LEDGER(a_sweep_is_counted_and_told_to_the_gate),
        ON_LEDGER(that_it_delivers_is_written_once_in_a_while),
        ON_LEDGER(a_place_has_so_many_at_most),
        ON_LEDGER(one_that_github_does_not_know_is_forgotten),
        ON_LEDGER(one_that_delivers_after_all_is_asked_about_in_a_day),
        ON_LEDGER(known_ones_are_listed),
        ON_LEDGER(a_clock_that_was_set_back_does_not_put_a_sweep_off),
        ON_LEDGER(each_is_asked_for_once),
        ON_LEDGER(by_hand_it_is_asked_for_again_after_a_moment),
        ON_LEDGER(what_could_not_be_asked_for_is_released),
        ON_LEDGER(the_limit_is_kept_and_some_of_it_left),
        ON_LEDGER(old_ones_are_forgotten),
    };

    return cmocka_run_group_tests_name("hook", tests, scratch_make, scratch_remove);
}
