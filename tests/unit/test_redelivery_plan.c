/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hooks/redelivery_plan.h"

#define NOW_MS INT64_C(1769903999000)
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define WINDOW_MS (72 * HOUR_MS)
#define ATTEMPTS 5

/* An attempt, so long ago; a GUID of 0 ends the list. */
struct attempt {
    char guid;
    int64_t id;
    int64_t ago_ms;
    int64_t status;
    bool is_redelivery;
    const char *event;  /* NULL: workflow_job */
    const char *action; /* NULL: queued */
};

struct row {
    const char *row;
    struct attempt attempts[ATTEMPTS];
    const char *asked;         /* GUIDs that were asked for before */
    int64_t want[ATTEMPTS];    /* ids, in order, where serve decides */
    int64_t by_hand[ATTEMPTS]; /* and where a person does */
};

#define M MINUTE_MS
#define H HOUR_MS

static const struct row rows[] = {
    {"nothing", {{0}}, "", {0}, {0}},
    {"all came through", {{'a', 1, H, 202, 0, 0, 0}, {'b', 2, M, 200, 0, 0, 0}}, "", {0}, {0}},
    {"any 2xx is good", {{'a', 1, H, 204, 0, 0, 0}}, "", {0}, {0}},
    {"each failure of ours and on the way",
     {{'a', 1, 5 * M, 503, 0, 0, 0},
      {'b', 2, 4 * M, 502, 0, 0, 0},
      {'c', 3, 3 * M, 504, 0, 0, 0},
      {'d', 4, 2 * M, 0, 0, 0, 0},
      {'e', 5, 1 * M, 500, 0, 0, 0}},
     "",
     {1, 2, 3, 4, 5},
     {1, 2, 3, 4, 5}},
    {"each refusal of ours, which may be mended",
     {{'a', 1, 5 * M, 403, 0, 0, 0},
      {'b', 2, 4 * M, 413, 0, 0, 0},
      {'c', 3, 3 * M, 400, 0, 0, 0},
      {'d', 4, 2 * M, 415, 0, 0, 0},
      {'e', 5, 1 * M, 404, 0, 0, 0}},
     "",
     {1, 2, 3, 4, 5},
     {1, 2, 3, 4, 5}},
    {"GitHub follows no redirection", {{'a', 1, M, 302, 0, 0, 0}}, "", {1}, {1}},
    {"it may be under way", {{'a', 1, 29000, 0, 0, 0, 0}}, "", {0}, {0}},
    {"it is not any more", {{'a', 1, 30000, 0, 0, 0, 0}}, "", {1}, {1}},
    {"one that has failed is not under way", {{'a', 1, 1000, 502, 0, 0, 0}}, "", {1}, {1}},
    {"settled by another attempt",
     {{'a', 1, H, 502, 0, 0, 0}, {'a', 2, M, 202, 1, 0, 0}},
     "",
     {0},
     {0}},
    {"settled before, whatever came then",
     {{'a', 1, H, 202, 0, 0, 0}, {'a', 2, M, 503, 1, 0, 0}},
     "",
     {0},
     {0}},
    {"a redelivery that failed was asked for by somebody",
     {{'a', 1, H, 502, 0, 0, 0}, {'a', 2, M, 503, 1, 0, 0}},
     "",
     {0},
     {2}},
    {"a redelivery alone, its first attempt not in the list",
     {{'a', 2, M, 503, 1, 0, 0}},
     "",
     {0},
     {2}},
    {"a redelivery that is under way",
     {{'a', 1, H, 502, 0, 0, 0}, {'a', 2, 1000, 0, 1, 0, 0}},
     "",
     {0},
     {0}},
    {"the newest is asked for, in whatever order they come",
     {{'a', 2, 2 * M, 502, 0, 0, 0}, {'a', 3, M, 502, 0, 0, 0}, {'a', 1, 3 * M, 502, 0, 0, 0}},
     "",
     {3},
     {3}},
    {"of one moment, the greater id is the newer",
     {{'a', 7, M, 502, 0, 0, 0}, {'a', 9, M, 502, 0, 0, 0}, {'a', 8, M, 502, 0, 0, 0}},
     "",
     {9},
     {9}},
    {"the oldest first, attempts mixed",
     {{'b', 3, M, 502, 0, 0, 0},
      {'a', 1, 3 * M, 502, 0, 0, 0},
      {'c', 2, 2 * M, 502, 0, 0, 0},
      {'c', 4, 1000, 200, 1, 0, 0},
      {'d', 5, 4 * M, 502, 0, 0, 0}},
     "",
     {5, 1, 3},
     {5, 1, 3}},
    {"other events are of no use",
     {{'a', 1, M, 502, 0, "push", ""},
      {'b', 2, M, 502, 0, "ping", ""},
      {'c', 3, M, 502, 0, "workflow_run", "requested"},
      {'d', 4, M, 502, 0, "", ""}},
     "",
     {0},
     {0}},
    {"what began and what ended is news too",
     {{'a', 1, 2 * M, 502, 0, 0, "in_progress"}, {'b', 2, M, 502, 0, 0, "completed"}},
     "",
     {1, 2},
     {1, 2}},
    {"as old as may be", {{'a', 1, WINDOW_MS, 502, 0, 0, "completed"}}, "", {1}, {1}},
    {"older", {{'a', 1, WINDOW_MS + 1, 502, 0, 0, "completed"}}, "", {0}, {0}},
    {"a job that GitHub has given up on", {{'a', 1, 24 * H + 1, 502, 0, 0, 0}}, "", {0}, {1}},
    {"one that it is about to", {{'a', 1, 24 * H, 502, 0, 0, 0}}, "", {1}, {1}},
    {"asked for before", {{'a', 1, H, 502, 0, 0, 0}, {'b', 2, M, 502, 0, 0, 0}}, "a", {2}, {2}},
};

static bool
was_asked(const char *guid, void *arg)
{
    return strchr(arg, guid[0]) != NULL;
}

static size_t
fill(const struct row *row, struct github_delivery out[ATTEMPTS])
{
    size_t len = 0;

    for (; len < ATTEMPTS && row->attempts[len].guid != 0; len++) {
        const struct attempt *from = &row->attempts[len];

        out[len] = (struct github_delivery){.id = from->id,
                                            .guid = {from->guid},
                                            .delivered_at_ms = NOW_MS - from->ago_ms,
                                            .is_redelivery = from->is_redelivery,
                                            .status_code = from->status};
        (void)snprintf(out[len].event, sizeof out[len].event, "%s",
                       from->event == NULL ? "workflow_job" : from->event);
        (void)snprintf(out[len].action, sizeof out[len].action, "%s",
                       from->action == NULL ? "queued" : from->action);
    }
    return len;
}

static void
check(const struct row *row, bool is_by_hand, const int64_t want[ATTEMPTS])
{
    struct github_delivery attempts[ATTEMPTS];
    struct redelivery_rules rules = {.now_ms = NOW_MS,
                                     .since_ms = NOW_MS - WINDOW_MS,
                                     .is_by_hand = is_by_hand,
                                     .was_asked = was_asked,
                                     .arg = (void *)(uintptr_t)row->asked};
    size_t len = fill(row, attempts), chosen, wanted = 0;

    while (wanted < ATTEMPTS && want[wanted] != 0)
        wanted++;
    chosen = redelivery_plan(attempts, len, &rules);
    assert_row(chosen == wanted, row->row);
    for (size_t i = 0; i < chosen; i++)
        assert_row(attempts[i].id == want[i], row->row);
}

static void
what_serve_asks_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check(&rows[i], false, rows[i].want);
}

static void
what_a_person_asks_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check(&rows[i], true, rows[i].by_hand);
}

static void
nobody_was_asked_where_nobody_knows(void **state)
{
    struct github_delivery attempt = {.id = 1,
                                      .guid = "a",
                                      .delivered_at_ms = NOW_MS - MINUTE_MS,
                                      .status_code = 502,
                                      .event = "workflow_job"};
    const struct redelivery_rules rules = {.now_ms = NOW_MS};

    (void)state;
    assert_int_equal(redelivery_plan(&attempt, 1, &rules), 1);
    assert_int_equal(redelivery_plan(NULL, 0, &rules), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_serve_asks_for),
        cmocka_unit_test(what_a_person_asks_for),
        cmocka_unit_test(nobody_was_asked_where_nobody_knows),
    };

    return cmocka_run_group_tests_name("redelivery_plan", tests, NULL, NULL);
}
