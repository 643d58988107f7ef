/*
 * GitHub's webhook signature: header `X-Hub-Signature-256: sha256=<64 hex digits>`, the
 * HMAC-SHA-256 of the raw request body under the webhook's secret. Rule: docs.github.com,
 * "Validating webhook deliveries". SPDX-License-Identifier: MIT
 */
#ifndef RUNHOOK_SIGNATURE_H
#define RUNHOOK_SIGNATURE_H

#include <stddef.h>

#include <runhook/error.h>
#include <runhook/export.h>
#include <runhook/secret.h>

/* Most secrets that may be live at once. */
#define RH_SIGNATURE_SECRETS_MAX 8

/* "sha256=", 64 digits and the terminating NUL. */
#define RH_SIGNATURE_CAP 72

/*
 * Checks `header` (the header's value; NULL where the request had none) against the raw bytes of
 * the body and each of `secrets` in turn.
 *
 * `body` may be NULL only where `body_len` is 0. Every secret is tried, whatever the earlier ones
 * gave, and each comparison takes constant time, so that time tells nothing about a secret or about
 * which one matched. Digits in upper case are accepted: RFC 4648 base16 has no case, and it gives
 * nothing away.
 *
 * On RH_OK `*matched_out` (may be NULL) is the index of the secret that matched. Fails with
 * RH_ERR_SIGNATURE_MISSING, _MALFORMED, _MISMATCH; RH_ERR_ARGUMENT where there are no secrets or
 * more than RH_SIGNATURE_SECRETS_MAX; RH_ERR_CRYPTO. Any thread; nothing is kept.
 */
RH_API enum rh_error rh_signature_verify(const struct rh_secret *const *secrets, size_t secrets_len,
                                         const void *body, size_t body_len, const char *header,
                                         size_t header_len, size_t *matched_out) RH_MUST_CHECK;

/*
 * Writes the header's value for a body, as GitHub would send it: "sha256=" and 64 digits in lower
 * case, NUL-terminated, into `out`; `out` is empty on failure. Fails with RH_ERR_CRYPTO.
 */
RH_API enum rh_error rh_signature_sign(const struct rh_secret *secret, const void *body,
                                       size_t body_len, char out[RH_SIGNATURE_CAP]) RH_MUST_CHECK;

#endif
