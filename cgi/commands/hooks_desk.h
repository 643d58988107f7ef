/*
 * What the verbs of `runhook hooks` ask GitHub with, and how: at GitHub's pace, with a bar that
 * shows how far they are.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_HOOKS_DESK_H
#define COMMANDS_HOOKS_DESK_H

#include <stdbool.h>
#include <stddef.h>

#include "commands/command.h"
#include "config/config.h"
#include "hooks/pace.h"
#include "text/progress.h"
#include "upstream/account.h"
#include "upstream/github.h"
#include "upstream/github_hook.h"
#include "upstream/http.h"

struct hooks_desk {
    struct config *config;
    struct accounts *accounts;
    struct github *github;
    struct progress progress;
    struct pace pace; /* of requests that make or change something */
    http_deadline deadline;
    int waits;       /* for GitHub, in a row */
    bool is_stopped; /* GitHub cannot be asked any more: what is left, is left */
};

/* Loads the configuration, whole. False where something failed, which is said on standard error;
 * hooks_desk_close is due in either case. */
bool hooks_desk_open(struct hooks_desk *desk, const struct invocation *invocation);

/* The same for what GitHub tells everybody: secrets that are not there, or cannot be read, do
 * without. */
bool hooks_desk_open_for_all(struct hooks_desk *desk, const struct invocation *invocation);
void hooks_desk_close(struct hooks_desk *desk);

/*
 * A request failed: whether to send it once more. Where GitHub's rate limit ends within a minute
 * this waits for that, and says so. `is_stopped` is set where any other request would fail as well:
 * a limit that lasts, a token for all owners that is refused, no way to GitHub.
 */
bool hooks_desk_again(struct hooks_desk *desk, const struct failure *failure);

/* Waits until one more request may make or change something: [github] content_per_minute. */
void hooks_desk_content(struct hooks_desk *desk);

/* The webhooks of one place. */
struct hook_list {
    struct github_hook *items;
    size_t len;
    bool failed; /* out of memory */
};

/* Lists them; hook_list_fini is due in either case. */
bool hooks_desk_list(struct hooks_desk *desk, const char *place, struct hook_list *list,
                     struct failure *failure);
void hook_list_fini(struct hook_list *list);

#endif
