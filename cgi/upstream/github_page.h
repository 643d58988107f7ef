/*
 * One page of a list of GitHub's REST API.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_PAGE_H
#define UPSTREAM_GITHUB_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "upstream/failure.h"
#include "upstream/github_request.h"
#include "upstream/http.h"

struct github_page {
    bool is_unchanged; /* 304, where an ETag was given */
    cJSON *items;      /* the page's objects; NULL where it is unchanged */
    int64_t items_len;
    int64_t total; /* of all pages */
    char etag[HTTP_ETAG_CAP];
};

void github_page_fini(struct github_page *page);

/*
 * Asks for page `number` (from 1) of the list in `member`: call->path with `per_page` and `page`
 * added, so it has a query already, if an empty one. Method and reply_max of the call are not
 * looked at. On success the caller ends `*page`.
 */
bool github_page_get(struct github *github, const struct github_call *call, const char *member,
                     int number, struct github_page *page, struct failure *failure);

#endif
