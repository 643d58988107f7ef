/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "status/page.h"

#define NOW_MS INT64_C(1769903999000) /* 2026-01-31T23:59:59Z */

/* A view whose every text is `text`, and with all the rows that there can be. */
static struct view *
full_view(const char *text)
{
    struct view *view = calloc(1, sizeof *view);
    struct view_jobs *const all[] = {&view->waiting, &view->now_running, &view->lately,
                                     &view->failed};
    const size_t most[] = {VIEW_WAITING_MAX, VIEW_RUNNING_MAX, VIEW_ENDED_MAX, VIEW_FAILED_MAX};
    static const enum job_state states[] = {JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED};

    assert_non_null(view);
    *view = (struct view){.now_ms = NOW_MS, .version = text, .receiver = text};
    (void)snprintf(view->trouble, sizeof view->trouble, "%s", text);
    for (size_t i = 0; i < CONFIG_POOLS_MAX; i++)
        view->pools[view->pools_len++] = (struct view_pool){
            .name = text, .limit = INT64_MAX, .runners = INT64_MAX / 101, .queued = INT32_MAX};
    view->pools[view->pools_len++] = (struct view_pool){.queued = 1};
    for (size_t i = 0; i < COUNT(view->gates); i++) {
        struct gate *gate = &view->gates[view->gates_len++];

        *gate = (struct gate){.state = GATE_SHUT, .failures = 1, .shut_until_ms = NOW_MS + 1};
        (void)snprintf(gate->upstream, sizeof gate->upstream, "github/%s", text);
        (void)snprintf(gate->error, sizeof gate->error, "%s", text);
    }
    for (size_t kind = 0; kind < COUNT(all); kind++) {
        all[kind]->items = calloc(most[kind], sizeof *all[kind]->items);
        assert_non_null(all[kind]->items);
        all[kind]->len = most[kind];
        all[kind]->total = 1000;
        for (size_t i = 0; i < most[kind]; i++) {
            struct view_job *job = &all[kind]->items[i];
            char **const texts[] = {&job->job.repository,    &job->job.name,
                                    &job->job.workflow_name, &job->job.head_branch,
                                    &job->job.html_url,      &job->job.pool,
                                    &job->job.conclusion,    &job->job.runner,
                                    &job->job.last_error,    &job->outlook};

            for (size_t k = 0; k < COUNT(texts); k++) {
                *texts[k] = strdup(text);
                assert_non_null(*texts[k]);
            }
            job->job.state = states[kind];
            job->job.id = INT64_MAX;
            job->events_before = INT64_MAX;
            job->events_len = VIEW_EVENTS_MAX;
            for (size_t k = 0; k < VIEW_EVENTS_MAX; k++) {
                (void)snprintf(job->events[k].what, sizeof job->events[k].what, "%s", text);
                (void)snprintf(job->events[k].runner, sizeof job->events[k].runner, "%s", text);
                (void)snprintf(job->events[k].detail, sizeof job->events[k].detail, "%s", text);
            }
        }
    }
    view->running = view->queued = view->expired = view->refused = 1000;
    for (size_t i = 0; i < SERIES_SLOTS; i++)
        view->series.slots[i].waiting = view->series.slots[i].running = (int32_t)(i * 7919 % 5000);
    view->series.began = 1;
    for (size_t i = 0; i < RECEIVED_SIGNED_MAX + RECEIVED_REFUSED_MAX; i++) {
        bool is_signed = i < RECEIVED_SIGNED_MAX;
        struct view_received *log = is_signed ? &view->with_signature : &view->without;
        struct received *row = &log->items[log->len++];

        *row = (struct received){.is_signed = is_signed, .http_status = 403, .job_id = INT64_MAX};
        (void)snprintf(row->outcome, sizeof row->outcome, "%s", text);
        (void)snprintf(row->reason, sizeof row->reason, "%s", text);
        (void)snprintf(row->guid, sizeof row->guid, "%s", text);
        (void)snprintf(row->event, sizeof row->event, "%s", text);
        (void)snprintf(row->action, sizeof row->action, "%s", text);
        (void)snprintf(row->repository, sizeof row->repository, "%s", text);
        (void)snprintf(row->sender, sizeof row->sender, "%s", text);
    }
    return view;
}

static void
view_drop(struct view *view)
{
    view_fini(view);
    free(view);
}

static struct buffer
rendered(const struct view *view)
{
    struct buffer out = BUFFER_INIT((size_t)1024 * 1024);

    assert_true(page_render(view, &out));
    return out;
}

/* -- the document is ours, whatever is in it ----------------------------------------------------
 */

static const char *const elements[] = {
    "a",       "b",     "bdi",   "body",   "code",    "dd",  "desc",  "details", "div",
    "dl",      "dt",    "em",    "footer", "h1",      "h2",  "h3",    "head",    "header",
    "html",    "li",    "line",  "main",   "meta",    "ol",  "p",     "path",    "rect",
    "section", "small", "span",  "style",  "summary", "svg", "table", "tbody",   "td",
    "text",    "th",    "thead", "time",   "title",   "tr",  "ul",
};
static const char *const attributes[] = {
    "aria-describedby",
    "aria-hidden",
    "aria-labelledby",
    "charset",
    "class",
    "content",
    "d",
    "datetime",
    "height",
    "href",
    "id",
    "lang",
    "name",
    "preserveAspectRatio",
    "rel",
    "role",
    "scope",
    "viewBox",
    "width",
    "x",
    "x2",
    "y",
    "y1",
    "y2",
};

static bool
is_one_of(const char *const *words, size_t words_len, const char *word, size_t len)
{
    for (size_t i = 0; i < words_len; i++) {
        if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
            return true;
    }
    return false;
}

/* Reads one tag, from after its '<'; returns what follows its '>'. */
static const char *
read_tag(const char *at, const char *open[], size_t *depth)
{
    bool is_end = *at == '/', is_closed = false;
    const char *name = at + is_end;
    size_t len = strcspn(name, " />");

    if (!is_one_of(elements, COUNT(elements), name, len))
        fail_msg("an element of its own: %.60s", at);
    at = name + len;
    while (*at == ' ') {
        size_t attribute = strcspn(++at, "= />");

        if (!is_one_of(attributes, COUNT(attributes), at, attribute))
            fail_msg("an attribute of its own: %.60s", at);
        at += attribute;
        assert_memory_equal(at, "=\"", 2);
        at = strchr(at + 2, '"');
        assert_non_null(at);
        at++;
    }
    if (*at == '/') {
        is_closed = true;
        at++;
    }
    assert_int_equal(*at, '>');
    if (is_end) {
        assert_true(*depth > 0);
        (*depth)--;
        if (strncmp(open[*depth], name, len) != 0 || strcspn(open[*depth], " />") != len)
            fail_msg("%.20s ends %.20s", name, open[*depth]);
    } else if (!is_closed && strncmp(name, "meta", 4) != 0) {
        assert_true(*depth < 32);
        open[(*depth)++] = name;
    }
    return at + 1;
}

/* Every tag is one that the page's own markup has, and they end in their order. */
static void
check_document(const struct buffer *page)
{
    static const char begin[] = "<!doctype html>\n";
    const char *open[32];
    size_t depth = 0;
    const char *at = buffer_text(page);

    assert_memory_equal(at, begin, sizeof begin - 1);
    at += sizeof begin - 1;
    while ((at = strchr(at, '<')) != NULL)
        at = read_tag(at + 1, open, &depth);
    assert_int_equal(depth, 0);
}

static void
hostile_text_stays_text(void **state)
{
    static const char *const texts[] = {
        "<script>document.title='pwned'</script>",
        "<img src=x onerror=alert(1)>",
        "\"><svg onload=alert(1)>",
        "' onmouseover='alert(1)",
        "</title></style></summary></details><h1>",
        "javascript:alert(1)",
        "https://example.org/\"onclick=\"alert(1)",
        "--><!--<![CDATA[",
        "&lt;script&gt;&#60;",
        "\xe2\x80\xae\xe2\x81\xa7gpj.exe",
        "\xff\xc0\x80\xed\xa0\x80",
        "",
        "%s%n{{7*7}}${x}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct view *view = full_view(texts[i]);
        struct buffer page = rendered(view);

        check_document(&page);
        assert_row(page.len < PAGE_MAX, texts[i]);
        assert_row(strstr(buffer_text(&page), "\xe2\x80\xae") == NULL, texts[i]);
        buffer_fini(&page);
        view_drop(view);
    }
}

static void
only_https_becomes_a_link(void **state)
{
    static const struct {
        const char *url;
        bool is_link;
    } rows[] = {
        {"https://github.com/o/r/actions/runs/1/job/2", true},
        {"http://github.com/o/r", false},
        {"javascript:alert(1)", false},
        {"data:text/html,x", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct view *view = full_view(rows[i].url);
        struct buffer page = rendered(view);
        const char *first = strstr(buffer_text(&page), " href=\"");

        assert_non_null(first); /* Reload */
        assert_row((strstr(first + 1, " href=\"") != NULL) == rows[i].is_link, rows[i].url);
        buffer_fini(&page);
        view_drop(view);
    }
}

/* -- it is bounded ------------------------------------------------------------------------------
 */

/* The longest that each text can be, of characters that take the most room. */
static void
the_largest_view_keeps_the_bound_and_every_part(void **state)
{
    static const char *const parts[] = {"id=\"day\"",     "id=\"pools\"",   "id=\"upstreams\"",
                                        "id=\"waiting\"", "id=\"running\"", "id=\"ended\"",
                                        "id=\"signed\"",  "id=\"refused\"", "</html>"};
    static const char *const fills[] = {"\"", "&", "x", "日", "👩", "<"};

    (void)state;
    for (size_t i = 0; i < COUNT(fills); i++) {
        char text[1200] = "";
        size_t fill_len = strlen(fills[i]);
        struct view *view;
        struct buffer page;

        for (size_t len = 0; len + fill_len < sizeof text; len += fill_len)
            memcpy(text + len, fills[i], fill_len);
        view = full_view(text);
        page = rendered(view);
        check_document(&page);
        assert_row(page.len < PAGE_MAX, fills[i]);
        for (size_t k = 0; k < COUNT(parts); k++)
            assert_row(strstr(buffer_text(&page), parts[k]) != NULL, parts[k]);
        /* Somebody is in each list, and what is left out is said. */
        assert_non_null(strstr(buffer_text(&page), "<span class=\"pill wait\">queued"));
        assert_non_null(strstr(buffer_text(&page), "<span class=\"pill run\">running"));
        assert_non_null(strstr(buffer_text(&page), " more: <code>runhook jobs</code>"));
        buffer_fini(&page);
        view_drop(view);
    }
}

/* -- what it says -------------------------------------------------------------------------------
 */

static struct view *
quiet_view(void)
{
    struct view *view = calloc(1, sizeof *view);

    assert_non_null(view);
    *view = (struct view){.now_ms = NOW_MS, .version = "1.2.3", .receiver = "0a1b2c3d"};
    view->pools[0] = (struct view_pool){.name = "linux", .limit = 8};
    view->pools_len = 2;
    (void)snprintf(view->gates[0].upstream, sizeof view->gates[0].upstream, "nomad");
    (void)snprintf(view->gates[1].upstream, sizeof view->gates[1].upstream, "github");
    view->gates_len = 2;
    return view;
}

static void
check_says(const struct view *view, const char *words, bool says)
{
    struct buffer page = rendered(view);

    if ((strstr(buffer_text(&page), words) != NULL) != says)
        fail_msg("the page %s \"%s\"", says ? "does not say" : "says", words);
    buffer_fini(&page);
}

static void
a_quiet_receiver_is_well(void **state)
{
    struct view *view = quiet_view();

    (void)state;
    check_says(view, "All is well: no job waits, and none runs", true);
    check_says(view, "<title>runhook: 0 waiting, 0 running</title>", true);
    check_says(view, "version 1.2.3", true);
    check_says(view, "<code>0a1b2c3d</code>", true);
    check_says(view, "<time datetime=\"2026-01-31T23:59:59Z\">23:59:59</time> UTC", true);
    check_says(view, "No job has ended yet.", true);
    check_says(view, "None has come yet.", true);
    check_says(view, "not in the configuration", false);
    check_says(view, "No good answer was noted yet", true);
    check_says(view, "0 of 8", true);
    view_drop(view);
}

static void
what_needs_a_person_is_said_first(void **state)
{
    struct view *view = quiet_view();

    (void)state;
    view->gates[0].state = GATE_SHUT;
    view->gates[0].shut_until_ms = NOW_MS + 300000;
    (void)snprintf(view->gates[0].error, sizeof view->gates[0].error, "nothing listens there");
    check_says(view, "<title>runhook: trouble, ", true);
    check_says(view,
               "<li>Nomad is left alone until <time datetime=\"2026-02-01T00:04:59Z\">"
               "02-01 00:04:59</time> (5m more): <bdi>nothing listens there</bdi></li>",
               true);
    view->gates[0].state = GATE_PROBE;
    view->gates[0].shut_until_ms = NOW_MS - 1;
    check_says(view, "<li>Nomad is asked again with the next job", true);
    view->gates[0].state = GATE_OPEN;
    check_says(view, "All is well", true);
    view->gates[0].failures = 2;
    check_says(view, "All is well", true);
    check_says(view, "2 failures in a row", true);
    view->gates[0].failures = 0;
    view->gates[0].passed_at_ms = NOW_MS - 5000;
    check_says(view,
               "Last good answer <time datetime=\"2026-01-31T23:59:54Z\">23:59:54</time>, "
               "5s ago",
               true);

    view->pools[1].queued = 1;
    check_says(view, "1 job waits for a pool that the configuration does not have", true);
    check_says(view, "not in the configuration", true);
    view->pools[1].queued = 0;
    view->expired = 2;
    check_says(view, "2 jobs waited for 24 hours", true);
    view->expired = 0;
    view->failed.total = 3;
    check_says(view, "3 more failed in the last 24 hours", true);
    view->failed.total = 0;
    (void)snprintf(view->trouble, sizeof view->trouble, "the disk is full");
    check_says(view, "The ledger could not be written: <bdi>the disk is full</bdi>", true);
    view_drop(view);
}

static void
a_job_tells_since_when_and_its_story(void **state)
{
    struct view *view = quiet_view();
    struct view_job *job = calloc(1, sizeof *job);
    static const char *const words[] = {"queued", "running", "done"};

    (void)state;
    assert_non_null(job);
    job->job = (struct job){.id = 7,
                            .state = JOB_DONE,
                            .received_at_ms = NOW_MS - 300000,
                            .started_at_ms = NOW_MS - 290000,
                            .changed_at_ms = NOW_MS - 60000,
                            .repository = strdup("o/r"),
                            .name = strdup("build"),
                            .workflow_name = strdup(""),
                            .head_branch = strdup("main"),
                            .html_url = strdup(""),
                            .pool = strdup("linux"),
                            .conclusion = strdup("success")};
    for (size_t i = 0; i < COUNT(words); i++) {
        job->events[i].at_ms = NOW_MS - 300000;
        (void)snprintf(job->events[i].what, sizeof job->events[i].what, "%s", words[i]);
    }
    view->lately = (struct view_jobs){.items = job, .len = 1, .total = 1};
    check_says(view, "</time>; waited 10s, ran 3m", true);
    check_says(view, "<p class=\"of\"><bdi>o/r</bdi> · <bdi>main</bdi> · pool <bdi>linux</bdi></p>",
               true);
    check_says(view, "<ol class=\"story\">", false); /* there is none */
    job->events_len = COUNT(words);
    check_says(view,
               "<details><summary>queued → running → done</summary><ol class=\"story\">"
               "<li><time datetime=\"2026-01-31T23:54:59Z\">23:54:59</time> <b>queued</b>",
               true);
    job->events_before = 4;
    check_says(view, "4 before these: <code>runhook explain --job 7</code>", true);
    job->job.started_at_ms = 0;
    check_says(view, "</time>, 4m after it came", true);
    view_drop(view);
}

static void
refused_deliveries_stand_apart(void **state)
{
    struct view *view = quiet_view();

    (void)state;
    view->with_signature.items[0] = (struct received){.at_ms = NOW_MS,
                                                      .is_signed = true,
                                                      .http_status = 202,
                                                      .outcome = "accepted",
                                                      .repository = "o/r",
                                                      .sender = "192.0.2.1"};
    view->with_signature.len = 1;
    view->without.items[0] = (struct received){.at_ms = NOW_MS,
                                               .http_status = 403,
                                               .outcome = "refused",
                                               .repository = "forged/name",
                                               .sender = "203.0.113.9"};
    view->without.len = 1;
    check_says(view, "<span class=\"pill ok\">202 accepted</span>", true);
    check_says(view, "<bdi>203.0.113.9</bdi>", true);
    check_says(view, "192.0.2.1", false);
    check_says(view, "forged/name", false);
    view_drop(view);
}

/* -- its headers --------------------------------------------------------------------------------
 */

static void
the_policy_permits_its_own_style_and_nothing_else(void **state)
{
    struct view *view = quiet_view();
    struct buffer page = rendered(view);
    const char *style = strstr(buffer_text(&page), "<style>") + strlen("<style>");
    const char *end = strstr(style, "</style>");
    unsigned char digest[EVP_MAX_MD_SIZE], base64[64];
    char want[256];

    (void)state;
    assert_non_null(end);
    assert_int_equal(EVP_Digest(style, (size_t)(end - style), digest, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(EVP_EncodeBlock(base64, digest, 32), 44);
    (void)snprintf(want, sizeof want,
                   "Content-Security-Policy: default-src 'none'; style-src 'sha256-%s'; base-uri "
                   "'none'; form-action 'none'; frame-ancestors 'none'\r\n",
                   (const char *)base64);
    assert_memory_equal(page_headers, want, strlen(want));
    assert_null(strstr(page_headers, "unsafe"));
    assert_null(strstr(page_headers, "\r\n\r\n"));
    assert_string_equal(page_headers + strlen(page_headers) - 2, "\r\n");
    assert_null(strstr(end + 1, "<style"));
    assert_null(strstr(style, "url("));
    assert_null(strstr(style, "@import"));
    buffer_fini(&page);
    view_drop(view);
}

static void
no_room_is_told(void **state)
{
    struct view *view = quiet_view();
    struct buffer out = BUFFER_INIT(1000);

    (void)state;
    assert_false(page_render(view, &out));
    buffer_fini(&out);
    view_drop(view);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_text_stays_text),
        cmocka_unit_test(only_https_becomes_a_link),
        cmocka_unit_test(the_largest_view_keeps_the_bound_and_every_part),
        cmocka_unit_test(a_quiet_receiver_is_well),
        cmocka_unit_test(what_needs_a_person_is_said_first),
        cmocka_unit_test(a_job_tells_since_when_and_its_story),
        cmocka_unit_test(refused_deliveries_stand_apart),
        cmocka_unit_test(the_policy_permits_its_own_style_and_nothing_else),
        cmocka_unit_test(no_room_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
