/*
 * runhook hooks ping: has GitHub try the webhooks of an URL.
 * SPDX-License-Identifier: MIT
 */
#include "commands/hooks.h"
#include "commands/hooks_round.h"
#include "hooks/hook_plan.h"

static bool
ping_one(struct hooks_desk *desk, const char *place, int64_t id, struct failure *failure)
{
    bool done;

    do {
        hooks_desk_content(desk);
        done = github_hook_ping(desk->github, place, id, failure);
    } while (!done && hooks_desk_again(desk, failure));
    return done;
}

static bool
ping_ours(struct hooks_desk *desk, const struct hooks_options *options, const char *place,
          const struct hook_list *list, struct hooks_result *result, struct failure *failure)
{
    result->outcome = HOOKS_FAILED;
    for (size_t i = 0; i < list->len; i++) {
        const struct github_hook *hook = &list->items[i];

        if (!hook_is_ours(hook, options->url))
            continue;
        if (!ping_one(desk, place, hook->id, failure))
            return false;
        result->outcome = HOOKS_PINGED;
        result->id = hook->id;
    }
    if (result->outcome == HOOKS_FAILED)
        (void)buffer_add_text(&result->why,
                              "has no webhook of this URL: `runhook hooks install` makes it");
    return true;
}

int
hooks_ping(const struct invocation *invocation, int argc, char **argv)
{
    static const enum hooks_outcome outcomes[] = {HOOKS_PINGED, HOOKS_FAILED};
    static const struct hooks_round round = {ping_ours, outcomes,
                                             sizeof outcomes / sizeof outcomes[0]};
    struct hooks_options options;
    int status = hooks_options_read(
        &options, HOOKS_URL | HOOKS_CHOICE | HOOKS_ORGANIZATION | HOOKS_JSON | HOOKS_INSECURE_URL,
        HOOKS_URL, argc, argv);

    if (status != EXIT_DONE)
        return status;
    if (options.targets_len == 0 && options.organization == NULL)
        return hooks_usage("ping", "ping needs OWNER, OWNER/REPO or --organization ORG: where the "
                                   "webhooks are");
    return hooks_round_go(&round, invocation, &options);
}
