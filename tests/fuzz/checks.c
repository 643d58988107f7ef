/*
 * What is checked of results, by rules that are not the program's own.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "fuzz.h"

void
fuzz_failed(const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

/* One character of RFC 3629's grammar, section 4; its length, or 0. */
static size_t
character(const uint8_t *at, size_t len, uint32_t *point)
{
    static const struct {
        uint8_t first, last, second_min, second_max;
        size_t len;
    } rows[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (at[0] < rows[i].first || at[0] > rows[i].last)
            continue;
        if (rows[i].len > len)
            return 0;
        *point = rows[i].len == 1 ? at[0] : at[0] & (0x7fU >> rows[i].len);
        for (size_t k = 1; k < rows[i].len; k++) {
            uint8_t min = k == 1 ? rows[i].second_min : 0x80;
            uint8_t max = k == 1 ? rows[i].second_max : 0xbf;
            if (at[k] < min || at[k] > max)
                return 0;
            *point = *point << 6 | (at[k] & 0x3fU);
        }
        return rows[i].len;
    }
    return 0;
}

bool
fuzz_is_utf8(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        uint32_t point;
        size_t size = character(at, len, &point);
        if (size == 0)
            return false;
        at += size;
        len -= size;
    }
    return true;
}

bool
fuzz_is_plain(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t len = strlen(text);

    while (len > 0) {
        uint32_t point;
        size_t size = character(at, len, &point);
        if (size == 0 || point < 0x20 || (point >= 0x7f && point <= 0x9f))
            return false;
        /* U+2028 and U+2029 end a line, U+202A-E and U+2066-9 turn the direction. */
        if ((point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069))
            return false;
        at += size;
        len -= size;
    }
    return true;
}

bool
fuzz_is_json(const char *bytes, size_t len)
{
    cJSON *json;

    if (len == 0 || memchr(bytes, '\0', len) != NULL || !fuzz_is_utf8(bytes, len))
        return false;
    /* cJSON refuses what follows the value only where it sees a NUL there. */
    char *text = strndup(bytes, len);
    FUZZ_CHECK(text != NULL);
    json = cJSON_ParseWithLengthOpts(text, len + 1, NULL, 1);
    free(text);
    cJSON_Delete(json);
    return json != NULL;
}
