/*
 * runhook hooks redeliver: has GitHub send again what it could not deliver. `serve` does that by
 * itself, once for each delivery; here a person decides, so what failed again is asked for again.
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <runhook/delivery.h>

#include "audit/redelivery.h"
#include "clock/clock.h"
#include "commands/common.h"
#include "commands/hooks.h"
#include "commands/hooks_app.h"
#include "commands/hooks_places.h"
#include "commands/hooks_report.h"
#include "commands/redelivery_report.h"
#include "hooks/hook_plan.h"
#include "hooks/hook_url.h"
#include "hooks/redelivery_plan.h"
#include "ledger/hook.h"
#include "upstream/github_app_hook.h"

/* How another attempt ends is on GitHub's list within this. */
#define RECENT_MS (INT64_C(60) * 1000)

/* How often it is looked whether GitHub may be asked again. */
#define REST_MS 500

#define SINCE_DAYS_MAX 365

/* A webhook whose deliveries are looked at. */
struct subject {
    char place[PLACE_CAP]; /* as the ledger has it: see HOOK_APP */
    int64_t id;
    struct account *app;
};

struct errand {
    const struct hooks_options *options;
    struct hooks_desk desk;
    struct ledger *ledger;
    int64_t since_ms;
    struct redelivery_report report;
    struct subject *subjects;
    size_t subjects_len;
    bool failed; /* out of memory, or the ledger fails: said on standard error */
};

static bool
fail(struct errand *errand, const char *words)
{
    progress_say(&errand->desk.progress, "runhook: error: %s\n", words);
    errand->failed = true;
    return false;
}

/* -- Since when ---------------------------------------------------------------------------------
 */

/* "90m", "12h", "3d", or a time of ISO 8601. */
static bool
parse_since(const char *text, int64_t now_ms, int64_t *since_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    size_t digits = strspn(text, "0123456789");
    int64_t at_s;

    if (digits > 0 && digits <= 9 && text[digits] != '\0' && text[digits + 1] == '\0') {
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
            int64_t ms = strtoll(text, NULL, 10) * units[i].ms;

            if (units[i].unit != text[digits])
                continue;
            *since_ms = now_ms - ms;
            return ms > 0 && ms <= SINCE_DAYS_MAX * INT64_C(86400000);
        }
        return false;
    }
    if (!rh_time_parse(text, &at_s))
        return false;
    *since_ms = at_s * 1000;
    return *since_ms < now_ms;
}

/* -- Whose deliveries ---------------------------------------------------------------------------
 */

static bool
add_subject(struct errand *errand, const char *place, int64_t id, struct account *app)
{
    struct subject *grown = reallocarray(errand->subjects, errand->subjects_len + 1, sizeof *grown);

    if (grown == NULL)
        return fail(errand, "out of memory");
    errand->subjects = grown;
    grown[errand->subjects_len] = (struct subject){.id = id, .app = app};
    (void)snprintf(grown[errand->subjects_len++].place, sizeof grown[0].place, "%s", place);
    return true;
}

/* What could not be asked about. */
static void
report_place(struct errand *errand, const char *place, const char *why)
{
    redelivery_report_add(&errand->report, place, 0, NULL,
                          errand->desk.is_stopped ? REDELIVERY_LEFT : REDELIVERY_FAILED, why);
}

/* The App's webhook, where it is of the URL that is meant. */
static bool
add_app(struct errand *errand, struct account *app, const char *place)
{
    struct github_hook hook;
    struct failure failure;
    bool done = true;

    if (errand->options->url != NULL) {
        do {
            done = github_app_hook(errand->desk.github, app, &hook, &failure);
        } while (!done && hooks_desk_again(&errand->desk, &failure));
        if (!done) {
            report_place(errand, place, failure.text.text);
            return true;
        }
        if (!hook_url_same(hook.url, errand->options->url))
            return true;
    }
    return add_subject(errand, place, 0, app);
}

/* The webhooks of a place that are meant: those of the URL, or else all that are sent jobs. */
static bool
add_place(struct errand *errand, const char *place)
{
    const char *url = errand->options->url;
    struct hook_list list = {0};
    struct failure failure;
    bool done = true;

    if (errand->desk.is_stopped) {
        report_place(errand, place, "was not asked for any more: run the command again");
        return true;
    }
    if (!hooks_desk_list(&errand->desk, place, &list, &failure))
        report_place(errand, place, failure.text.text);
    for (size_t i = 0; done && i < list.len; i++) {
        const struct github_hook *hook = &list.items[i];

        if (url == NULL ? hook->sends_workflow_jobs : hook_is_ours(hook, url))
            done = add_subject(errand, place, hook->id, NULL);
    }
    hook_list_fini(&list);
    return done;
}

static bool
add_named(struct errand *errand)
{
    struct hooks_places places = {0};
    bool done = hooks_places_find(&places, &errand->desk, errand->options);

    for (size_t i = 0; done && i < places.len; i++) {
        const struct hooks_place *place = &places.items[i];

        progress_show(&errand->desk.progress, i, places.len, hooks_place_label(place->place));
        if (place->failure != NULL)
            report_place(errand, place->place, place->failure);
        else
            done = add_place(errand, place->place);
    }
    hooks_places_fini(&places);
    return done;
}

static bool
keep_known(const char *place, int64_t id, void *arg)
{
    return add_subject(arg, place, id, NULL);
}

/* Of those that the ledger knows, in the order of their places, the ones that are meant. */
static bool
choose_known(struct errand *errand, const struct subject *known, size_t known_len)
{
    bool done = true;

    for (size_t i = 0; done && i < known_len; i++) {
        const char *place = known[i].place;

        if (strncmp(place, HOOK_APP, strlen(HOOK_APP)) == 0) {
            struct account *app = redelivery_app(errand->desk.accounts, place);

            done = app == NULL || add_app(errand, app, place);
        } else if (errand->options->url == NULL) {
            done = add_subject(errand, place, known[i].id, NULL);
        } else if (i == 0 || strcmp(known[i - 1].place, place) != 0) {
            done = add_place(errand, place);
        }
    }
    return done;
}

static bool
add_known(struct errand *errand)
{
    struct hooks_known list = {.visit = keep_known, .arg = errand};
    struct rh_reason reason;
    bool done = ledger_read(errand->ledger, hooks_known, &list, &reason) == LEDGER_OK;
    struct subject *known = errand->subjects;
    size_t known_len = errand->subjects_len;

    errand->subjects = NULL;
    errand->subjects_len = 0;
    if (!done)
        done = fail(errand, reason.text);
    else if (known_len == 0)
        done = fail(errand, "the ledger knows no webhook yet, as no delivery has told of one: name "
                            "OWNER/REPO, --organization ORG or --app");
    else
        done = !errand->failed && choose_known(errand, known, known_len);
    free(known);
    return done;
}

static bool
find_subjects(struct errand *errand)
{
    const struct hooks_options *options = errand->options;
    char place[PLACE_CAP];
    struct account *app;

    if (hooks_given(options, HOOKS_APP)) {
        app = hooks_app_find(&errand->desk, options->app_of);
        if (app == NULL)
            return false;
        (void)snprintf(place, sizeof place, HOOK_APP "%s", account_app_id(app));
        return add_app(errand, app, place);
    }
    return options->targets_len > 0 || options->organization != NULL ? add_named(errand)
                                                                     : add_known(errand);
}

/* -- What failed, and is asked for ---------------------------------------------------------------
 */

/* Attempts at deliveries, as they are listed. */
struct attempts {
    struct github_delivery *items;
    size_t len, cap;
    bool failed; /* out of memory */
};

static bool
keep_attempt(const struct github_delivery *attempt, void *arg)
{
    struct attempts *attempts = arg;

    if (attempts->len == attempts->cap) {
        size_t cap = attempts->cap == 0 ? 128 : attempts->cap * 2;
        struct github_delivery *grown = reallocarray(attempts->items, cap, sizeof *grown);

        attempts->failed = grown == NULL;
        if (grown == NULL)
            return false;
        attempts->items = grown;
        attempts->cap = cap;
    }
    attempts->items[attempts->len++] = *attempt;
    return true;
}

static void
rest(void)
{
    const struct timespec pause = {.tv_nsec = REST_MS * 1000000};

    (void)nanosleep(&pause, NULL);
}

/* Notes that it is asked for, when that may be. False where the ledger fails. */
static bool
claim(struct errand *errand, const char *guid, enum redelivery_permit *permit)
{
    int64_t per_minute = errand->desk.config->github.content_per_minute;
    struct redelivery_claim claim = {.guid = guid, .per_minute = per_minute};
    struct rh_reason reason;
    bool said = false;

    for (;;) {
        claim.now_ms = clock_now_ms();
        claim.asked_since_ms = claim.now_ms - RECENT_MS;
        if (ledger_write(errand->ledger, redelivery_claim, &claim, &reason) != LEDGER_OK)
            return fail(errand, reason.text);
        *permit = claim.permit;
        if (claim.permit != REDELIVERY_LATER)
            return true;
        if (!said)
            progress_say(&errand->desk.progress,
                         "runhook: waiting for a minute: [github] content_per_minute = %" PRId64
                         "\n",
                         per_minute);
        said = true;
        rest();
    }
}

static bool
send_again(struct errand *errand, const struct github_sender *sender, int64_t id,
           struct failure *failure)
{
    bool done;

    do {
        done = github_redeliver(errand->desk.github, sender, id, failure);
    } while (!done && hooks_desk_again(&errand->desk, failure));
    if (done)
        errand->desk.waits = 0;
    return done;
}

/* Does what is to be done about one that failed. False where the errand ends. */
static bool
ask(struct errand *errand, const struct subject *subject, const struct github_sender *sender,
    struct github_delivery *attempt)
{
    struct redelivery_find find = {.guid = attempt->guid,
                                   .asked_since_ms = clock_now_ms() - RECENT_MS};
    enum redelivery_outcome outcome = REDELIVERY_DONE;
    enum redelivery_permit permit = REDELIVERY_MAY;
    struct failure failure;
    struct rh_reason reason;
    const char *why = NULL;

    if (hooks_given(errand->options, HOOKS_DRY_RUN)) {
        if (ledger_read(errand->ledger, redelivery_find, &find, &reason) != LEDGER_OK)
            return fail(errand, reason.text);
        outcome = find.was_asked ? REDELIVERY_RECENT : REDELIVERY_DONE;
    } else if (errand->desk.is_stopped) {
        outcome = REDELIVERY_LEFT;
    } else if (!claim(errand, attempt->guid, &permit)) {
        return false;
    } else if (permit == REDELIVERY_ASKED) {
        outcome = REDELIVERY_RECENT;
    } else if (!send_again(errand, sender, attempt->id, &failure)) {
        outcome = REDELIVERY_FAILED;
        why = failure.kind == FAILURE_NOT_FOUND && failure.is_apis_word
                  ? "GitHub keeps it no more, or the credential may not have it sent (404)"
                  : failure.text.text;
        if (ledger_write(errand->ledger, redelivery_release, attempt->guid, &reason) != LEDGER_OK)
            return fail(errand, reason.text);
    }
    redelivery_report_add(&errand->report, subject->place, subject->id, attempt, outcome, why);
    return true;
}

static bool
list(struct errand *errand, const struct github_sender *sender, struct attempts *attempts,
     struct failure *failure)
{
    bool done;

    do {
        attempts->len = 0;
        done = github_deliveries(errand->desk.github, sender, errand->since_ms, keep_attempt,
                                 attempts, failure);
    } while (!done && hooks_desk_again(&errand->desk, failure));
    if (done)
        errand->desk.waits = 0;
    return done;
}

static bool
look_at(struct errand *errand, const struct subject *subject)
{
    const struct github_sender sender = {.place = subject->app != NULL ? PLACE_APP : subject->place,
                                         .id = subject->id,
                                         .app = subject->app};
    const struct redelivery_rules rules = {
        .now_ms = clock_now_ms(), .since_ms = errand->since_ms, .is_by_hand = true};
    struct attempts attempts = {0};
    struct failure failure;
    bool done = true;

    if (errand->desk.is_stopped)
        report_place(errand, subject->place, "was not asked for any more: run the command again");
    else if (!list(errand, &sender, &attempts, &failure))
        report_place(errand, subject->place, failure.text.text);
    else if (attempts.failed)
        done = fail(errand, "out of memory");
    else
        for (size_t i = 0, len = redelivery_plan(attempts.items, attempts.len, &rules);
             done && i < len; i++)
            done = ask(errand, subject, &sender, &attempts.items[i]);
    free(attempts.items);
    return done;
}

static bool
go(struct errand *errand)
{
    bool done = find_subjects(errand);

    for (size_t i = 0; done && i < errand->subjects_len; i++) {
        const struct subject *subject = &errand->subjects[i];

        progress_show(&errand->desk.progress, i, errand->subjects_len,
                      hooks_place_label(subject->place));
        done = look_at(errand, subject);
    }
    progress_clear(&errand->desk.progress);
    if (errand->failed && errand->subjects_len == 0)
        return false;
    if (!redelivery_report_print(&errand->report, hooks_given(errand->options, HOOKS_JSON)))
        return false;
    return done && errand->report.counts[REDELIVERY_FAILED] == 0 &&
           errand->report.counts[REDELIVERY_LEFT] == 0;
}

/* What no single argument can tell. */
static int
check(const struct hooks_options *options, int64_t *since_ms)
{
    bool is_app = hooks_given(options, HOOKS_APP);

    *since_ms = clock_now_ms() - GITHUB_DELIVERIES_MS;
    if (options->since != NULL && !parse_since(options->since, clock_now_ms(), since_ms))
        return hooks_usage("redeliver", "--since needs a span as 90m, 12h or 3d, or a time that is "
                                        "over, as 2026-01-31T12:00:00Z");
    if (is_app && (options->targets_len > 0 || options->organization != NULL))
        return hooks_usage("redeliver", "--app is about the App's webhook, and no other");
    if (options->app_of != NULL && !is_app)
        return hooks_usage("redeliver", "--app-of says which --app is meant");
    return EXIT_DONE;
}

int
hooks_redeliver(const struct invocation *invocation, int argc, char **argv)
{
    struct hooks_options options;
    struct errand errand = {.options = &options};
    int status = hooks_options_read(&options,
                                    HOOKS_URL | HOOKS_CHOICE | HOOKS_ORGANIZATION | HOOKS_APP |
                                        HOOKS_APP_OF | HOOKS_SINCE | HOOKS_DRY_RUN | HOOKS_JSON |
                                        HOOKS_INSECURE_URL,
                                    0, argc, argv);
    bool is_dry = hooks_given(&options, HOOKS_DRY_RUN), done = false;

    if (status == EXIT_DONE)
        status = check(&options, &errand.since_ms);
    if (status != EXIT_DONE)
        return status;
    redelivery_report_init(&errand.report, errand.since_ms, is_dry);
    if (hooks_desk_open(&errand.desk, invocation)) {
        errand.ledger = common_ledger(errand.desk.config, is_dry ? LEDGER_LOOK : LEDGER_CHANGE);
        done = errand.ledger != NULL && go(&errand);
    }
    redelivery_report_fini(&errand.report);
    free(errand.subjects);
    ledger_close(errand.ledger);
    hooks_desk_close(&errand.desk);
    return done ? EXIT_DONE : EXIT_FAILED;
}
