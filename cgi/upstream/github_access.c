/*
 * What one request to GitHub is sent under.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_access.h"

#include <stdio.h>

#include <runhook/app.h>

#include "clock/clock.h"
#include "upstream/github_app.h"

/* An installation's tokens are kept by owner and permission: "octo administration". */
#define KEY_CAP (PLACE_CAP + 64)

static void
installation_key(const struct github_call *call, char out[KEY_CAP])
{
    char owner[PLACE_CAP];

    place_owner(call->place, owner);
    (void)snprintf(out, KEY_CAP, "%s %s", owner, github_permission(call->permission)->name);
}

static bool
out_of_memory(struct failure *failure)
{
    return failure_set(failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
}

static bool
sign(struct github_access *access, struct failure *failure)
{
    enum rh_error error;

    if (!account_secret(access->account, &access->secret))
        return out_of_memory(failure);
    if (access->secret == NULL) /* a configuration that was loaded without its secrets */
        return failure_set(failure, UPSTREAM_GITHUB, FAILURE_CONFIGURATION,
                           "the GitHub App has no private key here");
    error = rh_app_jwt(access->secret, account_app_id(access->account), clock_now_ms() / 1000,
                       &access->bearer);
    if (error == RH_OK)
        return true;
    return failure_set(failure, UPSTREAM_GITHUB,
                       error == RH_ERR_ARGUMENT ? FAILURE_CONFIGURATION : FAILURE_LOCAL,
                       "the GitHub App's token could not be signed: %s", rh_error_text(error));
}

/* What a mint of an installation token works with. */
struct mint {
    struct github *github;
    struct account *app;
    const struct github_call *call;
};

/* An installation's id is asked for once, or told by a delivery; one that is not there any more
 * (the App was installed anew) is asked for once again. */
static bool
mint_installation_token(void *arg, const char *key, struct rh_secret **token,
                        int64_t *expires_at_ms, struct failure *failure)
{
    const struct mint *mint = arg;
    const char *place = mint->call->place;
    char owner[PLACE_CAP];
    int64_t id;

    (void)key;
    place_owner(place, owner);
    id = account_installation(mint->app, owner);
    if (id != 0) {
        if (github_installation_token(mint->github, mint->app, place, id, mint->call->permission,
                                      token, expires_at_ms, failure))
            return true;
        if (failure->kind != FAILURE_NOT_FOUND)
            return false;
        account_set_installation(mint->app, owner, 0);
    }
    if (!github_installation_find(mint->github, mint->app, place, &id, failure))
        return false;
    account_set_installation(mint->app, owner, id);
    return github_installation_token(mint->github, mint->app, place, id, mint->call->permission,
                                     token, expires_at_ms, failure);
}

bool
github_access_get(struct github *github, const struct github_call *call,
                  struct github_access *access, struct failure *failure)
{
    struct mint mint = {.github = github, .call = call};
    char words[PLACE_WORDS_CAP], key[KEY_CAP];

    if (call->is_public && call->as_app == NULL)
        return true;
    access->account =
        call->as_app != NULL ? call->as_app : accounts_for(github_accounts(github), call->place);
    if (access->account == NULL)
        return failure_set(failure, UPSTREAM_GITHUB, FAILURE_CONFIGURATION,
                           "the configuration has no token or App for %.96s: give it an [owner "
                           "NAME], or [github] one for all",
                           place_words(call->place, words));
    if (call->as_app != NULL && account_app_id(call->as_app) != NULL)
        return sign(access, failure);
    if (account_app_id(access->account) == NULL)
        return account_secret(access->account, &access->bearer) || out_of_memory(failure);
    mint.app = access->account;
    access->is_installations = true;
    installation_key(call, key);
    return token_cache_get(account_tokens(access->account), key, mint_installation_token, &mint,
                           &access->bearer, NULL, failure);
}

bool
github_access_renew(const struct github_call *call, struct github_access *access)
{
    bool renewed;
    char key[KEY_CAP];

    if (access->account == NULL)
        return false;
    if (access->is_installations) {
        installation_key(call, key);
        token_cache_drop(account_tokens(access->account), key, access->bearer);
        renewed = !access->was_renewed;
    } else {
        renewed = account_renew(access->account,
                                access->secret != NULL ? access->secret : access->bearer);
    }
    access->was_renewed = true;
    github_access_fini(access);
    return renewed;
}

void
github_access_fini(struct github_access *access)
{
    rh_secret_free(access->bearer);
    rh_secret_free(access->secret);
    access->bearer = NULL;
    access->secret = NULL;
}
