/*
 * What is done about a failure.
 * SPDX-License-Identifier: MIT
 */
#include "dispatch/policy.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* An upstream that asks to wait for no time at all is not asked again within the same moment. */
#define RETRY_AFTER_MIN_MS INT64_C(1000)

/* GitHub's rule for a limit without a time: at least a minute, then longer each time
 * (docs.github.com, "Best practices for using the REST API"). */
#define RATE_LIMIT_INITIAL_MS (INT64_C(60) * 1000)

enum pace {
    PACE_AT_ONCE,
    PACE_DOUBLING,
    PACE_RATE_LIMIT, /* when the upstream says; where it does not, doubling from a minute */
    PACE_OPERATOR,   /* slowly, and loudly */
};

static const enum pace paces[] = {
    [FAILURE_NONE] = PACE_AT_ONCE,           [FAILURE_UNRESOLVED] = PACE_DOUBLING,
    [FAILURE_REFUSED] = PACE_DOUBLING,       [FAILURE_TIMEOUT] = PACE_DOUBLING,
    [FAILURE_TLS] = PACE_OPERATOR,           [FAILURE_RESET] = PACE_DOUBLING,
    [FAILURE_TRUNCATED] = PACE_DOUBLING,     [FAILURE_OVERSIZED] = PACE_DOUBLING,
    [FAILURE_GARBAGE] = PACE_DOUBLING,       [FAILURE_UNAUTHORIZED] = PACE_OPERATOR,
    [FAILURE_FORBIDDEN] = PACE_OPERATOR,     [FAILURE_RATE_LIMITED] = PACE_RATE_LIMIT,
    [FAILURE_NOT_FOUND] = PACE_OPERATOR,     [FAILURE_CONFLICT] = PACE_DOUBLING,
    [FAILURE_UNPROCESSABLE] = PACE_OPERATOR, [FAILURE_REDIRECTED] = PACE_OPERATOR,
    [FAILURE_REJECTED] = PACE_OPERATOR,      [FAILURE_SERVER] = PACE_DOUBLING,
    [FAILURE_NOMAD_JOB] = PACE_OPERATOR,     [FAILURE_CONFIGURATION] = PACE_OPERATOR,
    [FAILURE_STOPPED] = PACE_AT_ONCE,        [FAILURE_LOCAL] = PACE_DOUBLING,
};

bool
policy_needs_operator(enum failure_kind kind)
{
    return paces[kind] == PACE_OPERATOR;
}

/* `initial_ms` doubled with every attempt after the first, up to `max_ms`. */
static int64_t
doubling_ms(int64_t initial_ms, int64_t max_ms, int64_t attempts)
{
    int64_t delay_ms = initial_ms;

    for (int64_t i = 1; i < attempts && delay_ms < max_ms; i++)
        delay_ms *= 2;
    return delay_ms < max_ms ? delay_ms : max_ms;
}

int64_t
policy_delay_ms(const struct failure *failure, int64_t attempts, const struct policy_delays *delays)
{
    int64_t rate_max_ms;

    switch (paces[failure->kind]) {
    case PACE_AT_ONCE:
        return 0;
    case PACE_OPERATOR:
        return delays->max_ms;
    case PACE_DOUBLING:
        if (failure->retry_after_ms < 0)
            return doubling_ms(delays->initial_ms, delays->max_ms, attempts);
        break;
    case PACE_RATE_LIMIT:
        if (failure->retry_after_ms >= 0)
            break;
        rate_max_ms =
            delays->max_ms > RATE_LIMIT_INITIAL_MS ? delays->max_ms : RATE_LIMIT_INITIAL_MS;
        return doubling_ms(RATE_LIMIT_INITIAL_MS, rate_max_ms, attempts);
    }
    if (failure->retry_after_ms < RETRY_AFTER_MIN_MS)
        return RETRY_AFTER_MIN_MS;
    return failure->retry_after_ms < DAY_MS ? failure->retry_after_ms : DAY_MS;
}
