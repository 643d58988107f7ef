/*
 * Asks GitHub about the accounts: tokens, Apps and their installations, rate limits.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/visit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock/clock.h"
#include "upstream/github_app_hook.h"

#define SUBJECT_CAP (ACCOUNT_SECTION_CAP + PLACE_CAP + 32)

static bool
has_app(const struct visit *visit)
{
    for (size_t i = 0; i < visit->patients_len; i++) {
        if (account_app_id(visit->patients[i].account) != NULL)
            return true;
    }
    return false;
}

/* The first answer says that GitHub is there, and what its clock shows. */
static void
note_answer(struct visit *visit, int64_t server_now_ms)
{
    const struct config *config = visit->scene->config;

    if (server_now_ms == 0 || visit->was_reached)
        return;
    visit->was_reached = true;
    findings_add(visit->findings, FINDING_OK, "GitHub", "answers at %.192s",
                 config->github.api_url);
    judge_clock(visit->findings, clock_now_ms(), server_now_ms, has_app(visit));
}

static void
visit_token(struct visit *visit, struct patient *patient)
{
    struct github_token token;
    struct failure failure;
    bool done = github_token_self(visit->github, patient->account, &token, &failure);

    note_answer(visit, token.server_now_ms);
    if (!done) {
        visit_trouble(visit, patient, FINDING_ERROR, patient->section, &failure);
        /* Who does not tell whose token it is may take it all the same; not where it is elsewhere.
         */
        patient->is_refused = patient->is_refused || failure.kind == FAILURE_REDIRECTED;
        return;
    }
    judge_token(visit->findings, patient->section, &token, &patient->needs, clock_now_ms());
    for (int i = 0; i < GITHUB_PERMISSIONS; i++)
        patient->lacks[i] =
            token.is_classic && !judge_scopes_hold(token.scopes, (enum github_permission)i);
}

/* Whether jobs are to come to this account from an owner. */
static bool
is_ours(struct visit *visit, const struct patient *patient, const char *owner)
{
    const struct scene_places *sets[] = {&visit->scene->repositories, &visit->scene->registers};
    char other[PLACE_CAP];

    if (account_owner(patient->account) != NULL)
        return strcasecmp(account_owner(patient->account), owner) == 0;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        for (size_t j = 0; j < sets[i]->len; j++) {
            place_owner(sets[i]->items[j], other);
            if (strcasecmp(other, owner) == 0 && visit_patient(visit, sets[i]->items[j]) == patient)
                return true;
        }
    }
    return false;
}

struct tour {
    struct visit *visit;
    struct patient *patient;
    const struct github_app *app;
};

static bool
visit_installation(const struct github_installation *installation, void *arg)
{
    struct tour *tour = arg;
    struct patient *patient = tour->patient;
    struct scene_places *owners = &patient->owners;
    char(*grown)[PLACE_CAP] = reallocarray(owners->items, owners->len + 1, sizeof *owners->items);

    if (grown == NULL) {
        tour->visit->findings->failed = true;
        return false;
    }
    owners->items = grown;
    (void)snprintf(owners->items[owners->len++], PLACE_CAP, "%s", installation->owner);
    judge_installation(tour->visit->findings, patient->section, installation, tour->app,
                       &patient->needs, is_ours(tour->visit, patient, installation->owner));
    return true;
}

static void
say_uninstalled(struct visit *visit, const struct patient *patient, const char *owner)
{
    findings_add(visit->findings, FINDING_ERROR, patient->section,
                 "App uninstalled: the GitHub App %.64s is not installed for %.128s; install it "
                 "there, or take [owner %.128s] or the webhook away",
                 account_app_id(patient->account), owner, owner);
}

/* The place of an owner as [owner NAME] names it. */
static bool
place_of(const char *owner, char out[PLACE_CAP])
{
    if (!place_is_enterprise(owner))
        return place_of_owner(owner, out);
    (void)snprintf(out, PLACE_CAP, "%s", owner);
    return true;
}

/* Owners that jobs come from, and where the App is not. */
static void
visit_uninstalled(struct visit *visit, const struct patient *patient)
{
    const struct scene_places *places = &visit->scene->repositories;
    const char *own = account_owner(patient->account);
    char owner[PLACE_CAP], place[PLACE_CAP];

    if (own != NULL) {
        if (place_of(own, place) && visit_is_uninstalled(patient, place))
            say_uninstalled(visit, patient, own);
        return;
    }
    for (size_t i = 0; i < places->len; i++) {
        bool is_first = true;

        if (visit_patient(visit, places->items[i]) != patient ||
            !visit_is_uninstalled(patient, places->items[i]))
            continue;
        place_owner(places->items[i], owner);
        for (size_t j = 0; j < i && is_first; j++) {
            char before[PLACE_CAP];

            place_owner(places->items[j], before);
            is_first = strcasecmp(before, owner) != 0;
        }
        if (is_first)
            say_uninstalled(visit, patient, owner);
    }
}

static void
visit_installations(struct visit *visit, struct patient *patient, const struct github_app *app)
{
    struct tour tour = {.visit = visit, .patient = patient, .app = app};
    struct failure failure;

    if (!github_installations(visit->github, patient->account, visit_installation, &tour,
                              &failure)) {
        visit_trouble(visit, patient, FINDING_ERROR, patient->section, &failure);
        return;
    }
    patient->knows_owners = patient->owners.len < GITHUB_INSTALLATIONS_MAX;
    if (patient->owners.len == 0 && account_owner(patient->account) == NULL)
        findings_add(visit->findings, FINDING_ERROR, patient->section,
                     "the App %s is installed nowhere: install it for the owners of the "
                     "repositories",
                     app->name);
    visit_uninstalled(visit, patient);
}

static void
visit_app_hook(struct visit *visit, struct patient *patient, const struct github_app *app)
{
    const char *url = visit->scene->url;
    struct github_last_delivery last = {0};
    struct failure failure, ignored;
    struct github_hook hook;

    if (!github_app_hook(visit->github, patient->account, &hook, &failure)) {
        if (failure.kind != FAILURE_NOT_FOUND) {
            visit_trouble(visit, patient, FINDING_WARNING, patient->section, &failure);
            return;
        }
        hook = (struct github_hook){0};
    }
    if (hook.url[0] != '\0' &&
        !github_last_delivery(visit->github, patient->account, PLACE_APP, 0, &last, &ignored))
        last = (struct github_last_delivery){0};
    judge_app_hook(visit->findings, patient->section, app, &hook, &last, url);
    patient->has_hook = hook.url[0] != '\0' && app->sends_workflow_jobs &&
                        (url == NULL || strcmp(hook.url, url) == 0);
}

static void
visit_app(struct visit *visit, struct patient *patient)
{
    struct github_app app;
    struct failure failure;
    bool done = github_app_self(visit->github, patient->account, &app, &failure);

    note_answer(visit, app.server_now_ms);
    if (!done) {
        visit_trouble(visit, patient, FINDING_ERROR, patient->section, &failure);
        patient->is_refused = true;
        return;
    }
    judge_app(visit->findings, patient->section, account_app_id(patient->account), &app,
              &patient->needs);
    for (int i = 0; i < GITHUB_PERMISSIONS; i++)
        patient->lacks[i] = !github_grants_allow(&app.grants, (enum github_permission)i);
    visit_installations(visit, patient, &app);
    if (visit_may_ask(visit, patient))
        visit_app_hook(visit, patient, &app);
}

void
visit_account(struct visit *visit, struct patient *patient)
{
    if (visit->is_down)
        return;
    if (account_app_id(patient->account) == NULL)
        visit_token(visit, patient);
    else
        visit_app(visit, patient);
}

/* Asks about one limit. `owner` is whose an App's is, or NULL. */
static void
visit_rate(struct visit *visit, struct patient *patient, const char *place,
           enum github_permission permission, const char *owner)
{
    const struct config *config = visit->scene->config;
    char subject[SUBJECT_CAP];
    struct github_rate rate;
    struct failure failure;

    (void)snprintf(subject, sizeof subject, "rate limit of %s%s%s", patient->section,
                   owner == NULL ? "" : " for ", owner == NULL ? "" : owner);
    if (github_rate(visit->github, place, permission, &rate, &failure))
        judge_rate(visit->findings, subject, &rate, config->audit.github_calls, clock_now_ms());
    else if (failure.kind == FAILURE_NOT_FOUND)
        findings_add(visit->findings, FINDING_OK, subject, "this server has none");
    else
        visit_trouble(visit, patient, FINDING_WARNING, subject, &failure);
}

void
visit_rates(struct visit *visit, struct patient *patient)
{
    const struct scene_places *places = &visit->scene->registers;
    const char *owner = account_owner(patient->account);
    struct scene_places told = {0};
    char place[PLACE_CAP];

    if (visit->is_down || patient->is_refused)
        return;
    if (account_app_id(patient->account) == NULL) {
        /* The place says whose account it is: of all owners that have none of their own, no name
         * is. */
        if (owner == NULL || !place_of(owner, place))
            (void)snprintf(place, sizeof place, "its user");
        visit_rate(visit, patient, place, GITHUB_METADATA, NULL);
        return;
    }
    /* An App has a limit for each installation. */
    for (size_t i = 0; i < places->len && !visit->is_down; i++) {
        const char *at = places->items[i];
        char at_owner[PLACE_CAP];
        bool is_told = false;

        place_owner(at, at_owner);
        for (size_t j = 0; j < told.len; j++)
            is_told = is_told || strcasecmp(told.items[j], at_owner) == 0;
        if (is_told || visit_patient(visit, at) != patient || visit_is_uninstalled(patient, at) ||
            patient->lacks[github_permission_of_runners(at)])
            continue;
        visit_rate(visit, patient, at, github_permission_of_runners(at), at_owner);
        if (told.items == NULL)
            told.items = calloc(places->len, sizeof *told.items);
        if (told.items == NULL)
            break;
        (void)snprintf(told.items[told.len++], PLACE_CAP, "%s", at_owner);
    }
    free(told.items);
}
