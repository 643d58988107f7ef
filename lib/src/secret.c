/*
 * Secrets in memory.
 * SPDX-License-Identifier: MIT
 */
#include <runhook/secret.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

struct rh_secret {
    size_t len;
    char bytes[]; /* and a NUL after them */
};

enum rh_error
rh_secret_new(const char *bytes, size_t len, struct rh_secret **out)
{
    *out = NULL;
    /* A NUL would end the secret early wherever it is used as a string: a token in a header. */
    if (len == 0 || len > RH_SECRET_MAX || memchr(bytes, '\0', len) != NULL)
        return RH_ERR_ARGUMENT;

    struct rh_secret *secret = malloc(sizeof *secret + len + 1);
    if (secret == NULL)
        return RH_ERR_NO_MEMORY;
    secret->len = len;
    memcpy(secret->bytes, bytes, len);
    secret->bytes[len] = '\0';
    *out = secret;
    return RH_OK;
}

const char *
rh_secret_bytes(const struct rh_secret *secret)
{
    return secret->bytes;
}

size_t
rh_secret_len(const struct rh_secret *secret)
{
    return secret->len;
}

void
rh_secret_free(struct rh_secret *secret)
{
    if (secret != NULL)
        rh_wipe_free(secret, sizeof *secret + secret->len + 1);
}

void
rh_wipe_free(void *bytes, size_t len)
{
    if (bytes == NULL)
        return;
    OPENSSL_cleanse(bytes, len);
    free(bytes);
}
