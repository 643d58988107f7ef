/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "text/escape.h"

/* Escapes a copy of exactly `len` bytes, so that the address sanitizer sees a read past them. */
static struct buffer
escaped(const char *text, size_t len, size_t max_chars)
{
    struct buffer out = BUFFER_INIT(4096);
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    assert_true(escape_add_len(&out, copy, len, max_chars));
    free(copy);
    return out;
}

static void
only_what_can_do_harm_is_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        const char *want;
    } rows[] = {
        {"empty", "", ""},
        {"words", "build (ubuntu, 18) 100% #1", "build (ubuntu, 18) 100% #1"},
        {"Japanese", "ビルド", "ビルド"},
        {"Arabic letters", "بناء", "بناء"},
        {"combining", "e\xcc\x81", "e\xcc\x81"},
        {"emoji", "🚀", "🚀"},
        {"highest character", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"quote", "say \"hi\"", "say \\\"hi\\\""},
        {"backslash", "a\\n", "a\\\\n"},
        {"newline", "a\nlevel=info", "a\\nlevel=info"},
        {"tab", "a\tb", "a\\tb"},
        {"carriage return", "a\rb", "a\\u{d}b"},
        {"escape sequence", "\x1b[2J\x1b]0;x\x07", "\\u{1b}[2J\\u{1b}]0;x\\u{7}"},
        {"backspace", "\x08", "\\u{8}"},
        {"delete", "\x7f", "\\u{7f}"},
        {"C1 next line", "\xc2\x85", "\\u{85}"},
        {"C1 control sequence introducer", "\xc2\x9b[31m", "\\u{9b}[31m"},
        {"line separator", "\xe2\x80\xa8", "\\u{2028}"},
        {"paragraph separator", "\xe2\x80\xa9", "\\u{2029}"},
        {"right-to-left override",
         "a\xe2\x80\xae"
         "b",
         "a\\u{202e}b"},
        {"left-to-right embedding", "\xe2\x80\xaa", "\\u{202a}"},
        {"isolate", "\xe2\x81\xa6", "\\u{2066}"},
        {"pop isolate", "\xe2\x81\xa9", "\\u{2069}"},
        {"left-to-right mark", "\xe2\x80\x8e", "\\u{200e}"},
        {"Arabic letter mark", "\xd8\x9c", "\\u{61c}"},
        {"zero width space", "\xe2\x80\x8b", "\\u{200b}"},
        {"byte order mark", "\xef\xbb\xbf", "\\u{feff}"},
        {"tag", "\xf3\xa0\x81\x81", "\\u{e0041}"},
        {"lone continuation", "a\x80z", "a\\x80z"},
        {"Latin-1", "caf\xe9", "caf\\xe9"},
        {"cut character", "\xe6\x97", "\\xe6\\x97"},
        {"cut by another",
         "\xe6\x97"
         "a",
         "\\xe6\\x97a"},
        {"overlong slash", "\xc0\xaf", "\\xc0\\xaf"},
        {"overlong escape", "\xe0\x80\x9b", "\\xe0\\x80\\x9b"},
        {"surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"beyond Unicode", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"five-byte form", "\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
        {"0xFF", "\xff", "\\xff"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out = escaped(rows[i].text, strlen(rows[i].text), SIZE_MAX);
        struct buffer again = BUFFER_INIT(4096);

        assert_string_equal(buffer_text(&out), rows[i].want);
        escape_add(&again, rows[i].text, SIZE_MAX);
        assert_string_equal(buffer_text(&again), rows[i].want);
        buffer_fini(&out);
        buffer_fini(&again);
    }
}

static void
nul_bytes_are_shown(void **state)
{
    (void)state;
    struct buffer out = escaped("a\0b", 3, 10);

    assert_string_equal(buffer_text(&out), "a\\u{0}b");
    buffer_fini(&out);
}

static void
length_counts_characters_of_the_source(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t max_chars;
        const char *want;
    } rows[] = {
        {"abc", 3, "abc"},
        {"abcd", 3, "abc…"},
        {"日本語", 3, "日本語"},
        {"日本語", 2, "日本…"},
        {"\n\n\n", 2, "\\n\\n…"},
        {"\x80\x80", 1, "\\x80…"},
        {"a", 0, "…"},
        {"", 0, ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out = escaped(rows[i].text, strlen(rows[i].text), rows[i].max_chars);
        assert_string_equal(buffer_text(&out), rows[i].want);
        buffer_fini(&out);
    }
}

static void
a_full_buffer_is_told(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT(3);

    assert_false(escape_add_len(&out, "ab\x1b", 3, 10));
    assert_string_equal(buffer_text(&out), "ab");
    buffer_fini(&out);
}

/* Every single byte, and every two: nothing that a terminal acts on gets through. */
static void
no_byte_pair_gets_a_control_through(void **state)
{
    (void)state;

    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            const char pair[2] = {(char)first, (char)second};
            struct buffer out = BUFFER_INIT(64);

            assert_true(escape_add_len(&out, pair, 2, 2));
            assert_int_equal(strlen(buffer_text(&out)), out.len);
            for (size_t i = 0; i < out.len; i++) {
                unsigned char c = (unsigned char)out.bytes[i];
                bool is_c1 = c == 0xc2 && (unsigned char)out.bytes[i + 1] < 0xa0;
                if (c < 0x20 || c == 0x7f || is_c1)
                    fail_msg("bytes %02x %02x give \"%s\"", first, second, buffer_text(&out));
            }
            buffer_fini(&out);
        }
    }
}

static void
plain_text_keeps_what_does_no_harm(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t max_chars;
        const char *want;
    } rows[] = {
        {"", 9, ""},
        {"say \"hi\" \\", 99, "say \"hi\" \\"},
        {"日本 🚀", 9, "日本 🚀"},
        {"a\nb\tc", 9, "a b c"},
        {"\x1b[2J\r\x7f", 9, "?[2J??"},
        {"\xe2\x80\xae\xc2\x9b", 9, "??"},
        {"caf\xe8\xe6\x97", 9, "caf???"},
        {"日本語", 2, "日本…"},
        {"\x80\x80", 1, "?…"},
    };
    struct buffer few = BUFFER_INIT(2);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out = BUFFER_INIT(4096);
        assert_true(escape_plain(&out, rows[i].text, strlen(rows[i].text), rows[i].max_chars));
        assert_string_equal(buffer_text(&out), rows[i].want);
        buffer_fini(&out);
    }
    assert_false(escape_plain(&few, "abc", 3, 9));
    buffer_fini(&few);
}

static void
a_cut_character_is_trimmed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"", ""},           {"a", "a"},     {"日", "日"},
        {"a🚀", "a🚀"},       {"\xe6", ""},   {"a\xe6", "a"},
        {"a\xe6\x97", "a"}, {"é\xc3", "é"}, {"日\xf0\x9f\x9a", "日"},
        {"a\xf0\x9f", "a"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = strdup(rows[i].text);
        assert_non_null(text);
        escape_trim(text);
        assert_string_equal(text, rows[i].want);
        free(text);
    }
}

static void
a_copy_is_cut_between_characters(void **state)
{
    static const struct {
        const char *text;
        size_t cap;
        const char *want;
    } rows[] = {
        {NULL, 4, ""},   {"", 1, ""},         {"abc", 4, "abc"}, {"abcd", 4, "abc"},
        {"abc", 1, ""},  {"日本", 7, "日本"}, {"日本", 6, "日"}, {"日本", 4, "日"},
        {"日本", 3, ""}, {"a🚀", 5, "a"},      {"a🚀", 6, "a🚀"},   {"ab\xe6", 9, "ab"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *out = malloc(rows[i].cap); /* so that a sanitizer sees a byte too many */

        assert_non_null(out);
        escape_copy(out, rows[i].cap, rows[i].text);
        assert_string_equal(out, rows[i].want);
        free(out);
    }
}

static void
width(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t want;
    } rows[] = {
        {"", 0},   {"abc", 3},    {"é", 1}, {"e\xcc\x81", 1}, {"日本", 4}, {"ﾊﾝｶｸ", 4},
        {"Ａ", 2}, {"한국어", 6}, {"🚀", 2}, {"a…", 2},        {"ß", 1},    {"привет", 6},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(escape_width(rows[i].text) == rows[i].want, rows[i].text);
}

static void
a_text_is_tamed_in_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"", ""},
        {"\"plain\" \\ é 🚀", "\"plain\" \\ é 🚀"},
        {"a\nb\tc", "a b c"},
        {"\x1b[2J\x7f", "?[2J?"},
        {"\xc2\x9b"
         "31m",
         "?31m"},
        {"a\xe2\x80\xae"
         "b",
         "a?b"},
        {"a\xff\xfe"
         "b",
         "a??b"},
        {"cut \xe2\x82", "cut "},
        {"\xf0\x9f\x9a", ""},
        {"\x80\x80\x80\x80\x80", ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char *copy = strdup(rows[i].text);

        assert_non_null(copy);
        escape_tame(copy);
        assert_row(strcmp(copy, rows[i].want) == 0, rows[i].want);
        free(copy);
    }
}

/* A byte that is no UTF-8 went through as it was, and a terminal of 8 bits takes 0x9b for the begin
 * of a command. */
static void
json_for_a_terminal_has_no_byte_that_steers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *want;
    } rows[] = {
        {"{\n\t\"a\":\"é\"\n}", "{\n\t\"a\":\"é\"\n}"},
        {"\"\x9b"
         "31m\"",
         "\"\\ufffd31m\""},
        {"\"\xff\"", "\"\\ufffd\""},
        {"\"\x7f\"", "\"\\u007f\""},
        {"\"\xc2\x9b\"", "\"\\u009b\""},
        {"\"\xe2\x80\xae\"", "\"\\u202e\""},
        {"\"\xf3\xa0\x80\x81\"", "\"\\udb40\\udc01\""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out = BUFFER_INIT(256);

        escape_json(&out, rows[i].json);
        assert_row(strcmp(buffer_text(&out), rows[i].want) == 0, rows[i].want);
        buffer_fini(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_can_do_harm_is_escaped),
        cmocka_unit_test(nul_bytes_are_shown),
        cmocka_unit_test(length_counts_characters_of_the_source),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(no_byte_pair_gets_a_control_through),
        cmocka_unit_test(plain_text_keeps_what_does_no_harm),
        cmocka_unit_test(a_cut_character_is_trimmed),
        cmocka_unit_test(a_copy_is_cut_between_characters),
        cmocka_unit_test(a_text_is_tamed_in_place),
        cmocka_unit_test(json_for_a_terminal_has_no_byte_that_steers),
        cmocka_unit_test(width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
