/*
 * The last day.
 * SPDX-License-Identifier: MIT
 */
#include "status/chart.h"
#include "status/page_parts.h"

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
        pen_hour(pen, series->begin_ms + (int64_t)i * SERIES_SLOT_S * 1000);
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
    pen_count(pen, view->lately.total, "job ended", "jobs ended");
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
        pen_span(pen, series->wait_mean_ms);
        html_markup(html, " on average, ");
        pen_span(pen, series->wait_most_ms);
        html_markup(html, " at most.");
    }
    html_markup(html, "</p>");
}

void
page_add_day(struct pen *pen)
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
