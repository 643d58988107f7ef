/*
 * Base64, by OpenSSL.
 * SPDX-License-Identifier: MIT
 */
#include "base64.h"

#include <limits.h>

#include <openssl/evp.h>

enum rh_error
rh_base64_encode(const void *bytes, size_t len, char *out, size_t out_cap)
{
    if (len > INT_MAX / 2 || out_cap < RH_BASE64_CAP(len))
        return RH_ERR_ARGUMENT;
    int written = EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
    return written >= 0 && (size_t)written + 1 == RH_BASE64_CAP(len) ? RH_OK : RH_ERR_CRYPTO;
}
