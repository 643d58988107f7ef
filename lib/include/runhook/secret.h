/*
 * The one type that holds a secret: it wipes itself when freed and is never printed.
 * SPDX-License-Identifier: MIT
 */
#ifndef RUNHOOK_SECRET_H
#define RUNHOOK_SECRET_H

#include <stddef.h>

#include <runhook/error.h>
#include <runhook/export.h>

/* Longest secret taken, in bytes. A private key in PEM form fits. */
#define RH_SECRET_MAX 16384

struct rh_secret;

/*
 * Copies `len` bytes into a new secret. The caller still owns, and should wipe, `bytes`.
 * `*out` is NULL on failure. Fails with RH_ERR_ARGUMENT when `len` is 0 or over RH_SECRET_MAX or
 * the bytes hold a NUL, RH_ERR_NO_MEMORY. A secret never changes, so threads may share it.
 */
RH_API enum rh_error rh_secret_new(const char *bytes, size_t len,
                                   struct rh_secret **out) RH_MUST_CHECK;

/* The bytes, NUL-terminated (the NUL is not counted). Borrowed: valid until the secret is freed. */
RH_API const char *rh_secret_bytes(const struct rh_secret *secret);
RH_API size_t rh_secret_len(const struct rh_secret *secret);

/* Wipes, then frees. NULL is fine. */
RH_API void rh_secret_free(struct rh_secret *secret);

/*
 * Wipes `len` bytes and frees them, for buffers that held a copy of a secret (a dispatch body).
 * `bytes` comes from this library or from malloc; NULL is fine.
 */
RH_API void rh_wipe_free(void *bytes, size_t len);

#endif
