/*
 * Nomad's HTTP API, as far as a runner needs it.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_NOMAD_H
#define UPSTREAM_NOMAD_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "upstream/credential.h"
#include "upstream/failure.h"
#include "upstream/http.h"

/* The API and our access to it, for one thread at a time. Borrows all that it is made of. */
struct nomad;

/* `observer` is told of each request; NULL for nobody. NULL when out of memory. */
struct nomad *nomad_new(const struct nomad_config *config, struct credential *token,
                        const struct upstream_observer *observer, http_deadline *deadline);
void nomad_free(struct nomad *nomad);

/* What a dispatch came to. */
struct nomad_dispatched {
    char *child;   /* the id of the dispatched job */
    bool is_older; /* it was there already, from an earlier dispatch with the same token */
};

void nomad_dispatched_fini(struct nomad_dispatched *dispatched);

/* One dispatch. All borrowed. */
struct nomad_order {
    const char *job; /* the parameterized job */
    const char *idempotency_token;
    const char *body; /* from rh_dispatch_body_build */
    size_t body_len;
    const struct rh_secret *credential; /* within the body: what Nomad says of it is not quoted */
};

/*
 * Dispatches: POST /v1/job/{job}/dispatch. The same idempotency token again answers with the first
 * child and makes no second one, until Nomad has garbage-collected the first.
 * On success the caller ends `*dispatched`.
 */
bool nomad_dispatch(struct nomad *nomad, const struct nomad_order *order,
                    struct nomad_dispatched *dispatched, struct failure *failure);

/* The path and query of that request, as it would be sent: for explain. */
bool nomad_dispatch_path(const struct nomad_config *config, const char *job,
                         const char *idempotency_token, struct buffer *out);

#endif
