/*
 * How a GitHub App says who it is: a JSON Web Token (RFC 7519) signed with its private key.
 * Rule: docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App".
 * SPDX-License-Identifier: MIT
 */
#ifndef RUNHOOK_APP_H
#define RUNHOOK_APP_H

#include <stdint.h>

#include <runhook/error.h>
#include <runhook/export.h>
#include <runhook/secret.h>

/* An App's id or client id, at its longest, in bytes. */
#define RH_APP_ID_LEN_MAX 64

/*
 * The token says that it was made RH_APP_JWT_BACK_S before now and ends RH_APP_JWT_LIFE_S after
 * now, both in seconds: GitHub takes no token from its future, and none that ends more than ten
 * minutes ahead, so a clock may be off by a minute to either side.
 */
#define RH_APP_JWT_BACK_S 60
#define RH_APP_JWT_LIFE_S 540

/*
 * Whether `key` is an RSA private key in PEM form (PKCS #1, as GitHub gives it, or PKCS #8),
 * without a passphrase, of 2048 bits or more: RH_OK, or RH_ERR_ARGUMENT or RH_ERR_NO_MEMORY and why
 * in `reason` (never NULL), in words that follow "the key …". Any thread.
 */
RH_API enum rh_error rh_app_key_check(const struct rh_secret *key,
                                      struct rh_reason *reason) RH_MUST_CHECK;

/*
 * Makes the token for an App: RS256 over {"iat", "exp", "iss"}, at `now_s` (seconds since 1970).
 * `app_id` is 1 to RH_APP_ID_LEN_MAX of [A-Za-z0-9._-].
 *
 * On RH_OK `*out` belongs to the caller (rh_secret_free). On failure it is NULL: RH_ERR_ARGUMENT
 * (the id or the key), RH_ERR_NO_MEMORY, RH_ERR_CRYPTO. Any thread.
 */
RH_API enum rh_error rh_app_jwt(const struct rh_secret *key, const char *app_id, int64_t now_s,
                                struct rh_secret **out) RH_MUST_CHECK;

#endif
