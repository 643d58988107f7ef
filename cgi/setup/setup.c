/*
 * One configuration, and all that is derived from it.
 * SPDX-License-Identifier: MIT
 */
#include "setup/setup.h"

#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "config/access.h"
#include "config/place.h"
#include "config/values.h"
#include "ledger/order.h"

static char *
limits_of(const struct config *config)
{
    struct order_limit limits[CONFIG_POOLS_MAX];
    char owners[CONFIG_POOLS_MAX][PLACE_CAP];

    for (size_t i = 0; i < config->pools_len; i++) {
        const struct pool *pool = &config->pools[i];
        enum permit forks = access_forks(config, pool)->permit;

        limits[i] =
            (struct order_limit){.pool = pool->name,
                                 .max_runners = pool->max_runners,
                                 .max_pending = pool->max_pending,
                                 .is_jit = pool->credential == POOL_CREDENTIAL_JIT,
                                 .asks_origin = forks == PERMIT_DENY || forks == PERMIT_POOL};
        if (pool->scope == POOL_SCOPE_ENTERPRISE) {
            (void)snprintf(owners[i], sizeof owners[i], PLACE_ENTERPRISE "%s", pool->enterprise);
            limits[i].owner = owners[i];
        }
    }
    return order_limits(limits, config->pools_len);
}

/* Texts as a JSON array. NULL when out of memory. */
static char *
text_array(const char *const *texts, size_t len)
{
    cJSON *array = len == 0 ? cJSON_CreateArray() : cJSON_CreateStringArray(texts, (int)len);
    char *json = array == NULL ? NULL : cJSON_PrintUnformatted(array);

    cJSON_Delete(array);
    return json;
}

static char *
pool_names_of(const struct config *config)
{
    const char *names[CONFIG_POOLS_MAX];

    for (size_t i = 0; i < config->pools_len; i++)
        names[i] = config->pools[i].name;
    return text_array(names, config->pools_len);
}

/* Adds who may use it to an array. False when out of memory, as where that is NULL. */
static bool
add_access(cJSON *array, const struct access_config *access)
{
    const struct names *const lists[] = {&access->repositories, &access->owners};
    bool done = array != NULL &&
                cJSON_AddItemToArray(array, cJSON_CreateNumber(access->public_repositories));

    for (size_t i = 0; done && i < sizeof lists / sizeof lists[0]; i++) {
        cJSON *names =
            lists[i]->len == 0
                ? cJSON_CreateArray()
                : cJSON_CreateStringArray((const char *const *)lists[i]->items, (int)lists[i]->len);

        done = names != NULL && cJSON_AddItemToArray(array, names);
    }
    return done;
}

static char *
pool_labels_of(const struct config *config)
{
    cJSON *root = cJSON_CreateObject();
    bool done = root != NULL;
    char *text;

    for (size_t i = 0; done && i < config->pools_len; i++) {
        const struct pool *pool = &config->pools[i];
        cJSON *labels =
            cJSON_CreateStringArray((const char *const *)pool->labels.items, (int)pool->labels.len);

        done = labels != NULL && cJSON_AddItemToObject(root, pool->name, labels);
        if (!done)
            cJSON_Delete(labels);
        done = done && add_access(labels, &pool->access);
    }
    done = done && add_access(cJSON_AddArrayToObject(root, ""), &config->access);
    text = done ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return text;
}

struct setup *
setup_new(struct config *config, const char *receiver)
{
    struct setup *setup = calloc(1, sizeof *setup);

    if (setup == NULL) {
        config_free(config);
        return NULL;
    }
    setup->config = config;
    setup->limits = limits_of(config);
    setup->repositories = text_array((const char *const *)config->github.repositories.items,
                                     config->github.repositories.len);
    setup->pool_names = pool_names_of(config);
    setup->pool_labels = pool_labels_of(config);
    setup->tokens = token_cache_new();
    setup->groups = runner_groups_new();
    setup->accounts = accounts_new(&config->github, config->owners, config->owners_len);
    setup->nomad_token =
        credential_new(config->nomad.token, config->nomad.token_file, value_secret_file);
    setup->secrets = secret_watch_new(&config->github, receiver);
    if (setup->limits == NULL || setup->repositories == NULL || setup->pool_names == NULL ||
        setup->pool_labels == NULL || setup->tokens == NULL || setup->groups == NULL ||
        setup->accounts == NULL || setup->nomad_token == NULL || setup->secrets == NULL) {
        setup_free(setup);
        return NULL;
    }
    return setup;
}

void
setup_free(struct setup *setup)
{
    if (setup == NULL)
        return;
    secret_watch_free(setup->secrets);
    accounts_free(setup->accounts);
    runner_groups_free(setup->groups);
    credential_free(setup->nomad_token);
    token_cache_free(setup->tokens);
    free(setup->limits);
    cJSON_free(setup->repositories);
    cJSON_free(setup->pool_names);
    cJSON_free(setup->pool_labels);
    config_free(setup->config);
    free(setup);
}
