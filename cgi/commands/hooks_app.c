/*
 * runhook hooks install --app: the webhook of a GitHub App.
 * SPDX-License-Identifier: MIT
 */
#include "commands/hooks_app.h"

#include <stdio.h>
#include <strings.h>

#include "commands/hooks_desk.h"
#include "commands/hooks_report.h"
#include "commands/hooks_round.h"
#include "config/place.h"
#include "hooks/hook_plan.h"
#include "upstream/github_app_hook.h"

struct account *
hooks_app_find(struct hooks_desk *desk, const char *owner)
{
    struct account *found = NULL, *account;
    char place[PLACE_CAP];

    if (owner != NULL) {
        found = place_of_owner(owner, place) ? accounts_for(desk->accounts, place) : NULL;
        if (found == NULL || account_app_id(found) == NULL) {
            (void)fprintf(stderr,
                          "runhook: error: the configuration has no GitHub App for %s: set app_id "
                          "and private_key_file in [owner %s] or [github]\n",
                          owner, owner);
            return NULL;
        }
        return found;
    }
    for (size_t i = 0; (account = accounts_at(desk->accounts, i)) != NULL; i++) {
        if (account_app_id(account) == NULL)
            continue;
        if (found != NULL && strcasecmp(account_app_id(found), account_app_id(account)) != 0) {
            (void)fprintf(stderr, "runhook: error: the configuration has several GitHub Apps: say "
                                  "whose with --app-of OWNER\n");
            return NULL;
        }
        found = account;
    }
    if (found == NULL)
        (void)fprintf(stderr, "runhook: error: the configuration has no GitHub App: set app_id and "
                              "private_key_file in [github] or in an [owner NAME]\n");
    return found;
}

static bool
look(struct hooks_desk *desk, struct account *app, struct github_hook *hook,
     struct failure *failure)
{
    bool done;

    do {
        done = github_app_hook(desk->github, app, hook, failure);
    } while (!done && hooks_desk_again(desk, failure));
    return done;
}

static bool
mend(struct hooks_desk *desk, struct account *app, const struct github_hook_wish *wish,
     struct failure *failure)
{
    bool done;

    do {
        hooks_desk_content(desk);
        done = github_app_hook_mend(desk->github, app, wish, failure);
    } while (!done && hooks_desk_again(desk, failure));
    return done;
}

static bool
install(struct hooks_desk *desk, struct account *app, const struct hooks_options *options,
        struct hooks_result *result, struct failure *failure)
{
    const struct hook_wish wish = {.url = options->url,
                                   .rotates = hooks_given(options, HOOKS_SECRET)};
    const struct github_hook_wish whole = {.url = options->url,
                                           .secret = desk->config->github.webhook_secret};
    struct hook_plan plan;
    struct github_hook hook;

    if (!look(desk, app, &hook, failure))
        return false;
    plan = hook_plan_make_app(&hook, &wish);
    if (plan.action == HOOK_MEND && !hooks_given(options, HOOKS_DRY_RUN) &&
        !mend(desk, app, &whole, failure))
        return false;
    result->outcome = plan.action == HOOK_OK ? HOOKS_RIGHT : HOOKS_MENDED;
    (void)buffer_add_text(&result->why, plan.words);
    if (!hook.sends_workflow_jobs) {
        (void)buffer_addf(&result->why, "%snot subscribed to workflow_job",
                          result->why.len == 0 ? "" : "; ");
        (void)fprintf(
            stderr,
            "runhook: warning: the GitHub App %s is not sent workflow_job: nobody but its "
            "settings can change that: Permissions & events, \"Actions\" at least read, "
            "then subscribe to \"Workflow job\"\n",
            account_app_id(app));
    }
    return true;
}

int
hooks_app_install(const struct invocation *invocation, const struct hooks_options *options)
{
    static const enum hooks_outcome outcomes[] = {HOOKS_MENDED, HOOKS_RIGHT, HOOKS_FAILED};
    struct hooks_result result = {.outcome = HOOKS_FAILED, .why = BUFFER_INIT(HOOKS_WHY_MAX)};
    struct account *app = NULL;
    struct hooks_report report;
    struct hooks_desk desk;
    struct failure failure;
    bool done = false;

    hooks_round_warn(options);
    if (hooks_desk_open(&desk, invocation))
        app = hooks_app_find(&desk, options->app_of);
    if (app != NULL) {
        hooks_report_init(&report, hooks_given(options, HOOKS_DRY_RUN));
        done = install(&desk, app, options, &result, &failure);
        if (!done)
            (void)buffer_add_text(&result.why, failure.text.text);
        hooks_report_add(&report, PLACE_APP, &result);
        done = hooks_report_print(&report, outcomes, sizeof outcomes / sizeof outcomes[0],
                                  hooks_given(options, HOOKS_JSON)) &&
               done;
        hooks_report_fini(&report);
    }
    buffer_fini(&result.why);
    hooks_desk_close(&desk);
    return done ? EXIT_DONE : EXIT_FAILED;
}
