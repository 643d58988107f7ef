/*
 * What is to be done about the webhooks of one place.
 * SPDX-License-Identifier: MIT
 */
#include "hooks/hook_plan.h"

#include <stdio.h>
#include <string.h>

#include "hooks/hook_url.h"

/* What the receiver answers to a signature that is wrong or missing. */
#define REFUSED_CODE 403

bool
hook_is_ours(const struct github_hook *hook, const char *url)
{
    return hook->url[0] != '\0' && hook_url_same(hook->url, url);
}

static void
add_words(struct hook_plan *plan, bool is_so, const char *words)
{
    size_t len = strlen(plan->words);

    if (is_so)
        (void)snprintf(plan->words + len, sizeof plan->words - len, "%s%s", len == 0 ? "" : ", ",
                       words);
}

/* What one of ours lacks. */
static struct hook_plan
judge(const struct github_hook *hook, const struct hook_wish *wish)
{
    struct hook_plan plan = {.id = hook->id, .was_refused = hook->last_code == REFUSED_CODE};

    add_words(&plan, !hook->is_active, "not active");
    add_words(&plan, !hook->is_json, "content type not json");
    add_words(&plan, !hook->is_tls_verified, "TLS not verified");
    add_words(&plan, !hook->sends_workflow_jobs, "without workflow_job");
    add_words(&plan, hook->sends_others, "other events too");
    add_words(&plan, !hook->has_secret, "no secret");
    add_words(&plan, plan.was_refused, "last delivery answered 403");
    add_words(&plan, wish->rotates, "secret set anew");
    plan.action = plan.words[0] == '\0' ? HOOK_OK : HOOK_MEND;
    return plan;
}

struct hook_plan
hook_plan_make(const struct github_hook *hooks, size_t hooks_len, const struct hook_wish *wish)
{
    struct hook_plan best = {.action = HOOK_CREATE};
    size_t ours = 0;

    for (size_t i = 0; i < hooks_len; i++) {
        struct hook_plan plan;

        if (!hook_is_ours(&hooks[i], wish->url))
            continue;
        plan = judge(&hooks[i], wish);
        if (ours++ == 0 || (best.action == HOOK_MEND && plan.action == HOOK_OK))
            best = plan;
    }
    best.surplus = ours == 0 ? 0 : ours - 1;
    return best;
}

bool
hook_plan_removes(const struct hook_plan *plan, const struct github_hook *hook,
                  const struct hook_wish *wish)
{
    return hook->id != plan->id && hook_is_ours(hook, wish->url);
}

struct hook_plan
hook_plan_make_app(const struct github_hook *hook, const struct hook_wish *wish)
{
    struct github_hook settable = *hook;
    struct hook_plan plan, judged;

    settable.sends_workflow_jobs = true;
    settable.sends_others = false;
    judged = judge(&settable, wish);
    if (hook_is_ours(hook, wish->url))
        return judged;
    plan = (struct hook_plan){.action = HOOK_MEND};
    add_words(&plan, true, hook->url[0] == '\0' ? "no URL" : "another URL");
    add_words(&plan, judged.words[0] != '\0', judged.words);
    return plan;
}
