/*
 * The token or key that lets us into an upstream, which may be replaced in its file while we run:
 * workload identities of Nomad, templates of Vault and people do that. SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_CREDENTIAL_H
#define UPSTREAM_CREDENTIAL_H

#include <stdbool.h>

#include <runhook/error.h>
#include <runhook/secret.h>

/* Shared by threads. */
struct credential;

/* How its file is read: value_secret_file, or value_private_key_file. */
typedef bool (*credential_reader)(const char *path, struct rh_secret **out,
                                  struct rh_reason *reason);

/* Makes one of a token (or an App's key) and the file that it came from; either may be NULL.
 * Borrows both. NULL when out of memory. */
struct credential *credential_new(const struct rh_secret *token, const char *path,
                                  credential_reader reader);
void credential_free(struct credential *credential);

/* Gives the token of now. `*token` is NULL where there is none; else the caller owns it. False when
 * out of memory. */
bool credential_get(struct credential *credential, struct rh_secret **token);

/* The upstream refused `token`: reads the file again. True where there is another token now, with
 * which to ask again at once. */
bool credential_renew(struct credential *credential, const struct rh_secret *token);

#endif
