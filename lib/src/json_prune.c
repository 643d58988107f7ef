/*
 * One walk over a JSON text, which checks all of it and copies what is wanted.
 * SPDX-License-Identifier: MIT
 */
#include "json_prune.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "ascii.h"
#include "reason.h"
#include "utf8.h"

struct walk {
    const char *text;
    size_t len;
    size_t at;
    const char *flaw; /* what is wrong at `at`; NULL for a byte that has no place there */
    char *out;
    size_t out_len;
};

static bool
fail(struct walk *walk, size_t at, const char *flaw)
{
    walk->at = at;
    walk->flaw = flaw;
    return false;
}

static void
emit(struct walk *walk, const char *bytes, size_t len)
{
    memcpy(walk->out + walk->out_len, bytes, len);
    walk->out_len += len;
}

/* The next byte that is no white space; NUL at the end, which no token begins with. */
static char
peek(struct walk *walk)
{
    while (walk->at < walk->len) {
        char c = walk->text[walk->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return c;
        walk->at++;
    }
    return '\0';
}

static bool
take(struct walk *walk, char c)
{
    if (walk->at >= walk->len || peek(walk) != c)
        return false;
    walk->at++;
    return true;
}

/* Reads the four digits of a \u escape. False where they are not four hexadecimal digits. */
static bool
read_unit(const struct walk *walk, size_t at, unsigned int *out)
{
    *out = 0;
    if (walk->len - at < 4)
        return false;
    for (size_t i = at; i < at + 4; i++) {
        int value = rh_ascii_hex_value(walk->text[i]);
        if (value < 0)
            return false;
        *out = *out << 4 | (unsigned int)value;
    }
    return true;
}

/* A \u escape whose backslash is at `at`, and the second half of its surrogate pair: RFC 8259,
 * section 7. */
static bool
skip_unicode_escape(struct walk *walk, size_t at)
{
    unsigned int unit, second;

    if (!read_unit(walk, at + 2, &unit))
        return fail(walk, at, "a malformed \\u escape");
    if (unit == 0)
        return fail(walk, at, "the escape \\u0000");
    walk->at = at + 6;
    if (unit < 0xD800 || unit > 0xDFFF)
        return true;
    if (unit > 0xDBFF || walk->len - walk->at < 6 || walk->text[walk->at] != '\\' ||
        walk->text[walk->at + 1] != 'u' || !read_unit(walk, walk->at + 2, &second) ||
        second < 0xDC00 || second > 0xDFFF)
        return fail(walk, at, "half of a surrogate pair");
    walk->at += 6;
    return true;
}

static bool
skip_escape(struct walk *walk)
{
    size_t at = walk->at;

    if (at + 1 >= walk->len)
        return fail(walk, walk->len, NULL);
    if (walk->text[at + 1] == 'u')
        return skip_unicode_escape(walk, at);
    if (walk->text[at + 1] == '\0' || strchr("\"\\/bfnrt", walk->text[at + 1]) == NULL)
        return fail(walk, at, NULL);
    walk->at = at + 2;
    return true;
}

/* How many of eight bytes of a string are nothing but themselves: ASCII, no control character,
 * quote or backslash. Taking away what is sought leaves a byte's high bit set where it was less; a
 * borrow can make the bytes after such a one look so too, never one before it. */
static size_t
plain_of_eight(const char *bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word, others;

    memcpy(&word, bytes, sizeof word);
    word = le64toh(word);
    others = (word | (word - ones * 0x20) | ((word ^ ones * '"') - ones) |
              ((word ^ ones * '\\') - ones)) &
             ones * 0x80;
    return others == 0 ? 8 : (size_t)__builtin_ctzll(others) / 8;
}

static void
skip_plain(struct walk *walk)
{
    size_t step = 8;

    while (step == 8 && walk->len - walk->at >= 8) {
        step = plain_of_eight(walk->text + walk->at);
        walk->at += step;
    }
}

/* A string whose quote is next. */
static bool
skip_string(struct walk *walk)
{
    walk->at++;
    skip_plain(walk);
    while (walk->at < walk->len) {
        unsigned char byte = (unsigned char)walk->text[walk->at];

        if (byte == '"') {
            walk->at++;
            return true;
        }
        if (byte == '\\') {
            if (!skip_escape(walk))
                return false;
        } else if (byte < 0x20) {
            return fail(walk, walk->at, "a control character");
        } else if (byte < 0x80) {
            walk->at++;
            skip_plain(walk);
        } else {
            size_t len = rh_utf8_character_len(walk->text + walk->at, walk->len - walk->at);
            if (len == 0)
                return fail(walk, walk->at, NULL);
            walk->at += len;
        }
    }
    return fail(walk, walk->len, NULL);
}

static size_t
skip_digits(struct walk *walk)
{
    size_t from = walk->at;

    while (walk->at < walk->len && walk->text[walk->at] >= '0' && walk->text[walk->at] <= '9')
        walk->at++;
    return walk->at - from;
}

/* A number: RFC 8259, section 6. */
static bool
skip_number(struct walk *walk)
{
    if (walk->text[walk->at] == '-')
        walk->at++;
    if (walk->at < walk->len && walk->text[walk->at] == '0')
        walk->at++;
    else if (skip_digits(walk) == 0)
        return fail(walk, walk->at, NULL);
    if (walk->at < walk->len && walk->text[walk->at] == '.') {
        walk->at++;
        if (skip_digits(walk) == 0)
            return fail(walk, walk->at, NULL);
    }
    if (walk->at < walk->len && (walk->text[walk->at] | 0x20) == 'e') {
        walk->at++;
        if (walk->at < walk->len && (walk->text[walk->at] == '+' || walk->text[walk->at] == '-'))
            walk->at++;
        if (skip_digits(walk) == 0)
            return fail(walk, walk->at, NULL);
    }
    return true;
}

static bool
skip_word(struct walk *walk, const char *word)
{
    for (size_t i = 0; word[i] != '\0'; i++, walk->at++)
        if (walk->at >= walk->len || walk->text[walk->at] != word[i])
            return fail(walk, walk->at, NULL);
    return true;
}

/* A string, a number or a word. */
static bool
skip_scalar(struct walk *walk)
{
    char c = peek(walk);

    switch (c) {
    case '"':
        return skip_string(walk);
    case 't':
        return skip_word(walk, "true");
    case 'f':
        return skip_word(walk, "false");
    case 'n':
        return skip_word(walk, "null");
    default:
        if (c != '-' && (c < '0' || c > '9'))
            return fail(walk, walk->at, NULL);
        return skip_number(walk);
    }
}

/* The bytes between the quotes of a member's name. */
struct name {
    const char *bytes;
    size_t len;
};

/* A member's name and the colon after it. */
static bool
read_name(struct walk *walk, struct name *name)
{
    if (peek(walk) != '"')
        return fail(walk, walk->at, NULL);
    name->bytes = walk->text + walk->at + 1;
    if (!skip_string(walk))
        return false;
    name->len = (size_t)(walk->text + walk->at - 1 - name->bytes);
    return take(walk, ':') || fail(walk, walk->at, NULL);
}

static bool
skip_name(struct walk *walk)
{
    struct name name;

    return read_name(walk, &name);
}

/* The arrays and objects that a place in the text is within. */
struct nest {
    uint8_t is_object[RH_JSON_DEPTH_MAX];
    size_t depth;
};

/* Begins an array or object, whose bracket is next. `*is_empty` is whether it ended at once. */
static bool
enter(struct walk *walk, struct nest *nest, bool *is_empty)
{
    bool is_object = walk->text[walk->at] == '{';

    if (nest->depth == RH_JSON_DEPTH_MAX)
        return fail(walk, walk->at, "nested too deep");
    walk->at++;
    *is_empty = take(walk, is_object ? '}' : ']');
    if (*is_empty)
        return true;
    nest->is_object[nest->depth++] = is_object;
    return !is_object || skip_name(walk);
}

/* After a value: ends what ends here, and goes to the next value. `*is_over` where there is none
 * left within what was nested from `base` on. */
static bool
leave(struct walk *walk, struct nest *nest, size_t base, bool *is_over)
{
    while (nest->depth > base) {
        bool is_object = nest->is_object[nest->depth - 1] != 0;

        if (take(walk, ','))
            return !is_object || skip_name(walk);
        if (!take(walk, is_object ? '}' : ']'))
            return fail(walk, walk->at, NULL);
        nest->depth--;
    }
    *is_over = true;
    return true;
}

/* Any value, however deep: without recursion, since a text may have a thousand levels. */
static bool
skip_value(struct walk *walk, struct nest *nest)
{
    size_t base = nest->depth;
    bool is_over = false;

    while (!is_over) {
        char c = peek(walk);
        bool has_value = true;

        if (c == '{' || c == '[') {
            if (!enter(walk, nest, &has_value))
                return false;
        } else if (!skip_scalar(walk)) {
            return false;
        }
        if (has_value && !leave(walk, nest, base, &is_over))
            return false;
    }
    return true;
}

/* The wanted member of a name, or NULL. One that has an escape is kept, for cJSON to say what it
 * reads. */
static const struct rh_json_member *
find_wanted(const struct rh_json_member *wanted, const struct name *name)
{
    static const struct rh_json_member escaped = RH_JSON_MEMBER("", NULL);

    for (; wanted->name != NULL; wanted++)
        if (wanted->name_len == name->len && memcmp(wanted->name, name->bytes, name->len) == 0)
            return wanted;
    return memchr(name->bytes, '\\', name->len) != NULL ? &escaped : NULL;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the lists of what is wanted, which are the code's */
static bool copy_value(struct walk *walk, struct nest *nest, const struct rh_json_member *members);

/* A member of an object, where it is wanted. */
static bool
copy_member(struct walk *walk, struct nest *nest, const struct rh_json_member *wanted,
            bool *is_first)
{
    const struct rh_json_member *member;
    struct name name;

    if (!read_name(walk, &name))
        return false;
    member = find_wanted(wanted, &name);
    if (member == NULL)
        return skip_value(walk, nest);
    if (!*is_first)
        emit(walk, ",", 1);
    *is_first = false;
    emit(walk, name.bytes - 1, name.len + 2);
    emit(walk, ":", 1);
    return copy_value(walk, nest, member->members);
}

/* An object, whose bracket is next, less what is not wanted of it. */
static bool
copy_object(struct walk *walk, struct nest *nest, const struct rh_json_member *wanted)
{
    bool is_first = true;

    walk->at++;
    nest->is_object[nest->depth++] = true;
    emit(walk, "{", 1);
    if (!take(walk, '}')) {
        do {
            if (!copy_member(walk, nest, wanted, &is_first))
                return false;
        } while (take(walk, ','));
        if (!take(walk, '}'))
            return fail(walk, walk->at, NULL);
    }
    nest->depth--;
    emit(walk, "}", 1);
    return true;
}

/* A value, of which only some members are wanted where it is an object and `members` says so. That
 * recurses as deep as the lists of what is wanted do. */
static bool
copy_value(struct walk *walk, struct nest *nest, const struct rh_json_member *members)
{
    size_t from;

    if (peek(walk) == '{' && members != NULL)
        return copy_object(walk, nest, members);
    from = walk->at;
    if (!skip_value(walk, nest))
        return false;
    emit(walk, walk->text + from, walk->at - from);
    return true;
}
/* NOLINTEND(misc-no-recursion) */

static void
explain(const struct walk *walk, struct rh_reason *reason)
{
    if (walk->flaw != NULL)
        rh_reason_set(reason, "not JSON: %s at byte %zu", walk->flaw, walk->at);
    else if (walk->at >= walk->len)
        rh_reason_set(reason, "not JSON: it ends too early, after %zu bytes", walk->len);
    else if (rh_utf8_character_len(walk->text + walk->at, walk->len - walk->at) == 0)
        rh_reason_set(reason, "not UTF-8 at byte %zu", walk->at);
    else if ((unsigned char)walk->text[walk->at] < 0x20)
        rh_reason_set(reason, "not JSON: a control character at byte %zu", walk->at);
    else
        rh_reason_set(reason, "not JSON at byte %zu", walk->at);
}

enum rh_error
rh_json_prune(const char *text, size_t text_len, const struct rh_json_member *wanted, char *out,
              size_t *out_len, struct rh_reason *reason)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    struct walk walk = {.text = text, .len = text_len, .out = out};
    struct nest nest;
    bool is_good;

    nest.depth = 0;
    *out_len = 0;
    if (text_len >= 3 && memcmp(text, byte_order_mark, 3) == 0)
        walk.at = 3;
    is_good = copy_value(&walk, &nest, wanted);
    if (is_good) {
        (void)peek(&walk);
        is_good = walk.at == text_len || fail(&walk, walk.at, NULL);
    }
    if (!is_good) {
        out[0] = '\0';
        explain(&walk, reason);
        return RH_ERR_NOT_JSON;
    }
    out[walk.out_len] = '\0';
    *out_len = walk.out_len;
    return RH_OK;
}
