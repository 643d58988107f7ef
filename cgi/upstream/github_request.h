/*
 * One request to GitHub's REST API: what every call of it shares.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_REQUEST_H
#define UPSTREAM_GITHUB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "text/buffer.h"
#include "upstream/failure.h"
#include "upstream/github.h"
#include "upstream/http.h"

#define GITHUB_PATH_MAX 2048

/* What the token needs, in the words of GitHub's settings for fine-grained tokens. */
#define GITHUB_ADMINISTRATION "administration (write)"
#define GITHUB_ACTIONS "actions (read)"

/* All borrowed. */
struct github_call {
    const char *method;
    const struct buffer *path; /* begun by github_path; where it overflowed, nothing is sent */
    const char *repository;    /* that it is about */
    const char *permission;    /* that it needs there, for the words of a refusal */
    const char *etag;          /* asks for a 304 where nothing has changed since; NULL for not */
    size_t reply_max;          /* as in struct http_request */
};

/*
 * Begins a path with the repository's, "/repos/{owner}/{repo}". The name was checked when it came
 * in, and is again here, where it becomes part of a URL: FAILURE_CONFIGURATION where it is none.
 */
bool github_path(struct buffer *path, const char *repository, struct failure *failure);

/*
 * Sends a request under the token of now; once more at once where GitHub refuses that and its file
 * holds another by now. True where there was an answer, of whatever status: the caller ends it with
 * http_reply_fini.
 */
bool github_send(struct github *github, const struct github_call *call, struct http_reply *reply,
                 struct failure *failure);

/* Makes a failure of an answer that does not do, and says what it means to the person who has to
 * act. Returns false. */
bool github_refused(const struct github_call *call, const struct http_reply *reply,
                    struct failure *failure);

/* Whether an answer's words are the API's own, as of a 404: {"message": "Not Found", …}. What a
 * proxy or a wrong address says is not taken for GitHub's word that something is gone. */
bool github_is_api_error(const struct http_reply *reply);

#endif
