/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/request.h"

/* A request whose body comes in pieces. */
struct source {
    const char *const *variables; /* pairs, ended by NULL */
    const char *body;
    size_t left;
    size_t piece;    /* most bytes that one read gives; 0: any */
    bool breaks;     /* the connection breaks at the end of the body */
    size_t read_len; /* bytes that were read */
};

static const char *
variable(const void *arg, const char *name)
{
    const struct source *source = arg;

    for (const char *const *pair = source->variables; pair != NULL && *pair != NULL; pair += 2) {
        if (strcmp(pair[0], name) == 0)
            return pair[1];
    }
    return NULL;
}

static int
give(void *arg, char *bytes, size_t cap)
{
    struct source *source = arg;
    size_t len = source->left < cap ? source->left : cap;

    assert_true(cap > 0);
    if (source->piece > 0 && len > source->piece)
        len = source->piece;
    if (len == 0)
        return source->breaks ? -1 : 0;
    if (source->body != NULL)
        memcpy(bytes, source->body + source->read_len, len);
    else
        memset(bytes, 'x', len);
    source->left -= len;
    source->read_len += len;
    return (int)len;
}

static enum body_end
read_body(struct source *source, const char *content_length, size_t max, char **bytes, size_t *len)
{
    const char *const variables[] = {content_length == NULL ? NULL : "CONTENT_LENGTH",
                                     content_length, NULL};
    struct request request = {.source = source, .variable = variable, .read = give};
    static char never_given[1];
    enum body_end end;

    source->variables = variables;
    *bytes = never_given;
    *len = 77;
    end = request_body(&request, max, bytes, len);
    if (end != BODY_WHOLE || *len == 0) {
        assert_null(*bytes);
        assert_int_equal(*len, 0);
    }
    source->variables = NULL;
    return end;
}

static void
bodies(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *body;
        const char *content_length;
        size_t max;
        bool breaks;
        enum body_end want;
    } rows[] = {
        {"plain", "hello", "5", 10, false, BODY_WHOLE},
        {"as much as may be", "0123456789", "10", 10, false, BODY_WHOLE},
        {"no length", "hello", NULL, 10, false, BODY_WHOLE},
        {"an empty length", "hello", "", 10, false, BODY_WHOLE},
        {"empty", "", "0", 10, false, BODY_WHOLE},
        {"empty, no length", "", NULL, 10, false, BODY_WHOLE},
        {"less than was said", "hell", "5", 10, false, BODY_WHOLE},
        {"nothing of what was said", "", "5", 10, false, BODY_WHOLE},
        {"more than was said", "hello, world", "5", 20, false, BODY_WHOLE},
        {"leading zeros", "hello", "0005", 10, false, BODY_WHOLE},
        {"one over", "0123456789x", "11", 10, false, BODY_TOO_LARGE},
        {"one over, unsaid", "0123456789x", NULL, 10, false, BODY_TOO_LARGE},
        {"one over, understated", "0123456789x", "3", 10, false, BODY_TOO_LARGE},
        {"over in words alone", "hello", "11", 10, false, BODY_TOO_LARGE},
        {"far over in words alone", "hello", "18446744073709551615", 10, false, BODY_TOO_LARGE},
        {"anything over nothing", "x", "1", 0, false, BODY_TOO_LARGE},
        {"broken", "hell", "5", 10, true, BODY_BROKEN},
        {"broken at once", "", "5", 10, true, BODY_BROKEN},
        {"a length that is no number", "hello", "five", 10, false, BODY_BROKEN},
        {"a length with more", "hello", "5, 5", 10, false, BODY_BROKEN},
        {"a negative length", "hello", "-5", 10, false, BODY_BROKEN},
        {"a length with a sign", "hello", "+5", 10, false, BODY_BROKEN},
        {"a length with a blank", "hello", " 5", 10, false, BODY_BROKEN},
        {"a length in hexadecimal", "hello", "0x5", 10, false, BODY_BROKEN},
        {"a length beyond numbers", "hello", "18446744073709551616", 10, false, BODY_BROKEN},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t piece = 0; piece < 4; piece++) {
            struct source source = {.body = rows[i].body,
                                    .left = strlen(rows[i].body),
                                    .piece = piece,
                                    .breaks = rows[i].breaks};
            char *bytes;
            size_t len;
            enum body_end end =
                read_body(&source, rows[i].content_length, rows[i].max, &bytes, &len);

            assert_row(end == rows[i].want, rows[i].name);
            if (end == BODY_WHOLE) {
                assert_row(len == strlen(rows[i].body), rows[i].name);
                assert_row(len == 0 || memcmp(bytes, rows[i].body, len) == 0, rows[i].name);
            }
            free(bytes);
        }
    }
}

/* Unread bytes would break the connection before the web server has the answer. */
static void
a_body_that_is_too_large_is_read_to_its_end(void **state)
{
    (void)state;
    static const char *const lengths[] = {NULL, "2000000", "5"};

    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct source source = {.left = 2000000};
        char *bytes;
        size_t len;

        assert_int_equal(read_body(&source, lengths[i], 1024, &bytes, &len), BODY_TOO_LARGE);
        assert_int_equal(source.left, 0);
    }
}

static void
but_not_for_ever(void **state)
{
    (void)state;
    struct source source = {.left = SIZE_MAX};
    char *bytes;
    size_t len;

    assert_int_equal(read_body(&source, NULL, 1024, &bytes, &len), BODY_TOO_LARGE);
    assert_true(source.read_len < (size_t)100 * 1024 * 1024);
}

static void
a_large_body_comes_whole(void **state)
{
    (void)state;
    static const char *const lengths[] = {NULL, "1048576", "1"};

    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct source source = {.left = 1048576, .piece = 4093};
        char *bytes;
        size_t len;

        assert_int_equal(read_body(&source, lengths[i], 1048576, &bytes, &len), BODY_WHOLE);
        assert_int_equal(len, 1048576);
        assert_int_equal(bytes[len - 1], 'x');
        free(bytes);
    }
}

static void
last_segments(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *path_info, *script_name;
        const char *want;
    } rows[] = {
        {"/healthz", NULL, NULL, "healthz"},
        {"/hook/healthz", NULL, NULL, "healthz"},
        {"/hook/healthz/", NULL, NULL, "healthz"},
        {"/hook/healthz?full=1/x", NULL, NULL, "healthz"},
        {"/hook/healthz#x", NULL, NULL, "healthz"},
        {"/hook//healthz//?", NULL, NULL, "healthz"},
        {"healthz", NULL, NULL, "healthz"},
        {"/hook", "/healthz", NULL, "hook"},
        {"", "/healthz", "/x", "healthz"},
        {NULL, "/healthz", "/x", "healthz"},
        {NULL, "", "/cgi-bin/runhook", "runhook"},
        {NULL, NULL, NULL, ""},
        {"/", NULL, NULL, ""},
        {"////", NULL, NULL, ""},
        {"?healthz", NULL, NULL, ""},
        {"/?/healthz", NULL, NULL, ""},
        {"/healthz/x", NULL, NULL, "x"},
        {"/xhealthz", NULL, NULL, "xhealthz"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *variables[7] = {NULL};
        struct source source = {.variables = variables};
        struct request request = {.source = &source, .variable = variable, .read = give};
        size_t n = 0, len;
        const char *segment;

        if (rows[i].uri != NULL)
            variables[n++] = "REQUEST_URI", variables[n++] = rows[i].uri;
        if (rows[i].path_info != NULL)
            variables[n++] = "PATH_INFO", variables[n++] = rows[i].path_info;
        if (rows[i].script_name != NULL)
            variables[n++] = "SCRIPT_NAME", variables[n++] = rows[i].script_name;
        segment = request_last_segment(&request, &len);
        assert_non_null(segment);
        assert_row(len == strlen(rows[i].want) && memcmp(segment, rows[i].want, len) == 0,
                   rows[i].uri == NULL ? "no REQUEST_URI" : rows[i].uri);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),
        cmocka_unit_test(a_body_that_is_too_large_is_read_to_its_end),
        cmocka_unit_test(but_not_for_ever),
        cmocka_unit_test(a_large_body_comes_whole),
        cmocka_unit_test(last_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
