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
#include "ledger/order.h"

/* The pool that a job or its runner is of: the one of that name, or where the configuration has
 * that no more, the first that serves the job. NULL where none does. */
const struct pool *plan_pool(const struct config *config, const char *name, const struct job *job);

/* The page where a job's runner registers: its repository's, its organization's, or its
 * enterprise's, on the site whose API the configuration names. Only where that is not to be told
 * from the API's address is it on the site that the delivery named. NULL when out of memory; the
 * caller frees. */
char *plan_url(const struct job *job, const struct pool *pool, const struct github_config *github);

/* How a runner registers: see order_registers. `config` is a struct config. */
bool plan_registers(const void *config, const char *pool, const char *repository,
                    struct order_registration *registration);

/* The credential of a pool's runners. */
enum rh_credential plan_credential(const struct pool *pool);

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
