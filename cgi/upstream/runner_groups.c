/*
 * The ids of runner groups.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/runner_groups.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock/clock.h"
#include "upstream/github_registration.h"

/* A pool has one group, so a place has as many as there are pools. */
#define GROUPS_MAX (CONFIG_POOLS_MAX * 8)

#define GROUP_LIFE_MS (INT64_C(3600) * 1000)

struct group {
    char *place;
    char *name;
    int64_t id;
    int64_t good_until_ms; /* of clock_monotonic_ms */
};

struct runner_groups {
    pthread_mutex_t lock;
    struct group items[GROUPS_MAX];
    size_t len;
};

struct runner_groups *
runner_groups_new(void)
{
    struct runner_groups *groups = calloc(1, sizeof *groups);

    if (groups != NULL)
        (void)pthread_mutex_init(&groups->lock, NULL);
    return groups;
}

static void
remove_at(struct runner_groups *groups, size_t i)
{
    free(groups->items[i].place);
    free(groups->items[i].name);
    groups->items[i] = groups->items[--groups->len];
}

void
runner_groups_free(struct runner_groups *groups)
{
    if (groups == NULL)
        return;
    while (groups->len > 0)
        remove_at(groups, groups->len - 1);
    (void)pthread_mutex_destroy(&groups->lock);
    free(groups);
}

/* The id that is known; 0 where none is. */
static int64_t
recall(struct runner_groups *groups, const char *place, const char *name)
{
    int64_t now_ms = clock_monotonic_ms(), id = 0;

    (void)pthread_mutex_lock(&groups->lock);
    for (size_t i = groups->len; i-- > 0;) {
        const struct group *group = &groups->items[i];

        if (group->good_until_ms <= now_ms)
            remove_at(groups, i);
        else if (strcasecmp(group->place, place) == 0 && strcasecmp(group->name, name) == 0)
            id = group->id;
    }
    (void)pthread_mutex_unlock(&groups->lock);
    return id;
}

/* What cannot be kept is asked for again. */
static void
keep(struct runner_groups *groups, const char *place, const char *name, int64_t id)
{
    struct group group = {.place = strdup(place),
                          .name = strdup(name),
                          .id = id,
                          .good_until_ms = clock_monotonic_ms() + GROUP_LIFE_MS};

    (void)pthread_mutex_lock(&groups->lock);
    if (group.place != NULL && group.name != NULL && groups->len < GROUPS_MAX) {
        groups->items[groups->len++] = group;
    } else {
        free(group.place);
        free(group.name);
    }
    (void)pthread_mutex_unlock(&groups->lock);
}

bool
runner_groups_find(struct runner_groups *groups, struct github *github, const char *place,
                   const char *name, int64_t *id, struct failure *failure)
{
    *id = name == NULL ? GITHUB_DEFAULT_GROUP : recall(groups, place, name);
    if (*id != 0)
        return true;
    if (!github_runner_group(github, place, name, id, failure))
        return false;
    keep(groups, place, name, *id);
    return true;
}

void
runner_groups_drop(struct runner_groups *groups, const char *place)
{
    (void)pthread_mutex_lock(&groups->lock);
    for (size_t i = groups->len; i-- > 0;) {
        if (strcasecmp(groups->items[i].place, place) == 0)
            remove_at(groups, i);
    }
    (void)pthread_mutex_unlock(&groups->lock);
}
