/*
 * Which pool serves what: GitHub's rule of labels (runhook/labels.h) over the configured pools, and
 * who may use them (config/access.h).
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_POOL_H
#define CONFIG_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include <runhook/delivery.h>

#include "config/config.h"

/* The pool of this name; NULL where the configuration has none. */
const struct pool *pool_named(const struct config *config, const char *name);

/* What is asked of a pool. */
struct pool_ask {
    const struct rh_labels *labels;
    const char *repository; /* "owner/name" */
    bool is_private;        /* that repository */
};

/* Whether a pool serves a job: it has all of its labels, and its repository may use it. Otherwise
 * `words` (may be NULL, with 0) say why not, to follow "pool NAME: ". */
bool pool_serves(const struct config *config, const struct pool *pool, const struct pool_ask *ask,
                 char *words, size_t words_cap);

/* The first pool, in file order, that serves a job; NULL for none. */
const struct pool *pool_serving(const struct config *config, const struct pool_ask *ask);

/* The same for a job as a delivery tells of it. */
const struct pool *pool_for_job(const struct config *config, const struct rh_workflow_job *job);

/* The same for labels as the ledger keeps them, a JSON array of texts. */
const struct pool *pool_serving_json(const struct config *config, const char *labels,
                                     const char *repository, bool is_private);

/* Whether a runner of a pool has all the labels of a JSON array, as the ledger keeps them. False,
 * and `*has` too, when out of memory. */
bool pool_has_labels(const struct pool *pool, const char *labels, bool *has);

/* Whether a runner of the pool of this name has all the labels of a JSON array: GitHub may give it
 * such a job, whatever else the pool asks for. `config` is a struct config: see report_covers. */
bool pool_covers(const void *config, const char *name, const char *labels);

#endif
