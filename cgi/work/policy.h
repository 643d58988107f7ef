/*
 * The retry policy: pure, one table of what is done about each kind of failure of GitHub and of
 * Nomad. docs/retry.md says the same in words, and a test holds the two together.
 * SPDX-License-Identifier: MIT
 */
#ifndef WORK_POLICY_H
#define WORK_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/failure.h"

/* When the job is tried again. */
enum policy_pace {
    PACE_AT_ONCE,    /* nothing is wrong outside: our own end broke it off */
    PACE_DOUBLING,   /* after retry_initial, doubling up to retry_max */
    PACE_RATE_LIMIT, /* when the upstream says; where it does not, after a minute, doubling */
    PACE_OPERATOR,   /* every retry_max, and as an error in the log: a person has to act */
};

/* Whose trouble it is. */
enum policy_scope {
    SCOPE_JOB,      /* this job's or its repository's: others go on */
    SCOPE_UPSTREAM, /* everybody's: counts towards shutting the upstream's gate, see ledger/gate.h
                     */
    SCOPE_SHUT,     /* everybody's, and certain: shuts the gate at once */
};

struct policy_row {
    enum failure_kind kind;
    enum policy_pace pace;
    enum policy_scope scope;
};

/* The row of a kind. For FAILURE_NONE there is none: NULL. */
const struct policy_row *policy_find(enum failure_kind kind);

/* Words of the documents for the two. */
const char *policy_pace_text(enum policy_pace pace);
const char *policy_scope_text(enum policy_scope scope);

/* Whether a request that failed so has certainly changed nothing: it was never sent, or the
 * upstream said no. After any other failure it may have been done. */
bool policy_is_certain(const struct failure *failure);

struct policy_delays {
    int64_t initial_ms; /* [server] retry_initial */
    int64_t max_ms;     /* [server] retry_max */
};

/* What follows from one failure. */
struct policy_decision {
    bool needs_operator;
    bool counts;       /* as an attempt of the job */
    int64_t delay_ms;  /* until the job is due again, were the gate open */
    bool is_upstreams; /* the gate hears of it, with the rest: see struct gate_failure */
    bool shuts_at_once;
    int64_t asked_ms;
    int64_t gate_initial_ms;
    int64_t gate_max_ms;
    uint32_t gate_jitter; /* 0 where a rule says "at least" */
};

/*
 * Decides after the `attempts`-th attempt (from 1) of a job failed. `jitter` is any number: see
 * rules_backoff_ms. A time that the upstream asked for counts, from a second to an hour where it is
 * a rate limit, else to a minute or retry_max.
 */
struct policy_decision policy_decide(const struct failure *failure, int64_t attempts,
                                     const struct policy_delays *delays, uint32_t jitter);

#endif
