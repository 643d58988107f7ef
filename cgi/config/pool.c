/*
 * Which pool serves what.
 * SPDX-License-Identifier: MIT
 */
#include "config/pool.h"

#include <string.h>

#include <cjson/cJSON.h>

/* Reads a JSON array of labels. False, and nothing to end, where it is none. */
static bool
read_labels(const char *json, struct rh_labels *labels)
{
    cJSON *array = cJSON_Parse(json);
    bool done = cJSON_IsArray(array);
    const cJSON *label;

    *labels = (struct rh_labels){0};
    cJSON_ArrayForEach(label, array)
    {
        const char *text = cJSON_GetStringValue(label);

        done = done && text != NULL && rh_labels_add(labels, text, strlen(text)) == RH_OK;
    }
    cJSON_Delete(array);
    if (!done)
        rh_labels_fini(labels);
    return done;
}

const struct pool *
pool_named(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->pools_len; i++) {
        if (strcmp(config->pools[i].name, name) == 0)
            return &config->pools[i];
    }
    return NULL;
}

const struct pool *
pool_serving(const struct config *config, const struct rh_labels *labels)
{
    for (size_t i = 0; i < config->pools_len; i++) {
        const struct pool *pool = &config->pools[i];

        if (rh_labels_match(labels, &pool->labels, pool->require_self_hosted, NULL) ==
            RH_MATCH_SERVES)
            return pool;
    }
    return NULL;
}

const struct pool *
pool_serving_json(const struct config *config, const char *labels)
{
    const struct pool *pool;
    struct rh_labels asked;

    if (!read_labels(labels, &asked))
        return NULL;
    pool = pool_serving(config, &asked);
    rh_labels_fini(&asked);
    return pool;
}

bool
pool_covers(const void *config, const char *name, const char *labels)
{
    const struct pool *pool = pool_named(config, name);
    struct rh_labels asked;
    bool covers;

    if (pool == NULL || !read_labels(labels, &asked))
        return false;
    covers = rh_labels_match(&asked, &pool->labels, false, NULL) == RH_MATCH_SERVES;
    rh_labels_fini(&asked);
    return covers;
}
