/*
 * What cJSON accepts, less what JSON does not allow.
 * SPDX-License-Identifier: MIT
 */
#include "json.h"

#include <errno.h>
#include <stdbool.h>

#include "ascii.h"
#include "reason.h"
#include "utf8.h"

/* Reads the four digits of a \u escape. False where they are not four hexadecimal digits. */
static bool
escape_read(const char *digits, size_t left, unsigned int *out)
{
    *out = 0;
    if (left < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        int value = rh_ascii_hex_value(digits[i]);
        if (value < 0)
            return false;
        *out = *out << 4 | (unsigned int)value;
    }
    return true;
}

/*
 * What cJSON would let through: it takes any control character, a NUL among them, for white space;
 * it decodes \u0000, and a \u without its digits too, to a NUL that ends the string early. Outside
 * of a string a backslash is an error anyway, so there is no need to know where strings begin.
 * Returns what is wrong, and where, or NULL.
 */
static const char *
flaw_find(const char *text, size_t text_len, size_t *at)
{
    for (size_t i = 0; i < text_len; i++) {
        *at = i;
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')
            return "a control character";
        if (byte != '\\')
            continue;
        i++; /* a backslash escapes the next byte, another backslash too */
        if (i < text_len && text[i] == 'u') {
            unsigned int code = 0;
            if (!escape_read(text + i + 1, text_len - i - 1, &code))
                return "a malformed \\u escape";
            if (code == 0)
                return "the escape \\u0000";
        }
    }
    return NULL;
}

enum rh_error
rh_json_parse(const char *text, size_t text_len, cJSON **out, struct rh_reason *reason)
{
    *out = NULL;
    size_t at = rh_utf8_flaw(text, text_len);
    if (at < text_len) {
        rh_reason_set(reason, "not UTF-8 at byte %zu", at);
        return RH_ERR_NOT_JSON;
    }
    const char *flaw = flaw_find(text, text_len, &at);
    if (flaw != NULL) {
        rh_reason_set(reason, "not JSON: %s at byte %zu", flaw, at);
        return RH_ERR_NOT_JSON;
    }

    /* The NUL counts as part of the text: that is how cJSON refuses what follows the value, and it
     * keeps cJSON before 1.7.18 from reading one byte past the end of `{"a":1,`. cJSON gives NULL
     * for bad text and for no memory alike; malloc leaves its mark in errno. */
    const char *end = NULL;
    errno = 0;
    cJSON *root = cJSON_ParseWithLengthOpts(text, text_len + 1, &end, true);
    if (root == NULL && errno == ENOMEM)
        return RH_ERR_NO_MEMORY;
    if (root == NULL) {
        at = end != NULL ? (size_t)(end - text) : 0;
        if (at >= text_len)
            rh_reason_set(reason, "not JSON: it ends too early, after %zu bytes", text_len);
        else
            rh_reason_set(reason, "not JSON, or nested too deep, at byte %zu", at);
        return RH_ERR_NOT_JSON;
    }
    *out = root;
    return RH_OK;
}
