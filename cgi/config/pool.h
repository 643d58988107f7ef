/*
 * Which pool serves what: GitHub's rule of labels (runhook/labels.h) over the configured pools.
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_POOL_H
#define CONFIG_POOL_H

#include <stdbool.h>

#include "config/config.h"

/* The pool of this name; NULL where the configuration has none. */
const struct pool *pool_named(const struct config *config, const char *name);

/* The first pool, in file order, that serves a job with these labels; NULL for none. */
const struct pool *pool_serving(const struct config *config, const struct rh_labels *labels);

/* The same for labels as the ledger keeps them, a JSON array of texts. */
const struct pool *pool_serving_json(const struct config *config, const char *labels);

/* Whether a runner of the pool of this name has all the labels of a JSON array: GitHub may give it
 * such a job, whatever else the pool asks for. `config` is a struct config: see report_covers. */
bool pool_covers(const void *config, const char *name, const char *labels);

#endif
