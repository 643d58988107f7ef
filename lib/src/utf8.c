/*
 * Well-formed UTF-8.
 * SPDX-License-Identifier: MIT
 */
#include "utf8.h"

static bool
is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The second byte's range is what rules out overlong forms (E0, F0), surrogates (ED) and what is
 * past U+10FFFF (F4): RFC 3629, section 4. */
size_t
rh_utf8_character_len(const char *bytes, size_t left)
{
    const unsigned char *at = (const unsigned char *)bytes;
    unsigned char lead = at[0];
    size_t len = 0;
    unsigned char second_min = 0x80;
    unsigned char second_max = 0xBF;

    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        len = 2;
    else if (lead >= 0xE0 && lead <= 0xEF)
        len = 3;
    else if (lead >= 0xF0 && lead <= 0xF4)
        len = 4;
    else
        return 0;

    if (lead == 0xE0)
        second_min = 0xA0;
    else if (lead == 0xED)
        second_max = 0x9F;
    else if (lead == 0xF0)
        second_min = 0x90;
    else if (lead == 0xF4)
        second_max = 0x8F;

    if (left < len || at[1] < second_min || at[1] > second_max)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (!is_continuation(at[i]))
            return 0;
    return len;
}

size_t
rh_utf8_flaw(const void *bytes, size_t len)
{
    const char *at = bytes;
    size_t offset = 0;

    while (offset < len) {
        size_t step = rh_utf8_character_len(at + offset, len - offset);
        if (step == 0)
            break;
        offset += step;
    }
    return offset;
}

size_t
rh_utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t cut = max;
    while (cut > 0 && is_continuation((unsigned char)text[cut]))
        cut--;
    return cut;
}
