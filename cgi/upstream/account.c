/*
 * The ways into GitHub's API.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/account.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/place.h"
#include "config/values.h"
#include "upstream/credential.h"

/* One owner's installation of an App. */
struct installation {
    char *owner;
    int64_t id;
};

struct account {
    const char *owner; /* NULL for that of [github] */
    const char *app_id;
    struct credential *secret;

    /* Of an App. */
    struct token_cache *tokens;
    pthread_mutex_t lock;
    struct installation *installations;
    size_t installations_len;
};

struct accounts {
    struct account *items; /* those of owners, then that of [github] where it has one */
    size_t len;
    bool has_shared; /* the last is that of [github] */
};

static bool
account_init(struct account *account, const char *owner, const struct account_config *config)
{
    bool is_app = config->app_id != NULL;

    *account = (struct account){.owner = owner, .app_id = config->app_id};
    (void)pthread_mutex_init(&account->lock, NULL);
    account->secret = is_app ? credential_new(config->private_key, config->private_key_file,
                                              value_private_key_file)
                             : credential_new(config->token, config->token_file, value_secret_file);
    account->tokens = is_app ? token_cache_new() : NULL;
    return account->secret != NULL && (!is_app || account->tokens != NULL);
}

static void
account_fini(struct account *account)
{
    for (size_t i = 0; i < account->installations_len; i++)
        free(account->installations[i].owner);
    free(account->installations);
    token_cache_free(account->tokens);
    credential_free(account->secret);
    (void)pthread_mutex_destroy(&account->lock);
}

static bool
has_credential(const struct account_config *config)
{
    return config->app_id != NULL || config->token != NULL;
}

struct accounts *
accounts_new(const struct github_config *github, const struct owner_config *owners,
             size_t owners_len)
{
    struct accounts *accounts = calloc(1, sizeof *accounts);
    bool done = accounts != NULL;

    if (done)
        accounts->items = calloc(owners_len + 1, sizeof *accounts->items);
    done = done && accounts->items != NULL;
    for (size_t i = 0; done && i < owners_len; i++)
        done = account_init(&accounts->items[accounts->len++], owners[i].name, &owners[i].account);
    if (done && has_credential(&github->account)) {
        accounts->has_shared = true;
        done = account_init(&accounts->items[accounts->len++], NULL, &github->account);
    }
    if (!done) {
        accounts_free(accounts);
        return NULL;
    }
    return accounts;
}

void
accounts_free(struct accounts *accounts)
{
    if (accounts == NULL)
        return;
    for (size_t i = 0; i < accounts->len; i++)
        account_fini(&accounts->items[i]);
    free(accounts->items);
    free(accounts);
}

struct account *
accounts_for(struct accounts *accounts, const char *place)
{
    char owner[PLACE_CAP];

    place_owner(place, owner);
    for (size_t i = 0; i < accounts->len; i++) {
        struct account *account = &accounts->items[i];

        if (account->owner != NULL && strcasecmp(account->owner, owner) == 0)
            return account;
    }
    return accounts->has_shared ? &accounts->items[accounts->len - 1] : NULL;
}

struct account *
accounts_at(struct accounts *accounts, size_t i)
{
    return i < accounts->len ? &accounts->items[i] : NULL;
}

const char *
account_app_id(const struct account *account)
{
    return account->app_id;
}

bool
account_is_owners(const struct account *account)
{
    return account->owner != NULL || account->app_id != NULL;
}

const char *
account_section(const struct account *account, char out[ACCOUNT_SECTION_CAP])
{
    if (account->owner == NULL)
        (void)snprintf(out, ACCOUNT_SECTION_CAP, "[github]");
    else
        (void)snprintf(out, ACCOUNT_SECTION_CAP, "[owner %s]", account->owner);
    return out;
}

const char *
account_owner(const struct account *account)
{
    return account->owner;
}

bool
account_secret(struct account *account, struct rh_secret **secret)
{
    return credential_get(account->secret, secret);
}

bool
account_renew(struct account *account, const struct rh_secret *secret)
{
    return credential_renew(account->secret, secret);
}

/* With the lock held. NULL where there is none. */
static struct installation *
find_installation(struct account *account, const char *owner)
{
    for (size_t i = 0; i < account->installations_len; i++) {
        if (strcasecmp(account->installations[i].owner, owner) == 0)
            return &account->installations[i];
    }
    return NULL;
}

/* Likewise; NULL when out of memory. */
static struct installation *
add_installation(struct account *account, const char *owner)
{
    struct installation *grown = reallocarray(
        account->installations, account->installations_len + 1, sizeof *account->installations);
    char *copied = strdup(owner);

    if (grown != NULL)
        account->installations = grown;
    if (grown == NULL || copied == NULL) {
        free(copied);
        return NULL;
    }
    grown[account->installations_len] = (struct installation){.owner = copied};
    return &grown[account->installations_len++];
}

int64_t
account_installation(struct account *account, const char *owner)
{
    const struct installation *found;
    int64_t id;

    (void)pthread_mutex_lock(&account->lock);
    found = find_installation(account, owner);
    id = found == NULL ? 0 : found->id;
    (void)pthread_mutex_unlock(&account->lock);
    return id;
}

void
account_set_installation(struct account *account, const char *owner, int64_t id)
{
    struct installation *found;

    (void)pthread_mutex_lock(&account->lock);
    found = find_installation(account, owner);
    if (found == NULL && id != 0)
        found = add_installation(account, owner); /* what is not noted is asked for again */
    if (found != NULL)
        found->id = id;
    (void)pthread_mutex_unlock(&account->lock);
}

struct token_cache *
account_tokens(struct account *account)
{
    return account->tokens;
}
