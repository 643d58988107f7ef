/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "sample.h"

static void
names_of_every_script(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        const char *want;
    } rows[] = {
        {"\"\xe3\x83\x93\xe3\x83\xab\xe3\x83\x89\"", "\xe3\x83\x93\xe3\x83\xab\xe3\x83\x89"},
        {"\"\\u30d3\\u30EB\\u30c9\"", "\xe3\x83\x93\xe3\x83\xab\xe3\x83\x89"},
        {"\"\xf0\x9f\x9a\x80\"", "\xf0\x9f\x9a\x80"},
        {"\"\\ud83d\\ude80\"", "\xf0\x9f\x9a\x80"},
        {"\"\\uD83D\\uDC69\\u200D\\uD83D\\uDCBB\"", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"},
        {"\"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d\"", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"},
        {"\"\\u202e\\u0639\"", "\xe2\x80\xae\xd8\xb9"},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
        {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf"},
        {"\"\\\\u0000\"", "\\u0000"},
        {"\"\\\\\\\\u0000\"", "\\\\u0000"},
        {"\"\\u0001\"", "\x01"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_with("workflow_job.name", rows[i].raw);
        assert_row(outcome.error == RH_OK, rows[i].raw);
        assert_string_equal(outcome.delivery->job.name, rows[i].want);
        rh_delivery_free(outcome.delivery);
    }
}

static void
names_that_are_not_unicode(void **state)
{
    (void)state;
    static const char *const rows[] = {
        /* escapes */
        "\"\\u0000\"",
        "\"a\\u0000b\"",
        "\"\\\\\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud83d x\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ud83d\\ud83d\"",
        "\"\\ude80\\ud83d\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\uzzzz\"",
        "\"\\u-001\"",
        "\"\\ud83d\\uzzzz\"",
        "\"\\x41\"",
        "\"\\U0041\"",
        "\"\\",
        "\"\\\"",
        "\"\\u",
        "\"\\u000",
        /* bytes */
        "\"\x80\"",
        "\"\xbf\"",
        "\"\xc0\x80\"",
        "\"\xc0\xaf\"",
        "\"\xc1\xbf\"",
        "\"\xe0\x80\x80\"",
        "\"\xe0\x9f\xbf\"",
        "\"\xf0\x80\x80\x80\"",
        "\"\xf0\x8f\xbf\xbf\"",
        "\"\xed\xa0\x80\"",
        "\"\xed\xbf\xbf\"",
        "\"\xed\xa0\xbd\xed\xba\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xf8\x88\x80\x80\x80\"",
        "\"\xfe\"",
        "\"\xff\"",
        "\"\xc3\"",
        "\"\xe6\x97\"",
        "\"\xf0\x9f\x9a\"",
        "\"\xc3\x28\"",
        "\"\xe6\x28\xa5\"",
        "\"\xe6\x97\x28\"",
        "\"\xf0\x9f\x9a\x28\"",
        "\"caf\xe9\"",
        /* control characters, which JSON has escapes for */
        "\"a\x01z\"",
        "\"a\x1fz\"",
        "\"a\x0bz\"",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_with("workflow_job.name", rows[i]);
        assert_row(outcome.error == RH_ERR_NOT_JSON, rows[i]);
    }
}

static void
texts_that_are_not_one_json_value(void **state)
{
    (void)state;
#define BYTES(text) text, sizeof(text) - 1
    static const struct {
        const char *name;
        const char *body;
        size_t len;
    } rows[] = {
        {"empty", BYTES("")},
        {"white space", BYTES(" \r\n\t ")},
        {"a word", BYTES("queued")},
        {"a form", BYTES("payload=%7B%7D")},
        {"open object", BYTES("{")},
        {"open array", BYTES("[")},
        {"open string", BYTES("{\"a\":\"b")},
        {"open after a comma", BYTES("{\"a\":1,")},
        {"open after a colon", BYTES("{\"a\":")},
        {"open after a key", BYTES("{\"a\"")},
        {"comma at the end", BYTES("{\"a\":1,}")},
        {"bare key", BYTES("{a:1}")},
        {"single quotes", BYTES("{'a':1}")},
        {"NaN", BYTES("{\"a\":NaN}")},
        {"plus sign", BYTES("{\"a\":+1}")},
        {"hexadecimal", BYTES("{\"a\":0x10}")},
        {"two points", BYTES("{\"a\":1.2.3}")},
        {"comment", BYTES("{}/* x */")},
        {"two values", BYTES("{}{}")},
        {"garbage behind", BYTES("{} x")},
        {"bracket behind", BYTES("{}]")},
        {"NUL behind", BYTES("{}\0")},
        {"NUL and garbage behind", BYTES("{}\0x")},
        {"NUL in front", BYTES("\0{}")},
        {"NUL for white space", BYTES("{\"a\":\0 1}")},
        {"NUL in a string", BYTES("{\"a\":\"b\0c\"}")},
        {"control character for white space", BYTES("{\"a\":\x01 1}")},
        {"control character behind", BYTES("{}\x1f")},
        {"half a byte order mark", BYTES("\xef\xbb{}")},
        {"byte order mark behind", BYTES("{}\xef\xbb\xbf")},
        {"two byte order marks", BYTES("\xef\xbb\xbf\xef\xbb\xbf{}")},
        {"only a byte order mark", BYTES("\xef\xbb\xbf")},
        {"UTF-16", BYTES("\xff\xfe{\0}\0")},
        {"no-break space", BYTES("\xc2\xa0{}")},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_as(rows[i].body, rows[i].len, JSON_TYPE, NULL);
        assert_row(outcome.error == RH_ERR_NOT_JSON, rows[i].name);
    }
    struct rh_delivery *delivery = NULL;
    struct rh_reason reason;
    assert_int_equal(rh_delivery_parse(NULL, 0, JSON_TYPE, NULL, &delivery, &reason),
                     RH_ERR_NOT_JSON);
    assert_null(delivery);
}

static void
white_space_and_a_byte_order_mark_are_fine(void **state)
{
    (void)state;
    static const char *const rows[] = {"{}", " \r\n\t{ \n} \n", "\xef\xbb\xbf{}", "{\"a\":1e5}\n"};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_as(rows[i], strlen(rows[i]), JSON_TYPE, NULL);
        assert_row(outcome.error == RH_OK, rows[i]);
        assert_row(outcome.delivery->event == RH_EVENT_OTHER, rows[i]);
        rh_delivery_free(outcome.delivery);
    }
}

static void
json_that_is_no_object(void **state)
{
    (void)state;
    static const char *const rows[] = {"[]", "null",  "true",
                                       "1",  "\"x\"", "[{\"workflow_job\":{}}]"};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_as(rows[i], strlen(rows[i]), JSON_TYPE, NULL);
        assert_row(outcome.error == RH_ERR_FIELD, rows[i]);
        assert_string_equal(outcome.reason.text, "the JSON must be an object");
    }
}

static void
every_cut_of_a_delivery_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < strlen(job_body); len++) {
        struct parsed outcome = parse_as(job_body, len, JSON_TYPE, "workflow_job");
        assert_int_equal(outcome.error, RH_ERR_NOT_JSON);
    }
}

static void
reasons_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *reason;
    } rows[] = {
        {"{\"a\":\"\xff\"}", "not UTF-8 at byte 6"},
        {"{\"a\":\"\x01\"}", "not JSON: a control character at byte 6"},
        {"{\"a\":\"\\u0000\"}", "not JSON: the escape \\u0000 at byte 6"},
        {"{\"a\":\"\\u00\"}", "not JSON: a malformed \\u escape at byte 6"},
        {"{\"a\":1", "not JSON: it ends too early, after 6 bytes"},
        {"", "not JSON: it ends too early, after 0 bytes"},
        {"{\"a\":x}", "not JSON at byte 5"},
        {"{} {}", "not JSON at byte 3"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_as(rows[i].body, strlen(rows[i].body), JSON_TYPE, NULL);
        assert_row(outcome.error == RH_ERR_NOT_JSON, rows[i].reason);
        assert_string_equal(outcome.reason.text, rows[i].reason);
    }
}

static void
ten_thousand_levels_are_too_deep(void **state)
{
    (void)state;
    enum { LEVELS = 10000 };
    static char body[2 * LEVELS + 16];
    static const struct {
        int levels;
        enum rh_error want;
    } rows[] = {{100, RH_OK}, {900, RH_OK}, {1001, RH_ERR_NOT_JSON}, {LEVELS, RH_ERR_NOT_JSON}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t levels = (size_t)rows[i].levels;
        size_t len = (size_t)snprintf(body, sizeof body, "{\"a\":");
        memset(body + len, '[', levels);
        memset(body + len + levels, ']', levels);
        len += 2 * levels;
        body[len++] = '}';
        struct parsed outcome = parse_as(body, len, JSON_TYPE, NULL);
        assert_int_equal(outcome.error, rows[i].want);
        rh_delivery_free(outcome.delivery);

        /* The same without an end, which a parser meets at its deepest. */
        outcome = parse_as(body, len / 2, JSON_TYPE, NULL);
        assert_int_equal(outcome.error, RH_ERR_NOT_JSON);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_every_script),
        cmocka_unit_test(names_that_are_not_unicode),
        cmocka_unit_test(texts_that_are_not_one_json_value),
        cmocka_unit_test(white_space_and_a_byte_order_mark_are_fine),
        cmocka_unit_test(json_that_is_no_object),
        cmocka_unit_test(every_cut_of_a_delivery_is_refused),
        cmocka_unit_test(reasons_say_where),
        cmocka_unit_test(ten_thousand_levels_are_too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
