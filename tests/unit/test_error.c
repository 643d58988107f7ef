/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include <runhook/error.h>

static const enum rh_error errors[] = {
    RH_OK,
    RH_ERR_SIGNATURE_MISSING,
    RH_ERR_SIGNATURE_MALFORMED,
    RH_ERR_SIGNATURE_MISMATCH,
    RH_ERR_CONTENT_TYPE,
    RH_ERR_NOT_JSON,
    RH_ERR_FIELD,
    RH_ERR_TOO_LARGE,
    RH_ERR_ARGUMENT,
    RH_ERR_NO_MEMORY,
    RH_ERR_CRYPTO,
};

static void
every_error_has_a_phrase_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        const char *text = rh_error_text(errors[i]);
        assert_non_null(text);
        assert_true(strlen(text) > 0 && strlen(text) < RH_REASON_CAP);
        assert_string_not_equal(text, "unknown error");
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(text, rh_error_text(errors[j]));
    }
}

static void
success_is_zero(void **state)
{
    (void)state;
    assert_int_equal(RH_OK, 0);
}

static void
values_outside_the_enum_are_unknown(void **state)
{
    (void)state;
    assert_string_equal(rh_error_text((enum rh_error)(RH_ERR_CRYPTO + 1)), "unknown error");
    assert_string_equal(rh_error_text((enum rh_error)15), "unknown error");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_phrase_of_its_own),
        cmocka_unit_test(success_is_zero),
        cmocka_unit_test(values_outside_the_enum_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
