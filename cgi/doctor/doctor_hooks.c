/*
 * Asks GitHub about the webhooks that tell us of jobs.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/visit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "doctor/judge_hook.h"
#include "upstream/github_hook.h"

#define SUBJECT_CAP (PLACE_WORDS_CAP + 48)

/* All webhooks of a place. */
struct hooks {
    struct github_hook *items;
    size_t len;
    bool failed;
};

static bool
add_hook(const struct github_hook *hook, void *arg)
{
    struct hooks *hooks = arg;
    struct github_hook *grown = reallocarray(hooks->items, hooks->len + 1, sizeof *hooks->items);

    if (grown == NULL) {
        hooks->failed = true;
        return false;
    }
    hooks->items = grown;
    hooks->items[hooks->len++] = *hook;
    return true;
}

static bool
has_id(const struct hooks *hooks, int64_t id)
{
    for (size_t i = 0; i < hooks->len; i++) {
        if (hooks->items[i].id == id)
            return true;
    }
    return false;
}

/* Of the webhooks of a place that deliveries came from: how many there are still, and are not. */
static void
count_known(const struct scene *scene, const char *place, const struct hooks *hooks, size_t *there,
            size_t *gone)
{
    *there = *gone = 0;
    for (size_t i = 0; i < scene->hooks_len; i++) {
        if (strcasecmp(scene->hooks[i].place, place) != 0)
            continue;
        if (has_id(hooks, scene->hooks[i].id))
            (*there)++;
        else
            (*gone)++;
    }
}

/* By its URL, where that was given; else by its deliveries; else by what it sends. */
static bool
is_ours(const struct scene *scene, const char *place, const struct github_hook *hook,
        bool some_are_known)
{
    if (scene->url != NULL)
        return strcmp(hook->url, scene->url) == 0;
    return some_are_known ? scene_knows_hook(scene, place, hook->id) : hook->sends_workflow_jobs;
}

static void
visit_hook(struct visit *visit, const char *place, const struct github_hook *hook)
{
    char words[PLACE_WORDS_CAP], target[PLACE_WORDS_CAP], subject[SUBJECT_CAP];
    struct github_last_delivery last;
    struct failure failure;

    (void)snprintf(subject, sizeof subject, "hook %" PRId64 " of %s", hook->id,
                   place_words(place, words));
    if (!github_last_delivery(visit->github, NULL, place, hook->id, &last, &failure)) {
        last = (struct github_last_delivery){.was_there = hook->last_code != 0,
                                             .code = hook->last_code};
        (void)snprintf(last.status, sizeof last.status, "%.100s", hook->last_message);
    }
    judge_hook(visit->findings, subject, judge_hook_target(place, target), hook, &last);
}

/* Looks at one place's webhooks. False where GitHub does not show them; `*failure` is set. */
static bool
visit_place(struct visit *visit, const char *place, struct hook_cover *cover,
            struct failure *failure)
{
    struct hooks hooks = {0};
    size_t there, gone;
    bool done = github_hooks(visit->github, place, add_hook, &hooks, failure);

    if (hooks.failed)
        visit->findings->failed = true;
    count_known(visit->scene, place, &hooks, &there, &gone);
    for (size_t i = 0; done && i < hooks.len; i++) {
        if (!is_ours(visit->scene, place, &hooks.items[i], there > 0))
            continue;
        cover->is_covered = true;
        visit_hook(visit, place, &hooks.items[i]);
    }
    cover->was_deleted = done && gone > 0 && there == 0;
    free(hooks.items);
    return done;
}

static bool
ledger_knows(const struct scene *scene, const char *place)
{
    for (size_t i = 0; i < scene->hooks_len; i++) {
        if (strcasecmp(scene->hooks[i].place, place) == 0)
            return true;
    }
    return false;
}

/* Whether an organization's webhook of ours covers its repositories. An owner may be a user, and
 * these webhooks need not be ours to look at: where no delivery came from one, that is not said. */
static bool
visit_organization(struct visit *visit, const char *place)
{
    struct patient *patient = visit_patient(visit, place);
    bool is_known = ledger_knows(visit->scene, place);
    char words[PLACE_WORDS_CAP], subject[SUBJECT_CAP];
    struct hook_cover cover = {0};
    struct failure failure;

    if (!visit_may_ask(visit, patient) || visit_is_uninstalled(patient, place) ||
        (patient->lacks[GITHUB_ORGANIZATION_HOOKS] && !is_known))
        return false;
    (void)snprintf(subject, sizeof subject, "hooks of %s", place_words(place, words));
    if (!visit_place(visit, place, &cover, &failure)) {
        bool is_quiet = failure.kind == FAILURE_NOT_FOUND || failure.kind == FAILURE_FORBIDDEN;

        if (is_known || !is_quiet)
            visit_trouble(visit, patient, FINDING_WARNING, subject, &failure);
        return is_known;
    }
    if (is_known && !cover.is_covered)
        judge_cover(visit->findings, place, &cover, visit->scene->url);
    return cover.is_covered;
}

static void
visit_repository(struct visit *visit, const char *place, bool by_organization)
{
    struct patient *patient = visit_patient(visit, place);
    struct hook_cover cover = {.by_organization = by_organization};
    char words[PLACE_WORDS_CAP], subject[SUBJECT_CAP];
    struct failure failure;

    if (!visit_may_ask(visit, patient) || visit_is_uninstalled(patient, place))
        return;
    cover.by_app = patient->has_hook;
    /* Of a token it was said that it may not. An App's need not, where its own webhook is ours. */
    cover.is_unknown =
        patient->hides_hooks || (patient->lacks[GITHUB_REPOSITORY_HOOKS] &&
                                 (account_app_id(patient->account) == NULL || patient->has_hook));
    if (!cover.is_unknown && !visit_place(visit, place, &cover, &failure)) {
        (void)snprintf(subject, sizeof subject, "hooks of %s", place_words(place, words));
        visit_trouble(visit, patient, FINDING_WARNING, subject, &failure);
        cover.is_unknown = true;
        patient->hides_hooks = failure.kind == FAILURE_FORBIDDEN;
    }
    if (!visit->is_down)
        judge_cover(visit->findings, place, &cover, visit->scene->url);
}

/* The repository before this one with the same owner; `i` where there is none. */
static size_t
first_of_owner(const struct scene_places *places, size_t i)
{
    char owner[PLACE_CAP], other[PLACE_CAP];

    place_owner(places->items[i], owner);
    for (size_t j = 0; j < i; j++) {
        place_owner(places->items[j], other);
        if (strcasecmp(owner, other) == 0)
            return j;
    }
    return i;
}

void
visit_hooks(struct visit *visit)
{
    const struct scene_places *places = &visit->scene->repositories;
    bool covered[SCENE_REPOSITORIES_MAX] = {false}; /* by the organization's */

    for (size_t i = 0; i < places->len && !visit->is_down; i++) {
        size_t first = first_of_owner(places, i);
        char owner[PLACE_CAP], place[PLACE_CAP];

        place_owner(places->items[i], owner);
        if (first < i)
            covered[i] = covered[first];
        else if (place_of_owner(owner, place))
            covered[i] = visit_organization(visit, place);
        visit_repository(visit, places->items[i], covered[i]);
    }
}
