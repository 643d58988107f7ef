/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include <runhook/delivery.h>

static void
good_names(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "o/r",       "octo-org/hello.world", "A/Z",   "0/9",
        "o/.github", "o/..github",           "o/...", "user_name/_",
        "-/-",       "dependabot.x/a--b",
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(rh_repository_valid(rows[i]), rows[i]);
}

static void
bad_names(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "/",
        "o",
        "o/",
        "/r",
        "o//r",
        "o/r/",
        "/o/r",
        "o/r/x",
        "./r",
        "../r",
        "o/.",
        "o/..",
        "o/../r",
        "../../etc/passwd",
        "o/r?x=y",
        "o/r#x",
        "o/r%2e",
        "o/r r",
        " o/r",
        "o/r ",
        "o/r\n",
        "o\t/r",
        "o/r\x7f",
        "o\\r",
        "o:r",
        "o@h/r",
        "o/r;id",
        "o/$(id)",
        "o/r'",
        "o/r\"",
        "o/\xe6\x97\xa5\xe6\x9c\xac",
        "o/\xc3\xa9",
        "o/\xff",
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(!rh_repository_valid(rows[i]), rows[i]);
    assert_false(rh_repository_valid(NULL));
}

static void
every_byte_but_the_allowed_is_refused(void **state)
{
    (void)state;
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    for (int byte = 1; byte < 256; byte++) {
        char name[] = "ownXr/naXe";
        bool want = strchr(allowed, byte) != NULL;
        name[3] = (char)byte;
        name[8] = 'm';
        assert_int_equal(rh_repository_valid(name), want);
        name[3] = 'e';
        name[8] = (char)byte;
        assert_int_equal(rh_repository_valid(name), want);
    }
}

static void
length_is_bounded(void **state)
{
    (void)state;
    char name[RH_REPOSITORY_LEN_MAX + 2];

    memset(name, 'x', sizeof name);
    name[1] = '/';
    name[RH_REPOSITORY_LEN_MAX] = '\0';
    assert_true(rh_repository_valid(name));
    name[RH_REPOSITORY_LEN_MAX] = 'x';
    name[RH_REPOSITORY_LEN_MAX + 1] = '\0';
    assert_false(rh_repository_valid(name));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names),
        cmocka_unit_test(bad_names),
        cmocka_unit_test(every_byte_but_the_allowed_is_refused),
        cmocka_unit_test(length_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
