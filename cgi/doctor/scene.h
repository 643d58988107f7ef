/*
 * What there is to be examined on GitHub: where runners will register, and the webhooks that are
 * ours. From the configuration and the ledger alone.
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCTOR_SCENE_H
#define DOCTOR_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/place.h"

/* So many repositories are examined. */
#define SCENE_REPOSITORIES_MAX 50

struct scene_hook {
    char place[PLACE_CAP];
    int64_t id;
};

/* A set: nothing stands there twice, GitHub telling no case. */
struct scene_places {
    char (*items)[PLACE_CAP];
    size_t len;
};

/* Zero-initialize. */
struct scene {
    const struct config *config;
    const char *url; /* our webhook's, as the world sees it; NULL where not given */
    struct scene_places repositories; /* "repos/OWNER/NAME", as all places here */
    struct scene_places registers;    /* where the pools' runners register */
    struct scene_hook *hooks;         /* those that deliveries came from */
    size_t hooks_len;
    bool failed; /* out of memory: something is missing */
};

/* Adds a repository, where there is room and no other of its name, and with it where the runners
 * register that the pools make for it. One that is not valid is passed over. */
void scene_add_repository(struct scene *scene, const char *repository);

/* Adds what the configuration names, and then what else the ledger has, where there is one. False
 * where that cannot be read, which is said on standard error. */
bool scene_set(struct scene *scene);

/* Whether a pool's runners register there. `place` is one of `registers`. */
bool scene_pool_registers(const struct scene *scene, const struct pool *pool, const char *place);

/* Whether the ledger has it. */
bool scene_knows_hook(const struct scene *scene, const char *place, int64_t id);

void scene_fini(struct scene *scene);

#endif
