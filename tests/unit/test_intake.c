/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/intake.h"

#define BODY_MAX 100000

enum {
    BEGIN = 1,
    ABORT = 2,
    END = 3,
    PARAMS = 4,
    STDIN = 5,
    STDOUT = 6,
    DATA = 8,
    GET_VALUES = 9,
    GET_VALUES_RESULT = 10,
    UNKNOWN = 11,
};

#define RESPONDER "\0\1\0\0\0\0\0\0"
#define RESPONDER_KEPT "\0\1\1\0\0\0\0\0"
#define PAIRS "\x0e\x04REQUEST_METHODPOST\x01\x00X"

static void
add_record(struct buffer *out, int type, int id, const char *content, size_t len, size_t padding)
{
    const unsigned char header[8] = {1,
                                     (unsigned char)type,
                                     (unsigned char)(id >> 8),
                                     (unsigned char)id,
                                     (unsigned char)(len >> 8),
                                     (unsigned char)len,
                                     (unsigned char)padding};
    const char zeros[256] = {0};

    assert_true(buffer_add(out, header, sizeof header));
    assert_true(buffer_add(out, content, len));
    assert_true(buffer_add(out, zeros, padding));
}

/* Gives the intake the bytes in pieces, each in memory of its own length, so that a sanitizer sees
 * what is read beyond it. */
static size_t
give(struct intake *intake, const struct buffer *bytes, size_t piece)
{
    size_t given = 0;

    while (given < bytes->len) {
        size_t len = bytes->len - given < piece ? bytes->len - given : piece;
        char *copy = malloc(len);
        size_t taken;

        assert_non_null(copy);
        memcpy(copy, bytes->bytes + given, len);
        taken = intake_take(intake, copy, len);
        free(copy);
        given += taken;
        if (taken < len)
            break;
    }
    return given;
}

static void
add_good(struct buffer *out, int id, const char *body)
{
    add_record(out, BEGIN, id, RESPONDER_KEPT, 8, 0);
    add_record(out, PARAMS, id, PAIRS, sizeof PAIRS - 1, 5);
    add_record(out, PARAMS, id, "", 0, 0);
    add_record(out, STDIN, id, body, strlen(body), 3);
    add_record(out, STDIN, id, "", 0, 0);
}

static void
test_a_request_in_pieces_of_any_length(void **state)
{
    struct buffer bytes = BUFFER_INIT(4096), wanted = BUFFER_INIT(4096);

    (void)state;
    add_good(&bytes, 300, "{\"a\":1}");
    add_record(&wanted, BEGIN, 300, RESPONDER_KEPT, 8, 0);
    add_record(&wanted, PARAMS, 300, PAIRS, sizeof PAIRS - 1, 0);
    add_record(&wanted, PARAMS, 300, "", 0, 0);
    add_record(&wanted, STDIN, 300, "{\"a\":1}", 7, 0);
    add_record(&wanted, STDIN, 300, "", 0, 0);
    for (size_t piece = 1; piece <= bytes.len; piece++) {
        struct intake intake;

        intake_init(&intake, BODY_MAX);
        assert_int_equal(give(&intake, &bytes, piece), bytes.len);
        assert_int_equal(intake.state, INTAKE_WHOLE);
        assert_true(intake.keep);
        assert_int_equal(intake.request.len, wanted.len);
        assert_memory_equal(intake.request.bytes, wanted.bytes, wanted.len);
        assert_int_equal(intake.reply.len, 0);
        intake_fini(&intake);
    }
    buffer_fini(&bytes);
    buffer_fini(&wanted);
}

/* Each way that it could be cut off: neither whole nor broken. */
static void
test_cut_off(void **state)
{
    struct buffer bytes = BUFFER_INIT(4096);

    (void)state;
    add_good(&bytes, 1, "body");
    for (size_t len = 0; len < bytes.len; len++) {
        struct intake intake;

        intake_init(&intake, BODY_MAX);
        assert_int_equal(intake_take(&intake, bytes.bytes, len), len);
        assert_int_equal(intake.state, len == 0 ? INTAKE_NOTHING : INTAKE_PARTLY);
        intake_fini(&intake);
    }
    buffer_fini(&bytes);
}

static void
test_takes_no_byte_beyond_the_request(void **state)
{
    struct buffer bytes = BUFFER_INIT(4096);
    struct intake intake;
    size_t len;

    (void)state;
    add_good(&bytes, 1, "first");
    len = bytes.len;
    add_good(&bytes, 1, "second");
    intake_init(&intake, BODY_MAX);
    assert_int_equal(give(&intake, &bytes, bytes.len), len);
    assert_int_equal(intake.state, INTAKE_WHOLE);
    intake_next(&intake, BODY_MAX);
    assert_int_equal(intake.state, INTAKE_NOTHING);
    assert_int_equal(intake_held(&intake), 0);
    assert_int_equal(intake_take(&intake, bytes.bytes + len, bytes.len - len), bytes.len - len);
    assert_int_equal(intake.state, INTAKE_WHOLE);
    intake_fini(&intake);
    buffer_fini(&bytes);
}

/* Single bytes, each in a record of its own, are kept as few records. */
static void
test_records_are_merged(void **state)
{
    struct buffer bytes = BUFFER_INIT(4 * 1024 * 1024);
    struct intake intake;

    (void)state;
    add_record(&bytes, BEGIN, 1, RESPONDER, 8, 0);
    add_record(&bytes, PARAMS, 1, "", 0, 0);
    for (size_t i = 0; i < 70000; i++)
        add_record(&bytes, STDIN, 1, "x", 1, 7);
    add_record(&bytes, STDIN, 1, "", 0, 0);
    intake_init(&intake, BODY_MAX);
    (void)give(&intake, &bytes, 1000);
    assert_int_equal(intake.state, INTAKE_WHOLE);
    assert_false(intake.keep);
    assert_int_equal(intake.request.len, 16 + 8 + 8 + 65535 + 8 + (70000 - 65535) + 8);
    assert_memory_equal(intake.request.bytes + 24, "\1\5\0\1\xff\xff\0\0x", 9);
    intake_fini(&intake);
    buffer_fini(&bytes);
}

/* What is over the limit is not kept, and its reader sees that it is over. */
static void
test_a_body_over_the_limit(void **state)
{
    static char body[60000];
    struct buffer bytes = BUFFER_INIT(1024 * 1024);
    struct intake intake;

    (void)state;
    memset(body, 'x', sizeof body);
    add_record(&bytes, BEGIN, 1, RESPONDER, 8, 0);
    add_record(&bytes, PARAMS, 1, "", 0, 0);
    for (size_t i = 0; i < 10; i++)
        add_record(&bytes, STDIN, 1, body, sizeof body, 0);
    add_record(&bytes, STDIN, 1, "", 0, 0);
    intake_init(&intake, 1024);
    (void)give(&intake, &bytes, 4096);
    assert_int_equal(intake.state, INTAKE_WHOLE);
    assert_int_equal(intake.request.len, 16 + 8 + 8 + 1025 + 8);
    intake_fini(&intake);
    buffer_fini(&bytes);
}

static void
test_bytes_without_end(void **state)
{
    static char content[65535];
    struct buffer record = BUFFER_INIT(70000), begin = BUFFER_INIT(64);
    struct intake intake;
    size_t given = 0;

    (void)state;
    add_record(&begin, BEGIN, 1, RESPONDER, 8, 0);
    add_record(&begin, PARAMS, 1, "", 0, 0);
    add_record(&record, STDIN, 1, content, sizeof content, 255);
    intake_init(&intake, 1024);
    (void)give(&intake, &begin, begin.len);
    while (intake.state == INTAKE_PARTLY) {
        given += intake_take(&intake, record.bytes, record.len);
        assert_true(given <= INTAKE_BYTES_MAX + record.len);
        assert_true(intake_held(&intake) < 8192);
    }
    assert_int_equal(intake.state, INTAKE_BROKEN);
    intake_fini(&intake);
    buffer_fini(&begin);
    buffer_fini(&record);
}

/* Records after a good beginning, or without one. */
struct piece {
    int type;
    int id;
    const char *content;
    size_t len;
};

#define PIECE(type, id, text)            \
    {                                    \
        type, id, text, sizeof(text) - 1 \
    }
#define OPEN PIECE(BEGIN, 1, RESPONDER)
#define FULL(text) PIECE(PARAMS, 1, text), PIECE(PARAMS, 1, "")
#define REST PIECE(STDIN, 1, "")
#define LONG_31 "\xff\xff\xff\xff"

static const struct {
    const char *name;
    struct piece pieces[6];
    enum intake_state state;
    const char *reply; /* types of the records that go back */
} rows[] = {
    {"good", {OPEN, FULL(PAIRS), REST}, INTAKE_WHOLE, ""},
    {"no variables", {OPEN, PIECE(PARAMS, 1, ""), REST}, INTAKE_WHOLE, ""},
    {"empty names and values", {OPEN, FULL("\0\0\0\0"), REST}, INTAKE_WHOLE, ""},
    {"a length of four bytes", {OPEN, FULL("\x80\0\0\1\x80\0\0\1ab"), REST}, INTAKE_WHOLE, ""},
    {"a pair over two records",
     {OPEN, PIECE(PARAMS, 1, "\1\3ab"), PIECE(PARAMS, 1, "cd"), PIECE(PARAMS, 1, ""), REST},
     INTAKE_WHOLE,
     ""},
    {"lengths of nearly 2^31", {OPEN, FULL(LONG_31 LONG_31 "ab")}, INTAKE_BROKEN, ""},
    {"lengths whose sum is over 2^31",
     {OPEN, FULL("\xff\xff\xff\xf0\x80\0\0\x10"
                 "ab")},
     INTAKE_BROKEN,
     ""},
    {"a name longer than the record", {OPEN, FULL("\3\0ab")}, INTAKE_BROKEN, ""},
    {"a value longer than the record", {OPEN, FULL("\1\3abc")}, INTAKE_BROKEN, ""},
    {"a value of nearly 2^31", {OPEN, FULL("\1" LONG_31 "abc")}, INTAKE_BROKEN, ""},
    {"a name without its value's length", {OPEN, FULL("\1")}, INTAKE_BROKEN, ""},
    {"a length that is cut off", {OPEN, FULL("\x80\0\0")}, INTAKE_BROKEN, ""},
    {"a second length that is cut off", {OPEN, FULL("\1\x80\0\0")}, INTAKE_BROKEN, ""},
    {"a NUL in a name", {OPEN, FULL("\2\1a\0b")}, INTAKE_BROKEN, ""},
    {"a NUL in a value", {OPEN, FULL("\1\2ab\0")}, INTAKE_BROKEN, ""},
    {"body before variables", {OPEN, PIECE(STDIN, 1, "x")}, INTAKE_BROKEN, ""},
    {"the end of the body before variables", {OPEN, REST}, INTAKE_BROKEN, ""},
    {"variables after their end", {OPEN, FULL(PAIRS), PIECE(PARAMS, 1, "\0\0")}, INTAKE_BROKEN, ""},
    {"output of ours", {OPEN, FULL(PAIRS), PIECE(STDOUT, 1, "x")}, INTAKE_BROKEN, ""},
    {"a filter's data", {OPEN, FULL(PAIRS), PIECE(DATA, 1, "x")}, INTAKE_BROKEN, ""},
    {"an unknown type", {OPEN, PIECE(77, 1, "x")}, INTAKE_BROKEN, ""},
    {"two beginnings of one", {OPEN, OPEN}, INTAKE_BROKEN, ""},
    {"a beginning of 0", {PIECE(BEGIN, 0, RESPONDER)}, INTAKE_BROKEN, ""},
    {"a beginning that is too short", {PIECE(BEGIN, 1, "\0\1\0")}, INTAKE_BROKEN, ""},
    {"an empty beginning", {PIECE(BEGIN, 1, "")}, INTAKE_BROKEN, ""},
    {"an authorizer's",
     {PIECE(BEGIN, 1, "\0\2\0\0\0\0\0\0"), FULL(PAIRS), REST},
     INTAKE_PARTLY,
     "\3"},
    {"a role of 256", {PIECE(BEGIN, 1, "\1\1\0\0\0\0\0\0")}, INTAKE_PARTLY, "\3"},
    {"another's beginning within",
     {OPEN, PIECE(BEGIN, 2, RESPONDER), PIECE(PARAMS, 2, "x"), FULL(PAIRS), REST},
     INTAKE_WHOLE,
     "\3"},
    {"records of nobody's",
     {PIECE(STDIN, 1, "x"), OPEN, PIECE(STDIN, 9, "x"), FULL(PAIRS), REST},
     INTAKE_WHOLE,
     ""},
    {"an abort", {OPEN, PIECE(PARAMS, 1, PAIRS), PIECE(ABORT, 1, "")}, INTAKE_ABORTED, "\3"},
    {"another's abort", {OPEN, PIECE(ABORT, 2, ""), FULL(PAIRS), REST}, INTAKE_WHOLE, ""},
    {"an abort before a beginning",
     {PIECE(ABORT, 1, ""), OPEN, FULL(PAIRS), REST},
     INTAKE_WHOLE,
     ""},
    {"values",
     {PIECE(GET_VALUES, 0, "\x0f\0FCGI_MPXS_CONNS"), OPEN, FULL(PAIRS), REST},
     INTAKE_WHOLE,
     "\x0a"},
    {"an unknown record of the connection",
     {PIECE(99, 0, "x"), OPEN, FULL(PAIRS), REST},
     INTAKE_WHOLE,
     "\x0b"},
};

static void
test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer bytes = BUFFER_INIT(4096);

        for (const struct piece *piece = rows[i].pieces;
             piece < rows[i].pieces + COUNT(rows[i].pieces) && piece->type != 0; piece++)
            add_record(&bytes, piece->type, piece->id, piece->content, piece->len, 0);
        for (size_t piece = 1; piece <= bytes.len; piece++) {
            struct intake intake;
            size_t replies = 0;

            intake_init(&intake, BODY_MAX);
            (void)give(&intake, &bytes, piece);
            assert_row(intake.state == rows[i].state, rows[i].name);
            for (size_t at = 0; at < intake.reply.len; replies++) {
                const unsigned char *header = (unsigned char *)intake.reply.bytes + at;

                assert_row(header[0] == 1, rows[i].name);
                assert_row(header[1] == (unsigned char)rows[i].reply[replies], rows[i].name);
                at += 8 + ((size_t)header[4] << 8 | header[5]);
            }
            assert_row(replies == strlen(rows[i].reply), rows[i].name);
            intake_fini(&intake);
        }
        buffer_fini(&bytes);
    }
}

static void
test_another_version(void **state)
{
    static const unsigned char versions[] = {0, 2, 'G', 255};

    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct buffer bytes = BUFFER_INIT(4096);
        struct intake intake;

        add_good(&bytes, 1, "body");
        bytes.bytes[0] = (char)versions[i];
        intake_init(&intake, BODY_MAX);
        assert_true(give(&intake, &bytes, bytes.len) < bytes.len);
        assert_int_equal(intake.state, INTAKE_BROKEN);
        intake_fini(&intake);
        buffer_fini(&bytes);
    }
}

static void
test_variables_have_a_bound(void **state)
{
    static char content[65535];

    (void)state;
    for (int many = 0; many < 2; many++) {
        struct buffer bytes = BUFFER_INIT(1024 * 1024);
        struct intake intake;

        add_record(&bytes, BEGIN, 1, RESPONDER, 8, 0);
        if (many) {
            add_record(&bytes, PARAMS, 1, content, 2 * (INTAKE_PAIRS_MAX + 1), 0);
            add_record(&bytes, PARAMS, 1, "", 0, 0);
        } else {
            for (size_t len = 0; len <= INTAKE_PARAMS_MAX; len += sizeof content)
                add_record(&bytes, PARAMS, 1, content, sizeof content, 0);
        }
        intake_init(&intake, BODY_MAX);
        (void)give(&intake, &bytes, 1000);
        assert_int_equal(intake.state, INTAKE_BROKEN);
        intake_fini(&intake);
        buffer_fini(&bytes);
    }
}

/* What asks for a record in return cannot be sent without end. */
static void
test_replies_have_a_bound(void **state)
{
    static const int types[] = {GET_VALUES, UNKNOWN, BEGIN};

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        struct buffer bytes = BUFFER_INIT(64 * 1024);
        struct intake intake;

        add_record(&bytes, BEGIN, 1, RESPONDER, 8, 0);
        for (int n = 0; n < 100; n++)
            add_record(&bytes, types[i], types[i] == BEGIN ? 2 : 0, RESPONDER, 8, 0);
        intake_init(&intake, BODY_MAX);
        assert_true(give(&intake, &bytes, 1000) < bytes.len);
        assert_int_equal(intake.state, INTAKE_BROKEN);
        intake_fini(&intake);
        buffer_fini(&bytes);
    }
}

static void
test_values(void **state)
{
    struct buffer bytes = BUFFER_INIT(1024);
    struct intake intake;

    (void)state;
    add_record(&bytes, GET_VALUES, 0, "\x0e\0FCGI_MAX_CONNS\x0f\0FCGI_MPXS_CONNS", 33, 7);
    add_record(&bytes, GET_VALUES, 0, "\x0e\0FCGI_MAX_CONNS", 16, 0);
    intake_init(&intake, BODY_MAX);
    (void)give(&intake, &bytes, 3);
    assert_int_equal(intake.reply.len, 8 + 18 + 8);
    assert_memory_equal(intake.reply.bytes, "\1\x0a\0\0\0\x12\0\0\x0f\1FCGI_MPXS_CONNS0", 26);
    assert_memory_equal(intake.reply.bytes + 26, "\1\x0a\0\0\0\0\0\0", 8);
    intake_fini(&intake);
    buffer_fini(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_in_pieces_of_any_length),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_takes_no_byte_beyond_the_request),
        cmocka_unit_test(test_records_are_merged),
        cmocka_unit_test(test_a_body_over_the_limit),
        cmocka_unit_test(test_bytes_without_end),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_another_version),
        cmocka_unit_test(test_variables_have_a_bound),
        cmocka_unit_test(test_replies_have_a_bound),
        cmocka_unit_test(test_values),
    };

    return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
