/*
 * The status page of hostile rows.
 *
 * Input: how many rows a table has at most, beside the least; texts, one a line, which the rows
 * take in turn, and their numbers come of. Checked: the page has its bound, is plain UTF-8, has no
 * markup but the page's own, and its tags end in their order. SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "status/page.h"

#define TEXTS_MAX 64

static char *texts[TEXTS_MAX];
static size_t texts_len, next_text;
static size_t rows_most;

/* The next text, borrowed. */
static const char *
text(void)
{
    return texts_len == 0 ? "" : texts[next_text++ % texts_len];
}

static char *
own_text(void)
{
    char *copy = strdup(text());

    FUZZ_CHECK(copy != NULL);
    return copy;
}

static void
fill(char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s", text());
}

/* How many rows a table has that may have `most`. A page of few is made in a tenth of the time. */
static size_t
rows(size_t most)
{
    return next_text % ((most < rows_most ? most : rows_most) + 1);
}

/* A number that is as odd as the texts are. */
static int64_t
number(void)
{
    static const int64_t odd[] = {
        0, 1, -1, 1769903999000, INT32_MAX, INT64_MAX / 4, -INT64_MAX / 4};
    size_t sum = next_text++;

    for (const char *c = text(); *c != '\0'; c++)
        sum = 31 * sum + (unsigned char)*c;
    return odd[sum % (sizeof odd / sizeof odd[0])];
}

static void
fill_job(struct view_job *job, enum job_state state)
{
    struct job *row = &job->job;

    *row = (struct job){.id = number(),
                        .state = state,
                        .repository = own_text(),
                        .name = own_text(),
                        .workflow_name = own_text(),
                        .head_branch = own_text(),
                        .html_url = own_text(),
                        .pool = own_text(),
                        .conclusion = own_text(),
                        .runner = own_text(),
                        .last_error = own_text(),
                        .received_at_ms = number(),
                        .started_at_ms = number(),
                        .changed_at_ms = number()};
    job->outlook = own_text();
    job->events_before = number();
    job->events_len = rows(VIEW_EVENTS_MAX);
    for (size_t i = 0; i < job->events_len; i++) {
        job->events[i].at_ms = number();
        fill(job->events[i].what, sizeof job->events[i].what);
        fill(job->events[i].runner, sizeof job->events[i].runner);
        fill(job->events[i].detail, sizeof job->events[i].detail);
    }
}

static void
fill_jobs(struct view_jobs *jobs, size_t most, enum job_state state)
{
    jobs->len = rows(most);
    jobs->total = number();
    jobs->items = calloc(most, sizeof *jobs->items);
    FUZZ_CHECK(jobs->items != NULL);
    for (size_t i = 0; i < jobs->len; i++)
        fill_job(&jobs->items[i], state);
}

static void
fill_received(struct view_received *log, size_t most, bool is_signed)
{
    log->len = rows(most);
    for (size_t i = 0; i < log->len; i++) {
        struct received *row = &log->items[i];

        *row = (struct received){
            .at_ms = number(), .is_signed = is_signed, .http_status = 403, .job_id = number()};
        fill(row->outcome, sizeof row->outcome);
        fill(row->reason, sizeof row->reason);
        fill(row->guid, sizeof row->guid);
        fill(row->event, sizeof row->event);
        fill(row->action, sizeof row->action);
        fill(row->repository, sizeof row->repository);
        fill(row->sender, sizeof row->sender);
    }
}

static void
fill_view(struct view *view)
{
    *view = (struct view){.now_ms = 1769903999000, .version = text(), .receiver = text()};
    fill(view->trouble, sizeof view->trouble);
    view->pools_len = rows(CONFIG_POOLS_MAX) + 1;
    for (size_t i = 0; i + 1 < view->pools_len; i++)
        view->pools[i] = (struct view_pool){.name = text(),
                                            .limit = 8,
                                            .runners = (int64_t)(next_text % 20),
                                            .queued = (int64_t)(next_text % 5)};
    view->gates_len = rows(1 + VIEW_OWNERS_MAX) + 1;
    for (size_t i = 0; i < view->gates_len; i++) {
        struct gate *gate = &view->gates[i];

        *gate = (struct gate){.state = i % 2 == 0 ? GATE_SHUT : GATE_OPEN,
                              .failures = number(),
                              .shut_until_ms = number(),
                              .passed_at_ms = number()};
        fill(gate->upstream, sizeof gate->upstream);
        fill(gate->error, sizeof gate->error);
    }
    fill_jobs(&view->waiting, VIEW_WAITING_MAX, JOB_QUEUED);
    fill_jobs(&view->now_running, VIEW_RUNNING_MAX, JOB_RUNNING);
    fill_jobs(&view->lately, VIEW_ENDED_MAX, JOB_DONE);
    fill_jobs(&view->failed, VIEW_FAILED_MAX, JOB_FAILED);
    view->queued = view->running = view->expired = view->refused = (int64_t)(next_text % 1000);
    fill_received(&view->with_signature, RECEIVED_SIGNED_MAX, true);
    fill_received(&view->without, RECEIVED_REFUSED_MAX, false);
    view->series.began = 1;
}

/* Reads a tag from after its '<' and returns what follows its '>'. */
static const char *
check_tag(const char *at, char open[64][16], size_t *depth)
{
    bool is_end = *at == '/', is_empty = false;
    const char *name = at + is_end;
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");

    FUZZ_CHECK(len > 0 && len < 16 && strncmp(name, "script", 6) != 0);
    at = name + len;
    while (*at == ' ') {
        at += 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
        FUZZ_CHECK(at[0] == '=' && at[1] == '"');
        FUZZ_CHECK(strncmp(at - 4, "href", 4) != 0 || at[2] == '"' ||
                   strncmp(at + 2, "https://", 8) == 0);
        at = strchr(at + 2, '"');
        FUZZ_CHECK(at != NULL);
        at++;
    }
    if (*at == '/') {
        is_empty = true;
        at++;
    }
    FUZZ_CHECK(*at == '>');
    if (is_end) {
        FUZZ_CHECK(*depth > 0 && strncmp(open[--*depth], name, len) == 0);
        FUZZ_CHECK(open[*depth][len] == '\0');
    } else if (!is_empty && strncmp(name, "meta", 4) != 0) {
        FUZZ_CHECK(*depth < 64);
        (void)snprintf(open[(*depth)++], 16, "%.*s", (int)len, name);
    }
    return at + 1;
}

static void
check_page(const struct buffer *page)
{
    static const char begin[] = "<!doctype html>\n";
    char open[64][16];
    size_t depth = 0;
    const char *at = buffer_text(page) + sizeof begin - 1;

    FUZZ_CHECK(strlen(buffer_text(page)) == page->len && page->len <= PAGE_MAX);
    FUZZ_CHECK(strncmp(buffer_text(page), begin, sizeof begin - 1) == 0);
    FUZZ_CHECK(fuzz_is_utf8(buffer_text(page), page->len));
    while ((at = strpbrk(at, "<>")) != NULL) {
        /* Within the style sheet there may be a '>'. */
        if (*at == '>')
            FUZZ_CHECK(depth > 0 && strcmp(open[depth - 1], "style") == 0);
        at = *at == '<' ? check_tag(at + 1, open, &depth) : at + 1;
    }
    FUZZ_CHECK(depth == 0);
    for (size_t i = 0; i < page->len; i++)
        FUZZ_CHECK((unsigned char)page->bytes[i] >= ' ' || page->bytes[i] == '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct view view;
    struct fuzz_input input = {bytes, len};
    struct buffer page = BUFFER_INIT((size_t)1024 * 1024);
    int64_t number = fuzz_number(&input);

    rows_most = number < 0 ? SIZE_MAX : (size_t)number + 2;
    texts_len = next_text = 0;
    while (input.len > 0 && texts_len < TEXTS_MAX)
        texts[texts_len++] = fuzz_line(&input);
    fill_view(&view);
    FUZZ_CHECK(page_render(&view, &page));
    check_page(&page);
    buffer_fini(&page);
    view_fini(&view);
    for (size_t i = 0; i < texts_len; i++)
        free(texts[i]);
    return 0;
}
