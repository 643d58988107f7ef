/*
 * One configuration, and all that is derived from it.
 * SPDX-License-Identifier: MIT
 */
#include "setup/setup.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "ledger/order.h"

static char *
limits_of(const struct config *config)
{
    struct order_limit limits[CONFIG_POOLS_MAX];

    for (size_t i = 0; i < config->pools_len; i++) {
        const struct pool *pool = &config->pools[i];

        limits[i] = (struct order_limit){
            .pool = pool->name, .max_runners = pool->max_runners, .max_pending = pool->max_pending};
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
    }
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
    setup->github_token = credential_new(config->github.token, config->github.token_file);
    setup->nomad_token = credential_new(config->nomad.token, config->nomad.token_file);
    setup->secrets = secret_watch_new(&config->github, receiver);
    if (setup->limits == NULL || setup->repositories == NULL || setup->pool_names == NULL ||
        setup->pool_labels == NULL || setup->tokens == NULL || setup->github_token == NULL ||
        setup->nomad_token == NULL || setup->secrets == NULL) {
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
    credential_free(setup->github_token);
    credential_free(setup->nomad_token);
    token_cache_free(setup->tokens);
    free(setup->limits);
    cJSON_free(setup->repositories);
    cJSON_free(setup->pool_names);
    cJSON_free(setup->pool_labels);
    config_free(setup->config);
    free(setup);
}
