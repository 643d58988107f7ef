/*
 * Who is told of requests to GitHub and Nomad: what watches them knows of requests, and they do not
 * know of what watches them. SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_OBSERVER_H
#define UPSTREAM_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/failure.h"

/* One request that is over, whatever becomes of what it brought. */
struct upstream_request_end {
    enum upstream upstream;
    long status;               /* of its answer; 0 where there was none */
    bool is_rate_limited;      /* the answer's headers say that the rate limit is used up */
    enum failure_kind failure; /* why there was no answer */
    int64_t duration_ms;
};

/* Room for GitHub's longest word for what a limit is of. */
#define UPSTREAM_RESOURCE_CAP 40

/* What an answer of GitHub's says of a rate limit. */
struct upstream_limit {
    int64_t remaining;
    int64_t allowed;
    int64_t reset_at_ms; /* of our clock */
    char resource[UPSTREAM_RESOURCE_CAP];
};

/* Called by any thread that asks, and must not wait. */
struct upstream_observer {
    void (*ended)(const struct upstream_request_end *end, void *arg);
    /* `section` is the account's in the configuration: see account_section. */
    void (*limited)(const char *section, const struct upstream_limit *limit, void *arg);
    void *arg;
};

#endif
