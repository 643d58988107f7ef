/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_event),
        cmocka_unit_test(a_repeated_event_changes_nothing),
        cmocka_unit_test(any_order_and_repetition_ends_the_same),
        cmocka_unit_test(texts_go_there_and_back),
        cmocka_unit_test(backoff_doubles_up_to_its_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
