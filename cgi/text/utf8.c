/*
 * UTF-8, one character at a time.
 * SPDX-License-Identifier: MIT
 */
#include "text/utf8.h"

size_t
utf8_decode(const unsigned char *bytes, size_t len, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size, found = 1;

    *point = 0;
    if (bytes[0] < 0x80) {
        *point = bytes[0];
        return 1;
    }
    if ((bytes[0] & 0xe0) == 0xc0) {
        size = 2;
        *point = bytes[0] & 0x1f;
    } else if ((bytes[0] & 0xf0) == 0xe0) {
        size = 3;
        *point = bytes[0] & 0x0f;
    } else if ((bytes[0] & 0xf8) == 0xf0) {
        size = 4;
        *point = bytes[0] & 0x07;
    } else {
        return 0;
    }
    for (size_t i = 1; i < size && i < len && (bytes[i] & 0xc0) == 0x80; i++) {
        *point = *point << 6 | (bytes[i] & 0x3f);
        found++;
    }
    if (found == size && *point >= least[size] && *point <= 0x10ffff &&
        !(*point >= 0xd800 && *point <= 0xdfff))
        return size;
    *point = 0;
    return 0;
}

bool
utf8_is_steering(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x061c || point == 0xfeff ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2060 && point <= 0x206f) || (point >= 0xfff9 && point <= 0xfffb) ||
           (point >= 0xe0000 && point <= 0xe007f);
}
