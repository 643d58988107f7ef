/*
 * Which pool serves what.
 * SPDX-License-Identifier: MIT
 */
#include "config/pool.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "config/access.h"
#include "text/buffer.h"
#include "text/escape.h"

/* Of a label that a message shows. */
#define LABEL_CHARS 48
#define LABEL_BYTES 512

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

/* Whether it has the labels. */
static bool
has_labels(const struct pool *pool, const struct rh_labels *asked, char *words, size_t words_cap)
{
    struct buffer label = BUFFER_INIT(LABEL_BYTES);
    const char *missing = NULL, *reason = "";

    switch (rh_labels_match(asked, &pool->labels, pool->require_self_hosted, &missing)) {
    case RH_MATCH_SERVES:
        return true;
    case RH_MATCH_NO_LABELS:
        reason = "the job asks for no label";
        break;
    case RH_MATCH_NOT_SELF_HOSTED:
        reason = "the job does not ask for \"self-hosted\"";
        break;
    case RH_MATCH_LABEL_MISSING:
        (void)escape_plain(&label, missing, strlen(missing), LABEL_CHARS);
        break;
    }
    if (words != NULL && missing != NULL)
        (void)snprintf(words, words_cap, "has no label \"%s\"", buffer_text(&label));
    else if (words != NULL)
        (void)snprintf(words, words_cap, "%s", reason);
    buffer_fini(&label);
    return false;
}

bool
pool_serves(const struct config *config, const struct pool *pool, const struct pool_ask *ask,
            char *words, size_t words_cap)
{
    if (!has_labels(pool, ask->labels, words, words_cap) ||
        !access_permits(config, pool, ask->repository, ask->is_private, words, words_cap))
        return false;
    if (words != NULL)
        (void)snprintf(words, words_cap, "serves the job");
    return true;
}

const struct pool *
pool_serving(const struct config *config, const struct pool_ask *ask)
{
    for (size_t i = 0; i < config->pools_len; i++) {
        if (pool_serves(config, &config->pools[i], ask, NULL, 0))
            return &config->pools[i];
    }
    return NULL;
}

const struct pool *
pool_for_job(const struct config *config, const struct rh_workflow_job *job)
{
    const struct pool_ask ask = {.labels = &job->labels,
                                 .repository = job->repository,
                                 .is_private = job->repository_private};

    return job->labels_overflow ? NULL : pool_serving(config, &ask);
}

const struct pool *
pool_serving_json(const struct config *config, const char *labels, const char *repository,
                  bool is_private)
{
    const struct pool *pool;
    struct rh_labels asked;

    if (!read_labels(labels, &asked))
        return NULL;
    pool = pool_serving(
        config,
        &(struct pool_ask){.labels = &asked, .repository = repository, .is_private = is_private});
    rh_labels_fini(&asked);
    return pool;
}

bool
pool_has_labels(const struct pool *pool, const char *labels, bool *has)
{
    struct rh_labels asked;
    bool done = read_labels(labels, &asked);

    *has = done && rh_labels_match(&asked, &pool->labels, false, NULL) == RH_MATCH_SERVES;
    if (done)
        rh_labels_fini(&asked);
    return done;
}

bool
pool_covers(const void *config, const char *name, const char *labels)
{
    const struct pool *pool = pool_named(config, name);
    bool covers;

    return pool != NULL && pool_has_labels(pool, labels, &covers) && covers;
}
