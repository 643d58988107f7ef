/*
 * Jobs, each with its story.
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "status/page_parts.h"

#define OUTLOOK_CHARS 320

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
        pen_text(pen, job->conclusion[0] == '\0' ? "done" : job->conclusion, WORD_CHARS);
        html_markup(html, "</span>");
        break;
    default:
        html_markup(html, "<span class=\"pill bad\">");
        pen_text(pen, job_state_text(job->state), WORD_CHARS);
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
    pen_text(pen, job->name[0] == '\0' ? "a job without a name" : job->name, NAME_CHARS);
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
        pen_time(pen, job->received_at_ms);
        html_markup(html, ", for ");
        pen_span(pen, now_ms - job->received_at_ms);
    } else if (job->state == JOB_RUNNING) {
        html_markup(html, "runs since ");
        pen_time(pen, job->started_at_ms);
        html_markup(html, ", for ");
        pen_span(pen, now_ms - job->started_at_ms);
    } else {
        html_markup(html, "ended ");
        pen_time(pen, job->changed_at_ms);
        if (job->started_at_ms != 0) {
            html_markup(html, "; waited ");
            pen_span(pen, job->started_at_ms - job->received_at_ms);
            html_markup(html, ", ran ");
            pen_span(pen, job->changed_at_ms - job->started_at_ms);
        } else if (job->changed_at_ms > job->received_at_ms) {
            html_markup(html, ", ");
            pen_span(pen, job->changed_at_ms - job->received_at_ms);
            html_markup(html, " after it came");
        }
    }
}

static void
add_facts(struct pen *pen, const struct job *job)
{
    struct html *html = &pen->html;

    html_markup(html, "<p class=\"of\">");
    pen_text(pen, job->repository, NAME_CHARS);
    pen_fact(pen, "", job->workflow_name, SHORT_CHARS);
    pen_fact(pen, "", job->head_branch, SHORT_CHARS);
    pen_fact(pen, "pool ", job->pool, SHORT_CHARS);
    pen_fact(pen, "on ", job->runner, NAME_CHARS);
    html_markup(html, "</p>");
}

static void
add_event(struct pen *pen, const struct view_event *event)
{
    struct html *html = &pen->html;

    html_markup(html, "<li>");
    pen_time(pen, event->at_ms);
    html_markup(html, " <b>");
    html_text(html, event->what, WORD_CHARS);
    html_markup(html, "</b>");
    if (event->detail[0] != '\0') {
        html_markup(html, " ");
        pen_text(pen, event->detail, REASON_CHARS);
    }
    if (event->runner[0] != '\0') {
        html_markup(html, " · ");
        pen_text(pen, event->runner, NAME_CHARS);
    }
    html_markup(html, "</li>");
}

/* What sums a story up: what comes next, or what came to pass. */
static void
add_summary(struct pen *pen, const struct view_job *job)
{
    struct html *html = &pen->html;
    bool is_over = job->job.state >= JOB_DONE;

    if (job->job.state != JOB_DONE) {
        if (is_over && job->job.last_error != NULL) {
            pen_text(pen, job->job.last_error, REASON_CHARS);
            html_markup(html, "; ");
        }
        pen_text(pen, job->outlook == NULL ? "" : job->outlook, OUTLOOK_CHARS);
        return;
    }
    for (size_t i = 0; i < job->events_len; i++) {
        if (i > 0)
            html_markup(html, " → ");
        html_text(html, job->events[i].what, WORD_CHARS);
    }
}

static void
add_events(struct pen *pen, const struct view_job *job)
{
    struct html *html = &pen->html;

    html_markup(html, "<ol class=\"story\">");
    if (job->events_before > 0) {
        html_markup(html, "<li>… ");
        html_number(html, job->events_before);
        html_markup(html, " before these: <code>runhook explain --job ");
        html_number(html, job->job.id);
        html_markup(html, "</code></li>");
    }
    for (size_t i = 0; i < job->events_len; i++)
        add_event(pen, &job->events[i]);
    html_markup(html, "</ol>");
}

/* A summary that opens; without the story where there is none, or no room for it. */
static void
add_story(struct pen *pen, const struct view_job *job, size_t end)
{
    struct html *html = &pen->html;
    size_t begin = pen_at(pen);

    html_markup(html, "<details><summary>");
    add_summary(pen, job);
    html_markup(html, "</summary>");
    add_events(pen, job);
    html_markup(html, "</details></li>");
    if (pen_fits(pen, begin, job->events_len == 0 ? 0 : end))
        return;
    html_markup(html, "<p class=\"note\">");
    add_summary(pen, job);
    html_markup(html, "</p></li>");
}

/* False, and nothing written, where it would not fit. */
static bool
add_job(struct pen *pen, const struct view_job *job, size_t end)
{
    struct html *html = &pen->html;
    size_t begin = pen_at(pen);

    html_markup(html, "<li><div class=\"top\">");
    add_pill(pen, &job->job);
    html_markup(html, "<h3>");
    add_name(pen, &job->job);
    html_markup(html, "</h3><p class=\"when\">");
    add_when(pen, &job->job);
    html_markup(html, "</p></div>");
    add_facts(pen, &job->job);
    add_story(pen, job, end);
    return pen_fits(pen, begin, end);
}

/* Returns how many of them were shown. */
static int64_t
add_jobs(struct pen *pen, const struct view_jobs *jobs, size_t end)
{
    int64_t shown = 0;

    html_markup(&pen->html, "<ol class=\"jobs\">");
    while (shown < (int64_t)jobs->len && add_job(pen, &jobs->items[shown], end))
        shown++;
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

void
page_add_jobs(struct pen *pen)
{
    add_waiting(pen);
    add_running(pen);
    add_lately(pen);
}
