/*
 * GitHub's webhook signature.
 * SPDX-License-Identifier: MIT
 */
#include <runhook/signature.h>

#include <assert.h>
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "ascii.h"

#define DIGEST_LEN ((size_t)32)

static const char prefix[] = "sha256=";
#define PREFIX_LEN (sizeof prefix - 1)

static_assert(PREFIX_LEN + 2 * DIGEST_LEN + 1 == RH_SIGNATURE_CAP, "the header's value fits");
static_assert(RH_SECRET_MAX <= INT_MAX, "HMAC takes the key's length as an int");

static enum rh_error
body_digest(const struct rh_secret *secret, const void *body, size_t body_len,
            unsigned char out[DIGEST_LEN])
{
    const unsigned char *bytes = body_len > 0 ? body : (const unsigned char *)"";
    unsigned int out_len = 0;

    if (HMAC(EVP_sha256(), rh_secret_bytes(secret), (int)rh_secret_len(secret), bytes, body_len,
             out, &out_len) == NULL)
        return RH_ERR_CRYPTO;
    return out_len == DIGEST_LEN ? RH_OK : RH_ERR_CRYPTO;
}

/* The digest that a header claims. What the header says is no secret, so this may stop early. */
static enum rh_error
header_digest(const char *header, size_t header_len, unsigned char out[DIGEST_LEN])
{
    if (header == NULL || header_len == 0)
        return RH_ERR_SIGNATURE_MISSING;
    if (header_len != PREFIX_LEN + 2 * DIGEST_LEN || memcmp(header, prefix, PREFIX_LEN) != 0)
        return RH_ERR_SIGNATURE_MALFORMED;

    const char *digits = header + PREFIX_LEN;
    for (size_t i = 0; i < DIGEST_LEN; i++) {
        int high = rh_ascii_hex_value(digits[2 * i]);
        int low = rh_ascii_hex_value(digits[2 * i + 1]);
        if (high < 0 || low < 0)
            return RH_ERR_SIGNATURE_MALFORMED;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return RH_OK;
}

enum rh_error
rh_signature_verify(const struct rh_secret *const *secrets, size_t secrets_len, const void *body,
                    size_t body_len, const char *header, size_t header_len, size_t *matched_out)
{
    unsigned char claimed[DIGEST_LEN];
    unsigned char expected[DIGEST_LEN];
    size_t found = 0; /* all ones once a secret has matched */
    size_t matched = 0;
    enum rh_error error = RH_OK;

    if (matched_out != NULL)
        *matched_out = 0;
    if (secrets_len == 0 || secrets_len > RH_SIGNATURE_SECRETS_MAX)
        return RH_ERR_ARGUMENT;
    error = header_digest(header, header_len, claimed);
    if (error)
        return error;

    /* Masks and not branches: the same work is done whichever secret matches. */
    for (size_t i = 0; i < secrets_len; i++) {
        error = body_digest(secrets[i], body, body_len, expected);
        if (error)
            goto out;
        size_t same = (size_t)0 - (size_t)(CRYPTO_memcmp(expected, claimed, DIGEST_LEN) == 0);
        matched |= i & same & ~found;
        found |= same;
    }
    if (found == 0) {
        error = RH_ERR_SIGNATURE_MISMATCH;
        goto out;
    }
    if (matched_out != NULL)
        *matched_out = matched;

out:
    OPENSSL_cleanse(expected, sizeof expected); /* whoever reads it could sign this body */
    return error;
}

enum rh_error
rh_signature_sign(const struct rh_secret *secret, const void *body, size_t body_len,
                  char out[RH_SIGNATURE_CAP])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[DIGEST_LEN];

    out[0] = '\0';
    enum rh_error error = body_digest(secret, body, body_len, digest);
    if (error)
        return error;

    memcpy(out, prefix, PREFIX_LEN);
    for (size_t i = 0; i < DIGEST_LEN; i++) {
        out[PREFIX_LEN + 2 * i] = digits[digest[i] >> 4];
        out[PREFIX_LEN + 2 * i + 1] = digits[digest[i] & 0x0F];
    }
    out[RH_SIGNATURE_CAP - 1] = '\0';
    return RH_OK;
}
