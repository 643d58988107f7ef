/*
 * What exactly is dispatched for a job of a pool: pure, so that `explain` shows what the dispatcher
 * sends.
 * SPDX-License-Identifier: MIT
 */
#ifndef DISPATCH_PLAN_H
#define DISPATCH_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include <runhook/payload.h>

#include "config/config.h"
#include "ledger/job.h"

/* The pool that a runner or a job in the ledger is of: the one of that name, or where the
 * configuration has that no more, the first that serves the job's labels (a JSON array). NULL where
 * none does. */
const struct pool *plan_pool(const struct config *config, const char *name, const char *labels);

/* The page where a job's runner registers: its repository's, as GitHub told it, or made from the
 * API's address where it did not. NULL when out of memory; the caller frees. */
char *plan_url(const struct job *job, const struct github_config *github);

/* Who runs a job, and with what credential. All borrowed. */
struct plan_runner {
    const char *name;
    enum rh_credential credential_kind;
    const char *credential;
};

/* The dispatch body for a job of a pool; see rh_dispatch_body_build for `*out` and the errors. */
enum rh_error plan_body(const struct job *job, const struct pool *pool,
                        const struct github_config *github, const struct plan_runner *runner,
                        char **out, size_t *out_len);

/* The payload within it, in the clear; see rh_payload_build. */
enum rh_error plan_payload(const struct job *job, const struct pool *pool,
                           const struct github_config *github, const struct plan_runner *runner,
                           char **out, size_t *out_len);

#endif
