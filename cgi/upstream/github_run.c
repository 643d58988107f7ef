/*
 * GitHub's REST API, as far as workflow runs and their jobs go.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_run.h"

#include <inttypes.h>
#include <string.h>

#include "upstream/github_page.h"
#include "upstream/github_read.h"
#include "upstream/github_request.h"

/* GitHub lists at most 1,000 runs of a status; the same bound does for the jobs of a run. */
#define PAGES_MAX 10

bool
github_job_get(struct github *github, const char *repository, int64_t id, struct github_job *job,
               struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    char place[PLACE_CAP];
    const struct github_call call = {
        .method = "GET", .path = &path, .place = place, .permission = GITHUB_ACTIONS};
    struct http_reply reply;
    bool done = true;

    *job = (struct github_job){0};
    if (!github_repository_path(&path, repository, place, failure))
        return false;
    (void)buffer_addf(&path, "/actions/jobs/%" PRId64, id);
    if (!github_send(github, &call, &reply, failure)) {
        done = false;
        goto out;
    }
    if (reply.status == 404 && github_is_api_error(&reply))
        job->status = GITHUB_JOB_ABSENT;
    else if (reply.status != 200)
        done = github_refused(github, &call, &reply, failure);
    else if (!github_read_job(&reply.body, id, job))
        done = failure_garbage(failure, UPSTREAM_GITHUB,
                               "GitHub's answer is not job %" PRId64 ": is [github] api_url right?",
                               id);
    http_reply_fini(&reply);
out:
    buffer_fini(&path);
    return done;
}

bool
github_run_is_forks(struct github *github, const char *repository, int64_t run_id, bool *is_forks,
                    struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    char place[PLACE_CAP];
    const struct github_call call = {
        .method = "GET", .path = &path, .place = place, .permission = GITHUB_ACTIONS};
    struct http_reply reply;
    bool done = false;

    *is_forks = true; /* which permits the least */
    if (!github_repository_path(&path, repository, place, failure))
        return false;
    (void)buffer_addf(&path, "/actions/runs/%" PRId64, run_id);
    if (github_send(github, &call, &reply, failure)) {
        if (reply.status != 200)
            done = github_refused(github, &call, &reply, failure);
        else if (!github_read_origin(&reply.body, run_id, is_forks))
            done = failure_garbage(
                failure, UPSTREAM_GITHUB,
                "GitHub's answer is not run %" PRId64 ": is [github] api_url right?", run_id);
        else
            done = true;
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return done;
}

void
github_list_fini(struct github_list *list)
{
    cJSON_Delete(list->items);
    *list = (struct github_list){0};
}

/* Whether a text is made of what ETags are made of (RFC 9110, section 8.8.3), and so may become
 * part of a request's header. GitHub's own are ASCII. */
static bool
is_etag(const char *text)
{
    size_t len = strnlen(text, GITHUB_ETAG_CAP);

    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return len > 0 && len < GITHUB_ETAG_CAP;
}

/* Moves a page's items to the end of the list. */
static void
add_items(struct github_list *list, struct github_page *page)
{
    if (list->items == NULL) {
        list->items = page->items;
        page->items = NULL;
        return;
    }
    while (page->items->child != NULL)
        (void)cJSON_AddItemToArray(list->items,
                                   cJSON_DetachItemViaPointer(page->items, page->items->child));
}

/* Reads all pages. Only the first is asked for under a condition: what was unchanged there, and was
 * the only page, is unchanged as a whole. */
static bool
get_list(struct github *github, const struct github_call *call, const char *member,
         struct github_list *list, struct failure *failure)
{
    const char *etag = call->etag != NULL && is_etag(call->etag) ? call->etag : NULL;
    struct github_call page_call = *call;
    int64_t seen = 0;
    bool done = true, is_last = false;

    page_call.etag = etag;
    for (int number = 1; done && !is_last && number <= PAGES_MAX; number++) {
        struct github_page page;

        done = github_page_get(github, &page_call, member, number, &page, failure);
        if (!done)
            break;
        list->is_unchanged = page.is_unchanged;
        seen += page.items_len;
        is_last = page.is_unchanged || page.items_len == 0 || seen >= page.total;
        if (number == 1 && is_last && is_etag(page.etag))
            memcpy(list->etag, page.etag, sizeof list->etag);
        if (page.items != NULL)
            add_items(list, &page);
        github_page_fini(&page);
        page_call.etag = NULL;
    }
    if (done && list->is_unchanged && etag != NULL)
        memcpy(list->etag, etag, strlen(etag) + 1);
    if (!done)
        github_list_fini(list);
    return done;
}

bool
github_runs(struct github *github, const char *repository, const char *status, const char *etag,
            struct github_list *list, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    char place[PLACE_CAP];
    const struct github_call call = {
        .path = &path, .place = place, .permission = GITHUB_ACTIONS, .etag = etag};
    bool done = false;

    *list = (struct github_list){0};
    if (github_repository_path(&path, repository, place, failure)) {
        (void)buffer_add_text(&path, "/actions/runs?status=");
        (void)http_escape(&path, status);
        done = get_list(github, &call, "workflow_runs", list, failure);
    }
    buffer_fini(&path);
    return done;
}

bool
github_run_jobs(struct github *github, const char *repository, int64_t run_id, const char *etag,
                struct github_list *list, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    char place[PLACE_CAP];
    const struct github_call call = {
        .path = &path, .place = place, .permission = GITHUB_ACTIONS, .etag = etag};
    bool done = false;

    *list = (struct github_list){0};
    if (github_repository_path(&path, repository, place, failure)) {
        (void)buffer_addf(&path, "/actions/runs/%" PRId64 "/jobs?filter=latest", run_id);
        done = get_list(github, &call, "jobs", list, failure);
    }
    buffer_fini(&path);
    return done;
}
