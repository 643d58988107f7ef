/*
 * A list of GitHub's REST API that is a bare JSON array.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_array.h"

#include <string.h>
#include <strings.h>

#include "text/json.h"

#define PER_PAGE 100 /* the most that GitHub gives */
#define QUERY_CAP 1024

/* What a query may have in it (RFC 3986): it becomes part of a request's line. */
static bool
is_query(const char *text, size_t len)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._~!$&'()*+,;=:@/?%";

    return len > 0 && strspn(text, allowed) >= len;
}

/* Whether the parameters behind an address, up to the comma before the next one, say that it is the
 * next page's (RFC 8288, section 3). */
static bool
is_next(const char *parameters, const char *end)
{
    static const char rel[] = "rel=";

    for (const char *at = parameters; at + strlen(rel) < end; at++) {
        if (strncasecmp(at, rel, strlen(rel)) != 0)
            continue;
        at += strlen(rel);
        at += *at == '"';
        return strncasecmp(at, "next", 4) == 0 && (at + 4 == end || strchr("\"; ,", at[4]) != NULL);
    }
    return false;
}

bool
github_next_query(const char *link, char *out, size_t out_cap)
{
    while ((link = strchr(link, '<')) != NULL) {
        const char *close = strchr(link, '>'), *query = memchr(link, '?', strcspn(link, ">"));
        const char *end;
        size_t len;

        if (close == NULL)
            return false;
        end = close + strcspn(close, "<"); /* where the next address begins, or the end */
        if (is_next(close + 1, end)) {
            len = query == NULL ? 0 : (size_t)(close - query) - 1;
            if (len >= out_cap || !is_query(query == NULL ? "" : query + 1, len))
                return false;
            memcpy(out, query + 1, len);
            out[len] = '\0';
            return true;
        }
        link = close + 1;
    }
    return false;
}

/* Calls for each item. False, and `*failure` set, where the body is no such list; `*goes_on` is
 * false where the visitor has had enough. */
static bool
visit_page(const struct http_reply *reply, const char *member, github_visitor visit, void *arg,
           bool *goes_on, struct failure *failure)
{
    cJSON *json = member == NULL ? json_parse_array(&reply->body) : json_parse(&reply->body);
    const cJSON *items = member == NULL ? json : cJSON_GetObjectItemCaseSensitive(json, member);
    const cJSON *item;
    bool good = cJSON_IsArray(items);

    *goes_on = true;
    cJSON_ArrayForEach(item, items)
    {
        good = good && cJSON_IsObject(item);
        if (good && *goes_on)
            *goes_on = visit(item, arg);
    }
    cJSON_Delete(json);
    return good ||
           failure_garbage(failure, UPSTREAM_GITHUB,
                           "GitHub's answer is not the list that was asked for: is [github] "
                           "api_url right?");
}

bool
github_array(struct github *github, const struct github_call *call, const char *member,
             int pages_max, github_visitor visit, void *arg, struct failure *failure)
{
    static const char *const keep[] = {"link", NULL};
    const char *text = buffer_text(call->path);
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    struct github_call page = *call;
    char query[QUERY_CAP] = "";
    bool done = true, goes_on = true;

    page.method = "GET";
    page.keep = keep;
    page.reply_max = HTTP_LIST_MAX;
    page.path = call->path->failed ? call->path : &path;
    (void)buffer_addf(&path, "%s", text);
    if (strchr(text, '?') == NULL)
        (void)buffer_addf(&path, "?per_page=%d", PER_PAGE);
    for (int number = 1; done && goes_on && number <= pages_max; number++) {
        struct http_reply reply;

        if (!github_send(github, &page, &reply, failure)) {
            done = false;
            break;
        }
        done = reply.status == 200 ? visit_page(&reply, member, visit, arg, &goes_on, failure)
                                   : github_refused(github, &page, &reply, failure);
        goes_on = goes_on && reply.kept[0] != NULL &&
                  github_next_query(reply.kept[0], query, sizeof query);
        http_reply_fini(&reply);
        buffer_fini(&path);
        path = BUFFER_INIT(GITHUB_PATH_MAX);
        (void)buffer_addf(&path, "%.*s?%s", (int)strcspn(text, "?"), text, query);
    }
    buffer_fini(&path);
    return done;
}
