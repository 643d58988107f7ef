/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <runhook/app.h>

#define NOW_S INT64_C(1795600800)

/* The key in PEM form: PKCS #8, or PKCS #1 as GitHub gives it; with a passphrase where one is
 * given.
 */
static struct rh_secret *
pem_of(EVP_PKEY *pkey, bool is_traditional, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = passphrase == NULL ? NULL : EVP_aes_128_cbc();
    struct rh_secret *secret = NULL;
    char *bytes = NULL;
    long len;

    if (is_traditional)
        assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, pkey, cipher, NULL, 0, NULL,
                                                              (void *)(uintptr_t)passphrase),
                         1);
    else
        assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, cipher, NULL, 0, NULL,
                                                  (void *)(uintptr_t)passphrase),
                         1);
    len = BIO_get_mem_data(bio, &bytes);
    assert_int_equal(rh_secret_new(bytes, (size_t)len, &secret), RH_OK);
    (void)BIO_free(bio);
    return secret;
}

/* Decodes base64url without padding. Returns how many bytes. */
static size_t
decode(const char *text, size_t len, unsigned char *out, size_t cap)
{
    char *padded = calloc(1, len + 5);
    int got;

    assert_non_null(padded);
    for (size_t i = 0; i < len; i++) {
        assert_null(strchr("+/=\n", text[i]));
        padded[i] = text[i];
        if (text[i] == '-')
            padded[i] = '+';
        else if (text[i] == '_')
            padded[i] = '/';
    }
    for (size_t i = len; i % 4 != 0; i++)
        padded[i] = '=';
    assert_true(strlen(padded) / 4 * 3 <= cap);
    got = EVP_DecodeBlock(out, (const unsigned char *)padded, (int)strlen(padded));
    assert_true(got > 0);
    free(padded);
    return (size_t)got - (4 - len % 4) % 4;
}

/* Takes the token apart, and checks its signature with the public key alone. */
static cJSON *
verified_claims(const char *token, EVP_PKEY *pkey)
{
    const char *first = strchr(token, '.'), *second = strchr(first + 1, '.');
    unsigned char bytes[4096];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    cJSON *json;
    size_t len;

    assert_null(strchr(second + 1, '.'));
    len = decode(second + 1, strlen(second + 1), bytes, sizeof bytes);
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, pkey), 1);
    assert_int_equal(EVP_DigestVerify(context, bytes, len, (const unsigned char *)token,
                                      (size_t)(second - token)),
                     1);
    EVP_MD_CTX_free(context);

    len = decode(token, (size_t)(first - token), bytes, sizeof bytes);
    json = cJSON_ParseWithLength((const char *)bytes, len);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "alg")), "RS256");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "typ")), "JWT");
    cJSON_Delete(json);
    len = decode(first + 1, (size_t)(second - first) - 1, bytes, sizeof bytes);
    json = cJSON_ParseWithLength((const char *)bytes, len);
    assert_non_null(json);
    return json;
}

static void
a_token_that_its_public_key_verifies(void **state)
{
    static const char *const ids[] = {
        "1", "314159", "Iv23liABCDEFabcdef01",
        "1234567890123456789012345678901234567890123456789012345678901234"};
    EVP_PKEY *pkey = EVP_RSA_gen(2048);

    (void)state;
    assert_non_null(pkey);
    for (size_t i = 0; i < COUNT(ids); i++) {
        for (int is_traditional = 0; is_traditional < 2; is_traditional++) {
            struct rh_secret *key = pem_of(pkey, is_traditional != 0, NULL), *token = NULL;
            struct rh_reason reason;
            cJSON *claims;

            assert_int_equal(rh_app_key_check(key, &reason), RH_OK);
            assert_int_equal(rh_app_jwt(key, ids[i], NOW_S, &token), RH_OK);
            claims = verified_claims(rh_secret_bytes(token), pkey);
            assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(claims, "iss")), ids[i]);
            /* GitHub's rule, for a clock that is a minute off to either side: made in the past, and
             * not over ten minutes to go. */
            assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(claims, "iat")) ==
                        (double)(NOW_S - 60));
            assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(claims, "exp")) ==
                        (double)(NOW_S + 540));
            assert_int_equal(cJSON_GetArraySize(claims), 3);
            cJSON_Delete(claims);
            rh_secret_free(token);
            rh_secret_free(key);
        }
    }
    EVP_PKEY_free(pkey);
}

static void
keys_that_do_not_serve(void **state)
{
    static char passphrase[] = "hunter2";
    EVP_PKEY *large = EVP_RSA_gen(2048), *small = EVP_RSA_gen(1024), *other = EVP_EC_gen("P-256");
    struct rh_secret *good = pem_of(large, false, NULL), *cut = NULL, *public_key = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    struct {
        struct rh_secret *key;
        const char *reason;
    } rows[6] = {
        {pem_of(small, false, NULL), "has 1024 bits, and must have 2048"},
        {pem_of(other, false, NULL), "is no RSA key"},
        {pem_of(large, false, passphrase), "is locked with a passphrase"},
        {pem_of(large, true, passphrase), "is locked with a passphrase"},
    };
    char *bytes = NULL;
    long len;

    (void)state;
    assert_int_equal(rh_secret_new(rh_secret_bytes(good), rh_secret_len(good) / 2, &cut), RH_OK);
    assert_int_equal(PEM_write_bio_PUBKEY(bio, large), 1);
    len = BIO_get_mem_data(bio, &bytes);
    assert_int_equal(rh_secret_new(bytes, (size_t)len, &public_key), RH_OK);
    rows[4].key = cut;
    rows[5].key = public_key;
    rows[4].reason = rows[5].reason = "is no private key in PEM form";
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_secret *token = good;
        struct rh_reason reason = {""};

        assert_int_equal(rh_app_key_check(rows[i].key, &reason), RH_ERR_ARGUMENT);
        assert_row(strstr(reason.text, rows[i].reason) != NULL, reason.text);
        assert_int_equal(rh_app_jwt(rows[i].key, "1", NOW_S, &token), RH_ERR_ARGUMENT);
        assert_null(token);
        rh_secret_free(rows[i].key);
    }
    rh_secret_free(good);
    (void)BIO_free(bio);
    EVP_PKEY_free(large);
    EVP_PKEY_free(small);
    EVP_PKEY_free(other);
}

static void
ids_that_are_none(void **state)
{
    static const char *const ids[] = {
        "",    "1 2", "a\"b",
        "1\n", "a/b", "12345678901234567890123456789012345678901234567890123456789012345"};
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    struct rh_secret *key = pem_of(pkey, false, NULL);

    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct rh_secret *token = key;

        assert_int_equal(rh_app_jwt(key, ids[i], NOW_S, &token), RH_ERR_ARGUMENT);
        assert_null(token);
    }
    rh_secret_free(key);
    EVP_PKEY_free(pkey);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_that_its_public_key_verifies),
        cmocka_unit_test(keys_that_do_not_serve),
        cmocka_unit_test(ids_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
