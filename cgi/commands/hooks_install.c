/*
 * runhook hooks install: a webhook of ours in each place, as it has to be.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include "commands/hooks.h"
#include "commands/hooks_app.h"
#include "commands/hooks_round.h"
#include "hooks/hook_plan.h"

/* Where GitHub asks to wait, the same once more. */
static bool
create(struct hooks_desk *desk, const char *place, const struct github_hook_wish *wish, int64_t *id,
       struct failure *failure)
{
    bool done;

    do {
        hooks_desk_content(desk);
        done = github_hook_create(desk->github, place, wish, id, failure);
    } while (!done && hooks_desk_again(desk, failure));
    return done;
}

static bool
mend(struct hooks_desk *desk, const char *place, const struct hook_plan *plan,
     const struct github_hook_wish *wish, struct failure *failure)
{
    bool done;

    do {
        hooks_desk_content(desk);
        done = github_hook_mend(desk->github, place, plan->id, wish, failure);
    } while (!done && hooks_desk_again(desk, failure));
    /* A ping puts another answer in the place of the 403, by which it would be mended again. */
    while (done && plan->was_refused) {
        hooks_desk_content(desk);
        if (github_hook_ping(desk->github, place, plan->id, failure))
            break;
        done = hooks_desk_again(desk, failure);
    }
    return done;
}

static bool
remove_surplus(struct hooks_desk *desk, const char *place, const struct hook_list *list,
               const struct hook_plan *plan, const struct hook_wish *wish, struct failure *failure)
{
    for (size_t i = 0; i < list->len; i++) {
        bool done;

        if (!hook_plan_removes(plan, &list->items[i], wish))
            continue;
        do {
            hooks_desk_content(desk);
            done = github_hook_delete(desk->github, place, list->items[i].id, failure);
        } while (!done && hooks_desk_again(desk, failure));
        if (!done)
            return false;
    }
    return true;
}

static void
describe(const struct hook_plan *plan, bool is_dry, struct hooks_result *result)
{
    (void)buffer_add_text(&result->why, plan->words);
    if (plan->surplus > 0)
        (void)buffer_addf(&result->why, "%s%zu more of the same URL %s",
                          result->why.len == 0 ? "" : "; ", plan->surplus,
                          is_dry ? "to be removed" : "removed");
}

static bool
install(struct hooks_desk *desk, const struct hooks_options *options, const char *place,
        const struct hook_list *list, struct hooks_result *result, struct failure *failure)
{
    const struct hook_wish wish = {.url = options->url,
                                   .rotates = hooks_given(options, HOOKS_SECRET)};
    const struct github_hook_wish whole = {.url = options->url,
                                           .secret = desk->config->github.webhook_secret};
    const struct hook_plan plan = hook_plan_make(list->items, list->len, &wish);
    bool is_dry = hooks_given(options, HOOKS_DRY_RUN), done = true;

    result->id = plan.id;
    result->outcome = plan.action == HOOK_CREATE                     ? HOOKS_CREATED
                      : plan.action == HOOK_MEND || plan.surplus > 0 ? HOOKS_MENDED
                                                                     : HOOKS_RIGHT;
    if (!is_dry) {
        /* First: GitHub takes no two that are alike, as the one that is kept may be about to be. */
        done = remove_surplus(desk, place, list, &plan, &wish, failure);
        if (done && plan.action == HOOK_CREATE)
            done = create(desk, place, &whole, &result->id, failure);
        else if (done && plan.action == HOOK_MEND)
            done = mend(desk, place, &plan, &whole, failure);
    }
    if (done)
        describe(&plan, is_dry, result);
    return done;
}

int
hooks_install(const struct invocation *invocation, int argc, char **argv)
{
    static const enum hooks_outcome outcomes[] = {HOOKS_CREATED, HOOKS_MENDED, HOOKS_RIGHT,
                                                  HOOKS_FAILED};
    static const struct hooks_round round = {install, outcomes,
                                             sizeof outcomes / sizeof outcomes[0]};
    struct hooks_options options;
    int status = hooks_options_read(&options,
                                    HOOKS_URL | HOOKS_CHOICE | HOOKS_ORGANIZATION | HOOKS_APP |
                                        HOOKS_APP_OF | HOOKS_SECRET | HOOKS_DRY_RUN | HOOKS_JSON |
                                        HOOKS_INSECURE_URL,
                                    HOOKS_URL, argc, argv);
    bool is_app = hooks_given(&options, HOOKS_APP);
    int kinds = (options.targets_len > 0) + (options.organization != NULL) + is_app;

    if (status != EXIT_DONE)
        return status;
    if (kinds == 0)
        return hooks_usage("install", "install needs OWNER or OWNER/REPO, --organization ORG or "
                                      "--app: where the webhook shall be");
    if (kinds > 1)
        return hooks_usage("install", "install takes owners and repositories, or --organization, "
                                      "or --app: one of them at a time, since their deliveries "
                                      "would all come");
    if (options.app_of != NULL && !is_app)
        return hooks_usage("install", "--app-of goes with --app");
    if (options.targets_len == 0 && (options.given & HOOKS_CHOICE) != 0)
        return hooks_usage("install", "--topic, --archived and --forks choose among the "
                                      "repositories of an OWNER");
    return is_app ? hooks_app_install(invocation, &options)
                  : hooks_round_go(&round, invocation, &options);
}
