/*
 * A GitHub App's JSON Web Token: RS256 by OpenSSL. Forms: RFC 7515, section 3.1 (compact
 * serialization), RFC 7518, section 3.3 (RS256).
 * SPDX-License-Identifier: MIT
 */
#include <runhook/app.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "ascii.h"
#include "base64.h"
#include "reason.h"

/* NIST SP 800-131A, and what GitHub makes. */
#define KEY_BITS_MIN 2048
/* OpenSSL's own limit for moduli that it works with at full length. */
#define KEY_BITS_MAX 16384

/* {"alg":"RS256","typ":"JWT"} */
#define HEADER "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9"

/* The claims with an id of the greatest length and two times. */
#define CLAIMS_CAP 160
#define SIGNED_CAP (sizeof HEADER + 1 + RH_BASE64_CAP(CLAIMS_CAP))

/* OpenSSL asks for a passphrase on the terminal unless there is one to ask here. */
static int
no_passphrase(char *bytes, int cap, int writing, void *arg)
{
    (void)bytes;
    (void)cap;
    (void)writing;
    *(bool *)arg = true;
    return -1;
}

/* Whether OpenSSL's queue has it that memory was missing, at any depth. Empties it: it is the
 * thread's, and what was refused here is said here. */
static bool
lacked_memory(void)
{
    bool lacked = false;

    for (unsigned long code = ERR_get_error(); code != 0; code = ERR_get_error())
        lacked = lacked || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
    return lacked;
}

/* Reads the key. On failure `*out` is NULL, and `reason` says why it is none that serves. */
static enum rh_error
key_read(const struct rh_secret *key, EVP_PKEY **out, struct rh_reason *reason)
{
    bool is_locked = false, is_short;
    BIO *bio = BIO_new_mem_buf(rh_secret_bytes(key), (int)rh_secret_len(key));
    EVP_PKEY *pkey =
        bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &is_locked);

    *out = NULL;
    is_short = lacked_memory() || bio == NULL;
    (void)BIO_free(bio);
    if (pkey == NULL && is_short) {
        rh_reason_set(reason, "cannot be read: out of memory");
        return RH_ERR_NO_MEMORY;
    }
    if (pkey == NULL && is_locked)
        rh_reason_set(reason, "is locked with a passphrase: take that off with `openssl rsa`");
    else if (pkey == NULL)
        rh_reason_set(reason, "is no private key in PEM form (-----BEGIN RSA PRIVATE KEY-----, as "
                              "GitHub gives it for the App)");
    else if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
        rh_reason_set(reason, "is no RSA key, which a GitHub App's is");
    else if (EVP_PKEY_get_bits(pkey) < KEY_BITS_MIN || EVP_PKEY_get_bits(pkey) > KEY_BITS_MAX)
        rh_reason_set(reason, "has %d bits, and must have %d to %d", EVP_PKEY_get_bits(pkey),
                      KEY_BITS_MIN, KEY_BITS_MAX);
    else
        *out = pkey;
    if (*out == NULL)
        EVP_PKEY_free(pkey);
    return *out == NULL ? RH_ERR_ARGUMENT : RH_OK;
}

enum rh_error
rh_app_key_check(const struct rh_secret *key, struct rh_reason *reason)
{
    EVP_PKEY *pkey;
    enum rh_error error = key_read(key, &pkey, reason);

    EVP_PKEY_free(pkey);
    return error;
}

static bool
app_id_valid(const char *app_id)
{
    size_t len = strnlen(app_id, RH_APP_ID_LEN_MAX + 1);

    for (size_t i = 0; i < len; i++)
        if (!rh_ascii_is_alnum(app_id[i]) && strchr("._-", app_id[i]) == NULL)
            return false;
    return len >= 1 && len <= RH_APP_ID_LEN_MAX;
}

/* Writes `len` bytes in base64url without padding (RFC 7515, section 2). */
static enum rh_error
base64url(const void *bytes, size_t len, char *out, size_t out_cap)
{
    enum rh_error error = rh_base64_encode(bytes, len, out, out_cap);

    if (error)
        return error;
    out[strcspn(out, "=")] = '\0';
    for (; *out != '\0'; out++) {
        if (*out == '+')
            *out = '-';
        else if (*out == '/')
            *out = '_';
    }
    return RH_OK;
}

/* "HEADER.CLAIMS", which is what is signed. */
static enum rh_error
signed_part(const char *app_id, int64_t now_s, char out[SIGNED_CAP])
{
    char claims[CLAIMS_CAP];
    int len =
        snprintf(claims, sizeof claims, "{\"iat\":%" PRId64 ",\"exp\":%" PRId64 ",\"iss\":\"%s\"}",
                 now_s - RH_APP_JWT_BACK_S, now_s + RH_APP_JWT_LIFE_S, app_id);

    memcpy(out, HEADER ".", sizeof HEADER ".");
    return base64url(claims, (size_t)len, out + sizeof HEADER, SIGNED_CAP - sizeof HEADER);
}

/* RSASSA-PKCS1-v1_5 with SHA-256, which is what EVP_PKEY_RSA does without being told otherwise.
 * The caller frees `*signature`. */
static enum rh_error
sign(EVP_PKEY *pkey, const char *text, unsigned char **signature, size_t *signature_len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const unsigned char *bytes = (const unsigned char *)text;
    enum rh_error error = RH_ERR_CRYPTO;

    *signature = NULL;
    if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pkey) != 1 ||
        EVP_DigestSign(context, NULL, signature_len, bytes, strlen(text)) != 1)
        goto out;
    *signature = malloc(*signature_len);
    if (*signature == NULL) {
        error = RH_ERR_NO_MEMORY;
        goto out;
    }
    if (EVP_DigestSign(context, *signature, signature_len, bytes, strlen(text)) == 1)
        error = RH_OK;

out:
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return error;
}

enum rh_error
rh_app_jwt(const struct rh_secret *key, const char *app_id, int64_t now_s, struct rh_secret **out)
{
    EVP_PKEY *pkey = NULL;
    char text[SIGNED_CAP];
    unsigned char *signature = NULL;
    size_t signature_len = 0, text_len, token_cap = 0;
    char *token = NULL;
    struct rh_reason ignored;
    enum rh_error error = RH_ERR_ARGUMENT;

    *out = NULL;
    if (!app_id_valid(app_id))
        goto out;
    error = key_read(key, &pkey, &ignored);
    if (error)
        goto out;
    error = signed_part(app_id, now_s, text);
    if (error)
        goto out;
    error = sign(pkey, text, &signature, &signature_len);
    if (error)
        goto out;
    text_len = strlen(text);
    token_cap = text_len + 1 + RH_BASE64_CAP(signature_len);
    token = malloc(token_cap);
    if (token == NULL) {
        error = RH_ERR_NO_MEMORY;
        goto out;
    }
    memcpy(token, text, text_len);
    token[text_len] = '.';
    error = base64url(signature, signature_len, token + text_len + 1, token_cap - text_len - 1);
    if (error)
        goto out;
    error = rh_secret_new(token, strlen(token), out);

out:
    rh_wipe_free(token, token_cap);
    free(signature);
    EVP_PKEY_free(pkey);
    return error;
}
