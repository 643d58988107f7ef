/*
 * Tokens, kept in memory.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/token_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "clock/clock.h"

/* More repositories than a small cluster serves; beyond them the token that expires first goes. */
#define ENTRIES_MAX 512

/* GitHub's registration and installation tokens live for so long. */
#define TOKEN_LIFE_MS (INT64_C(3600) * 1000)

/* One key. An entry that is `asking` belongs to the thread that asks, and is not removed. */
struct entry {
    char *key;
    struct rh_secret *token; /* NULL until there is one */
    int64_t good_until_ms;
    bool asking;
    uint64_t answers; /* goes up with every answer */
    bool failed;      /* the last answer was a failure: this one */
    struct failure failure;
};

struct token_cache {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct entry *entries[ENTRIES_MAX];
    size_t len;
};

struct token_cache *
token_cache_new(void)
{
    struct token_cache *cache = calloc(1, sizeof *cache);

    if (cache == NULL)
        return NULL;
    (void)pthread_mutex_init(&cache->lock, NULL);
    (void)pthread_cond_init(&cache->answered, NULL);
    return cache;
}

static void
entry_free(struct entry *entry)
{
    rh_secret_free(entry->token);
    free(entry->key);
    free(entry);
}

void
token_cache_free(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < cache->len; i++)
        entry_free(cache->entries[i]);
    (void)pthread_cond_destroy(&cache->answered);
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* Makes room by dropping the entry that ends first. False where every one is being asked for. */
static bool
evict(struct token_cache *cache)
{
    size_t first = cache->len;

    for (size_t i = 0; i < cache->len; i++) {
        if (!cache->entries[i]->asking &&
            (first == cache->len ||
             cache->entries[i]->good_until_ms < cache->entries[first]->good_until_ms))
            first = i;
    }
    if (first == cache->len)
        return false;
    entry_free(cache->entries[first]);
    cache->entries[first] = cache->entries[--cache->len];
    return true;
}

/* The key's entry, made where there is none. NULL when out of memory. */
static struct entry *
find(struct token_cache *cache, const char *key)
{
    struct entry *entry;

    for (size_t i = 0; i < cache->len; i++) {
        if (strcasecmp(cache->entries[i]->key, key) == 0)
            return cache->entries[i];
    }
    if (cache->len == ENTRIES_MAX && !evict(cache))
        return NULL;
    entry = calloc(1, sizeof *entry);
    if (entry == NULL || (entry->key = strdup(key)) == NULL) {
        free(entry);
        return NULL;
    }
    cache->entries[cache->len++] = entry;
    return entry;
}

static bool
is_good(const struct entry *entry)
{
    return entry->token != NULL && entry->good_until_ms > clock_now_ms();
}

/* When a token expires by our clock, which may be behind GitHub's: none lives for longer than an
 * hour from when it was asked for. */
static int64_t
expiry(int64_t told_ms, int64_t asked_at_ms)
{
    int64_t most_ms = asked_at_ms + TOKEN_LIFE_MS;

    return told_ms < most_ms ? told_ms : most_ms;
}

/* Asks, with the lock open meanwhile. */
static bool
ask(struct token_cache *cache, struct entry *entry, token_mint mint, void *arg,
    struct failure *failure)
{
    struct rh_secret *token = NULL;
    int64_t expires_at_ms = 0, asked_at_ms = clock_now_ms();
    bool done;

    entry->asking = true;
    (void)pthread_mutex_unlock(&cache->lock);
    done = mint(arg, entry->key, &token, &expires_at_ms, failure);
    (void)pthread_mutex_lock(&cache->lock);
    entry->asking = false;
    entry->answers++;
    entry->failed = !done;
    if (!done)
        entry->failure = *failure;
    if (done) {
        rh_secret_free(entry->token);
        entry->token = token;
        entry->good_until_ms = expiry(expires_at_ms, asked_at_ms) - TOKEN_MARGIN_MS;
    }
    (void)pthread_cond_broadcast(&cache->answered);
    return done;
}

/* Waits while another thread asks. Returns the entry, looked up again since it may have been
 * dropped meanwhile; `*waited` says that its last answer is news to this thread too. */
static struct entry *
await(struct token_cache *cache, const char *key, bool *waited)
{
    struct entry *entry = find(cache, key);
    uint64_t seen = entry == NULL ? 0 : entry->answers;

    while (entry != NULL && entry->asking) {
        (void)pthread_cond_wait(&cache->answered, &cache->lock);
        entry = find(cache, key);
    }
    *waited = entry != NULL && entry->answers != seen;
    return entry;
}

bool
token_cache_get(struct token_cache *cache, const char *key, token_mint mint, void *arg,
                struct rh_secret **token, bool *asked, struct failure *failure)
{
    struct entry *entry;
    bool waited, is_asked = false, done = true;

    *token = NULL;
    (void)pthread_mutex_lock(&cache->lock);
    entry = await(cache, key, &waited);
    if (entry != NULL && waited && entry->failed) {
        /* Whoever waited for a request that failed would only wait for the same again. */
        *failure = entry->failure;
        done = false;
    } else if (entry != NULL && !is_good(entry)) {
        is_asked = true;
        done = ask(cache, entry, mint, arg, failure);
    }
    if (entry == NULL || (done && rh_secret_new(rh_secret_bytes(entry->token),
                                                rh_secret_len(entry->token), token) != RH_OK))
        done = failure_set(failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
    (void)pthread_mutex_unlock(&cache->lock);
    if (asked != NULL)
        *asked = is_asked;
    return done;
}

void
token_cache_drop(struct token_cache *cache, const char *key, const struct rh_secret *token)
{
    struct entry *entry;

    (void)pthread_mutex_lock(&cache->lock);
    entry = find(cache, key);
    if (entry != NULL && entry->token != NULL &&
        strcmp(rh_secret_bytes(entry->token), rh_secret_bytes(token)) == 0)
        entry->good_until_ms = 0;
    (void)pthread_mutex_unlock(&cache->lock);
}

bool
token_cache_has(struct token_cache *cache, const char *key)
{
    const struct entry *entry;
    bool has;

    (void)pthread_mutex_lock(&cache->lock);
    entry = find(cache, key);
    has = entry != NULL && is_good(entry);
    (void)pthread_mutex_unlock(&cache->lock);
    return has;
}

char *
token_cache_keys(struct token_cache *cache)
{
    cJSON *array = cJSON_CreateArray();
    char *text = NULL;
    bool done = array != NULL;

    (void)pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; done && i < cache->len; i++) {
        if (is_good(cache->entries[i]))
            done = cJSON_AddItemToArray(array, cJSON_CreateString(cache->entries[i]->key));
    }
    (void)pthread_mutex_unlock(&cache->lock);
    if (done)
        text = cJSON_PrintUnformatted(array);
    cJSON_Delete(array);
    return text;
}
