/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "config/values.h"
#include "upstream/credential.h"

static struct rh_secret *
secret_of(const char *text)
{
    struct rh_secret *secret = NULL;

    assert_int_equal(rh_secret_new(text, strlen(text), &secret), RH_OK);
    return secret;
}

static void
assert_is(struct credential *credential, const char *want)
{
    struct rh_secret *token;

    assert_true(credential_get(credential, &token));
    assert_string_equal(rh_secret_bytes(token), want);
    rh_secret_free(token);
}

static void
without_a_token_there_is_none(void **state)
{
    (void)state;
    struct credential *credential = credential_new(NULL, NULL, value_secret_file);
    struct rh_secret *token = (struct rh_secret *)&credential;

    assert_true(credential_get(credential, &token));
    assert_null(token);
    assert_false(credential_renew(credential, NULL));
    credential_free(credential);
    credential_free(NULL);
}

static void
one_without_a_file_is_never_renewed(void **state)
{
    (void)state;
    struct rh_secret *first = secret_of("first");
    struct credential *credential = credential_new(first, NULL, value_secret_file);

    assert_false(credential_renew(credential, first));
    assert_is(credential, "first");
    credential_free(credential);
    rh_secret_free(first);
}

static void
a_refused_token_is_looked_up_again(void **state)
{
    (void)state;
    struct path path = scratch_write("token", "first\n", 0600);
    struct rh_secret *first = secret_of("first"), *second = secret_of("second");
    struct credential *credential = credential_new(first, path.text, value_secret_file);

    assert_false(credential_renew(credential, first));
    assert_is(credential, "first");
    (void)scratch_write("token", "second\n", 0600);
    assert_is(credential, "first");
    assert_true(credential_renew(credential, first));
    assert_is(credential, "second");
    /* Another thread that was refused with the first has only to ask again. */
    assert_true(credential_renew(credential, first));
    assert_false(credential_renew(credential, second));
    (void)scratch_write("token", "third\n", 0600);
    assert_true(credential_renew(credential, second));
    assert_is(credential, "third");
    credential_free(credential);
    rh_secret_free(first);
    rh_secret_free(second);
}

static void
a_file_in_the_making_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text; /* NULL: there is no file */
        mode_t mode;
    } rows[] = {
        {"missing", NULL, 0},           {"empty", "", 0600},         {"two lines", "a\nb\n", 0600},
        {"for others", "second", 0644}, {"the same", "first", 0600},
    };
    struct rh_secret *first = secret_of("first");
    struct path path = scratch_path("token");
    struct credential *credential = credential_new(first, path.text, value_secret_file);

    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)unlink(path.text);
        if (rows[i].text != NULL)
            (void)scratch_write("token", rows[i].text, rows[i].mode);
        assert_row(!credential_renew(credential, first), rows[i].name);
        assert_is(credential, "first");
    }
    credential_free(credential);
    rh_secret_free(first);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_token_there_is_none),
        cmocka_unit_test(one_without_a_file_is_never_renewed),
        cmocka_unit_test_setup(a_refused_token_is_looked_up_again, scratch_clear),
        cmocka_unit_test_setup(a_file_in_the_making_changes_nothing, scratch_clear),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
