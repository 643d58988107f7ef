/*
 * Where runners register and hooks hang, as GitHub's API names it in its paths: "repos/OWNER/NAME",
 * "orgs/NAME" or "enterprises/SLUG". And "app": what a GitHub App asks about itself. Pure.
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_PLACE_H
#define CONFIG_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include <runhook/delivery.h>

#include "config/config.h"

#define PLACE_REPOSITORY "repos/"
#define PLACE_ORGANIZATION "orgs/"
#define PLACE_ENTERPRISE "enterprises/"
#define PLACE_APP "app"

#define PLACE_CAP (RH_REPOSITORY_LEN_MAX + sizeof PLACE_ENTERPRISE)

/* For messages: "o/r", "the organization o", "the enterprise e", "the GitHub App". */
#define PLACE_WORDS_CAP (PLACE_CAP + 24)

/* The place of a repository ("owner/name"). False where it does not fit. */
bool place_of_repository(const char *repository, char out[PLACE_CAP]);

/* The place of an owner, as if it were an organization: what to name its account by. */
bool place_of_owner(const char *owner, char out[PLACE_CAP]);

/* Where a runner of the pool registers that is made for a job of this repository. */
bool place_of_runner(const struct pool *pool, const char *repository, char out[PLACE_CAP]);

/* Whether it is one of the four, of names that may stand in a URL. */
bool place_valid(const char *place);

bool place_is_repository(const char *place);
bool place_is_organization(const char *place);
bool place_is_enterprise(const char *place);
bool place_is_app(const char *place);

/* Whose account answers for it, as [owner NAME] names them: the owner of a repository, an
 * organization, or "enterprises/SLUG". An App asks for itself: "app" stays what it is. */
void place_owner(const char *place, char out[PLACE_CAP]);

const char *place_words(const char *place, char out[PLACE_WORDS_CAP]);

#endif
