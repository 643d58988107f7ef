/*
 * The status page.
 *
 * Each part has an end that it does not write beyond, and adds a row only where the longest such
 * row would fit: so the page has its bound whatever names and reasons there are, and the parts
 * behind keep their room.
 * SPDX-License-Identifier: MIT
 */
#include "status/page.h"

#include <string.h>

#include "clock/clock.h"
#include "status/chart.h"
#include "status/style.h"
#include "text/html.h"
#include "text/span.h"

const char page_headers[] =
    "Content-Security-Policy: default-src 'none'; style-src '" STATUS_STYLE_HASH
    "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "X-Robots-Tag: noindex\r\n";

/* Where parts end, in bytes from the page's beginning. */
#define KIB ((size_t)1024)
#define POOLS_END (32 * KIB)
#define GATES_END (42 * KIB)
#define WAITING_END (56 * KIB)
#define RUNNING_END (68 * KIB)
#define LATELY_END (80 * KIB)
#define SIGNED_END (92 * KIB)
#define REFUSED_END (98 * KIB)

/* What one row comes to at most: each character may become six bytes. */
#define POOL_ROOM (1 * KIB)
#define GATE_ROOM (3 * KIB)
#define JOB_ROOM (6 * KIB)
#define STORY_ROOM (12 * KIB)
#define RECEIVED_ROOM (3 * KIB)

/* Characters shown, at most. */
#define NAME_CHARS 120
#define SHORT_CHARS 48
#define REASON_CHARS 160
#define OUTLOOK_CHARS 320
#define WORD_CHARS 24

/* Within a time in ISO 8601: before the month, after the date, after the seconds. */
#define YEAR_LEN 5
#define DATE_LEN 10
#define CLOCK_END 19

struct pen {
    struct html html;
    const struct view *view;
};

static bool
has_room(const struct pen *pen, size_t end, size_t room)
{
    return pen->html.out->len + room <= end;
}

/* Text on its own: its direction is found from itself and ends with it. */
static void
add_text(struct pen *pen, const char *text, size_t max_chars)
{
    html_markup(&pen->html, "<bdi>");
    html_text(&pen->html, text, max_chars);
    html_markup(&pen->html, "</bdi>");
}

/* A moment as a time of day alone: hours and minutes. */
static void
add_hour(struct pen *pen, int64_t at_ms)
{
    char text[CLOCK_TEXT_CAP];

    (void)clock_text(at_ms, 0, text);
    html_markup(&pen->html, "<time datetime=\"");
    html_text(&pen->html, text, CLOCK_TEXT_CAP);
    html_markup(&pen->html, "\">");
    if (strlen(text) > CLOCK_END) {
        text[CLOCK_END - 3] = '\0';
        html_text(&pen->html, text + DATE_LEN + 1, CLOCK_TEXT_CAP);
    }
    html_markup(&pen->html, "</time>");
}

/* A moment: the time of day, and the day of the month where it is not today's. */
static void
add_time(struct pen *pen, int64_t at_ms)
{
    char text[CLOCK_TEXT_CAP], now[CLOCK_TEXT_CAP];
    bool is_today;

    (void)clock_text(at_ms, 0, text); /* 2026-01-31T23:59:59Z */
    (void)clock_text(pen->view->now_ms, 0, now);
    is_today = strncmp(text, now, DATE_LEN) == 0;
    html_markup(&pen->html, "<time datetime=\"");
    html_text(&pen->html, text, CLOCK_TEXT_CAP);
    html_markup(&pen->html, "\">");
    if (strlen(text) > CLOCK_END) {
        text[DATE_LEN] = ' ';
        text[CLOCK_END] = '\0';
        html_text(&pen->html, text + (is_today ? DATE_LEN + 1 : YEAR_LEN), CLOCK_TEXT_CAP);
    }
    html_markup(&pen->html, "</time>");
}

static void
add_span(struct pen *pen, int64_t span_ms)
{
    char text[SPAN_CAP];

    html_text(&pen->html, span_text(span_ms, text), SPAN_CAP);
}

/* "1 job", "2 jobs". */
#define add_count(pen, number, singular, plural)     \
    do {                                             \
        html_number(&(pen)->html, number);           \
        if ((number) == 1)                           \
            html_markup(&(pen)->html, " " singular); \
        else                                         \
            html_markup(&(pen)->html, " " plural);   \
    } while (0)

/* -- the head ---------------------------------------------------------------------------------- */

static bool
is_shut(const struct gate *gate)
{
    return gate->state != GATE_OPEN;
}

/* The row of jobs that wait for a pool which the configuration has not. */
static const struct view_pool *
homeless(const struct view *view)
{
    return view->pools_len == 0 ? NULL : &view->pools[view->pools_len - 1];
}

static int64_t
homeless_waiting(const struct view *view)
{
    const struct view_pool *pool = homeless(view);

    return pool == NULL ? 0 : pool->queued;
}

static bool
is_well(const struct view *view)
{
    for (size_t i = 0; i < view->gates_len; i++) {
        if (is_shut(&view->gates[i]))
            return false;
    }
    return view->failed.total == 0 && view->expired == 0 && homeless_waiting(view) == 0 &&
           view->trouble[0] == '\0';
}

static void
add_head(struct pen *pen)
{
    struct html *html = &pen->html;
    const struct view *view = pen->view;

    html_markup(html, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                      "<meta name=\"color-scheme\" content=\"light dark\"><title>runhook: ");
    if (!is_well(view))
        html_markup(html, "trouble, ");
    html_number(html, view->waiting.total);
    html_markup(html, " waiting, ");
    html_number(html, view->running);
    html_markup(html, " running</title><style>" STATUS_STYLE "</style></head><body>"
                      "<header><h1>runhook</h1><p>version ");
    html_text(html, view->version, SHORT_CHARS);
    html_markup(html, " · receiver <code>");
    html_text(html, view->receiver, SHORT_CHARS);
    /* How old it is, without a script: the style shows one after the other. */
    html_markup(html, "</code></p><p class=\"asof\"><span>As of ");
    add_time(pen, view->now_ms);
    html_markup(html, " UTC</span> <span class=\"age\"><span class=\"a\">just now</span>"
                      "<span class=\"b\">over a minute old</span>"
                      "<span class=\"c\">over ten minutes old</span></span>"
                      " <a href=\"\">Reload</a></p></header><main>");
}

/* -- how it goes, in a word -------------------------------------------------------------------- */

static void
add_gate_name(struct pen *pen, const struct gate *gate)
{
    size_t prefix = sizeof GATE_OWNER_PREFIX - 1;

    if (strcmp(gate->upstream, "nomad") == 0) {
        html_markup(&pen->html, "Nomad");
    } else if (strcmp(gate->upstream, "github") == 0) {
        html_markup(&pen->html, "GitHub");
    } else if (strncmp(gate->upstream, GATE_OWNER_PREFIX, prefix) == 0) {
        html_markup(&pen->html, "GitHub for ");
        add_text(pen, gate->upstream + prefix, NAME_CHARS);
    } else {
        add_text(pen, gate->upstream, NAME_CHARS);
    }
}

/* When a gate that is shut is tried next. */
static void
add_gate_until(struct pen *pen, const struct gate *gate)
{
    if (gate->shut_until_ms > pen->view->now_ms) {
        html_markup(&pen->html, "left alone until ");
        add_time(pen, gate->shut_until_ms);
        html_markup(&pen->html, " (");
        add_span(pen, gate->shut_until_ms - pen->view->now_ms);
        html_markup(&pen->html, " more)");
    } else {
        html_markup(&pen->html, "asked again with the next job");
    }
}

static void
add_failed_jobs(struct pen *pen)
{
    const struct view_jobs *failed = &pen->view->failed;
    struct html *html = &pen->html;

    for (size_t i = 0; i < failed->len; i++) {
        const struct job *job = &failed->items[i].job;

        html_markup(html, "<li>Job ");
        add_text(pen, job->name, SHORT_CHARS);
        html_markup(html, " of ");
        add_text(pen, job->repository, NAME_CHARS);
        html_markup(html, " failed");
        if (job->last_error != NULL) {
            html_markup(html, ": ");
            add_text(pen, job->last_error, REASON_CHARS);
        }
        html_markup(html, ". Mend that, then <code>runhook jobs retry ");
        html_number(html, job->id);
        html_markup(html, "</code></li>");
    }
    if (failed->total > (int64_t)failed->len) {
        html_markup(html, "<li>And ");
        html_number(html, failed->total - (int64_t)failed->len);
        html_markup(html, " more failed in the last 24 hours: <code>runhook jobs</code></li>");
    }
}

static void
add_troubles(struct pen *pen)
{
    const struct view *view = pen->view;
    struct html *html = &pen->html;

    html_markup(html, "<div class=\"verdict bad\"><p>Something needs a person</p><ul>");
    if (view->trouble[0] != '\0') {
        html_markup(html, "<li>The ledger could not be written: ");
        add_text(pen, view->trouble, REASON_CHARS);
        html_markup(html, "</li>");
    }
    for (size_t i = 0; i < view->gates_len; i++) {
        if (!is_shut(&view->gates[i]))
            continue;
        html_markup(html, "<li>");
        add_gate_name(pen, &view->gates[i]);
        html_markup(html, " is ");
        add_gate_until(pen, &view->gates[i]);
        html_markup(html, ": ");
        add_text(pen, view->gates[i].error, REASON_CHARS);
        html_markup(html, "</li>");
    }
    if (homeless_waiting(view) > 0) {
        html_markup(html, "<li>");
        add_count(pen, homeless_waiting(view), "job waits", "jobs wait");
        html_markup(html, " for a pool that the configuration does not have</li>");
    }
    add_failed_jobs(pen);
    if (view->expired > 0) {
        html_markup(html, "<li>");
        add_count(pen, view->expired, "job", "jobs");
        html_markup(html, " waited for 24 hours, and GitHub gave up: re-run what is still wanted"
                          "</li>");
    }
    html_markup(html, "</ul></div>");
}

static void
add_verdict(struct pen *pen)
{
    const struct view *view = pen->view;
    struct html *html = &pen->html;

    if (!is_well(view)) {
        add_troubles(pen);
        return;
    }
    html_markup(html, "<p class=\"verdict\">All is well");
    if (view->waiting.total + view->running == 0)
        html_markup(html, ": no job waits, and none runs");
    html_markup(html, "</p>");
}

static void
add_sums(struct pen *pen)
{
    const struct view *view = pen->view;
    struct html *html = &pen->html;

    html_markup(html, "<dl class=\"sums\"><div><dt>waiting for a runner</dt><dd>");
    html_number(html, view->queued);
    html_markup(html, "</dd></div><div><dt>runner on its way</dt><dd>");
    html_number(html, view->assigned);
    html_markup(html, "</dd></div><div><dt>running</dt><dd>");
    html_number(html, view->running);
    html_markup(html, "</dd></div><div><dt>ended in 24 hours</dt><dd>");
    html_number(html, view->lately.total);
    html_markup(html, "</dd></div></dl>");
}

/* -- the last day ------------------------------------------------------------------------------ */

#define SLOTS_PER_HOUR (3600 / SERIES_SLOT_S)

static void
add_hours(struct pen *pen)
{
    const struct series *series = &pen->view->series;
    struct html *html = &pen->html;

    html_markup(html, "<details><summary>The same in numbers, by the hour</summary>"
                      "<table class=\"hours\"><thead><tr><th scope=\"col\">From (UTC)</th>"
                      "<th scope=\"col\" class=\"n\">Most waiting</th>"
                      "<th scope=\"col\" class=\"n\">Most running</th></tr></thead><tbody>");
    for (size_t i = 0; i < SERIES_SLOTS; i += SLOTS_PER_HOUR) {
        struct series_slot most = {0};

        for (size_t k = i; k < i + SLOTS_PER_HOUR; k++) {
            const struct series_slot *slot = &series->slots[k];

            most.waiting = slot->waiting > most.waiting ? slot->waiting : most.waiting;
            most.running = slot->running > most.running ? slot->running : most.running;
        }
        html_markup(html, "<tr><th scope=\"row\">");
        add_hour(pen, series->begin_ms + (int64_t)i * SERIES_SLOT_S * 1000);
        html_markup(html, "</th><td class=\"n\">");
        html_number(html, most.waiting);
        html_markup(html, "</td><td class=\"n\">");
        html_number(html, most.running);
        html_markup(html, "</td></tr>");
    }
    html_markup(html, "</tbody></table></details>");
}

static void
add_day_words(struct pen *pen)
{
    const struct view *view = pen->view;
    const struct series *series = &view->series;
    struct html *html = &pen->html;

    html_markup(html, "<p class=\"note\">");
    add_count(pen, view->lately.total, "job ended", "jobs ended");
    if (view->refused > 0) {
        html_markup(html, ", ");
        html_number(html, view->refused);
        html_markup(html, " of them refused");
    }
    html_markup(html, ". At most ");
    html_number(html, series->most.waiting);
    html_markup(html, " waited and ");
    html_number(html, series->most.running);
    html_markup(html, " ran at once.");
    if (series->began > 0) {
        html_markup(html, " A job that began had waited ");
        add_span(pen, series->wait_mean_ms);
        html_markup(html, " on average, ");
        add_span(pen, series->wait_most_ms);
        html_markup(html, " at most.");
    }
    html_markup(html, "</p>");
}

static void
add_day(struct pen *pen)
{
    struct html *html = &pen->html;

    html_markup(html, "<section aria-labelledby=\"day\"><h2 id=\"day\">The last 24 hours</h2>"
                      "<p class=\"key\" aria-hidden=\"true\"><span class=\"w\">■ waiting</span>"
                      "<span class=\"r\">■ running</span></p>");
    chart_draw(&pen->view->series, html);
    add_day_words(pen);
    add_hours(pen);
    html_markup(html, "</section>");
}

/* -- pools and upstreams ----------------------------------------------------------------------- */

static void
add_bar(struct pen *pen, const struct view_pool *pool)
{
    struct html *html = &pen->html;
    int64_t percent = pool->limit <= 0 ? 0 : pool->runners * 100 / pool->limit;

    if (percent > 100)
        percent = 100;
    else if (percent == 0 && pool->runners > 0)
        percent = 1;
    html_markup(html, "<svg class=\"bar");
    if (pool->limit > 0 && pool->runners >= pool->limit)
        html_markup(html, " full");
    html_markup(html, "\" aria-hidden=\"true\"><rect height=\"6\" width=\"");
    html_number(html, percent);
    html_markup(html, "%\"/></svg>");
}

static void
add_pool(struct pen *pen, const struct view_pool *pool)
{
    struct html *html = &pen->html;

    html_markup(html, "<tr><th scope=\"row\">");
    if (pool->name != NULL)
        add_text(pen, pool->name, NAME_CHARS);
    else
        html_markup(html, "<em>not in the configuration</em>");
    if (pool->name != NULL)
        add_bar(pen, pool);
    html_markup(html, "</th><td class=\"n\">");
    html_number(html, pool->runners);
    if (pool->name != NULL) {
        html_markup(html, " of ");
        html_number(html, pool->limit);
    }
    html_markup(html, "</td><td class=\"n\">");
    html_number(html, pool->running);
    html_markup(html, "</td><td class=\"n\">");
    html_number(html, pool->queued + pool->assigned);
    html_markup(html, "</td></tr>");
}

static void
add_pools(struct pen *pen)
{
    const struct view *view = pen->view;
    struct html *html = &pen->html;
    size_t left_out = 0;

    html_markup(html, "<section aria-labelledby=\"pools\"><h2 id=\"pools\">Pools</h2>"
                      "<table class=\"pools\"><thead><tr><th scope=\"col\">Pool</th>"
                      "<th scope=\"col\" class=\"n\">Runners</th>"
                      "<th scope=\"col\" class=\"n\">Running</th>"
                      "<th scope=\"col\" class=\"n\">Waiting</th></tr></thead><tbody>");
    for (size_t i = 0; i < view->pools_len; i++) {
        const struct view_pool *pool = &view->pools[i];

        if (pool->name == NULL &&
            pool->runners + pool->queued + pool->assigned + pool->running == 0)
            continue;
        if (has_room(pen, POOLS_END, POOL_ROOM))
            add_pool(pen, pool);
        else
            left_out++;
    }
    html_markup(html, "</tbody></table>");
    if (left_out > 0) {
        html_markup(html, "<p class=\"more\">And ");
        html_number(html, (int64_t)left_out);
        html_markup(html, " more.</p>");
    }
    html_markup(html, "</section>");
}

static void
add_gate(struct pen *pen, const struct gate *gate)
{
    struct html *html = &pen->html;

    html_markup(html, "<li><div class=\"top\"><b>");
    add_gate_name(pen, gate);
    if (is_shut(gate))
        html_markup(html, "</b><span class=\"pill bad\">shut</span></div>");
    else if (gate->failures > 0)
        html_markup(html, "</b><span class=\"pill wait\">failing</span></div>");
    else
        html_markup(html, "</b><span class=\"pill ok\">open</span></div>");
    if (is_shut(gate) || gate->failures > 0) {
        html_markup(html, "<p class=\"note\">");
        if (is_shut(gate))
            add_gate_until(pen, gate);
        else
            add_count(pen, gate->failures, "failure in a row", "failures in a row");
        html_markup(html, ": ");
        add_text(pen, gate->error, REASON_CHARS);
        html_markup(html, "</p>");
    }
    html_markup(html, "<p class=\"note\">");
    if (gate->passed_at_ms == 0) {
        html_markup(html, "No good answer was noted yet");
    } else {
        html_markup(html, "Last good answer ");
        add_time(pen, gate->passed_at_ms);
        html_markup(html, ", ");
        add_span(pen, pen->view->now_ms - gate->passed_at_ms);
        html_markup(html, " ago");
    }
    html_markup(html, "</p></li>");
}

static void
add_gates(struct pen *pen)
{
    struct html *html = &pen->html;

    html_markup(html, "<section aria-labelledby=\"upstreams\"><h2 id=\"upstreams\">Upstreams</h2>"
                      "<ul class=\"gates\">");
    for (size_t i = 0; i < pen->view->gates_len; i++) {
        if (has_room(pen, GATES_END, GATE_ROOM))
            add_gate(pen, &pen->view->gates[i]);
    }
    html_markup(html, "</ul></section>");
}

/* -- jobs -------------------------------------------------------------------------------------- */

static void
add_pill(struct pen *pen, const struct job *job)
{
    struct html *html = &pen->html;
    bool is_good = strcmp(job->conclusion, "success") == 0;

    switch (job->state) {
    case JOB_QUEUED:
        html_markup(html, "<span class=\"pill wait\">queued</span>");
        break;
    case JOB_ASSIGNED:
        html_markup(html, "<span class=\"pill wait\">assigned</span>");
        break;
    case JOB_RUNNING:
        html_markup(html, "<span class=\"pill run\">running</span>");
        break;
    case JOB_DONE:
        /* A job that fails is its author's affair: only what runhook could not do is bad here. */
        if (is_good)
            html_markup(html, "<span class=\"pill ok\">");
        else
            html_markup(html, "<span class=\"pill\">");
        add_text(pen, job->conclusion[0] == '\0' ? "done" : job->conclusion, WORD_CHARS);
        html_markup(html, "</span>");
        break;
    default:
        html_markup(html, "<span class=\"pill bad\">");
        add_text(pen, job_state_text(job->state), WORD_CHARS);
        html_markup(html, "</span>");
        break;
    }
}

static void
add_name(struct pen *pen, const struct job *job)
{
    struct html *html = &pen->html;
    bool is_link = html_can_link(job->html_url);

    if (is_link) {
        html_markup(html, "<a rel=\"noreferrer\" href=\"");
        html_text(html, job->html_url, SIZE_MAX);
        html_markup(html, "\">");
    }
    add_text(pen, job->name[0] == '\0' ? "a job without a name" : job->name, NAME_CHARS);
    if (is_link)
        html_markup(html, "</a>");
}

/* Since when it is in its state, or how long it took. */
static void
add_when(struct pen *pen, const struct job *job)
{
    struct html *html = &pen->html;
    int64_t now_ms = pen->view->now_ms;

    if (job->state == JOB_QUEUED || job->state == JOB_ASSIGNED) {
        html_markup(html, "waits since ");
        add_time(pen, job->received_at_ms);
        html_markup(html, ", for ");
        add_span(pen, now_ms - job->received_at_ms);
    } else if (job->state == JOB_RUNNING) {
        html_markup(html, "runs since ");
        add_time(pen, job->started_at_ms);
        html_markup(html, ", for ");
        add_span(pen, now_ms - job->started_at_ms);
    } else {
        html_markup(html, "ended ");
        add_time(pen, job->changed_at_ms);
        if (job->started_at_ms != 0) {
            html_markup(html, "; waited ");
            add_span(pen, job->started_at_ms - job->received_at_ms);
            html_markup(html, ", ran ");
            add_span(pen, job->changed_at_ms - job->started_at_ms);
        } else if (job->changed_at_ms > job->received_at_ms) {
            html_markup(html, ", ");
            add_span(pen, job->changed_at_ms - job->received_at_ms);
            html_markup(html, " after it came");
        }
    }
}

/* A further fact of the line of facts; nothing where it is "". */
#define add_fact(pen, label, text, max_chars)       \
    do {                                            \
        if ((text) != NULL && (text)[0] != '\0') {  \
            html_markup(&(pen)->html, " · " label); \
            add_text(pen, text, max_chars);         \
        }                                           \
    } while (0)

static void
add_facts(struct pen *pen, const struct job *job)
{
    struct html *html = &pen->html;

    html_markup(html, "<p class=\"of\">");
    add_text(pen, job->repository, NAME_CHARS);
    add_fact(pen, "", job->workflow_name, SHORT_CHARS);
    add_fact(pen, "", job->head_branch, SHORT_CHARS);
    add_fact(pen, "pool ", job->pool, SHORT_CHARS);
    add_fact(pen, "on ", job->runner, NAME_CHARS);
    html_markup(html, "</p>");
}

static void
add_event(struct pen *pen, const struct view_event *event)
{
    struct html *html = &pen->html;

    html_markup(html, "<li>");
    add_time(pen, event->at_ms);
    html_markup(html, " <b>");
    html_text(html, event->what, WORD_CHARS);
    html_markup(html, "</b>");
    if (event->detail[0] != '\0') {
        html_markup(html, " ");
        add_text(pen, event->detail, REASON_CHARS);
    }
    if (event->runner[0] != '\0') {
        html_markup(html, " · ");
        add_text(pen, event->runner, NAME_CHARS);
    }
    html_markup(html, "</li>");
}

/* What sums a story up: what comes next, or what came to pass. */
static void
add_summary(struct pen *pen, const struct view_job *job)
{
    struct html *html = &pen->html;
    bool is_over = job->job.state >= JOB_DONE;

    if (!is_over || job->job.state != JOB_DONE) {
        if (is_over && job->job.last_error != NULL) {
            add_text(pen, job->job.last_error, REASON_CHARS);
            html_markup(html, "; ");
        }
        add_text(pen, job->outlook == NULL ? "" : job->outlook, OUTLOOK_CHARS);
        return;
    }
    for (size_t i = 0; i < job->events_len; i++) {
        if (i > 0)
            html_markup(html, " → ");
        html_text(html, job->events[i].what, WORD_CHARS);
    }
}

static void
add_story(struct pen *pen, const struct view_job *job, size_t end)
{
    struct html *html = &pen->html;

    if (job->events_len == 0 || !has_room(pen, end, STORY_ROOM)) {
        html_markup(html, "<p class=\"note\">");
        add_summary(pen, job);
        html_markup(html, "</p>");
        return;
    }
    html_markup(html, "<details><summary>");
    add_summary(pen, job);
    html_markup(html, "</summary><ol class=\"story\">");
    if (job->events_before > 0) {
        html_markup(html, "<li>… ");
        html_number(html, job->events_before);
        html_markup(html, " before these: <code>runhook explain --job ");
        html_number(html, job->job.id);
        html_markup(html, "</code></li>");
    }
    for (size_t i = 0; i < job->events_len; i++)
        add_event(pen, &job->events[i]);
    html_markup(html, "</ol></details>");
}

static void
add_job(struct pen *pen, const struct view_job *job, size_t end)
{
    struct html *html = &pen->html;

    html_markup(html, "<li><div class=\"top\">");
    add_pill(pen, &job->job);
    html_markup(html, "<h3>");
    add_name(pen, &job->job);
    html_markup(html, "</h3><p class=\"when\">");
    add_when(pen, &job->job);
    html_markup(html, "</p></div>");
    add_facts(pen, &job->job);
    add_story(pen, job, end);
    html_markup(html, "</li>");
}

/* Returns how many of them were shown. */
static int64_t
add_jobs(struct pen *pen, const struct view_jobs *jobs, size_t end)
{
    int64_t shown = 0;

    html_markup(&pen->html, "<ol class=\"jobs\">");
    while (shown < (int64_t)jobs->len && has_room(pen, end, JOB_ROOM))
        add_job(pen, &jobs->items[shown++], end);
    html_markup(&pen->html, "</ol>");
    return shown;
}

static void
add_more(struct pen *pen, int64_t left_out)
{
    if (left_out <= 0)
        return;
    html_markup(&pen->html, "<p class=\"more\">And ");
    html_number(&pen->html, left_out);
    html_markup(&pen->html, " more: <code>runhook jobs</code> lists them all.</p>");
}

static void
add_waiting(struct pen *pen)
{
    const struct view *view = pen->view;
    struct html *html = &pen->html;

    html_markup(html, "<section aria-labelledby=\"waiting\"><h2 id=\"waiting\">Waiting</h2>");
    if (view->waiting.total == 0)
        html_markup(html, "<p class=\"none\">No job waits.</p>");
    else
        add_more(pen, view->waiting.total - add_jobs(pen, &view->waiting, WAITING_END));
    html_markup(html, "</section>");
}

static void
add_running(struct pen *pen)
{
    const struct view *view = pen->view;
    struct html *html = &pen->html;

    html_markup(html, "<section aria-labelledby=\"running\"><h2 id=\"running\">Running</h2>");
    if (view->running == 0)
        html_markup(html, "<p class=\"none\">No job runs.</p>");
    else
        add_more(pen, view->running - add_jobs(pen, &view->now_running, RUNNING_END));
    html_markup(html, "</section>");
}

static void
add_lately(struct pen *pen)
{
    const struct view *view = pen->view;
    struct html *html = &pen->html;

    html_markup(html, "<section aria-labelledby=\"ended\"><h2 id=\"ended\">Ended lately</h2>");
    if (view->lately.len == 0)
        html_markup(html, "<p class=\"none\">No job has ended yet.</p>");
    else
        (void)add_jobs(pen, &view->lately, LATELY_END);
    html_markup(html, "</section>");
}

/* -- deliveries -------------------------------------------------------------------------------- */

static void
add_outcome(struct pen *pen, const struct received *received)
{
    struct html *html = &pen->html;

    if (received->http_status >= 500)
        html_markup(html, "<span class=\"pill bad\">");
    else if (received->http_status >= 400)
        html_markup(html, "<span class=\"pill wait\">");
    else if (received->http_status == 202)
        html_markup(html, "<span class=\"pill ok\">");
    else
        html_markup(html, "<span class=\"pill\">");
    html_number(html, received->http_status);
    html_markup(html, " ");
    html_text(html, received->outcome, WORD_CHARS);
    html_markup(html, "</span>");
}

static void
add_received(struct pen *pen, const struct received *received)
{
    struct html *html = &pen->html;

    html_markup(html, "<tr><th scope=\"row\">");
    add_time(pen, received->at_ms);
    html_markup(html, "</th><td>");
    add_outcome(pen, received);
    html_markup(html, "</td><td class=\"wide\">");
    add_text(pen, received->event[0] == '\0' ? "no event named" : received->event, SHORT_CHARS);
    add_fact(pen, "", received->action, SHORT_CHARS);
    if (received->guid[0] != '\0') {
        html_markup(html, "<small>");
        add_text(pen, received->guid, NAME_CHARS);
        html_markup(html, "</small>");
    }
    html_markup(html, "</td><td class=\"wide\">");
    if (received->is_signed) {
        add_text(pen, received->repository, NAME_CHARS);
        if (received->job_id != 0) {
            html_markup(html, "<small>job ");
            html_number(html, received->job_id);
            html_markup(html, "</small>");
        }
    } else {
        add_text(pen, received->sender, SHORT_CHARS);
    }
    html_markup(html, "</td><td class=\"wide\">");
    add_text(pen, received->reason, REASON_CHARS);
    html_markup(html, "</td></tr>");
}

#define LOG_HEAD                                                                               \
    "<table class=\"log\"><thead><tr><th scope=\"col\">Time</th><th scope=\"col\">Answer</th>" \
    "<th scope=\"col\">Event</th><th scope=\"col\">"
#define LOG_HEAD_END "</th><th scope=\"col\">Reason</th></tr></thead><tbody>"

static void
add_log(struct pen *pen, const struct view_received *log, size_t end)
{
    for (size_t i = 0; i < log->len && has_room(pen, end, RECEIVED_ROOM); i++)
        add_received(pen, &log->items[i]);
    html_markup(&pen->html, "</tbody></table>");
}

static void
add_deliveries(struct pen *pen)
{
    const struct view *view = pen->view;
    struct html *html = &pen->html;

    html_markup(html, "<section aria-labelledby=\"signed\"><h2 id=\"signed\">Last deliveries</h2>");
    if (view->with_signature.len == 0) {
        html_markup(html, "<p class=\"none\">None has come yet. Is there a webhook on GitHub? "
                          "<code>runhook hooks list</code> tells.</p>");
    } else {
        html_markup(html, LOG_HEAD "Repository" LOG_HEAD_END);
        add_log(pen, &view->with_signature, SIGNED_END);
    }
    html_markup(html, "</section><section aria-labelledby=\"refused\"><h2 id=\"refused\">"
                      "Refused, without a good signature</h2>");
    if (view->without.len == 0) {
        html_markup(html, "<p class=\"none\">None.</p>");
    } else {
        html_markup(html, LOG_HEAD "From" LOG_HEAD_END);
        add_log(pen, &view->without, REFUSED_END);
    }
    html_markup(html, "</section>");
}

bool
page_render(const struct view *view, struct buffer *out)
{
    struct pen pen = {.html = {.out = out}, .view = view};

    add_head(&pen);
    add_verdict(&pen);
    add_sums(&pen);
    add_day(&pen);
    html_markup(&pen.html, "<div class=\"pair\">");
    add_pools(&pen);
    add_gates(&pen);
    html_markup(&pen.html, "</div>");
    add_waiting(&pen);
    add_running(&pen);
    add_lately(&pen);
    add_deliveries(&pen);
    html_markup(&pen.html, "</main><footer>All times are UTC.</footer></body></html>\n");
    return !out->failed;
}
