/*
 * Pools and upstreams.
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "status/page_parts.h"

static bool
is_shut(const struct gate *gate)
{
    return gate->state != GATE_OPEN;
}

void
page_add_gate_name(struct pen *pen, const struct gate *gate)
{
    size_t prefix = sizeof GATE_OWNER_PREFIX - 1;

    if (strcmp(gate->upstream, "nomad") == 0) {
        html_markup(&pen->html, "Nomad");
    } else if (strcmp(gate->upstream, "github") == 0) {
        html_markup(&pen->html, "GitHub");
    } else if (strncmp(gate->upstream, GATE_OWNER_PREFIX, prefix) == 0) {
        html_markup(&pen->html, "GitHub for ");
        pen_text(pen, gate->upstream + prefix, NAME_CHARS);
    } else {
        pen_text(pen, gate->upstream, NAME_CHARS);
    }
}

void
page_add_gate_until(struct pen *pen, const struct gate *gate)
{
    if (gate->shut_until_ms > pen->view->now_ms) {
        html_markup(&pen->html, "left alone until ");
        pen_time(pen, gate->shut_until_ms);
        html_markup(&pen->html, " (");
        pen_span(pen, gate->shut_until_ms - pen->view->now_ms);
        html_markup(&pen->html, " more)");
    } else {
        html_markup(&pen->html, "asked again with the next job");
    }
}

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
        pen_text(pen, pool->name, NAME_CHARS);
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
        size_t begin = pen_at(pen);

        if (pool->name == NULL &&
            pool->runners + pool->queued + pool->assigned + pool->running == 0)
            continue;
        add_pool(pen, pool);
        left_out += !pen_fits(pen, begin, POOLS_END);
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
    page_add_gate_name(pen, gate);
    if (is_shut(gate))
        html_markup(html, "</b><span class=\"pill bad\">shut</span></div>");
    else if (gate->failures > 0)
        html_markup(html, "</b><span class=\"pill wait\">failing</span></div>");
    else
        html_markup(html, "</b><span class=\"pill ok\">open</span></div>");
    if (is_shut(gate) || gate->failures > 0) {
        html_markup(html, "<p class=\"note\">");
        if (is_shut(gate))
            page_add_gate_until(pen, gate);
        else
            pen_count(pen, gate->failures, "failure in a row", "failures in a row");
        html_markup(html, ": ");
        pen_text(pen, gate->error, REASON_CHARS);
        html_markup(html, "</p>");
    }
    html_markup(html, "<p class=\"note\">");
    if (gate->passed_at_ms == 0) {
        html_markup(html, "No good answer was noted yet");
    } else {
        html_markup(html, "Last good answer ");
        pen_time(pen, gate->passed_at_ms);
        html_markup(html, ", ");
        pen_span(pen, pen->view->now_ms - gate->passed_at_ms);
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
        size_t begin = pen_at(pen);

        add_gate(pen, &pen->view->gates[i]);
        (void)pen_fits(pen, begin, GATES_END);
    }
    html_markup(html, "</ul></section>");
}

void
page_add_supply(struct pen *pen)
{
    html_markup(&pen->html, "<div class=\"pair\">");
    add_pools(pen);
    add_gates(pen);
    html_markup(&pen->html, "</div>");
}
