/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/json.h"

static cJSON *
parse(const char *bytes, size_t len)
{
    struct buffer body = BUFFER_INIT(1 << 20);
    cJSON *json;

    assert_true(buffer_add(&body, bytes, len));
    json = json_parse(&body);
    buffer_fini(&body);
    return json;
}

static void
only_one_whole_object_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"{}", true},
        {" {\"a\":1} \r\n", true},
        {"{\"a\":{\"b\":[1,2]}}", true},
        {"", false},
        {" ", false},
        {"[]", false},
        {"\"text\"", false},
        {"42", false},
        {"null", false},
        {"{", false},
        {"{\"a\":1", false},
        {"{\"a\":}", false},
        {"{'a':1}", false},
        {"{\"a\":1}x", false},
        {"{\"a\":1}{\"b\":2}", false},
        {"{} <html>", false},
        {"<html></html>", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        cJSON *json = parse(rows[i].text, strlen(rows[i].text));
        assert_row((json != NULL) == rows[i].want, rows[i].text);
        json_wipe(json);
    }
}

static void
nesting_is_bounded(void **state)
{
    (void)state;
    char *text = malloc(60000);

    assert_non_null(text);
    for (size_t i = 0; i < 10000; i++)
        memcpy(text + i * 5, "{\"a\":", 5);
    assert_null(parse(text, 50000));
    free(text);
}

static void
an_empty_buffer_is_no_object(void **state)
{
    (void)state;
    struct buffer body = BUFFER_INIT(10);

    assert_null(json_parse(&body));
}

static void
texts_are_texts_alone(void **state)
{
    (void)state;
    static const char body[] = "{\"token\":\"t\",\"Token\":\"T\",\"number\":1,\"null\":null,"
                               "\"empty\":\"\",\"object\":{\"inner\":\"x\"}}";
    cJSON *json = parse(body, strlen(body));

    assert_string_equal(json_text(json, "token"), "t");
    assert_string_equal(json_text(json, "Token"), "T");
    assert_string_equal(json_text(json, "empty"), "");
    assert_null(json_text(json, "TOKEN"));
    assert_null(json_text(json, "number"));
    assert_null(json_text(json, "null"));
    assert_null(json_text(json, "object"));
    assert_null(json_text(json, "inner"));
    assert_null(json_text(json, "missing"));
    assert_null(json_text(NULL, "token"));
    json_wipe(json);
    json_wipe(NULL);
}

static void
numbers_are_whole_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *number;
        int64_t want; /* -1: it is none */
    } rows[] = {
        {"0", 0},     {"-0", 0},     {"9", 9},    {"1e1", 10},       {"10.0", 10},   {"11", -1},
        {"10.5", -1}, {"0.1", -1},   {"-1", -1},  {"1e400", -1},     {"-1e400", -1}, {"true", -1},
        {"null", -1}, {"\"9\"", -1}, {"[9]", -1}, {"{\"n\":9}", -1},
    };
    int64_t number;

    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[64];
        cJSON *json;

        (void)snprintf(body, sizeof body, "{\"n\":%s}", rows[i].number);
        json = parse(body, strlen(body));
        number = 7;
        assert_row(json_number(json, "n", 10, &number) == (rows[i].want >= 0), rows[i].number);
        assert_row(number == (rows[i].want >= 0 ? rows[i].want : 0), rows[i].number);
        assert_false(json_number(json, "N", 10, &number));
        json_wipe(json);
    }
    assert_false(json_number(NULL, "n", 10, &number));
}

static void
an_array_is_taken_alone(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int len; /* -1: it is none */
    } rows[] = {{"[]", 0},     {" [1,{}] ", 2}, {"{}", -1},  {"7", -1},    {"null", -1},
                {"[] []", -1}, {"[]x", -1},     {"[1,", -1}, {"[1]]", -1}, {"", -1}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = BUFFER_INIT(64);
        cJSON *json;

        assert_true(buffer_add_text(&body, rows[i].body));
        json = json_parse_array(&body);
        assert_row((json == NULL ? -1 : cJSON_GetArraySize(json)) == rows[i].len, rows[i].body);
        cJSON_Delete(json);
        buffer_fini(&body);
    }
}

static void
members_are_added_in_full(void **state)
{
    (void)state;
    cJSON *json = cJSON_CreateObject();
    char *text;

    assert_true(json_add_text(json, "text", "a\"b\n日本"));
    assert_true(json_add_text(json, "nothing", NULL));
    assert_true(json_add_number(json, "largest", (INT64_C(1) << 53) - 1));
    assert_true(json_add_number(json, "max", INT64_MAX));
    assert_true(json_add_number(json, "min", INT64_MIN));
    assert_true(json_add_number(json, "zero", 0));
    assert_true(json_add_time(json, "at", INT64_C(1769903999123)));
    assert_true(json_add_time(json, "never", 0));
    text = cJSON_PrintUnformatted(json);
    assert_string_equal(text, "{\"text\":\"a\\\"b\\n日本\",\"nothing\":null,"
                              "\"largest\":9007199254740991,\"max\":9223372036854775807,"
                              "\"min\":-9223372036854775808,\"zero\":0,"
                              "\"at\":\"2026-01-31T23:59:59Z\",\"never\":null}");
    cJSON_free(text);
    cJSON_Delete(json);
}

/* A text of C ends at its first NUL: a runner's name with one in it passed for the name before. */
static void
a_nul_ends_no_text_early(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"{\"a\":\"x\\u0000y\"}", "x\xef\xbf\xbdy"},
        {"{\"a\":\"x\\\\u0000\"}", "x\\u0000"},
        {"{\"a\":\"\\\\\\u0000\"}", "\\\xef\xbf\xbd"},
        {"{\"a\":\"\\u0001\\u00e9\\ud83d\\ude80\"}", "\x01é🚀"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        cJSON *json = parse(rows[i].text, strlen(rows[i].text));

        assert_row(json != NULL && strcmp(json_text(json, "a"), rows[i].want) == 0, rows[i].text);
        cJSON_Delete(json);
    }
}

/* cJSON takes all of this. */
static void
what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        size_t len;
    } rows[] = {
#define ROW(name, text) {name, text, sizeof(text) - 1}
        ROW("a NUL for a blank", "{\0}"),
        ROW("a control character for a blank", "{\x01}"),
        ROW("a control character in a text", "{\"a\":\"\x1b[2J\"}"),
        ROW("a line's end in a NUL", "{\"a\":\"x\0y\"}"),
        ROW("a byte that is not UTF-8", "{\"a\":\"\xff\"}"),
        ROW("half a character", "{\"a\":\"\xc3\"}"),
        ROW("an escape without digits", "{\"a\":\"\\uzzzz\"}"),
        ROW("an escape of three digits", "{\"a\":\"\\u123\"}"),
        ROW("an escape that the end cuts", "{\"a\":\"\\u00"),
        ROW("a backslash before a byte", "{\"a\":\"\\\xc3\xa9\"}"),
        ROW("a backslash at the end", "{\"a\":\"\\"),
#undef ROW
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(parse(rows[i].text, rows[i].len) == NULL, rows[i].name);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_whole_object_is_taken),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(an_empty_buffer_is_no_object),
        cmocka_unit_test(texts_are_texts_alone),
        cmocka_unit_test(numbers_are_whole_and_bounded),
        cmocka_unit_test(an_array_is_taken_alone),
        cmocka_unit_test(members_are_added_in_full),
        cmocka_unit_test(a_nul_ends_no_text_early),
        cmocka_unit_test(what_is_no_json_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
