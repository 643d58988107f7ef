/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ledger/rules.h"

#define STATES 7
#define EVENTS 3

static const enum job_state states[STATES] = {JOB_NONE, JOB_QUEUED, JOB_ASSIGNED, JOB_RUNNING,
                                              JOB_DONE, JOB_FAILED, JOB_EXPIRED};
static const enum job_event events[EVENTS] = {JOB_EVENT_QUEUED, JOB_EVENT_IN_PROGRESS,
                                              JOB_EVENT_COMPLETED};

static void
every_state_and_event(void **state)
{
    (void)state;
    static const enum job_state want[STATES][EVENTS] = {
        [JOB_NONE] = {JOB_QUEUED, JOB_RUNNING, JOB_DONE},
        [JOB_QUEUED] = {JOB_QUEUED, JOB_RUNNING, JOB_DONE},
        [JOB_ASSIGNED] = {JOB_ASSIGNED, JOB_RUNNING, JOB_DONE},
        [JOB_RUNNING] = {JOB_RUNNING, JOB_RUNNING, JOB_DONE},
        [JOB_DONE] = {JOB_DONE, JOB_DONE, JOB_DONE},
        [JOB_FAILED] = {JOB_FAILED, JOB_RUNNING, JOB_DONE},
        [JOB_EXPIRED] = {JOB_EXPIRED, JOB_RUNNING, JOB_DONE},
    };

    for (size_t i = 0; i < STATES; i++) {
        for (size_t j = 0; j < EVENTS; j++) {
            enum job_state got = rules_job_next(states[i], events[j]);
            if (got != want[states[i]][events[j]])
                fail_msg("%s, event %zu: %s", job_state_text(states[i]), j, job_state_text(got));
        }
    }
}

static void
a_repeated_event_changes_nothing(void **state)
{
    (void)state;

    for (size_t i = 0; i < STATES; i++) {
        for (size_t j = 0; j < EVENTS; j++) {
            enum job_state once = rules_job_next(states[i], events[j]);
            assert_int_equal(rules_job_next(once, events[j]), once);
        }
    }
}

/* All words of up to seven events: what was ever told decides, not in what order or how often. */
static void
any_order_and_repetition_ends_the_same(void **state)
{
    (void)state;

    for (unsigned len = 1; len <= 7; len++) {
        unsigned words = 1;
        for (unsigned i = 0; i < len; i++)
            words *= EVENTS;
        for (unsigned word = 0; word < words; word++) {
            enum job_state job = JOB_NONE;
            bool told[EVENTS] = {false};
            unsigned rest = word;

            for (unsigned i = 0; i < len; i++, rest /= EVENTS) {
                job = rules_job_next(job, events[rest % EVENTS]);
                told[rest % EVENTS] = true;
            }
            enum job_state want = told[JOB_EVENT_COMPLETED]     ? JOB_DONE
                                  : told[JOB_EVENT_IN_PROGRESS] ? JOB_RUNNING
                                                                : JOB_QUEUED;
            if (job != want)
                fail_msg("word %u of %u events: %s", word, len, job_state_text(job));
        }
    }
}

static void
texts_go_there_and_back(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "none", "Queued", "queued ", "queue", "queuedx", "42"};

    for (size_t i = 1; i < STATES; i++) {
        assert_int_equal(job_state_parse(job_state_text(states[i])), states[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(job_state_text(states[i]), job_state_text(states[j]));
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_row(job_state_parse(bad[i]) == JOB_NONE, bad[i]);
}

static void
backoff_doubles_up_to_its_cap(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t initial_ms, max_ms, n;
        int64_t want_ms;
    } rows[] = {
        {"first", 2000, 300000, 1, 2000},
        {"second", 2000, 300000, 2, 4000},
        {"third", 2000, 300000, 3, 8000},
        {"last under the cap", 2000, 300000, 8, 256000},
        {"at the cap", 2000, 300000, 9, 300000},
        {"none counted", 2000, 300000, 0, 2000},
        {"without end", 1000, 86400000, INT64_MAX, 86400000},
        {"initial is the cap", 5000, 5000, 1, 5000},
        {"initial over the cap", 9000, 5000, 1, 5000},
    };
    static const uint32_t jitters[] = {0, 1, 512, 1023, 1024, 65535, UINT32_MAX};

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t want_ms = rows[i].want_ms;
        assert_row(rules_backoff_ms(rows[i].initial_ms, rows[i].max_ms, rows[i].n, 0) == want_ms,
                   rows[i].name);
        for (size_t j = 0; j < COUNT(jitters); j++) {
            int64_t got_ms =
                rules_backoff_ms(rows[i].initial_ms, rows[i].max_ms, rows[i].n, jitters[j]);
            assert_row(got_ms <= want_ms && got_ms > want_ms - want_ms / 4 - 1, rows[i].name);
        }
    }
}

/* -- A report of J, over all scenes -------------------------------------------------------------
 */

static const enum runner_state runners[] = {RUNNER_NONE,    RUNNER_MINTING,  RUNNER_SENT,
                                            RUNNER_LIVE,    RUNNER_RETIRING, RUNNER_BUSY,
                                            RUNNER_LEAVING, RUNNER_GONE};

/* What each runner state becomes. */
static const enum runner_state taken[] = {
    [RUNNER_NONE] = RUNNER_NONE,       [RUNNER_MINTING] = RUNNER_BUSY,  [RUNNER_SENT] = RUNNER_BUSY,
    [RUNNER_LIVE] = RUNNER_BUSY,       [RUNNER_RETIRING] = RUNNER_BUSY, [RUNNER_BUSY] = RUNNER_BUSY,
    [RUNNER_LEAVING] = RUNNER_LEAVING, [RUNNER_GONE] = RUNNER_GONE};
static const enum runner_state served[] = {
    [RUNNER_NONE] = RUNNER_NONE,        [RUNNER_MINTING] = RUNNER_LEAVING,
    [RUNNER_SENT] = RUNNER_LEAVING,     [RUNNER_LIVE] = RUNNER_LEAVING,
    [RUNNER_RETIRING] = RUNNER_LEAVING, [RUNNER_BUSY] = RUNNER_LEAVING,
    [RUNNER_LEAVING] = RUNNER_LEAVING,  [RUNNER_GONE] = RUNNER_GONE};
static const enum runner_state freed[] = {
    [RUNNER_NONE] = RUNNER_NONE,         [RUNNER_MINTING] = RUNNER_RETIRING,
    [RUNNER_SENT] = RUNNER_RETIRING,     [RUNNER_LIVE] = RUNNER_RETIRING,
    [RUNNER_RETIRING] = RUNNER_RETIRING, [RUNNER_BUSY] = RUNNER_LEAVING,
    [RUNNER_LEAVING] = RUNNER_LEAVING,   [RUNNER_GONE] = RUNNER_GONE};

typedef void (*scene_check)(const struct rules_scene *scene, const struct rules_outcome *outcome);

static void
describe(const struct rules_scene *scene, char out[256])
{
    (void)snprintf(out, 256, "event %d of a job %s, own %s%s, named %s%s%s, other %s%s",
                   (int)scene->event, job_state_text(scene->job), runner_state_text(scene->own),
                   scene->own_is_coming ? " coming" : "", runner_state_text(scene->named),
                   scene->is_named ? "" : " (not named)", scene->named_is_own ? " (own)" : "",
                   job_state_text(scene->other), scene->own_covers_other ? " covered" : "");
}

#define assert_scene(condition, scene)                    \
    do {                                                  \
        if (!(condition)) {                               \
            char text[256];                               \
            describe(scene, text);                        \
            fail_msg("%s: not so: %s", text, #condition); \
        }                                                 \
    } while (0)

/* All scenes that rows can make: a runner that is not named has no state and no other job; J's own
 * is no other's; a job that runs has made its runner busy. */
static size_t
for_all_scenes(scene_check check)
{
    size_t scenes = 0;

    for (size_t word = 0; word < EVENTS * STATES * COUNT(runners) * COUNT(runners) * STATES * 16;
         word++) {
        size_t rest = word;
        struct rules_scene scene;
        struct rules_outcome outcome;

        scene.event = events[rest % EVENTS];
        rest /= EVENTS;
        scene.job = states[rest % STATES];
        rest /= STATES;
        scene.own = runners[rest % COUNT(runners)];
        rest /= COUNT(runners);
        scene.named = runners[rest % COUNT(runners)];
        rest /= COUNT(runners);
        scene.other = states[rest % STATES];
        rest /= STATES;
        scene.own_is_coming = (rest & 1) != 0;
        scene.is_named = (rest & 2) != 0;
        scene.named_is_own = (rest & 4) != 0;
        scene.own_covers_other = (rest & 8) != 0;
        if (!scene.is_named &&
            (scene.named != RUNNER_NONE || scene.named_is_own || scene.other != JOB_NONE))
            continue;
        if (scene.named_is_own && (scene.named != scene.own || scene.other != JOB_NONE))
            continue;
        if (scene.named == RUNNER_NONE && scene.other != JOB_NONE)
            continue;
        if (scene.job == JOB_RUNNING && scene.own != RUNNER_NONE && scene.own < RUNNER_BUSY)
            continue;
        outcome = rules_apply(&scene);
        check(&scene, &outcome);
        scenes++;
    }
    return scenes;
}

/* Whether the report tells the ledger something: by what it says of J's state, or where J runs. */
static bool
tells(const struct rules_scene *scene)
{
    static const bool news[][EVENTS] = {
        /* queued, in_progress, completed */
        [JOB_NONE] = {false, true, true},     [JOB_QUEUED] = {false, true, true},
        [JOB_ASSIGNED] = {false, true, true}, [JOB_RUNNING] = {false, false, true},
        [JOB_DONE] = {false, false, false},   [JOB_FAILED] = {false, true, true},
        [JOB_EXPIRED] = {false, true, true},
    };

    return news[scene->job][scene->event] ||
           (scene->job == JOB_RUNNING && scene->event == JOB_EVENT_IN_PROGRESS && scene->is_named &&
            !scene->named_is_own);
}

static void
check_job(const struct rules_scene *scene, const struct rules_outcome *outcome)
{
    assert_scene(outcome->job == rules_job_next(scene->job, scene->event), scene);
    /* J is where the report says: also where it was not known to run. */
    assert_scene(!outcome->job_takes_named || (tells(scene) && scene->is_named), scene);
    if (tells(scene) && scene->is_named && !scene->named_is_own)
        assert_scene(outcome->job_takes_named, scene);
}

static void
check_repeat(const struct rules_scene *scene, const struct rules_outcome *outcome)
{
    if (tells(scene))
        return;
    assert_scene(outcome->named == scene->named, scene);
    assert_scene(outcome->own == scene->own, scene);
    assert_scene(outcome->other == scene->other, scene);
    assert_scene(!outcome->job_takes_named && !outcome->other_takes_own && !outcome->own_is_free,
                 scene);
}

static void
check_named(const struct rules_scene *scene, const struct rules_outcome *outcome)
{
    if (!tells(scene))
        return;
    if (!scene->is_named)
        assert_scene(outcome->named == RUNNER_NONE, scene);
    else if (scene->event == JOB_EVENT_IN_PROGRESS)
        assert_scene(outcome->named == taken[scene->named], scene);
    else
        assert_scene(outcome->named == served[scene->named], scene);
}

/* J's own runner, where J ended without it or runs elsewhere. */
static void
check_own(const struct rules_scene *scene, const struct rules_outcome *outcome)
{
    bool idle =
        scene->own == RUNNER_MINTING || scene->own == RUNNER_SENT || scene->own == RUNNER_LIVE;
    bool elsewhere = scene->is_named && !scene->named_is_own;
    bool not_run = !scene->is_named && scene->event == JOB_EVENT_COMPLETED;

    if (!tells(scene))
        return;
    if (outcome->other_takes_own) {
        assert_scene(idle && outcome->own == scene->own && !outcome->own_is_free, scene);
    } else if (elsewhere || not_run) {
        assert_scene(outcome->own == freed[scene->own], scene);
        assert_scene(outcome->own_is_free == idle, scene);
    } else {
        assert_scene(outcome->own == scene->own && !outcome->own_is_free, scene);
    }
}

static void
check_other(const struct rules_scene *scene, const struct rules_outcome *outcome)
{
    bool waits = scene->other == JOB_QUEUED || scene->other == JOB_ASSIGNED;
    bool loses = tells(scene) && waits &&
                 (scene->named == RUNNER_MINTING || scene->named == RUNNER_SENT ||
                  scene->named == RUNNER_LIVE);
    bool can =
        scene->own_covers_other && scene->own_is_coming &&
        (scene->own == RUNNER_MINTING || scene->own == RUNNER_SENT || scene->own == RUNNER_LIVE);

    assert_scene(outcome->other_takes_own == (loses && can), scene);
    if (!loses)
        assert_scene(outcome->other == scene->other, scene);
    else
        assert_scene(outcome->other == (can ? JOB_ASSIGNED : JOB_QUEUED), scene);
}

static void
check_forward(const struct rules_scene *scene, const struct rules_outcome *outcome)
{
    assert_scene(outcome->named >= scene->named, scene);
    assert_scene(outcome->own >= scene->own, scene);
    assert_scene((outcome->named == RUNNER_GONE) == (scene->named == RUNNER_GONE), scene);
    assert_scene((outcome->own == RUNNER_GONE) == (scene->own == RUNNER_GONE), scene);
}

static void
a_report_moves_the_job_and_where_it_runs(void **state)
{
    (void)state;
    assert_true(for_all_scenes(check_job) > 10000);
}

static void
a_report_that_is_no_news_changes_nothing(void **state)
{
    (void)state;
    (void)for_all_scenes(check_repeat);
}

static void
the_named_runner_is_busy_and_then_leaves(void **state)
{
    (void)state;
    (void)for_all_scenes(check_named);
}

static void
what_the_job_does_not_run_on_is_free(void **state)
{
    (void)state;
    (void)for_all_scenes(check_own);
}

static void
the_other_job_gets_the_own_runner_or_waits(void **state)
{
    (void)state;
    (void)for_all_scenes(check_other);
}

static void
runners_move_forward_only(void **state)
{
    (void)state;
    (void)for_all_scenes(check_forward);
}

static void
when_a_runner_is_looked_at_first(void **state)
{
    (void)state;
    static const struct {
        enum runner_state state;
        int64_t interval_ms, want_ms;
    } rows[] = {
        {RUNNER_LIVE, 30000, 30000},   {RUNNER_BUSY, 30000, 30000},  {RUNNER_RETIRING, 30000, 0},
        {RUNNER_LEAVING, 30000, 2000}, {RUNNER_LEAVING, 1000, 1000}, {RUNNER_LIVE, 1000, 1000},
        {RUNNER_RETIRING, 1000, 0},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(rules_first_look_ms(rows[i].state, 1769903999000, rows[i].interval_ms),
                         1769903999000 + rows[i].want_ms);
}

static void
texts_of_runners_go_there_and_back(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "none", "Live", "live ", "liv", "livex", "42", "queued"};

    for (size_t i = 1; i < COUNT(runners); i++) {
        assert_int_equal(runner_state_parse(runner_state_text(runners[i])), runners[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(runner_state_text(runners[i]), runner_state_text(runners[j]));
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_row(runner_state_parse(bad[i]) == RUNNER_NONE, bad[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_event),
        cmocka_unit_test(a_repeated_event_changes_nothing),
        cmocka_unit_test(any_order_and_repetition_ends_the_same),
        cmocka_unit_test(texts_go_there_and_back),
        cmocka_unit_test(backoff_doubles_up_to_its_cap),
        cmocka_unit_test(a_report_moves_the_job_and_where_it_runs),
        cmocka_unit_test(a_report_that_is_no_news_changes_nothing),
        cmocka_unit_test(the_named_runner_is_busy_and_then_leaves),
        cmocka_unit_test(what_the_job_does_not_run_on_is_free),
        cmocka_unit_test(the_other_job_gets_the_own_runner_or_waits),
        cmocka_unit_test(runners_move_forward_only),
        cmocka_unit_test(when_a_runner_is_looked_at_first),
        cmocka_unit_test(texts_of_runners_go_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
