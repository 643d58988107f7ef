/*
 * Base64 with padding (RFC 4648, section 4), as Nomad reads it.
 * SPDX-License-Identifier: MIT
 */
#ifndef RH_BASE64_H
#define RH_BASE64_H

#include <stddef.h>

#include <runhook/error.h>

/* Room for `len` bytes in base64, with the terminating NUL. */
#define RH_BASE64_CAP(len) (((len) + 2) / 3 * 4 + 1)

/*
 * Writes `len` bytes in base64, NUL-terminated, into `out`, which has RH_BASE64_CAP(len) bytes or
 * more. Fails with RH_ERR_ARGUMENT where it has fewer or `len` is over INT_MAX / 2, RH_ERR_CRYPTO.
 */
enum rh_error rh_base64_encode(const void *bytes, size_t len, char *out,
                               size_t out_cap) RH_MUST_CHECK;

#endif
