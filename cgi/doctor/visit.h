/*
 * One round of questions to GitHub, and what is known so far. Internal to doctor_*.c.
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCTOR_VISIT_H
#define DOCTOR_VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/place.h"
#include "doctor/finding.h"
#include "doctor/judge_account.h"
#include "doctor/scene.h"
#include "upstream/account.h"
#include "upstream/github.h"
#include "upstream/github_account.h"

/* An account, and what GitHub told of it. */
struct patient {
    struct account *account;
    char section[ACCOUNT_SECTION_CAP];
    struct needs needs;
    bool is_refused;                /* GitHub does not take it: nothing more is asked */
    bool is_spent;                  /* its rate limit is used up, likewise, but for that limit */
    bool lacks[GITHUB_PERMISSIONS]; /* what was said to be missing is not tried */
    bool hides_hooks;               /* its webhooks may not be looked at, which was said */
    bool has_hook;                  /* an App whose own webhook delivers jobs to us */
    bool knows_owners;              /* an App: all its installations are these */
    struct scene_places owners;     /* as [owner NAME] names them */
};

struct visit {
    const struct scene *scene;
    struct github *github;
    struct accounts *accounts;
    struct findings *findings;
    struct patient *patients;
    size_t patients_len;
    bool was_reached; /* and said so */
    bool is_down;     /* nothing more is asked of GitHub at all */
};

/* The account that answers for a place; NULL where there is none. */
struct patient *visit_patient(struct visit *visit, const char *place);

/* Whether an account can be asked at all. */
bool visit_may_ask(const struct visit *visit, const struct patient *patient);

/* Whether an App is known not to be installed for a place's owner, which was said. */
bool visit_is_uninstalled(const struct patient *patient, const char *place);

/* Adds a failure to the findings, at this level, and draws the line under what would fail for the
 * same reason. */
void visit_trouble(struct visit *visit, struct patient *patient, enum finding_level level,
                   const char *subject, const struct failure *failure);

/* Each asks about one thing, and adds what it finds. */
void visit_account(struct visit *visit, struct patient *patient); /* doctor_account.c */
void visit_rates(struct visit *visit, struct patient *patient);   /* doctor_account.c */
void visit_runners(struct visit *visit, const char *place);       /* doctor_place.c */
void visit_actions(struct visit *visit, const char *place);       /* doctor_place.c */
void visit_hooks(struct visit *visit);                            /* doctor_hooks.c */

#endif
