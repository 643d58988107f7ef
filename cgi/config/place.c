/*
 * Where runners register and hooks hang.
 * SPDX-License-Identifier: MIT
 */
#include "config/place.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool
begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool
fits(int len)
{
    return len > 0 && (size_t)len < PLACE_CAP;
}

bool
place_of_repository(const char *repository, char out[PLACE_CAP])
{
    return fits(snprintf(out, PLACE_CAP, PLACE_REPOSITORY "%s", repository));
}

bool
place_of_owner(const char *owner, char out[PLACE_CAP])
{
    return fits(snprintf(out, PLACE_CAP, PLACE_ORGANIZATION "%s", owner));
}

bool
place_of_runner(const struct pool *pool, const char *repository, char out[PLACE_CAP])
{
    switch (pool->scope) {
    case POOL_SCOPE_REPOSITORY:
        break;
    case POOL_SCOPE_ORGANIZATION:
        return fits(snprintf(out, PLACE_CAP, PLACE_ORGANIZATION "%.*s",
                             (int)strcspn(repository, "/"), repository));
    case POOL_SCOPE_ENTERPRISE:
        return fits(snprintf(out, PLACE_CAP, PLACE_ENTERPRISE "%s", pool->enterprise));
    }
    return place_of_repository(repository, out);
}

bool
place_is_repository(const char *place)
{
    return begins(place, PLACE_REPOSITORY);
}

bool
place_is_organization(const char *place)
{
    return begins(place, PLACE_ORGANIZATION);
}

bool
place_is_enterprise(const char *place)
{
    return begins(place, PLACE_ENTERPRISE);
}

bool
place_is_app(const char *place)
{
    return strcmp(place, PLACE_APP) == 0;
}

bool
place_valid(const char *place)
{
    const char *name = strchr(place, '/');
    char both[PLACE_CAP + 2];

    if (place_is_app(place))
        return true;
    if (name == NULL || strnlen(place, PLACE_CAP) == PLACE_CAP)
        return false;
    if (place_is_repository(place))
        return rh_repository_valid(name + 1);
    if (!place_is_organization(place) && !place_is_enterprise(place))
        return false;
    /* A name alone keeps to the rules of one part of "owner/name". */
    (void)snprintf(both, sizeof both, "%s/x", name + 1);
    return rh_repository_valid(both);
}

void
place_owner(const char *place, char out[PLACE_CAP])
{
    const char *name = strchr(place, '/');

    if (name == NULL || place_is_enterprise(place))
        (void)snprintf(out, PLACE_CAP, "%s", place);
    else
        (void)snprintf(out, PLACE_CAP, "%.*s", (int)strcspn(name + 1, "/"), name + 1);
}

const char *
place_words(const char *place, char out[PLACE_WORDS_CAP])
{
    const char *name = strchr(place, '/');

    if (place_is_app(place))
        (void)snprintf(out, PLACE_WORDS_CAP, "the GitHub App");
    else
        (void)snprintf(out, PLACE_WORDS_CAP, "%s%s",
                       place_is_organization(place) ? "the organization "
                       : place_is_enterprise(place) ? "the enterprise "
                                                    : "",
                       name == NULL ? place : name + 1);
    return out;
}
