/*
 * The retry policy.
 *
 * Nothing is ever dropped for a failure: a job waits until it goes through, or until GitHub itself
 * has given up on it. SPDX-License-Identifier: MIT
 */
#include "work/policy.h"

#include <stddef.h>

#include "ledger/rules.h"

/* An upstream that asks to wait for no time at all is not asked again within the same moment. */
#define ASKED_MIN_MS INT64_C(1000)

/* One in trouble may ask for so long, or for retry_max where that is more: a job lives for a day.
 */
#define ASKED_MAX_MS (INT64_C(60) * 1000)

/* GitHub's rule for a limit without a time: at least a minute, then longer each time
 * (docs.github.com, "Best practices for using the REST API"). */
#define RATE_LIMIT_INITIAL_MS (INT64_C(60) * 1000)
#define RATE_LIMIT_MAX_MS (INT64_C(3600) * 1000)

/* One request in half a minute hammers nobody. */
#define PROBE_MAX_MS (INT64_C(30) * 1000)

static const struct policy_row rows[] = {
    {FAILURE_UNRESOLVED, PACE_DOUBLING, SCOPE_UPSTREAM},
    {FAILURE_REFUSED, PACE_DOUBLING, SCOPE_UPSTREAM},
    {FAILURE_TIMEOUT, PACE_DOUBLING, SCOPE_UPSTREAM},
    {FAILURE_TLS, PACE_OPERATOR, SCOPE_UPSTREAM},
    {FAILURE_RESET, PACE_DOUBLING, SCOPE_UPSTREAM},
    {FAILURE_TRUNCATED, PACE_DOUBLING, SCOPE_UPSTREAM},
    {FAILURE_OVERSIZED, PACE_DOUBLING, SCOPE_UPSTREAM},
    {FAILURE_GARBAGE, PACE_DOUBLING, SCOPE_UPSTREAM},
    {FAILURE_UNAUTHORIZED, PACE_OPERATOR, SCOPE_SHUT},
    {FAILURE_FORBIDDEN, PACE_OPERATOR, SCOPE_JOB},
    {FAILURE_RATE_LIMITED, PACE_RATE_LIMIT, SCOPE_SHUT},
    {FAILURE_NOT_FOUND, PACE_OPERATOR, SCOPE_JOB},
    {FAILURE_CONFLICT, PACE_DOUBLING, SCOPE_JOB},
    {FAILURE_UNPROCESSABLE, PACE_OPERATOR, SCOPE_JOB},
    {FAILURE_REDIRECTED, PACE_OPERATOR, SCOPE_JOB},
    {FAILURE_REJECTED, PACE_OPERATOR, SCOPE_JOB},
    {FAILURE_SERVER, PACE_DOUBLING, SCOPE_UPSTREAM},
    {FAILURE_NOMAD_JOB, PACE_OPERATOR, SCOPE_JOB},
    /* It may be this job's alone, so it must not stop the others. */
    {FAILURE_NOMAD_ODD, PACE_DOUBLING, SCOPE_JOB},
    {FAILURE_NO_CHILD, PACE_DOUBLING, SCOPE_JOB},
    {FAILURE_CONFIGURATION, PACE_OPERATOR, SCOPE_JOB},
    {FAILURE_STOPPED, PACE_AT_ONCE, SCOPE_JOB},
    {FAILURE_LOCAL, PACE_DOUBLING, SCOPE_JOB},
};
_Static_assert(sizeof rows / sizeof rows[0] == FAILURE_KINDS - 1, "a row for every failure");

const struct policy_row *
policy_find(enum failure_kind kind)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].kind == kind)
            return &rows[i];
    }
    return NULL;
}

bool
policy_is_certain(const struct failure *failure)
{
    /* The dispatch comes after all that GitHub is asked. */
    return failure_changed_nothing(failure) || failure->upstream == UPSTREAM_GITHUB;
}

const char *
policy_pace_text(enum policy_pace pace)
{
    static const char *const texts[] = {
        [PACE_AT_ONCE] = "at once",
        [PACE_DOUBLING] = "doubling",
        [PACE_RATE_LIMIT] = "when it says",
        [PACE_OPERATOR] = "slowly, loudly",
    };

    return texts[pace];
}

const char *
policy_scope_text(enum policy_scope scope)
{
    static const char *const texts[] = {
        [SCOPE_JOB] = "the job",
        [SCOPE_UPSTREAM] = "the upstream, after three",
        [SCOPE_SHUT] = "the upstream, at once",
    };

    return texts[scope];
}

static int64_t
clamp(int64_t value, int64_t min, int64_t max)
{
    if (value < min)
        return min;
    return value < max ? value : max;
}

/* How long the upstream asked to wait, within reason; -1 where it did not. */
static int64_t
asked_ms(const struct failure *failure, enum policy_pace pace, const struct policy_delays *delays)
{
    bool is_limit = pace == PACE_RATE_LIMIT;
    int64_t max_ms = delays->max_ms > ASKED_MAX_MS ? delays->max_ms : ASKED_MAX_MS;

    if (failure->retry_after_ms < 0 || (!is_limit && pace != PACE_DOUBLING))
        return -1;
    return clamp(failure->retry_after_ms, ASKED_MIN_MS, is_limit ? RATE_LIMIT_MAX_MS : max_ms);
}

/* The doubling of a gate: an upstream that is down is probed often enough to be noticed when it is
 * back, one that limits us is left alone for longer, and one that needs an operator at their pace.
 */
static void
set_gate(const struct policy_row *row, const struct policy_delays *delays, uint32_t jitter,
         struct policy_decision *decision)
{
    decision->is_upstreams = row->scope != SCOPE_JOB;
    decision->shuts_at_once = row->scope == SCOPE_SHUT;
    switch (row->pace) {
    case PACE_RATE_LIMIT:
        decision->gate_initial_ms = RATE_LIMIT_INITIAL_MS;
        decision->gate_max_ms = RATE_LIMIT_MAX_MS;
        break;
    case PACE_OPERATOR:
        decision->gate_initial_ms = decision->gate_max_ms = delays->max_ms;
        break;
    case PACE_AT_ONCE:
    case PACE_DOUBLING:
        decision->gate_jitter = jitter;
        decision->gate_initial_ms = delays->initial_ms;
        decision->gate_max_ms = delays->max_ms < PROBE_MAX_MS ? delays->max_ms : PROBE_MAX_MS;
        break;
    }
}

struct policy_decision
policy_decide(const struct failure *failure, int64_t attempts, const struct policy_delays *delays,
              uint32_t jitter)
{
    const struct policy_row *row = policy_find(failure->kind);
    struct policy_decision decision = {.counts = true, .asked_ms = -1};

    if (row == NULL)
        return decision;
    set_gate(row, delays, jitter, &decision);
    decision.needs_operator = row->pace == PACE_OPERATOR;
    decision.asked_ms = asked_ms(failure, row->pace, delays);
    switch (row->pace) {
    case PACE_AT_ONCE:
        decision.counts = false;
        break;
    case PACE_RATE_LIMIT: /* the gate holds it, and its place in the queue is kept */
        break;
    case PACE_DOUBLING:
        decision.delay_ms = rules_backoff_ms(delays->initial_ms, delays->max_ms, attempts, jitter);
        break;
    case PACE_OPERATOR:
        decision.delay_ms = decision.shuts_at_once ? 0 : delays->max_ms;
        break;
    }
    if (decision.asked_ms >= 0 && !decision.shuts_at_once)
        decision.delay_ms = decision.asked_ms;
    /* One answer with a time in it is as certain as three without. */
    decision.shuts_at_once |= decision.is_upstreams && decision.asked_ms >= 0;
    return decision;
}
