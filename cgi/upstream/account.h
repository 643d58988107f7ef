/*
 * The ways into GitHub's API that the configuration gives: for each owner a token or a GitHub App.
 * Shared by threads. A credential goes to the configured API alone, and for its owner's things
 * alone. SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_ACCOUNT_H
#define UPSTREAM_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runhook/secret.h>

#include "config/config.h"
#include "upstream/token_cache.h"

#define ACCOUNT_SECTION_CAP 160

struct accounts;
struct account;

/* Makes those of [github] and of each [owner NAME]. Borrows both. NULL when out of memory. */
struct accounts *accounts_new(const struct github_config *github, const struct owner_config *owners,
                              size_t owners_len);
void accounts_free(struct accounts *accounts);

/* The account that answers for a place (config/place.h): its owner's own, or else that of
 * [github]. NULL where neither has a credential. */
struct account *accounts_for(struct accounts *accounts, const char *place);

/* Each in turn, from 0, of those that have a credential; NULL after the last. */
struct account *accounts_at(struct accounts *accounts, size_t i);

/* The App's id; NULL where it is a token. */
const char *account_app_id(const struct account *account);

/* Whether trouble with the account is one owner's and leaves the others alone: any but the token of
 * [github], which is all owners' that have no section. An App's limits are its installation's. */
bool account_is_owners(const struct account *account);

/* "[github]" or "[owner NAME]", for messages; and NAME, or NULL for that of [github]. */
const char *account_section(const struct account *account, char out[ACCOUNT_SECTION_CAP]);
const char *account_owner(const struct account *account);

/* The token or the App's private key, as it is now; the caller owns it. False when out of memory.
 */
bool account_secret(struct account *account, struct rh_secret **secret);

/* GitHub refused it: reads its file again. True where there is another now, to ask with at once. */
bool account_renew(struct account *account, const struct rh_secret *secret);

/* An App's installation with an owner ("name", or "enterprises/slug"), where it is known; else
 * 0. */
int64_t account_installation(struct account *account, const char *owner);

/* Notes it; 0 forgets it. */
void account_set_installation(struct account *account, const char *owner, int64_t id);

/* An App's installation tokens. */
struct token_cache *account_tokens(struct account *account);

#endif
