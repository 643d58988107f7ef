/*
 * What a delivery's content calls for: pure, so that `explain` says what `serve` does.
 * SPDX-License-Identifier: MIT
 */
#ifndef SERVE_VERDICT_H
#define SERVE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include <runhook/delivery.h>

#include "config/config.h"
#include "ledger/rules.h"
#include "serve/answer.h"

struct verdict {
    enum outcome
        outcome; /* ACCEPTED where a job is to be entered; DUPLICATE is for the ledger to say */
    bool is_reported; /* the ledger is told of `event` */
    enum job_event event;
    bool is_stale;                  /* IGNORED only because the job is over a day old */
    const struct pool *pool;        /* the one that serves the job; NULL for none */
    char reason[ANSWER_REASON_CAP]; /* for an outcome of IGNORED */
};

/* Decides about a parsed delivery at a moment in seconds since 1970. */
void verdict_reach(const struct config *config, const struct rh_delivery *delivery, int64_t now_s,
                   struct verdict *verdict);

/* Says why a pool does not serve a job, or that it does, in words. Returns whether it does. */
bool verdict_match(const struct config *config, const struct pool *pool,
                   const struct rh_workflow_job *job, char *words, size_t words_cap);

#endif
