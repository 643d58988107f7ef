/*
 * Whether something needs a person, and what.
 * SPDX-License-Identifier: MIT
 */
#include "status/page_parts.h"

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

bool
page_is_well(const struct view *view)
{
    for (size_t i = 0; i < view->gates_len; i++) {
        if (is_shut(&view->gates[i]))
            return false;
    }
    return view->failed.total == 0 && view->expired == 0 && homeless_waiting(view) == 0 &&
           view->trouble[0] == '\0';
}

static void
add_failed_jobs(struct pen *pen)
{
    const struct view_jobs *failed = &pen->view->failed;
    struct html *html = &pen->html;

    for (size_t i = 0; i < failed->len; i++) {
        const struct job *job = &failed->items[i].job;

        html_markup(html, "<li>Job ");
        pen_text(pen, job->name, SHORT_CHARS);
        html_markup(html, " of ");
        pen_text(pen, job->repository, NAME_CHARS);
        html_markup(html, " failed");
        if (job->last_error != NULL) {
            html_markup(html, ": ");
            pen_text(pen, job->last_error, REASON_CHARS);
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
        pen_text(pen, view->trouble, REASON_CHARS);
        html_markup(html, "</li>");
    }
    for (size_t i = 0; i < view->gates_len; i++) {
        if (!is_shut(&view->gates[i]))
            continue;
        html_markup(html, "<li>");
        page_add_gate_name(pen, &view->gates[i]);
        html_markup(html, " is ");
        page_add_gate_until(pen, &view->gates[i]);
        html_markup(html, ": ");
        pen_text(pen, view->gates[i].error, REASON_CHARS);
        html_markup(html, "</li>");
    }
    if (homeless_waiting(view) > 0) {
        html_markup(html, "<li>");
        pen_count(pen, homeless_waiting(view), "job waits", "jobs wait");
        html_markup(html, " for a pool that the configuration does not have</li>");
    }
    add_failed_jobs(pen);
    if (view->expired > 0) {
        html_markup(html, "<li>");
        pen_count(pen, view->expired, "job", "jobs");
        html_markup(html, " waited for 24 hours, and GitHub gave up: re-run what is still wanted"
                          "</li>");
    }
    html_markup(html, "</ul></div>");
}

void
page_add_verdict(struct pen *pen)
{
    const struct view *view = pen->view;
    struct html *html = &pen->html;

    if (!page_is_well(view)) {
        add_troubles(pen);
        return;
    }
    html_markup(html, "<p class=\"verdict\">All is well");
    if (view->waiting.total + view->running == 0)
        html_markup(html, ": no job waits, and none runs");
    html_markup(html, "</p>");
}
