/*
 * What GitHub tells of our webhooks, and what is to be done about them. Pure.
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCTOR_JUDGE_HOOK_H
#define DOCTOR_JUDGE_HOOK_H

#include <stdbool.h>

#include "config/place.h"
#include "doctor/finding.h"
#include "upstream/github_account.h"
#include "upstream/github_hook.h"

/* What `runhook hooks install` is given for a place: "o/r", "--organization o". */
const char *judge_hook_target(const char *place, char out[PLACE_WORDS_CAP]);

/* One that is ours. `target` is as above; `last` is its last delivery, as far as GitHub tells. */
void judge_hook(struct findings *findings, const char *subject, const char *target,
                const struct github_hook *hook, const struct github_last_delivery *last);

/* What delivers the jobs of a repository. */
struct hook_cover {
    bool is_covered;      /* a webhook of ours: of the repository, or */
    bool by_organization; /* of its organization, or */
    bool by_app;          /* an App's own */
    bool was_deleted;     /* deliveries came from one that GitHub has no more */
    bool is_unknown;      /* its webhooks may not be looked at */
};

/* `url` may be NULL. */
void judge_cover(struct findings *findings, const char *place, const struct hook_cover *cover,
                 const char *url);

#endif
