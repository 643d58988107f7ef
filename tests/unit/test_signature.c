/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include <runhook/signature.h>

/* docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation". */
#define GITHUB_SECRET "It's a Secret to Everybody"
#define GITHUB_BODY "Hello, World!"
#define GITHUB_SIGNATURE "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

#define SIGNATURE_LEN (RH_SIGNATURE_CAP - 1)

static struct rh_secret *
secret_of(const char *bytes, size_t len)
{
    struct rh_secret *secret = NULL;
    assert_int_equal(rh_secret_new(bytes, len, &secret), RH_OK);
    return secret;
}

static enum rh_error
verify_github(const char *body, size_t body_len, const char *header, size_t header_len)
{
    struct rh_secret *secret = secret_of(GITHUB_SECRET, strlen(GITHUB_SECRET));
    const struct rh_secret *secrets[] = {secret};
    size_t matched = 99;
    enum rh_error error =
        rh_signature_verify(secrets, 1, body, body_len, header, header_len, &matched);

    assert_int_equal(matched, 0);
    assert_int_equal(rh_signature_verify(secrets, 1, body, body_len, header, header_len, NULL),
                     error);
    rh_secret_free(secret);
    return error;
}

static enum rh_error
verify_header(const char *header, size_t header_len)
{
    return verify_github(GITHUB_BODY, strlen(GITHUB_BODY), header, header_len);
}

static void
githubs_documented_example(void **state)
{
    (void)state;
    assert_int_equal(verify_header(GITHUB_SIGNATURE, SIGNATURE_LEN), RH_OK);
}

/* RFC 4231, section 4. Case 5 truncates its output and is left out; the last two have keys longer
 * than a block. */
static void
rfc_4231_examples(void **state)
{
    (void)state;
    static const char repeated_aa[] =
        "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
        "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
        "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
        "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
        "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
        "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa";
    static const char repeated_dd[] =
        "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
        "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
        "\xdd\xdd\xdd\xdd\xdd\xdd";
    static const char repeated_cd[] =
        "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
        "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
        "\xcd\xcd\xcd\xcd\xcd\xcd";
    static const struct {
        const char *key;
        size_t key_len;
        const char *data;
        const char *signature;
    } rows[] = {
        {"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", 20,
         "Hi There", "sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", 4, "what do ya want for nothing?",
         "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {repeated_aa, 20, repeated_dd,
         "sha256=773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16"
         "\x17\x18\x19",
         25, repeated_cd,
         "sha256=82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {repeated_aa, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
         "sha256=60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {repeated_aa, 131,
         "This is a test using a larger than block-size key and a larger than block-size data. The "
         "key needs to be hashed before being used by the HMAC algorithm.",
         "sha256=9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_secret *secret = secret_of(rows[i].key, rows[i].key_len);
        const struct rh_secret *secrets[] = {secret};
        char out[RH_SIGNATURE_CAP];

        assert_int_equal(rh_signature_sign(secret, rows[i].data, strlen(rows[i].data), out), RH_OK);
        assert_string_equal(out, rows[i].signature);
        assert_int_equal(rh_signature_verify(secrets, 1, rows[i].data, strlen(rows[i].data), out,
                                             strlen(out), NULL),
                         RH_OK);
        rh_secret_free(secret);
    }
}

static void
sign_writes_what_verify_accepts(void **state)
{
    (void)state;
    struct rh_secret *secret = secret_of(GITHUB_SECRET, strlen(GITHUB_SECRET));
    char out[RH_SIGNATURE_CAP];

    assert_int_equal(rh_signature_sign(secret, GITHUB_BODY, strlen(GITHUB_BODY), out), RH_OK);
    assert_string_equal(out, GITHUB_SIGNATURE);
    rh_secret_free(secret);
}

static void
an_empty_body_may_be_null(void **state)
{
    (void)state;
    struct rh_secret *secret = secret_of(GITHUB_SECRET, strlen(GITHUB_SECRET));
    char out[RH_SIGNATURE_CAP];

    assert_int_equal(rh_signature_sign(secret, NULL, 0, out), RH_OK);
    assert_int_equal(verify_github(NULL, 0, out, strlen(out)), RH_OK);
    assert_int_equal(verify_github("", 0, out, strlen(out)), RH_OK);
    assert_int_equal(verify_github("x", 1, out, strlen(out)), RH_ERR_SIGNATURE_MISMATCH);
    rh_secret_free(secret);
}

static void
every_other_digit_is_refused_at_every_place(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdef";

    for (size_t at = strlen("sha256="); at < SIGNATURE_LEN; at++) {
        for (size_t i = 0; i < 16; i++) {
            char header[] = GITHUB_SIGNATURE;
            if (header[at] == digits[i])
                continue;
            header[at] = digits[i];
            assert_int_equal(verify_header(header, SIGNATURE_LEN), RH_ERR_SIGNATURE_MISMATCH);
        }
    }
}

static void
every_changed_bit_of_the_body_is_refused(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * strlen(GITHUB_BODY); bit++) {
        char body[] = GITHUB_BODY;
        body[bit / 8] = (char)(body[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(verify_github(body, strlen(GITHUB_BODY), GITHUB_SIGNATURE, SIGNATURE_LEN),
                         RH_ERR_SIGNATURE_MISMATCH);
    }
    assert_int_equal(
        verify_github(GITHUB_BODY, strlen(GITHUB_BODY) - 1, GITHUB_SIGNATURE, SIGNATURE_LEN),
        RH_ERR_SIGNATURE_MISMATCH);
    assert_int_equal(
        verify_github(GITHUB_BODY "\n", strlen(GITHUB_BODY) + 1, GITHUB_SIGNATURE, SIGNATURE_LEN),
        RH_ERR_SIGNATURE_MISMATCH);
}

static void
every_truncated_length_is_refused(void **state)
{
    (void)state;
    assert_int_equal(verify_header(GITHUB_SIGNATURE, 0), RH_ERR_SIGNATURE_MISSING);
    for (size_t len = 1; len < SIGNATURE_LEN; len++)
        assert_int_equal(verify_header(GITHUB_SIGNATURE, len), RH_ERR_SIGNATURE_MALFORMED);
}

static void
only_digits_have_no_case(void **state)
{
    (void)state;
    char header[] = GITHUB_SIGNATURE;

    for (size_t at = strlen("sha256="); at < SIGNATURE_LEN; at++)
        if (header[at] >= 'a' && header[at] <= 'f')
            header[at] = (char)(header[at] - 'a' + 'A');
    assert_int_equal(verify_header(header, SIGNATURE_LEN), RH_OK);
    memcpy(header, "SHA256=", 7);
    assert_int_equal(verify_header(header, SIGNATURE_LEN), RH_ERR_SIGNATURE_MALFORMED);
}

static void
malformed_headers(void **state)
{
    (void)state;
#define DIGITS "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    static const char *const rows[] = {
        "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59",
        "sha1=" DIGITS,
        "sha1=00" DIGITS,
        "sha512=" DIGITS DIGITS,
        DIGITS,
        "sha256" DIGITS "=",
        "sha256:" DIGITS,
        "sha256= " DIGITS,
        " sha256=" DIGITS,
        "sha256=" DIGITS " ",
        "sha256=" DIGITS "\n",
        "sha256=" DIGITS "0",
        "sha256=" DIGITS DIGITS,
        "sha256=0x7107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha256=g57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1G",
        "sha256=+57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1 ",
        "sha256=\xff\xff"
        "7107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha256=",
        "s",
        "=",
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(verify_header(rows[i], strlen(rows[i])) == RH_ERR_SIGNATURE_MALFORMED, rows[i]);
#undef DIGITS
    char with_nul[] = GITHUB_SIGNATURE;
    with_nul[40] = '\0';
    assert_int_equal(verify_header(with_nul, SIGNATURE_LEN), RH_ERR_SIGNATURE_MALFORMED);
}

static void
a_missing_header_is_told_from_a_malformed_one(void **state)
{
    (void)state;
    assert_int_equal(verify_header(NULL, 0), RH_ERR_SIGNATURE_MISSING);
    assert_int_equal(verify_header("", 0), RH_ERR_SIGNATURE_MISSING);
}

static void
each_of_several_secrets_matches(void **state)
{
    (void)state;
    struct rh_secret *all[RH_SIGNATURE_SECRETS_MAX];
    const struct rh_secret *secrets[RH_SIGNATURE_SECRETS_MAX];
    struct rh_secret *other = secret_of("another", 7);
    char out[RH_SIGNATURE_CAP];
    size_t matched = 99;

    for (size_t i = 0; i < RH_SIGNATURE_SECRETS_MAX; i++) {
        char text[] = "secret-0";
        text[7] = (char)('0' + (char)i);
        all[i] = secret_of(text, strlen(text));
        secrets[i] = all[i];
    }
    for (size_t i = 0; i < RH_SIGNATURE_SECRETS_MAX; i++) {
        assert_int_equal(rh_signature_sign(all[i], "body", 4, out), RH_OK);
        assert_int_equal(rh_signature_verify(secrets, RH_SIGNATURE_SECRETS_MAX, "body", 4, out,
                                             strlen(out), &matched),
                         RH_OK);
        assert_int_equal(matched, i);
        if (i > 0)
            assert_int_equal(rh_signature_verify(secrets, i, "body", 4, out, strlen(out), &matched),
                             RH_ERR_SIGNATURE_MISMATCH);
    }
    assert_int_equal(rh_signature_sign(other, "body", 4, out), RH_OK);
    assert_int_equal(rh_signature_verify(secrets, RH_SIGNATURE_SECRETS_MAX, "body", 4, out,
                                         strlen(out), &matched),
                     RH_ERR_SIGNATURE_MISMATCH);

    /* The same secret in two places: the first of them is the answer. */
    secrets[5] = all[2];
    assert_int_equal(rh_signature_sign(all[2], "body", 4, out), RH_OK);
    assert_int_equal(rh_signature_verify(secrets, RH_SIGNATURE_SECRETS_MAX, "body", 4, out,
                                         strlen(out), &matched),
                     RH_OK);
    assert_int_equal(matched, 2);

    for (size_t i = 0; i < RH_SIGNATURE_SECRETS_MAX; i++)
        rh_secret_free(all[i]);
    rh_secret_free(other);
}

static void
no_secret_or_too_many_is_never_a_match(void **state)
{
    (void)state;
    struct rh_secret *secret = secret_of(GITHUB_SECRET, strlen(GITHUB_SECRET));
    const struct rh_secret *secrets[RH_SIGNATURE_SECRETS_MAX + 1];

    for (size_t i = 0; i < COUNT(secrets); i++)
        secrets[i] = secret;
    assert_int_equal(rh_signature_verify(NULL, 0, GITHUB_BODY, strlen(GITHUB_BODY),
                                         GITHUB_SIGNATURE, SIGNATURE_LEN, NULL),
                     RH_ERR_ARGUMENT);
    assert_int_equal(rh_signature_verify(secrets, COUNT(secrets), GITHUB_BODY, strlen(GITHUB_BODY),
                                         GITHUB_SIGNATURE, SIGNATURE_LEN, NULL),
                     RH_ERR_ARGUMENT);
    rh_secret_free(secret);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(githubs_documented_example),
        cmocka_unit_test(rfc_4231_examples),
        cmocka_unit_test(sign_writes_what_verify_accepts),
        cmocka_unit_test(an_empty_body_may_be_null),
        cmocka_unit_test(every_other_digit_is_refused_at_every_place),
        cmocka_unit_test(every_changed_bit_of_the_body_is_refused),
        cmocka_unit_test(every_truncated_length_is_refused),
        cmocka_unit_test(only_digits_have_no_case),
        cmocka_unit_test(malformed_headers),
        cmocka_unit_test(a_missing_header_is_told_from_a_malformed_one),
        cmocka_unit_test(each_of_several_secrets_matches),
        cmocka_unit_test(no_secret_or_too_many_is_never_a_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
