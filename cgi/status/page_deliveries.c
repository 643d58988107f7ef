/*
 * The last deliveries.
 * SPDX-License-Identifier: MIT
 */
#include "status/page_parts.h"

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
    pen_time(pen, received->at_ms);
    html_markup(html, "</th><td>");
    add_outcome(pen, received);
    html_markup(html, "</td><td class=\"wide\">");
    pen_text(pen, received->event[0] == '\0' ? "no event named" : received->event, SHORT_CHARS);
    pen_fact(pen, "", received->action, SHORT_CHARS);
    if (received->guid[0] != '\0') {
        html_markup(html, "<small>");
        pen_text(pen, received->guid, NAME_CHARS);
        html_markup(html, "</small>");
    }
    html_markup(html, "</td><td class=\"wide\">");
    if (received->is_signed) {
        pen_text(pen, received->repository, NAME_CHARS);
        if (received->job_id != 0) {
            html_markup(html, "<small>job ");
            html_number(html, received->job_id);
            html_markup(html, "</small>");
        }
    } else {
        pen_text(pen, received->sender, SHORT_CHARS);
    }
    html_markup(html, "</td><td class=\"wide\">");
    pen_text(pen, received->reason, REASON_CHARS);
    html_markup(html, "</td></tr>");
}

#define LOG_HEAD                                                                               \
    "<table class=\"log\"><thead><tr><th scope=\"col\">Time</th><th scope=\"col\">Answer</th>" \
    "<th scope=\"col\">Event</th><th scope=\"col\">"
#define LOG_HEAD_END "</th><th scope=\"col\">Reason</th></tr></thead><tbody>"

static void
add_log(struct pen *pen, const struct view_received *log, size_t end)
{
    bool fits = true;

    for (size_t i = 0; i < log->len && fits; i++) {
        size_t begin = pen_at(pen);

        add_received(pen, &log->items[i]);
        fits = pen_fits(pen, begin, end);
    }
    html_markup(&pen->html, "</tbody></table>");
}

void
page_add_deliveries(struct pen *pen)
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
