/*
 * A list of GitHub's REST API that is a bare JSON array, a page after another as the Link header
 * says: by numbers of pages, or by a cursor.
 * Rule: docs.github.com, "Using pagination in the REST API".
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_ARRAY_H
#define UPSTREAM_GITHUB_ARRAY_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "upstream/failure.h"
#include "upstream/github_request.h"

/* Called for each item, an object, in order; false ends the list. */
typedef bool (*github_visitor)(const cJSON *item, void *arg);

/*
 * Asks for the list at call->path (with per_page added where it has no query), page after page up
 * to `pages_max`, and calls `visit` for each of its items. `member` is NULL for a bare array; for
 * an object with the array in it (and with a Link header all the same) it is the array's name. Of
 * the next page's address only the query is taken: the path, and so the host, stay our own. Method,
 * keep and reply_max of the call are not looked at.
 */
bool github_array(struct github *github, const struct github_call *call, const char *member,
                  int pages_max, github_visitor visit, void *arg, struct failure *failure);

/* The query of the `rel="next"` address in a Link header, without its '?', written to `out`. False
 * where there is none, or it does not fit. */
bool github_next_query(const char *link, char *out, size_t out_cap);

#endif
