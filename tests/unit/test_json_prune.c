/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_prune.h"

static const struct rh_json_member inner[] = {RH_JSON_MEMBER("id", NULL),
                                              RH_JSON_MEMBER("name", NULL), RH_JSON_MEMBERS_END};
static const struct rh_json_member wanted[] = {RH_JSON_MEMBER("a", NULL),
                                               RH_JSON_MEMBER("job", inner), RH_JSON_MEMBERS_END};

struct pruned {
    enum rh_error error;
    struct rh_reason reason;
    char text[512];
    size_t len;
};

static struct pruned
prune(const char *text, size_t len)
{
    /* No more room than is promised to be enough, for the sanitizer to see. */
    char *copy = malloc(len + 1), *out = malloc(len + 1);
    struct pruned pruned = {.error = RH_ERR_NO_MEMORY};

    assert_non_null(copy);
    assert_non_null(out);
    if (len > 0)
        memcpy(copy, text, len);
    pruned.error = rh_json_prune(copy, len, wanted, out, &pruned.len, &pruned.reason);
    (void)snprintf(pruned.text, sizeof pruned.text, "%s", out);
    free(copy);
    free(out);
    return pruned;
}

static void
only_what_is_wanted_stays(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"{}", "{}"},
        {" { } ", "{}"},
        {"{\"a\":1}", "{\"a\":1}"},
        {"{\"b\":1}", "{}"},
        {"{\"b\":1,\"a\":2,\"c\":3}", "{\"a\":2}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":1,\"a\":3}"},
        {"{ \"a\" : [ 1 , 2 ] , \"b\" : {} }", "{\"a\":[ 1 , 2 ]}"},
        {"{\"a\":{\"b\":{\"a\":[]}}}", "{\"a\":{\"b\":{\"a\":[]}}}"},
        {"{\"job\":{\"id\":7,\"steps\":[{\"id\":1}],\"name\":\"n\"}}",
         "{\"job\":{\"id\":7,\"name\":\"n\"}}"},
        {"{\"job\":{\"a\":7}}", "{\"job\":{}}"},
        {"{\"job\":null}", "{\"job\":null}"},
        {"{\"job\":[{\"x\":1}]}", "{\"job\":[{\"x\":1}]}"},
        {"{\"id\":1}", "{}"},
        {"{\"aa\":1,\"\":2,\"jo\":3}", "{}"},
        {"{\"b\":\"}\\\",\\\"a\\\":1\"}", "{}"},
        {"{\"b\":{\"job\":{\"id\":1}}}", "{}"},
        {"\xef\xbb\xbf{\"a\":1}", "{\"a\":1}"},
        /* A name with an escape may be any. */
        {"{\"\\u0061\":1,\"b\":2}", "{\"\\u0061\":1}"},
        /* No object: all of it. */
        {"[{\"b\":1}]", "[{\"b\":1}]"},
        {" null ", "null"},
        {"\"text\"", "\"text\""},
        {"-0.5e+10", "-0.5e+10"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pruned pruned = prune(rows[i].text, strlen(rows[i].text));

        assert_row(pruned.error == RH_OK, rows[i].text);
        assert_string_equal(pruned.text, rows[i].want);
        assert_int_equal(pruned.len, strlen(rows[i].want));
    }
}

/* What is left out is no less checked than what stays. */
static void
a_flaw_is_found_wherever_it_is(void **state)
{
    static const struct {
        const char *value;
        const char *reason; /* %zu is where the value begins */
    } rows[] = {
        {"\"\xff\"", "not UTF-8 at byte 1"},
        {"\"12345678\xc3\"", "not UTF-8 at byte 9"},
        {"\"1234567\x1f\"", "not JSON: a control character at byte 8"},
        {"\"\n\"", "not JSON: a control character at byte 1"},
        {"\x01", "not JSON: a control character at byte 0"},
        {"\"\\u0000\"", "not JSON: the escape \\u0000 at byte 1"},
        {"\"a\\u00g0\"", "not JSON: a malformed \\u escape at byte 2"},
        {"\"\\ud83d\"", "not JSON: half of a surrogate pair at byte 1"},
        {"\"\\ude80\"", "not JSON: half of a surrogate pair at byte 1"},
        {"\"\\ud83d\\ud83d\"", "not JSON: half of a surrogate pair at byte 1"},
        {"\"\\ud83dxude80\"", "not JSON: half of a surrogate pair at byte 1"},
        {"\"\\x41\"", "not JSON at byte 1"},
        {"01", "not JSON at byte 1"},
        {"1.", "not JSON at byte 2"},
        {".5", "not JSON at byte 0"},
        {"1e", "not JSON at byte 2"},
        {"1e+", "not JSON at byte 3"},
        {"-", "not JSON at byte 1"},
        {"+1", "not JSON at byte 0"},
        {"0x10", "not JSON at byte 1"},
        {"nul", "not JSON at byte 3"},
        {"True", "not JSON at byte 0"},
        {"[1,]", "not JSON at byte 3"},
        {"[1 2]", "not JSON at byte 3"},
        {"[1}", "not JSON at byte 2"},
        {"{\"x\":1]", "not JSON at byte 6"},
        {"{\"x\" 1}", "not JSON at byte 5"},
        {"{x:1}", "not JSON at byte 1"},
        {"{\"x\":1,}", "not JSON at byte 7"},
        {"[[[,]]]", "not JSON at byte 3"},
        {"\xc2\xa0", "not JSON at byte 0"},
        {"", "not JSON at byte 0"},
    };
    static const char *const places[] = {
        "{\"a\":", "{\"b\":", "{\"job\":{\"id\":", "{\"job\":{\"x\":", "{\"b\":[{\"c\":[\"\","};

    (void)state;
    for (size_t i = 0; i < COUNT(rows) * COUNT(places); i++) {
        const char *value = rows[i / COUNT(places)].value, *place = places[i % COUNT(places)];
        const char *reason = rows[i / COUNT(places)].reason;
        char text[128], want[128];
        size_t at = strtoul(strrchr(reason, ' '), NULL, 10) + strlen(place);
        struct pruned pruned;

        (void)snprintf(text, sizeof text, "%s%s;", place, value);
        (void)snprintf(want, sizeof want, "%.*s %zu", (int)(strrchr(reason, ' ') - reason), reason,
                       at);
        pruned = prune(text, strlen(text));
        assert_row(pruned.error == RH_ERR_NOT_JSON, text);
        assert_string_equal(pruned.reason.text, want);
        assert_string_equal(pruned.text, "");
    }
}

static void
every_cut_ends_too_early(void **state)
{
    static const char text[] =
        "{\"a\":[\"\\u00e9\\ud83d\\ude80 \\n\",-1.5e+3,true,null,{\"x\":{}}],"
        "\"job\":{\"id\":[false],\"y\":\"\"}}";

    (void)state;
    assert_int_equal(prune(text, sizeof text - 1).error, RH_OK);
    for (size_t len = 0; len < sizeof text - 1; len++)
        assert_int_equal(prune(text, len).error, RH_ERR_NOT_JSON);
    assert_string_equal(prune(text, 7).reason.text, "not JSON: it ends too early, after 7 bytes");
}

/* A thousand levels, as cJSON takes them, wherever they are; wanted ones count. */
static void
depth_is_bounded(void **state)
{
    static const char *const places[] = {"{\"a\":", "{\"b\":", "{\"job\":{\"id\":"};
    static char text[4 * RH_JSON_DEPTH_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(places); i++) {
        for (size_t extra = 0; extra < 2; extra++) {
            size_t outer = i == 2 ? 2 : 1, levels = RH_JSON_DEPTH_MAX - outer + extra;
            size_t len = (size_t)snprintf(text, sizeof text, "%s", places[i]);
            struct pruned pruned;

            memset(text + len, '[', levels);
            memset(text + len + levels, ']', levels);
            memset(text + len + 2 * levels, '}', outer);
            pruned = prune(text, len + 2 * levels + outer);
            assert_int_equal(pruned.error, extra == 0 ? RH_OK : RH_ERR_NOT_JSON);
            if (extra > 0)
                assert_non_null(strstr(pruned.reason.text, "nested too deep at byte"));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_wanted_stays),
        cmocka_unit_test(a_flaw_is_found_wherever_it_is),
        cmocka_unit_test(every_cut_ends_too_early),
        cmocka_unit_test(depth_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
