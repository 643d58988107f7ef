/*
 * The token that lets us into an upstream.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/credential.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct credential {
    pthread_mutex_t lock;
    const struct rh_secret *first; /* the configuration's */
    const char *path;
    credential_reader reader;
    struct rh_secret *renewed; /* read since; NULL where the first still holds */
};

struct credential *
credential_new(const struct rh_secret *token, const char *path, credential_reader reader)
{
    struct credential *credential = calloc(1, sizeof *credential);

    if (credential == NULL)
        return NULL;
    (void)pthread_mutex_init(&credential->lock, NULL);
    credential->first = token;
    credential->path = path;
    credential->reader = reader;
    return credential;
}

void
credential_free(struct credential *credential)
{
    if (credential == NULL)
        return;
    rh_secret_free(credential->renewed);
    (void)pthread_mutex_destroy(&credential->lock);
    free(credential);
}

static const struct rh_secret *
current(const struct credential *credential)
{
    return credential->renewed != NULL ? credential->renewed : credential->first;
}

bool
credential_get(struct credential *credential, struct rh_secret **token)
{
    const struct rh_secret *now;
    bool done = true;

    *token = NULL;
    (void)pthread_mutex_lock(&credential->lock);
    now = current(credential);
    if (now != NULL)
        done = rh_secret_new(rh_secret_bytes(now), rh_secret_len(now), token) == RH_OK;
    (void)pthread_mutex_unlock(&credential->lock);
    return done;
}

static bool
is_other(const struct rh_secret *one, const struct rh_secret *two)
{
    return strcmp(rh_secret_bytes(one), rh_secret_bytes(two)) != 0;
}

bool
credential_renew(struct credential *credential, const struct rh_secret *token)
{
    struct rh_secret *read = NULL;
    struct rh_reason ignored; /* a file that is being replaced may be missing for a moment */
    bool renewed;

    if (credential->path == NULL || token == NULL)
        return false;
    (void)pthread_mutex_lock(&credential->lock);
    renewed = is_other(current(credential), token); /* another thread was here before */
    if (!renewed && credential->reader(credential->path, &read, &ignored) &&
        is_other(read, token)) {
        rh_secret_free(credential->renewed);
        credential->renewed = read;
        read = NULL;
        renewed = true;
    }
    (void)pthread_mutex_unlock(&credential->lock);
    rh_secret_free(read);
    return renewed;
}
