/*
 * What is done about a failure: pure, one table for each kind of failure of GitHub and of Nomad.
 * SPDX-License-Identifier: MIT
 */
#ifndef DISPATCH_POLICY_H
#define DISPATCH_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/failure.h"

struct policy_delays {
    int64_t initial_ms; /* after the first failure */
    int64_t max_ms;     /* the cap of the doubling, and the pace of what needs an operator */
};

/* Whether a failure comes again until a person acts. */
bool policy_needs_operator(enum failure_kind kind);

/*
 * How long to wait after the `attempts`-th attempt (from 1) failed, in milliseconds: what the
 * upstream asked for, from a second to a day; else doubling up to the cap; at once where the
 * program only stopped.
 */
int64_t policy_delay_ms(const struct failure *failure, int64_t attempts,
                        const struct policy_delays *delays);

#endif
