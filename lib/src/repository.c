/*
 * Names of repositories.
 * SPDX-License-Identifier: MIT
 */
#include <runhook/delivery.h>

#include <string.h>

#include "ascii.h"

/* "." and ".." would walk up the path of a URL. */
static bool
part_valid(const char *part, size_t part_len)
{
    if (part_len == 0)
        return false;
    if (part[0] == '.' && (part_len == 1 || (part_len == 2 && part[1] == '.')))
        return false;
    for (size_t i = 0; i < part_len; i++)
        if (!rh_ascii_is_alnum(part[i]) && part[i] != '.' && part[i] != '_' && part[i] != '-')
            return false;
    return true;
}

bool
rh_repository_valid(const char *text)
{
    if (text == NULL)
        return false;
    size_t len = strnlen(text, RH_REPOSITORY_LEN_MAX + 1);
    if (len > RH_REPOSITORY_LEN_MAX)
        return false;
    const char *slash = memchr(text, '/', len);
    if (slash == NULL)
        return false;
    size_t owner_len = (size_t)(slash - text);
    return part_valid(text, owner_len) && part_valid(slash + 1, len - owner_len - 1);
}
