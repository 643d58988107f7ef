/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "upstream/failure.h"

static void
words_are_distinct_and_fit_for_a_log(void **state)
{
    (void)state;

    for (int kind = FAILURE_NONE; kind < FAILURE_KINDS; kind++) {
        const char *text = failure_text((enum failure_kind)kind);

        assert_non_null(text);
        assert_true(text[0] != '\0');
        for (const char *c = text; *c != '\0'; c++)
            assert_row((*c >= 'a' && *c <= 'z') || *c == '_', text);
        for (int other = FAILURE_NONE; other < kind; other++)
            assert_string_not_equal(text, failure_text((enum failure_kind)other));
    }
    assert_string_equal(upstream_text(UPSTREAM_GITHUB), "github");
    assert_string_equal(upstream_text(UPSTREAM_NOMAD), "nomad");
}

static void
setting_one_clears_the_rest(void **state)
{
    (void)state;
    struct failure failure;

    memset(&failure, '?', sizeof failure);
    assert_false(
        failure_set(&failure, UPSTREAM_NOMAD, FAILURE_SERVER, "Nomad has trouble (%d)", 500));
    assert_int_equal(failure.kind, FAILURE_SERVER);
    assert_int_equal(failure.upstream, UPSTREAM_NOMAD);
    assert_int_equal(failure.status, 0);
    assert_int_equal(failure.retry_after_ms, -1);
    assert_string_equal(failure.text.text, "Nomad has trouble (500)");
}

static void
a_long_text_is_cut(void **state)
{
    (void)state;
    char text[1001];
    struct failure failure;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_false(failure_set(&failure, UPSTREAM_GITHUB, FAILURE_SERVER, "%s", text));
    assert_int_equal(strlen(failure.text.text), sizeof failure.text.text - 1);
}

/* Names and an upstream's own words stand in it, as those of a certificate do. */
static void
a_text_steers_no_terminal(void **state)
{
    (void)state;
    struct failure failure;

    assert_false(failure_set(&failure, UPSTREAM_NOMAD, FAILURE_TLS, "Nomad: %s",
                             "\x1b[2J\nlevel=info \xe2\x80\xae \xff \xc2\x9b é"));
    assert_string_equal(failure.text.text, "Nomad: ?[2J level=info ? ? ? é");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_distinct_and_fit_for_a_log),
        cmocka_unit_test(setting_one_clears_the_rest),
        cmocka_unit_test(a_long_text_is_cut),
        cmocka_unit_test(a_text_steers_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
