/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "work/policy.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define UNSAID INT64_C(-1)

static const struct policy_delays delays = {.initial_ms = 2 * SECOND, .max_ms = 5 * MINUTE};

/* For each kind of failure: whose trouble it is, and when the job is due again after a first and
 * after many attempts. */
static const struct {
    enum failure_kind kind;
    enum policy_pace pace;
    enum policy_scope scope;
    int64_t first_ms;
    int64_t late_ms;
} kinds[] = {
    {FAILURE_UNRESOLVED, PACE_DOUBLING, SCOPE_UPSTREAM, 2 * SECOND, 5 * MINUTE},
    {FAILURE_REFUSED, PACE_DOUBLING, SCOPE_UPSTREAM, 2 * SECOND, 5 * MINUTE},
    {FAILURE_TIMEOUT, PACE_DOUBLING, SCOPE_UPSTREAM, 2 * SECOND, 5 * MINUTE},
    {FAILURE_TLS, PACE_OPERATOR, SCOPE_UPSTREAM, 5 * MINUTE, 5 * MINUTE},
    {FAILURE_RESET, PACE_DOUBLING, SCOPE_UPSTREAM, 2 * SECOND, 5 * MINUTE},
    {FAILURE_TRUNCATED, PACE_DOUBLING, SCOPE_UPSTREAM, 2 * SECOND, 5 * MINUTE},
    {FAILURE_OVERSIZED, PACE_DOUBLING, SCOPE_UPSTREAM, 2 * SECOND, 5 * MINUTE},
    {FAILURE_GARBAGE, PACE_DOUBLING, SCOPE_UPSTREAM, 2 * SECOND, 5 * MINUTE},
    /* These two are held by the gate, and keep their place in the queue. */
    {FAILURE_UNAUTHORIZED, PACE_OPERATOR, SCOPE_SHUT, 0, 0},
    {FAILURE_FORBIDDEN, PACE_OPERATOR, SCOPE_JOB, 5 * MINUTE, 5 * MINUTE},
    {FAILURE_RATE_LIMITED, PACE_RATE_LIMIT, SCOPE_SHUT, 0, 0},
    {FAILURE_NOT_FOUND, PACE_OPERATOR, SCOPE_JOB, 5 * MINUTE, 5 * MINUTE},
    {FAILURE_CONFLICT, PACE_DOUBLING, SCOPE_JOB, 2 * SECOND, 5 * MINUTE},
    {FAILURE_UNPROCESSABLE, PACE_OPERATOR, SCOPE_JOB, 5 * MINUTE, 5 * MINUTE},
    {FAILURE_REDIRECTED, PACE_OPERATOR, SCOPE_JOB, 5 * MINUTE, 5 * MINUTE},
    {FAILURE_REJECTED, PACE_OPERATOR, SCOPE_JOB, 5 * MINUTE, 5 * MINUTE},
    {FAILURE_SERVER, PACE_DOUBLING, SCOPE_UPSTREAM, 2 * SECOND, 5 * MINUTE},
    {FAILURE_NOMAD_JOB, PACE_OPERATOR, SCOPE_JOB, 5 * MINUTE, 5 * MINUTE},
    {FAILURE_NOMAD_ODD, PACE_DOUBLING, SCOPE_JOB, 2 * SECOND, 5 * MINUTE},
    {FAILURE_NO_CHILD, PACE_DOUBLING, SCOPE_JOB, 2 * SECOND, 5 * MINUTE},
    {FAILURE_CONFIGURATION, PACE_OPERATOR, SCOPE_JOB, 5 * MINUTE, 5 * MINUTE},
    {FAILURE_STOPPED, PACE_AT_ONCE, SCOPE_JOB, 0, 0},
    {FAILURE_LOCAL, PACE_DOUBLING, SCOPE_JOB, 2 * SECOND, 5 * MINUTE},
};

static struct policy_decision
decide(enum failure_kind kind, int64_t retry_after_ms, int64_t attempts)
{
    struct failure failure = {.kind = kind, .retry_after_ms = retry_after_ms};

    return policy_decide(&failure, attempts, &delays, 0);
}

static void
every_kind_has_one_row(void **state)
{
    (void)state;

    assert_int_equal(COUNT(kinds), FAILURE_KINDS - 1);
    assert_null(policy_find(FAILURE_NONE));
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const struct policy_row *row = policy_find(kinds[i].kind);
        const char *name = failure_text(kinds[i].kind);

        assert_row(row != NULL, name);
        assert_row(row->kind == kinds[i].kind, name);
        assert_row(row->pace == kinds[i].pace, name);
        assert_row(row->scope == kinds[i].scope, name);
    }
}

static void
every_kind_is_decided(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(kinds); i++) {
        const char *name = failure_text(kinds[i].kind);
        struct policy_decision first = decide(kinds[i].kind, UNSAID, 1);
        struct policy_decision late = decide(kinds[i].kind, UNSAID, 1000);

        assert_row(first.needs_operator == (kinds[i].pace == PACE_OPERATOR), name);
        assert_row(first.counts == (kinds[i].pace != PACE_AT_ONCE), name);
        assert_row(first.is_upstreams == (kinds[i].scope != SCOPE_JOB), name);
        assert_row(first.delay_ms == kinds[i].first_ms, name);
        assert_row(late.delay_ms == kinds[i].late_ms, name);
        assert_row(first.shuts_at_once == (kinds[i].scope == SCOPE_SHUT), name);
        assert_row(first.asked_ms == -1, name);
    }
}

static void
no_delay_exceeds_what_is_configured_by_chance(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct failure failure = {.kind = kinds[i].kind, .retry_after_ms = UNSAID};
        for (uint32_t jitter = 0; jitter < 4096; jitter += 127) {
            struct policy_decision decision = policy_decide(&failure, 3, &delays, jitter);
            struct policy_decision plain = policy_decide(&failure, 3, &delays, 0);
            assert_row(decision.delay_ms <= plain.delay_ms, failure_text(kinds[i].kind));
            assert_row(decision.delay_ms >= plain.delay_ms * 3 / 4, failure_text(kinds[i].kind));
        }
    }
}

static void
what_the_upstream_asks_for_counts_within_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum failure_kind kind;
        int64_t asked_ms;
        int64_t want_ms;       /* until the job is due */
        int64_t want_asked_ms; /* of the gate */
        bool want_shut;
    } rows[] = {
        {"a limit, no time", FAILURE_RATE_LIMITED, UNSAID, 0, -1, true},
        {"a limit, at once", FAILURE_RATE_LIMITED, 0, 0, SECOND, true},
        {"a limit, under a second", FAILURE_RATE_LIMITED, 999, 0, SECOND, true},
        {"a limit, a second", FAILURE_RATE_LIMITED, SECOND, 0, SECOND, true},
        {"a limit, an hour", FAILURE_RATE_LIMITED, HOUR, 0, HOUR, true},
        {"a limit, over an hour", FAILURE_RATE_LIMITED, HOUR + 1, 0, HOUR, true},
        {"a limit, for ever", FAILURE_RATE_LIMITED, INT64_MAX, 0, HOUR, true},
        {"a 503 with a time", FAILURE_SERVER, 77 * SECOND, 77 * SECOND, 77 * SECOND, true},
        {"a 503 for a day", FAILURE_SERVER, DAY, 5 * MINUTE, 5 * MINUTE, true},
        {"a job's own trouble shuts nothing", FAILURE_CONFLICT, 77 * SECOND, 77 * SECOND,
         77 * SECOND, false},
        {"a person is not hurried", FAILURE_FORBIDDEN, SECOND, 5 * MINUTE, -1, false},
        {"a wrong token", FAILURE_UNAUTHORIZED, SECOND, 0, -1, true},
        {"our own end", FAILURE_STOPPED, HOUR, 0, -1, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy_decision decision = decide(rows[i].kind, rows[i].asked_ms, 1);
        assert_row(decision.delay_ms == rows[i].want_ms, rows[i].name);
        assert_row(decision.asked_ms == rows[i].want_asked_ms, rows[i].name);
        assert_row(decision.shuts_at_once == rows[i].want_shut, rows[i].name);
    }
}

static void
a_gate_has_the_pace_of_its_trouble(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum failure_kind kind;
        int64_t max_ms; /* retry_max */
        int64_t want_initial_ms, want_max_ms;
    } rows[] = {
        {"down: a probe every half minute at least", FAILURE_REFUSED, 5 * MINUTE, 2 * SECOND,
         30 * SECOND},
        {"down: never over retry_max", FAILURE_REFUSED, 10 * SECOND, 2 * SECOND, 10 * SECOND},
        {"a limit: a minute, up to an hour, however often jobs failed before", FAILURE_RATE_LIMITED,
         5 * MINUTE, MINUTE, HOUR},
        {"an operator's", FAILURE_UNAUTHORIZED, 5 * MINUTE, 5 * MINUTE, 5 * MINUTE},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy_delays own = {.initial_ms = 2 * SECOND, .max_ms = rows[i].max_ms};
        struct failure failure = {.kind = rows[i].kind, .retry_after_ms = UNSAID};
        struct policy_decision decision = policy_decide(&failure, 1000, &own, 0);

        assert_row(decision.gate_initial_ms == rows[i].want_initial_ms, rows[i].name);
        assert_row(decision.gate_max_ms == rows[i].want_max_ms, rows[i].name);
    }
}

static void
words_are_distinct(void **state)
{
    (void)state;
    static const enum policy_pace paces[] = {PACE_AT_ONCE, PACE_DOUBLING, PACE_RATE_LIMIT,
                                             PACE_OPERATOR};
    static const enum policy_scope scopes[] = {SCOPE_JOB, SCOPE_UPSTREAM, SCOPE_SHUT};

    for (size_t i = 0; i < COUNT(paces); i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(policy_pace_text(paces[i]), policy_pace_text(paces[j]));
    }
    for (size_t i = 0; i < COUNT(scopes); i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(policy_scope_text(scopes[i]), policy_scope_text(scopes[j]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_one_row),
        cmocka_unit_test(every_kind_is_decided),
        cmocka_unit_test(no_delay_exceeds_what_is_configured_by_chance),
        cmocka_unit_test(what_the_upstream_asks_for_counts_within_bounds),
        cmocka_unit_test(a_gate_has_the_pace_of_its_trouble),
        cmocka_unit_test(words_are_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
