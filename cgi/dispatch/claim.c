/*
 * What a dispatcher claims its next job with.
 * SPDX-License-Identifier: MIT
 */
#include "dispatch/claim.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "clock/clock.h"
#include "config/access.h"
#include "config/place.h"
#include "config/pool.h"
#include "dispatch/plan.h"
#include "text/json.h"

/* What an order's requests can take at the longest: GitHub ten times (the run, the group and the
 * credential, each again with a fresh token, and for an App's installation to be found and its
 * tokens to be minted), Nomad four times (the dispatch and a look at its child, each again). The
 * lease ends for other processes after that and a minute; within this one, a worker ends it in
 * every case. */
#define GITHUB_REQUESTS 10
#define NOMAD_REQUESTS 4

/* Whether all that a runner of the pool needs of GitHub is the token of this place. */
static bool
needs_only_token(const struct config *config, const struct pool *pool, const char *place)
{
    const char *name = strchr(place, '/') + 1;
    enum permit forks = access_forks(config, pool)->permit;

    if (pool->credential == POOL_CREDENTIAL_JIT || forks == PERMIT_DENY || forks == PERMIT_POOL)
        return false;
    if (pool->scope == POOL_SCOPE_REPOSITORY)
        return place_is_repository(place);
    if (pool->scope == POOL_SCOPE_ORGANIZATION)
        return place_is_organization(place);
    return place_is_enterprise(place) && strcmp(name, pool->enterprise) == 0;
}

/* Of one pool and place: see order_is_provided. */
static bool
is_provided(const void *supplies, const char *pool, const char *place)
{
    const struct tools *tools = supplies;
    const struct pool *found = pool_named(tools->config, pool);

    return found != NULL && needs_only_token(tools->config, found, place) &&
           token_cache_has(tools->tokens, place);
}

/* Adds a pool with a place to the array. False when out of memory. */
static bool
add_provided(cJSON *array, const struct pool *pool, const char *place)
{
    cJSON *item = cJSON_CreateObject();

    if (item != NULL && json_add_text(item, "pool", pool->name) &&
        json_add_text(item, "place", place) && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

/* See order_provided. */
static char *
provided(const void *supplies)
{
    const struct tools *tools = supplies;
    const struct config *config = tools->config;
    char *keys = token_cache_keys(tools->tokens);
    cJSON *places = keys == NULL ? NULL : cJSON_Parse(keys), *array = cJSON_CreateArray();
    const cJSON *place;
    char *text = NULL;
    bool done = places != NULL && array != NULL;

    cJSON_ArrayForEach(place, places)
    {
        for (size_t i = 0; done && i < config->pools_len; i++) {
            if (needs_only_token(config, &config->pools[i], cJSON_GetStringValue(place)))
                done = add_provided(array, &config->pools[i], cJSON_GetStringValue(place));
        }
    }
    if (done)
        text = cJSON_PrintUnformatted(array);
    cJSON_Delete(array);
    cJSON_Delete(places);
    cJSON_free(keys);
    return text;
}

enum ledger_error
claim_look(const struct tools *tools, struct rh_reason *reason)
{
    struct order_look look = {.now_ms = clock_now_ms(),
                              .limits = tools->limits,
                              .content_per_minute = tools->config->github.content_per_minute};

    return ledger_read(tools->ledger, order_is_due, &look, reason);
}

struct order_claim
claim_for(const struct tools *tools, struct order *order)
{
    const struct config *config = tools->config;

    return (struct order_claim){
        .owner = ledger_owner(tools->ledger),
        .receiver = ledger_receiver(tools->ledger),
        .prefix = config->server.runner_prefix,
        .now_ms = clock_now_ms(),
        .lease_until_ms = tools_lease_until(config, GITHUB_REQUESTS, NOMAD_REQUESTS),
        .limits = tools->limits,
        .content_per_minute = config->github.content_per_minute,
        .registers = plan_registers,
        .config = config,
        .is_provided = is_provided,
        .provided = provided,
        .supplies = tools,
        .out = order,
    };
}
