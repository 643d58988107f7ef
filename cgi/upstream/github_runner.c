/*
 * GitHub's REST API, as far as the registrations of runners go.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_runner.h"

#include <inttypes.h>

#include "upstream/github_page.h"
#include "upstream/github_read.h"
#include "upstream/github_request.h"

/* GitHub allows 10,000 runners in a group, a hundred on a page. */
#define PAGES_MAX 100

/* Looks on one page. `*total` is what the page before said, 0 where there was none. */
static bool
find_on_page(struct github *github, const struct github_call *call, const char *name, int number,
             int64_t *seen, int64_t *total, struct github_runner *runner, bool *is_last,
             struct failure *failure)
{
    struct github_page page;
    bool done;

    if (!github_page_get(github, call, "runners", number, &page, failure))
        return false;
    *seen += page.items_len;
    *is_last = page.items_len == 0 || *seen >= page.total;
    done = github_read_runner(page.items, name, runner);
    if (!done)
        (void)failure_garbage(
            failure, UPSTREAM_GITHUB,
            "GitHub's list of runners cannot be read: is [github] api_url right?");
    else if (!runner->is_registered && number > 1 && page.total != *total)
        /* What goes from one page moves all that follows, and one of them over the pages' edge. */
        done = failure_set(failure, UPSTREAM_GITHUB, FAILURE_CONFLICT,
                           "GitHub's list of runners changed while it was read");
    *total = page.total;
    github_page_fini(&page);
    return done;
}

bool
github_runner_find(struct github *github, const char *place, const char *name,
                   struct github_runner *runner, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {
        .path = &path, .place = place, .permission = github_permission_of_runners(place)};
    char words[PLACE_WORDS_CAP];
    int64_t seen = 0, total = 0;
    bool done, is_last = false;

    *runner = (struct github_runner){0};
    done = github_path(&path, place, failure);
    (void)buffer_add_text(&path, "/actions/runners?name=");
    (void)http_escape(&path, name);
    for (int number = 1; done && !runner->is_registered && !is_last; number++) {
        if (number > PAGES_MAX)
            done = failure_set(failure, UPSTREAM_GITHUB, FAILURE_OVERSIZED,
                               "GitHub's list of runners of %.96s has no end",
                               place_words(place, words));
        else
            done =
                find_on_page(github, &call, name, number, &seen, &total, runner, &is_last, failure);
    }
    buffer_fini(&path);
    return done;
}

bool
github_runner_delete(struct github *github, const char *place, int64_t id,
                     enum github_deletion *deletion, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(GITHUB_PATH_MAX);
    const struct github_call call = {.method = "DELETE",
                                     .path = &path,
                                     .place = place,
                                     .permission = github_permission_of_runners(place)};
    struct http_reply reply;
    bool done = true;

    *deletion = GITHUB_BUSY; /* which permits nothing */
    if (!github_path(&path, place, failure))
        return false;
    (void)buffer_addf(&path, "/actions/runners/%" PRId64, id);
    if (!github_send(github, &call, &reply, failure)) {
        done = false;
        goto out;
    }
    if (reply.status == 204)
        *deletion = GITHUB_DELETED;
    else if (reply.status == 404 && github_is_api_error(&reply))
        *deletion = GITHUB_ABSENT;
    else if (reply.status != 422)
        done = github_refused(github, &call, &reply, failure);
    http_reply_fini(&reply);
out:
    buffer_fini(&path);
    return done;
}
