/*
 * Asks GitHub whether runners can register there, and whether jobs are told of.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/doctor.h"

#include <stdlib.h>

#include "config/access.h"
#include "doctor/visit.h"

/* Whether a job waits for what Actions say of its run: where pull requests from forks are not
 * simply taken. */
static enum finding_level
actions_level(const struct config *config)
{
    for (size_t i = 0; i < config->pools_len; i++) {
        const struct fork_rule *rule = access_forks(config, &config->pools[i]);

        if (rule->permit == PERMIT_DENY || rule->permit == PERMIT_POOL)
            return FINDING_ERROR;
    }
    return FINDING_WARNING; /* an audit needs it, and so does discovery */
}

/* What an account needs that no known place tells of. */
static void
need_by_pools(const struct config *config, const struct patient *patient, struct needs *needs)
{
    const char *owner = account_owner(patient->account);
    bool is_enterprise = owner != NULL && place_is_enterprise(owner);

    for (size_t i = 0; i < config->pools_len; i++) {
        enum pool_scope scope = config->pools[i].scope;

        if (scope == POOL_SCOPE_REPOSITORY && !is_enterprise)
            needs->levels[GITHUB_ADMINISTRATION] = FINDING_ERROR;
        if (scope == POOL_SCOPE_ORGANIZATION && !is_enterprise)
            needs->levels[GITHUB_ORGANIZATION_RUNNERS] = FINDING_ERROR;
    }
    if (!is_enterprise)
        needs->levels[GITHUB_ACTIONS] = actions_level(config);
}

static void
set_needs(struct visit *visit, struct patient *patient)
{
    const struct scene *scene = visit->scene;
    struct needs *needs = &patient->needs;
    bool is_app = account_app_id(patient->account) != NULL;
    size_t places = 0;

    for (size_t i = 0; i < scene->registers.len; i++) {
        const char *place = scene->registers.items[i];

        if (visit_patient(visit, place) != patient)
            continue;
        needs->levels[github_permission_of_runners(place)] = FINDING_ERROR;
        places++;
    }
    for (size_t i = 0; i < scene->repositories.len; i++) {
        if (visit_patient(visit, scene->repositories.items[i]) != patient)
            continue;
        needs->levels[GITHUB_ACTIONS] = actions_level(scene->config);
        /* An App's own webhook does without. */
        if (!is_app)
            needs->levels[GITHUB_REPOSITORY_HOOKS] = FINDING_WARNING;
        places++;
    }
    if (places == 0)
        need_by_pools(scene->config, patient, needs);
}

static bool
set_patients(struct visit *visit)
{
    size_t len = 0;

    while (accounts_at(visit->accounts, len) != NULL)
        len++;
    visit->patients = calloc(len + 1, sizeof *visit->patients);
    if (visit->patients == NULL)
        return false;
    visit->patients_len = len;
    for (size_t i = 0; i < len; i++) {
        struct patient *patient = &visit->patients[i];

        patient->account = accounts_at(visit->accounts, i);
        (void)account_section(patient->account, patient->section);
    }
    for (size_t i = 0; i < len; i++)
        set_needs(visit, &visit->patients[i]);
    return true;
}

void
doctor_github(const struct scene *scene, struct github *github, struct accounts *accounts,
              struct findings *findings)
{
    struct visit visit = {
        .scene = scene, .github = github, .accounts = accounts, .findings = findings};

    if (!set_patients(&visit)) {
        findings->failed = true;
        return;
    }
    for (size_t i = 0; i < visit.patients_len; i++)
        visit_account(&visit, &visit.patients[i]);
    if (scene->repositories.len == 0 && !visit.is_down)
        findings_add(findings, FINDING_WARNING, "repositories",
                     "none is known yet, so that none is examined: name some in `repositories` of "
                     "[github]");
    for (size_t i = 0; i < scene->registers.len; i++)
        visit_runners(&visit, scene->registers.items[i]);
    for (size_t i = 0; i < scene->repositories.len; i++)
        visit_actions(&visit, scene->repositories.items[i]);
    visit_hooks(&visit);
    for (size_t i = 0; i < visit.patients_len; i++)
        visit_rates(&visit, &visit.patients[i]);
    for (size_t i = 0; i < visit.patients_len; i++)
        free(visit.patients[i].owners.items);
    free(visit.patients);
}
