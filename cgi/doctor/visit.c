/*
 * What is found on a visit to GitHub, and whom may still be asked.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/visit.h"

#include <strings.h>

struct patient *
visit_patient(struct visit *visit, const char *place)
{
    const struct account *account = accounts_for(visit->accounts, place);

    for (size_t i = 0; account != NULL && i < visit->patients_len; i++) {
        if (visit->patients[i].account == account)
            return &visit->patients[i];
    }
    return NULL;
}

bool
visit_may_ask(const struct visit *visit, const struct patient *patient)
{
    return !visit->is_down && patient != NULL && !patient->is_refused && !patient->is_spent;
}

bool
visit_is_uninstalled(const struct patient *patient, const char *place)
{
    char owner[PLACE_CAP];

    place_owner(place, owner);
    for (size_t i = 0; i < patient->owners.len; i++) {
        if (strcasecmp(patient->owners.items[i], owner) == 0)
            return false;
    }
    return patient->knows_owners;
}

/* What has nothing to do with what was asked. */
static bool
is_of_github(const struct failure *failure)
{
    switch (failure->kind) {
    case FAILURE_UNRESOLVED:
    case FAILURE_REFUSED:
    case FAILURE_TIMEOUT:
    case FAILURE_TLS:
    case FAILURE_RESET:
    case FAILURE_TRUNCATED:
    case FAILURE_GARBAGE:
    case FAILURE_SERVER:
    case FAILURE_STOPPED:
    case FAILURE_LOCAL:
        return true;
    default:
        return false;
    }
}

void
visit_trouble(struct visit *visit, struct patient *patient, enum finding_level level,
              const char *subject, const struct failure *failure)
{
    if (is_of_github(failure)) {
        visit->is_down = true;
        findings_add_failure(visit->findings, FINDING_ERROR, "GitHub", failure);
        return;
    }
    if (failure->kind == FAILURE_UNAUTHORIZED)
        patient->is_refused = true;
    if (failure->kind == FAILURE_RATE_LIMITED)
        patient->is_spent = true;
    findings_add_failure(
        visit->findings, patient->is_refused || patient->is_spent ? FINDING_ERROR : level,
        patient->is_refused || patient->is_spent ? patient->section : subject, failure);
}
