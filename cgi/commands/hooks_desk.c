/*
 * What the verbs of `runhook hooks` ask GitHub with, and how.
 * SPDX-License-Identifier: MIT
 */
#include "commands/hooks_desk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <curl/curl.h>

#include "clock/clock.h"
#include "commands/common.h"

/* What is longer than this the user shall decide about. GitHub's secondary limit asks for it. */
#define WAIT_MAX_MS (60 * 1000)

/* GitHub may ask to wait again after a wait; not for ever. */
#define WAITS_MAX 5

static bool
begin(struct hooks_desk *desk)
{
    *desk = (struct hooks_desk){0};
    atomic_init(&desk->deadline, INT64_MAX);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        return true;
    (void)fprintf(stderr, "runhook: error: libcurl does not start\n");
    return false;
}

/* Makes the rest, where there is a configuration. */
static bool
furnish(struct hooks_desk *desk)
{
    if (desk->config == NULL)
        return false;
    desk->accounts =
        accounts_new(&desk->config->github, desk->config->owners, desk->config->owners_len);
    if (desk->accounts != NULL)
        desk->github = github_new(&desk->config->github, desk->accounts, NULL, &desk->deadline);
    if (desk->github == NULL || !pace_init(&desk->pace, desk->config->github.content_per_minute)) {
        (void)fprintf(stderr, "runhook: error: out of memory\n");
        return false;
    }
    progress_init(&desk->progress, stderr);
    return true;
}

bool
hooks_desk_open(struct hooks_desk *desk, const struct invocation *invocation)
{
    if (!begin(desk))
        return false;
    desk->config = common_config(invocation, CONFIG_WHOLE);
    return furnish(desk);
}

bool
hooks_desk_open_for_all(struct hooks_desk *desk, const struct invocation *invocation)
{
    struct rh_reason missing;

    if (!begin(desk))
        return false;
    desk->config = common_config_at_best(invocation, &missing);
    return furnish(desk);
}

void
hooks_desk_close(struct hooks_desk *desk)
{
    pace_fini(&desk->pace);
    github_free(desk->github);
    accounts_free(desk->accounts);
    config_free(desk->config);
    curl_global_cleanup();
}

static void
rest(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static bool
is_everybodys(const struct failure *failure)
{
    switch (failure->kind) {
    case FAILURE_UNRESOLVED:
    case FAILURE_REFUSED:
    case FAILURE_TLS:
    case FAILURE_RATE_LIMITED:
    case FAILURE_STOPPED:
    case FAILURE_LOCAL:
        return true;
    case FAILURE_UNAUTHORIZED:
        return failure->owner[0] == '\0';
    default:
        return false;
    }
}

bool
hooks_desk_again(struct hooks_desk *desk, const struct failure *failure)
{
    int64_t wait_ms = failure->retry_after_ms;

    if (failure->kind == FAILURE_RATE_LIMITED && wait_ms >= 0 && wait_ms <= WAIT_MAX_MS &&
        desk->waits < WAITS_MAX) {
        desk->waits++;
        progress_say(&desk->progress,
                     "runhook: GitHub's rate limit is used up: waiting %" PRId64 " s for it\n",
                     (wait_ms + 999) / 1000);
        rest(wait_ms);
        return true;
    }
    desk->waits = 0;
    desk->is_stopped = is_everybodys(failure);
    return false;
}

void
hooks_desk_content(struct hooks_desk *desk)
{
    int64_t wait_ms = pace_wait_ms(&desk->pace, clock_monotonic_ms());

    if (wait_ms > 0) {
        progress_say(&desk->progress,
                     "runhook: waiting %" PRId64 " s: [github] content_per_minute = %" PRId64 "\n",
                     (wait_ms + 999) / 1000, desk->config->github.content_per_minute);
        rest(wait_ms);
    }
    pace_count(&desk->pace, clock_monotonic_ms());
}

static bool
add_hook(const struct github_hook *hook, void *arg)
{
    struct hook_list *list = arg;
    struct github_hook *grown = reallocarray(list->items, list->len + 1, sizeof *grown);

    list->failed = grown == NULL;
    if (grown == NULL)
        return false;
    list->items = grown;
    grown[list->len++] = *hook;
    return true;
}

bool
hooks_desk_list(struct hooks_desk *desk, const char *place, struct hook_list *list,
                struct failure *failure)
{
    bool done;

    do {
        list->len = 0;
        done = github_hooks(desk->github, place, add_hook, list, failure);
    } while (!done && hooks_desk_again(desk, failure));
    if (done)
        desk->waits = 0;
    if (done && list->failed)
        done = failure_set(failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
    return done;
}

void
hook_list_fini(struct hook_list *list)
{
    free(list->items);
    *list = (struct hook_list){0};
}
