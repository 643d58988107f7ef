/*
 * What is to be done about the webhooks of one place, so that exactly one of them delivers to us,
 * and rightly. Pure.
 * SPDX-License-Identifier: MIT
 */
#ifndef HOOKS_HOOK_PLAN_H
#define HOOKS_HOOK_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upstream/github_hook.h"

#define HOOK_PLAN_WORDS_CAP 256

enum hook_action {
    HOOK_CREATE,
    HOOK_MEND,
    HOOK_OK,
};

/* What is wished for: see struct github_hook_wish for the rest. Borrowed. */
struct hook_wish {
    const char *url;
    bool rotates; /* the secret is set whatever there seems to be */
};

struct hook_plan {
    enum hook_action action;
    int64_t id;                      /* of the webhook that is kept; 0 where there is none */
    size_t surplus;                  /* others of the same URL, to be removed */
    bool was_refused;                /* our 403 was the last answer that it got */
    char words[HOOK_PLAN_WORDS_CAP]; /* of HOOK_MEND: what is wrong with it, with commas */
};

/* Whether a webhook is ours, by its URL alone. */
bool hook_is_ours(const struct github_hook *hook, const char *url);

/*
 * Looks at all webhooks of a place. Of several that are ours the first stays that has nothing
 * wrong, or else the first. GitHub never tells a secret: one that is set is taken for ours, unless
 * the last delivery was answered 403, as we answer a wrong signature, or `rotates`.
 */
struct hook_plan hook_plan_make(const struct github_hook *hooks, size_t hooks_len,
                                const struct hook_wish *wish);

/* Whether the plan has it removed. */
bool hook_plan_removes(const struct hook_plan *plan, const struct github_hook *hook,
                       const struct hook_wish *wish);

/* The same for a GitHub App's one webhook, which has an URL to be set, and whose events are not for
 * us to set. */
struct hook_plan hook_plan_make_app(const struct github_hook *hook, const struct hook_wish *wish);

#endif
