/*
 * GitHub's REST API, as far as GitHub itself goes.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_meta.h"

#include <string.h>

#include "text/json.h"
#include "upstream/github_request.h"
#include "upstream/quote.h"

/* The token that is for all owners; an owner's is for that owner's things alone. NULL where there
 * is none: an App has no token but for its installations. */
static struct account *
shared_token(struct github *github)
{
    struct account *account;

    for (size_t i = 0; (account = accounts_at(github_accounts(github), i)) != NULL; i++) {
        if (!account_is_owners(account))
            return account;
    }
    return NULL;
}

static bool
garbage(struct failure *failure, const char *why)
{
    return failure_garbage(failure, UPSTREAM_GITHUB, "%s", why);
}

/* `token` is what it was asked with, at first at least: whoever answers at api_url was sent it. */
static bool
read_hooks(const struct http_reply *reply, const struct quote_secret *token,
           struct hook_addresses *addresses, struct failure *failure)
{
    cJSON *json = json_parse(&reply->body);
    const cJSON *hooks = cJSON_GetObjectItemCaseSensitive(json, "hooks"), *item;
    struct rh_reason reason;
    bool done = true;

    *addresses = (struct hook_addresses){0};
    if (json == NULL)
        done = garbage(failure, "GitHub's answer to /meta is no JSON object: is [github] api_url "
                                "right?");
    else if (!cJSON_IsArray(hooks) || hooks->child == NULL)
        done = garbage(failure, "GitHub does not say where its webhooks come from (/meta has no "
                                "hooks): a GitHub Enterprise Server sends them from its own "
                                "addresses, which its administrator knows");
    cJSON_ArrayForEach(item, hooks)
    {
        if (done && !cJSON_IsString(item))
            done = garbage(failure, "GitHub's list of addresses is not to be used: there is one "
                                    "that is no text");
        else if (done && !hook_addresses_add(addresses, item->valuestring, &reason))
            done = failure_set(failure, UPSTREAM_GITHUB, FAILURE_GARBAGE,
                               "GitHub's list of addresses is not to be used: %s",
                               quote_repeats(item->valuestring, token) ? "it repeats our token"
                                                                       : reason.text);
    }
    cJSON_Delete(json);
    hook_addresses_sort(addresses);
    return done;
}

/* What GitHub says to one who asks without a token, and what to do. */
static bool
refused(const struct http_reply *reply, struct failure *failure)
{
    if (reply->status == 429 || reply->rate_limited)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_RATE_LIMITED,
                          "GitHub's rate limit for requests without a token is used up (%ld): give "
                          "[github] one, or wait an hour",
                          reply->status);
    else if (reply->status == 401 || reply->status == 403)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_FORBIDDEN,
                          "GitHub does not tell its addresses without a token (%ld): give [github] "
                          "one that it accepts",
                          reply->status);
    else if (reply->status >= 500)
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_SERVER, "GitHub has trouble (%ld)",
                          reply->status);
    else
        (void)failure_set(failure, UPSTREAM_GITHUB, FAILURE_REJECTED,
                          "GitHub answered %ld to /meta: is [github] api_url right?",
                          reply->status);
    failure->status = reply->status;
    failure->retry_after_ms = reply->retry_after_ms;
    return false;
}

bool
github_hook_addresses(struct github *github, struct hook_addresses *addresses,
                      struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    struct account *account = shared_token(github);
    struct github_call call = {.method = "GET",
                               .path = &path,
                               .as_app = account,
                               .is_public = true,
                               /* GitHub's hosted runners alone have thousands of networks in it */
                               .reply_max = HTTP_LIST_MAX};
    struct rh_secret *token = NULL;
    struct http_reply reply;
    bool done;

    (void)buffer_add_text(&path, "/meta");
    done = github_send(github, &call, &reply, failure);
    if (done && reply.status != 200 && call.as_app != NULL) {
        /* A token that expired or is used up must not be why deliveries are turned away. */
        http_reply_fini(&reply);
        call.as_app = NULL;
        done = github_send(github, &call, &reply, failure);
    }
    if (done && account != NULL && !account_secret(account, &token)) {
        done = failure_set(failure, UPSTREAM_GITHUB, FAILURE_LOCAL, "out of memory");
        http_reply_fini(&reply);
    } else if (done) {
        const struct quote_secret secret = quote_secret_of(token);

        done = reply.status == 200 ? read_hooks(&reply, &secret, addresses, failure)
                                   : refused(&reply, failure);
        http_reply_fini(&reply);
    }
    rh_secret_free(token);
    buffer_fini(&path);
    return done;
}
