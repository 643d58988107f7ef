/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <runhook/secret.h>

static void
holds_a_terminated_copy(void **state)
{
    (void)state;
    char bytes[] = {'t', 'o', 'k', 'e', 'n', 'X'};
    struct rh_secret *secret = NULL;

    assert_int_equal(rh_secret_new(bytes, 5, &secret), RH_OK);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(rh_secret_len(secret), 5);
    assert_string_equal(rh_secret_bytes(secret), "token");
    rh_secret_free(secret);
}

static void
holds_bytes_that_are_not_text(void **state)
{
    (void)state;
    const char bytes[] = {(char)0xFF, '\n', (char)0x80, ' '};
    struct rh_secret *secret = NULL;

    assert_int_equal(rh_secret_new(bytes, sizeof bytes, &secret), RH_OK);
    assert_int_equal(rh_secret_len(secret), sizeof bytes);
    assert_memory_equal(rh_secret_bytes(secret), bytes, sizeof bytes);
    rh_secret_free(secret);
}

static void
refuses_lengths_out_of_range(void **state)
{
    (void)state;
    static char bytes[RH_SECRET_MAX + 1];
    const struct {
        size_t len;
        enum rh_error error;
    } rows[] = {
        {0, RH_ERR_ARGUMENT},        {1, RH_OK},
        {RH_SECRET_MAX, RH_OK},      {RH_SECRET_MAX + 1, RH_ERR_ARGUMENT},
        {SIZE_MAX, RH_ERR_ARGUMENT},
    };

    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_secret *secret = (struct rh_secret *)bytes;
        assert_int_equal(rh_secret_new(bytes, rows[i].len, &secret), rows[i].error);
        assert_int_equal(secret == NULL, rows[i].error != RH_OK);
        rh_secret_free(secret);
    }
}

static void
refuses_a_nul_anywhere(void **state)
{
    (void)state;
    for (size_t at = 0; at < 5; at++) {
        char bytes[] = {'t', 'o', 'k', 'e', 'n'};
        struct rh_secret *secret = NULL;

        bytes[at] = '\0';
        assert_int_equal(rh_secret_new(bytes, sizeof bytes, &secret), RH_ERR_ARGUMENT);
        assert_null(secret);
    }
}

static void
null_is_freed_without_harm(void **state)
{
    (void)state;
    rh_secret_free(NULL);
    rh_wipe_free(NULL, 0);
    rh_wipe_free(NULL, 100);
}

static void
wipe_free_takes_memory_of_malloc(void **state)
{
    (void)state;
    char *bytes = malloc(64);
    assert_non_null(bytes);
    rh_wipe_free(bytes, 64);
    rh_wipe_free(malloc(1), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_a_terminated_copy),
        cmocka_unit_test(holds_bytes_that_are_not_text),
        cmocka_unit_test(refuses_lengths_out_of_range),
        cmocka_unit_test(refuses_a_nul_anywhere),
        cmocka_unit_test(null_is_freed_without_harm),
        cmocka_unit_test(wipe_free_takes_memory_of_malloc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
