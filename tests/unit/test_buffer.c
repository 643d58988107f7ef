/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "text/buffer.h"

static void
grows_and_stays_terminated(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT(100000);

    assert_string_equal(buffer_text(&buffer), "");
    for (size_t i = 0; i < 10000; i++) {
        assert_true(buffer_add_text(&buffer, "0123456789"));
        assert_int_equal(buffer.len, (i + 1) * 10);
        assert_int_equal(buffer.bytes[buffer.len], '\0');
    }
    assert_memory_equal(buffer.bytes + 99990, "0123456789", 10);
    assert_false(buffer_add(&buffer, "x", 1));
    buffer_fini(&buffer);
}

static void
takes_any_bytes(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT(16);

    assert_true(buffer_add(&buffer, "a\0b", 3));
    assert_true(buffer_add(&buffer, "", 0));
    assert_true(buffer_addf(&buffer, "%s%d", "", 42));
    assert_int_equal(buffer.len, 5);
    assert_memory_equal(buffer.bytes, "a\0b42", 6);
    buffer_wipe(&buffer);
    assert_int_equal(buffer.len, 0);
    assert_null(buffer.bytes);
}

/* What a writer adds after the cap must not come through in part: a cut line would read as a whole
 * one. */
static void
over_the_cap_it_fails_and_stays_failed(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *first;
        const char *second;
        size_t max;
        bool want;
    } rows[] = {
        {"nothing", "", "", 0, true},
        {"exact", "abc", "de", 5, true},
        {"one over", "abc", "de", 4, false},
        {"all at once", "abcde", "", 4, false},
        {"no room at all", "a", "", 0, false},
        {"after a full one", "abcd", "e", 4, false},
        {"longer than a first piece", "", "0123456789", 9, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int formatted = 0; formatted < 2; formatted++) {
            struct buffer buffer = BUFFER_INIT(rows[i].max);
            char *taken;

            (void)buffer_add_text(&buffer, rows[i].first);
            bool added = formatted ? buffer_addf(&buffer, "%s", rows[i].second)
                                   : buffer_add_text(&buffer, rows[i].second);
            assert_row(added == rows[i].want, rows[i].name);
            assert_row(buffer.failed == !rows[i].want, rows[i].name);
            assert_row(buffer.len <= rows[i].max, rows[i].name);
            if (buffer.failed) {
                assert_row(!buffer_add(&buffer, "", 0), rows[i].name);
                assert_row(!buffer_addf(&buffer, "%s", ""), rows[i].name);
            }
            taken = buffer_take(&buffer);
            assert_row((taken != NULL) == rows[i].want, rows[i].name);
            assert_row(buffer.bytes == NULL && buffer.len == 0 && !buffer.failed, rows[i].name);
            free(taken);
        }
    }
}

static void
a_piece_that_does_not_fit_leaves_what_was_there(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT(4);

    assert_true(buffer_add_text(&buffer, "abc"));
    assert_false(buffer_addf(&buffer, "%d", 12345));
    assert_string_equal(buffer_text(&buffer), "abc");
    assert_false(buffer_add_text(&buffer, "d"));
    assert_string_equal(buffer_text(&buffer), "abc");
    buffer_fini(&buffer);
}

static void
take_gives_a_text_and_an_empty_buffer(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT(8);
    char *text = buffer_take(&buffer);

    assert_string_equal(text, "");
    free(text);
    assert_true(buffer_add_text(&buffer, "12345678"));
    text = buffer_take(&buffer);
    assert_string_equal(text, "12345678");
    free(text);
    assert_true(buffer_add_text(&buffer, "again"));
    assert_string_equal(buffer_text(&buffer), "again");
    buffer_fini(&buffer);
    buffer_fini(&buffer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(takes_any_bytes),
        cmocka_unit_test(over_the_cap_it_fails_and_stays_failed),
        cmocka_unit_test(a_piece_that_does_not_fit_leaves_what_was_there),
        cmocka_unit_test(take_gives_a_text_and_an_empty_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
