/*
 * Sets of runner labels, and the rule by which a pool serves a job.
 * Labels compare without case (ASCII letters), as GitHub compares them.
 * SPDX-License-Identifier: MIT
 */
#ifndef RUNHOOK_LABELS_H
#define RUNHOOK_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include <runhook/error.h>
#include <runhook/export.h>

/* Most different labels that a set holds, and the longest label in bytes. */
#define RH_LABELS_MAX 256
#define RH_LABEL_LEN_MAX 256

/*
 * A set in the order of insertion. Zero-initialize it, read its members freely, change it through
 * the functions alone. Not to be changed by two threads at once.
 */
struct rh_labels {
    char **items; /* NUL-terminated UTF-8, owned by the set */
    size_t len;
    size_t cap;
};

/*
 * Adds a copy of one label. One that is there already, in whatever case, is not added again: RH_OK.
 * Fails with RH_ERR_ARGUMENT (empty, over RH_LABEL_LEN_MAX, not UTF-8, or with a control
 * character), RH_ERR_TOO_LARGE (the set holds RH_LABELS_MAX others), RH_ERR_NO_MEMORY; the set is
 * then as it was.
 */
RH_API enum rh_error rh_labels_add(struct rh_labels *labels, const char *label,
                                   size_t label_len) RH_MUST_CHECK;

/* Whether the set has this label, without case. */
RH_API bool rh_labels_has(const struct rh_labels *labels, const char *label);

/* Frees what the set holds and leaves it empty. */
RH_API void rh_labels_fini(struct rh_labels *labels);

enum rh_match {
    RH_MATCH_SERVES = 0,
    RH_MATCH_NO_LABELS,       /* the job asks for no label at all */
    RH_MATCH_NOT_SELF_HOSTED, /* the job does not ask for "self-hosted", and the pool wants that */
    RH_MATCH_LABEL_MISSING,   /* the job asks for a label that the pool has not */
};

/*
 * Whether a pool with the labels `offered` serves a job that asks for `asked`: the job asks for at
 * least one label, for "self-hosted" where `require_self_hosted`, and every label it asks for is
 * one of the pool's (GitHub gives a job only to a runner that has all of its labels; see
 * docs.github.com, "Using self-hosted runners in a workflow").
 *
 * `*missing_out` (may be NULL) is the first label that the pool has not, borrowed from `asked`, on
 * RH_MATCH_LABEL_MISSING; else NULL. Any thread.
 */
RH_API enum rh_match rh_labels_match(const struct rh_labels *asked, const struct rh_labels *offered,
                                     bool require_self_hosted, const char **missing_out);

#endif
