/*
 * One page of a list of GitHub's REST API.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_page.h"

#include <string.h>

#include "upstream/github_read.h"

#define PER_PAGE 100 /* the most that GitHub gives */

void
github_page_fini(struct github_page *page)
{
    cJSON_Delete(page->items);
    *page = (struct github_page){0};
}

static bool
read_page(const struct http_reply *reply, const char *member, struct github_page *page,
          struct failure *failure)
{
    page->items = github_read_page(&reply->body, member, &page->total);
    if (page->items == NULL)
        return failure_garbage(failure, UPSTREAM_GITHUB,
                               "GitHub's answer is no list of %s: is [github] api_url right?",
                               member);
    page->items_len = cJSON_GetArraySize(page->items);
    memcpy(page->etag, reply->etag, sizeof page->etag);
    return true;
}

static bool
path_ends_in_query(const struct buffer *path)
{
    return path->len > 0 && buffer_text(path)[path->len - 1] == '?';
}

bool
github_page_get(struct github *github, const struct github_call *call, const char *member,
                int number, struct github_page *page, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    struct github_call page_call = *call;
    struct http_reply reply;
    bool done = false;

    *page = (struct github_page){0};
    (void)buffer_addf(&path, "%s%sper_page=%d&page=%d", buffer_text(call->path),
                      path_ends_in_query(call->path) ? "" : "&", PER_PAGE, number);
    page_call.method = "GET";
    page_call.path = call->path->failed ? call->path : &path;
    page_call.reply_max = HTTP_LIST_MAX;
    if (!github_send(github, &page_call, &reply, failure))
        goto out;
    page->is_unchanged = reply.status == 304 && call->etag != NULL;
    if (reply.status == 200)
        done = read_page(&reply, member, page, failure);
    else
        done = page->is_unchanged || github_refused(github, call, &reply, failure);
    http_reply_fini(&reply);
out:
    buffer_fini(&path);
    return done;
}
