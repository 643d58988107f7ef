/*
 * What there is to be examined on GitHub.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "clock/clock.h"
#include "commands/common.h"
#include "config/access.h"
#include "ledger/places.h"

static bool
has(const struct scene_places *places, const char *place)
{
    for (size_t i = 0; i < places->len; i++) {
        if (strcasecmp(places->items[i], place) == 0)
            return true;
    }
    return false;
}

static void
add(struct scene *scene, struct scene_places *places, const char *place)
{
    char(*grown)[PLACE_CAP];

    if (!place_valid(place) || has(places, place))
        return;
    grown = reallocarray(places->items, places->len + 1, sizeof *places->items);
    if (grown == NULL) {
        scene->failed = true;
        return;
    }
    places->items = grown;
    (void)snprintf(places->items[places->len++], PLACE_CAP, "%s", place);
}

/* Whether it is private is not known here: only lists of names are looked at. */
static bool
permits(const struct scene *scene, const struct pool *pool, const char *repository)
{
    return access_permits(scene->config, pool, repository, true, NULL, 0);
}

void
scene_add_repository(struct scene *scene, const char *repository)
{
    char place[PLACE_CAP];

    if (scene->repositories.len == SCENE_REPOSITORIES_MAX ||
        !place_of_repository(repository, place))
        return;
    add(scene, &scene->repositories, place);
    for (size_t i = 0; i < scene->config->pools_len; i++) {
        const struct pool *pool = &scene->config->pools[i];

        if (permits(scene, pool, repository) && place_of_runner(pool, repository, place))
            add(scene, &scene->registers, place);
    }
}

static void
add_from_ledger(const char *name, void *arg)
{
    scene_add_repository(arg, name);
}

static void
add_hook(const char *place, int64_t id, void *arg)
{
    struct scene *scene = arg;
    struct scene_hook *grown =
        reallocarray(scene->hooks, scene->hooks_len + 1, sizeof *scene->hooks);

    if (grown == NULL) {
        scene->failed = true;
        return;
    }
    scene->hooks = grown;
    grown[scene->hooks_len] = (struct scene_hook){.id = id};
    (void)snprintf(grown[scene->hooks_len++].place, PLACE_CAP, "%s", place);
}

static bool
read_ledger(struct scene *scene)
{
    const struct config *config = scene->config;
    struct places_read read = {.since_ms = clock_now_ms() - config->audit.discover_window_s * 1000,
                               .repositories_max = SCENE_REPOSITORIES_MAX,
                               .repository = add_from_ledger,
                               .hook = add_hook,
                               .arg = scene};
    struct ledger *ledger;
    struct rh_reason reason;
    bool done;

    if (access(config->server.ledger, F_OK) != 0)
        return true; /* nothing was received yet */
    ledger = common_ledger(config, LEDGER_LOOK);
    if (ledger == NULL)
        return false;
    done = ledger_read(ledger, places_read, &read, &reason) == LEDGER_OK;
    if (!done)
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
    ledger_close(ledger);
    return done;
}

bool
scene_set(struct scene *scene)
{
    const struct config *config = scene->config;
    char place[PLACE_CAP];

    for (size_t i = 0; i < config->github.repositories.len; i++)
        scene_add_repository(scene, config->github.repositories.items[i]);
    /* An enterprise is known without any repository. */
    for (size_t i = 0; i < config->pools_len; i++) {
        const struct pool *pool = &config->pools[i];

        if (pool->scope == POOL_SCOPE_ENTERPRISE && place_of_runner(pool, "", place))
            add(scene, &scene->registers, place);
    }
    return read_ledger(scene);
}

bool
scene_pool_registers(const struct scene *scene, const struct pool *pool, const char *place)
{
    char other[PLACE_CAP];

    if (pool->scope == POOL_SCOPE_ENTERPRISE)
        return place_of_runner(pool, "", other) && strcasecmp(other, place) == 0;
    for (size_t i = 0; i < scene->repositories.len; i++) {
        const char *repository = scene->repositories.items[i] + strlen(PLACE_REPOSITORY);

        if (permits(scene, pool, repository) && place_of_runner(pool, repository, other) &&
            strcasecmp(other, place) == 0)
            return true;
    }
    return false;
}

bool
scene_knows_hook(const struct scene *scene, const char *place, int64_t id)
{
    for (size_t i = 0; i < scene->hooks_len; i++) {
        if (scene->hooks[i].id == id && strcasecmp(scene->hooks[i].place, place) == 0)
            return true;
    }
    return false;
}

void
scene_fini(struct scene *scene)
{
    free(scene->repositories.items);
    free(scene->registers.items);
    free(scene->hooks);
    *scene = (struct scene){0};
}
