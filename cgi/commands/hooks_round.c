/*
 * The way of a verb of `runhook hooks` that does one thing in each of many places.
 * SPDX-License-Identifier: MIT
 */
#include "commands/hooks_round.h"

#include <stdio.h>
#include <strings.h>

#include "commands/hooks_places.h"

void
hooks_round_warn(const struct hooks_options *options)
{
    if (options->url != NULL && strncasecmp(options->url, "http://", 7) == 0)
        (void)fprintf(stderr, "runhook: warning: deliveries to http:// can be read, and held, by "
                              "anybody on their way\n");
}

static void
go_to(const struct hooks_round *round, struct hooks_desk *desk, const struct hooks_options *options,
      const struct hooks_place *place, struct hooks_result *result)
{
    struct hook_list list = {0};
    struct failure failure;

    if (place->failure != NULL) {
        result->outcome = HOOKS_FAILED;
        (void)buffer_add_text(&result->why, place->failure);
        return;
    }
    if (desk->is_stopped) {
        result->outcome = HOOKS_LEFT;
        (void)buffer_add_text(&result->why, "was not asked for any more: run the command again");
        return;
    }
    if (!hooks_desk_list(desk, place->place, &list, &failure) ||
        !round->work(desk, options, place->place, &list, result, &failure)) {
        result->outcome = HOOKS_FAILED;
        if (result->why.len > 0)
            (void)buffer_add_text(&result->why, ": ");
        (void)buffer_add_text(&result->why, failure.text.text);
        if (place->lacks_admin &&
            (failure.kind == FAILURE_NOT_FOUND || failure.kind == FAILURE_FORBIDDEN))
            (void)buffer_add_text(&result->why, "; the token's user is no administrator of it");
    }
    hook_list_fini(&list);
}

static int
go(const struct hooks_round *round, struct hooks_desk *desk, const struct hooks_options *options,
   const struct hooks_places *places)
{
    struct hooks_report report;
    bool done;

    hooks_report_init(&report, hooks_given(options, HOOKS_DRY_RUN));
    for (size_t i = 0; i < places->len; i++) {
        const struct hooks_place *place = &places->items[i];
        struct hooks_result result = {.why = BUFFER_INIT(HOOKS_WHY_MAX)};

        progress_show(&desk->progress, i, places->len, hooks_place_label(place->place));
        go_to(round, desk, options, place, &result);
        hooks_report_add(&report, place->place, &result);
        buffer_fini(&result.why);
    }
    progress_clear(&desk->progress);
    done = hooks_report_print(&report, round->outcomes, round->outcomes_len,
                              hooks_given(options, HOOKS_JSON));
    if (report.counts[HOOKS_LEFT] > 0)
        (void)fprintf(
            stderr,
            "runhook: error: GitHub could not be asked any more, and %zu places are left: "
            "run the command again later, it goes on where it stopped\n",
            report.counts[HOOKS_LEFT]);
    done = done && report.counts[HOOKS_FAILED] == 0 && report.counts[HOOKS_LEFT] == 0;
    hooks_report_fini(&report);
    return done ? EXIT_DONE : EXIT_FAILED;
}

int
hooks_round_go(const struct hooks_round *round, const struct invocation *invocation,
               const struct hooks_options *options)
{
    struct hooks_places places = {0};
    struct hooks_desk desk;
    int status = EXIT_FAILED;

    hooks_round_warn(options);
    if (hooks_desk_open(&desk, invocation) && hooks_places_find(&places, &desk, options))
        status = go(round, &desk, options, &places);
    hooks_places_fini(&places);
    hooks_desk_close(&desk);
    return status;
}
