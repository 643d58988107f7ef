/*
 * One request to GitHub's REST API: what every call of it shares.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_REQUEST_H
#define UPSTREAM_GITHUB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "config/place.h"
#include "text/buffer.h"
#include "upstream/account.h"
#include "upstream/failure.h"
#include "upstream/github.h"
#include "upstream/github_permission.h"
#include "upstream/http.h"

#define GITHUB_PATH_MAX 2048

/* All borrowed. */
struct github_call {
    const char *method;
    const struct buffer *path; /* where it overflowed, nothing is sent */
    const char *place;         /* that it is about: its owner's account asks (config/place.h) */
    enum github_permission permission; /* that it needs there */
    struct account *as_app; /* instead: this account asks for itself, an App with its JSON Web
                               Token, a token as always; NULL for not */
    bool is_public;         /* anybody may ask: without `as_app` it goes without a credential */
    const char *body;       /* JSON; NULL for none */
    size_t body_len;
    const char *etag;        /* asks for a 304 where nothing has changed since; NULL for not */
    size_t reply_max;        /* as in struct http_request, and: */
    const char *const *keep; /* headers of the reply */
};

/* Begins a path with a place's, such as "/repos/{owner}/{repo}". The names in it were checked when
 * they came in, and are again here, where they become part of a URL: FAILURE_CONFIGURATION where
 * they cannot. */
bool github_path(struct buffer *path, const char *place, struct failure *failure);

/* The same for a repository ("owner/name"), whose place is written to `place`. */
bool github_repository_path(struct buffer *path, const char *repository, char place[PLACE_CAP],
                            struct failure *failure);

/*
 * Sends a request under the credential of now; once more at once where GitHub refuses that and
 * there is another by now: in its file, or by minting a fresh installation token. True where there
 * was an answer, of whatever status: the caller ends it with http_reply_fini.
 */
bool github_send(struct github *github, const struct github_call *call, struct http_reply *reply,
                 struct failure *failure);

/* Makes a failure of an answer that does not do, and says what it means to the person who has to
 * act. Returns false. */
bool github_refused(struct github *github, const struct github_call *call,
                    const struct http_reply *reply, struct failure *failure);

/* Whether an answer's words are the API's own, as of a 404: {"message": "Not Found", …}. What a
 * proxy or a wrong address says is not taken for GitHub's word that something is gone. */
bool github_is_api_error(const struct http_reply *reply);

/* Reads {"token": …, "expires_at": …}. On success the caller owns `*token`. */
bool github_read_token(const struct http_reply *reply, struct rh_secret **token,
                       int64_t *expires_at_ms, struct failure *failure);

/* The accounts that it asks by. */
struct accounts *github_accounts(struct github *github);

#endif
