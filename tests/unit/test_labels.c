/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include <runhook/labels.h>

static void
add_all(struct rh_labels *labels, const char *const *texts)
{
    for (; *texts != NULL; texts++)
        assert_int_equal(rh_labels_add(labels, *texts, strlen(*texts)), RH_OK);
}

static void
keeps_the_order_and_the_first_spelling(void **state)
{
    (void)state;
    struct rh_labels labels = {0};
    const char *const texts[] = {"Self-Hosted", "linux", "SELF-HOSTED", "x64", "Linux", NULL};

    add_all(&labels, texts);
    assert_int_equal(labels.len, 3);
    assert_string_equal(labels.items[0], "Self-Hosted");
    assert_string_equal(labels.items[1], "linux");
    assert_string_equal(labels.items[2], "x64");
    rh_labels_fini(&labels);
}

static void
copies_by_length(void **state)
{
    (void)state;
    struct rh_labels labels = {0};
    char text[] = "linuxgarbage";

    assert_int_equal(rh_labels_add(&labels, text, 5), RH_OK);
    memset(text, '?', sizeof text - 1);
    assert_string_equal(labels.items[0], "linux");
    rh_labels_fini(&labels);
}

static void
refuses_bad_labels_and_stays_as_it_was(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        size_t len;
    } rows[] = {
        {"empty", "", 0},
        {"NUL", "a\0b", 3},
        {"only a NUL", "\0", 1},
        {"newline", "a\nb", 3},
        {"tab", "a\tb", 3},
        {"unit separator", "a\x1f", 2},
        {"delete", "\x7f", 1},
        {"lone continuation", "\x80", 1},
        {"cut character", "\xe6\x97", 2},
        {"overlong", "\xc0\xaf", 2},
    };
    struct rh_labels labels = {0};
    const char *const texts[] = {"kept", NULL};

    add_all(&labels, texts);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_row(rh_labels_add(&labels, rows[i].text, rows[i].len) == RH_ERR_ARGUMENT,
                   rows[i].name);
        assert_row(labels.len == 1, rows[i].name);
    }
    assert_string_equal(labels.items[0], "kept");
    rh_labels_fini(&labels);
}

static void
length_is_bounded(void **state)
{
    (void)state;
    struct rh_labels labels = {0};
    char text[RH_LABEL_LEN_MAX + 1];

    memset(text, 'x', sizeof text);
    assert_int_equal(rh_labels_add(&labels, text, RH_LABEL_LEN_MAX), RH_OK);
    assert_int_equal(strlen(labels.items[0]), RH_LABEL_LEN_MAX);
    assert_int_equal(rh_labels_add(&labels, text, RH_LABEL_LEN_MAX + 1), RH_ERR_ARGUMENT);
    rh_labels_fini(&labels);
}

static void
count_is_bounded(void **state)
{
    (void)state;
    struct rh_labels labels = {0};
    char text[16];

    for (int i = 0; i < RH_LABELS_MAX; i++) {
        int len = snprintf(text, sizeof text, "label-%d", i);
        assert_int_equal(rh_labels_add(&labels, text, (size_t)len), RH_OK);
    }
    assert_int_equal(labels.len, RH_LABELS_MAX);
    assert_int_equal(rh_labels_add(&labels, "one-more", 8), RH_ERR_TOO_LARGE);
    assert_int_equal(labels.len, RH_LABELS_MAX);
    assert_int_equal(rh_labels_add(&labels, "LABEL-0", 7), RH_OK);
    assert_int_equal(labels.len, RH_LABELS_MAX);
    assert_true(rh_labels_has(&labels, "label-255"));
    rh_labels_fini(&labels);
}

static void
has_compares_without_ascii_case_alone(void **state)
{
    (void)state;
    struct rh_labels labels = {0};
    const char *const texts[] = {"Linux", "\xe6\x97\xa5\xe6\x9c\xac", "\xc3\x89", "a[", NULL};
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"linux", true},         {"LINUX", true},     {"\xe6\x97\xa5\xe6\x9c\xac", true},
        {"\xc3\x89", true},      {"A[", true},        {"", false},
        {"linu", false},         {"linux ", false},   {"linuxx", false},
        {"\xe6\x97\xa5", false}, {"\xc3\xa9", false}, /* an e with acute: not an ASCII letter, so
                                                         its case counts */
        {"a{", false}, /* 0x5B and 0x7B differ as letters' cases do */
    };

    assert_false(rh_labels_has(&labels, "linux"));
    add_all(&labels, texts);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(rh_labels_has(&labels, rows[i].text) == rows[i].want, rows[i].text);
    rh_labels_fini(&labels);
}

static void
fini_leaves_a_set_that_can_be_used(void **state)
{
    (void)state;
    struct rh_labels labels = {0};
    const char *const texts[] = {"linux", NULL};

    rh_labels_fini(&labels);
    add_all(&labels, texts);
    rh_labels_fini(&labels);
    assert_int_equal(labels.len, 0);
    assert_null(labels.items);
    rh_labels_fini(&labels);
    add_all(&labels, texts);
    assert_int_equal(labels.len, 1);
    rh_labels_fini(&labels);
}

static void
match(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *asked[5];
        const char *offered[5];
        bool require_self_hosted;
        enum rh_match want;
        const char *missing;
    } rows[] = {
        {"one", {"self-hosted"}, {"self-hosted"}, true, RH_MATCH_SERVES, NULL},
        {"fewer than offered",
         {"self-hosted", "linux"},
         {"self-hosted", "linux", "x64"},
         true,
         RH_MATCH_SERVES,
         NULL},
        {"other case and order",
         {"X64", "Self-Hosted"},
         {"self-hosted", "linux", "x64"},
         true,
         RH_MATCH_SERVES,
         NULL},
        {"self-hosted not wanted", {"gpu"}, {"gpu"}, false, RH_MATCH_SERVES, NULL},
        {"no labels", {NULL}, {"self-hosted"}, true, RH_MATCH_NO_LABELS, NULL},
        {"no labels, nothing wanted", {NULL}, {"self-hosted"}, false, RH_MATCH_NO_LABELS, NULL},
        {"nothing on either side", {NULL}, {NULL}, false, RH_MATCH_NO_LABELS, NULL},
        {"hosted by GitHub",
         {"ubuntu-latest"},
         {"self-hosted"},
         true,
         RH_MATCH_NOT_SELF_HOSTED,
         NULL},
        {"self-hosted unasked",
         {"linux", "x64"},
         {"self-hosted", "linux", "x64"},
         true,
         RH_MATCH_NOT_SELF_HOSTED,
         NULL},
        {"one overlaps and one lacks",
         {"self-hosted", "gpu"},
         {"self-hosted", "linux"},
         true,
         RH_MATCH_LABEL_MISSING,
         "gpu"},
        {"the first that lacks",
         {"self-hosted", "linux", "Gpu", "arm64"},
         {"self-hosted", "linux"},
         true,
         RH_MATCH_LABEL_MISSING,
         "Gpu"},
        {"the pool lacks self-hosted",
         {"self-hosted"},
         {"linux"},
         true,
         RH_MATCH_LABEL_MISSING,
         "self-hosted"},
        {"an empty pool", {"self-hosted"}, {NULL}, true, RH_MATCH_LABEL_MISSING, "self-hosted"},
        {"a prefix is another label",
         {"self-hosted", "linux-big"},
         {"self-hosted", "linux"},
         true,
         RH_MATCH_LABEL_MISSING,
         "linux-big"},
        {"self-hosted not wanted, lacks",
         {"ubuntu-latest"},
         {"linux"},
         false,
         RH_MATCH_LABEL_MISSING,
         "ubuntu-latest"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_labels asked = {0};
        struct rh_labels offered = {0};
        const char *missing = "untouched";

        add_all(&asked, rows[i].asked);
        add_all(&offered, rows[i].offered);
        assert_row(rh_labels_match(&asked, &offered, rows[i].require_self_hosted, &missing) ==
                       rows[i].want,
                   rows[i].name);
        assert_row((missing == NULL) == (rows[i].missing == NULL), rows[i].name);
        if (missing != NULL)
            assert_string_equal(missing, rows[i].missing);
        assert_row(rh_labels_match(&asked, &offered, rows[i].require_self_hosted, NULL) ==
                       rows[i].want,
                   rows[i].name);
        rh_labels_fini(&asked);
        rh_labels_fini(&offered);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order_and_the_first_spelling),
        cmocka_unit_test(copies_by_length),
        cmocka_unit_test(refuses_bad_labels_and_stays_as_it_was),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(count_is_bounded),
        cmocka_unit_test(has_compares_without_ascii_case_alone),
        cmocka_unit_test(fini_leaves_a_set_that_can_be_used),
        cmocka_unit_test(match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
