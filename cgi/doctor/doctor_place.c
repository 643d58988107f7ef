/*
 * Asks GitHub whether runners can register in a place, and whether what runs there is told of.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/visit.h"

#include <stdio.h>
#include <string.h>

#include <runhook/secret.h>

#include "upstream/github_registration.h"

#define SUBJECT_CAP (PLACE_WORDS_CAP + 16)

/* Whether a place's account is to be asked for what this permission allows. Where there is none,
 * says so. */
static struct patient *
patient_for(struct visit *visit, const char *place, const char *subject,
            enum github_permission permission)
{
    struct patient *patient = visit_patient(visit, place);
    char words[PLACE_WORDS_CAP];

    if (patient == NULL && !visit->is_down)
        findings_add(visit->findings, FINDING_ERROR, subject,
                     "the configuration has no token or App for %.128s: give it an [owner NAME], "
                     "or [github] one for all",
                     place_words(place, words));
    if (patient == NULL || !visit_may_ask(visit, patient) || patient->lacks[permission] ||
        visit_is_uninstalled(patient, place))
        return NULL;
    return patient;
}

/* Minting is the only proof that a runner may register, and changes nothing: the token is thrown
 * away. */
static bool
may_register(struct github *github, const char *place, struct failure *failure)
{
    struct rh_secret *token;
    int64_t expires_at_ms;
    bool may = github_registration_token(github, place, &token, &expires_at_ms, failure);

    rh_secret_free(token);
    return may;
}

/* Each pool's group, once. */
static bool
visit_groups(struct visit *visit, struct patient *patient, const char *place, const char *subject)
{
    const struct config *config = visit->scene->config;
    bool good = true;

    for (size_t i = 0; i < config->pools_len && visit_may_ask(visit, patient); i++) {
        const struct pool *pool = &config->pools[i];
        struct failure failure;
        int64_t id;

        if (pool->runner_group == NULL || !scene_pool_registers(visit->scene, pool, place))
            continue;
        if (github_runner_group(visit->github, place, pool->runner_group, &id, &failure))
            continue;
        visit_trouble(visit, patient, FINDING_ERROR, subject, &failure);
        good = false;
    }
    return good;
}

void
visit_runners(struct visit *visit, const char *place)
{
    enum github_permission permission = github_permission_of_runners(place);
    char words[PLACE_WORDS_CAP], subject[SUBJECT_CAP];
    struct patient *patient;
    struct failure failure;

    (void)snprintf(subject, sizeof subject, "runners of %s", place_words(place, words));
    patient = patient_for(visit, place, subject, permission);
    if (patient == NULL)
        return;
    if (!github_may_get(visit->github, place, "/actions/runners?per_page=1", permission,
                        &failure) ||
        !may_register(visit->github, place, &failure)) {
        visit_trouble(visit, patient, FINDING_ERROR, subject, &failure);
        return;
    }
    if (visit_groups(visit, patient, place, subject))
        findings_add(visit->findings, FINDING_OK, subject, "they can be listed, and can register");
}

void
visit_actions(struct visit *visit, const char *place)
{
    char words[PLACE_WORDS_CAP], subject[SUBJECT_CAP];
    struct patient *patient;
    struct failure failure;

    (void)snprintf(subject, sizeof subject, "Actions of %s", place_words(place, words));
    patient = patient_for(visit, place, subject, GITHUB_ACTIONS);
    if (patient == NULL)
        return;
    if (github_may_get(visit->github, place, "/actions/runs?per_page=1", GITHUB_ACTIONS, &failure))
        findings_add(visit->findings, FINDING_OK, subject, "they can be read");
    else
        visit_trouble(visit, patient, patient->needs.levels[GITHUB_ACTIONS], subject, &failure);
}
