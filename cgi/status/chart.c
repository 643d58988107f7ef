/*
 * A picture of the last day.
 *
 * Within the outer <svg>, whose unit is the page's pixel, an inner one has a unit a slot and a unit
 * a job, and stretches: so every coordinate is a whole number, and words stay as large as they are
 * on a phone.
 * SPDX-License-Identifier: MIT
 */
#include "status/chart.h"

#include <string.h>

#include "clock/clock.h"

/* Of the grid, in pixels; the labels of the hours stand below it. */
#define TOP_Y 14
#define HEIGHT 132
_Static_assert(TOP_Y == 14 && HEIGHT == 132 && SERIES_SLOTS == 288, "as in chart_draw's markup");

int64_t
chart_top(int64_t value)
{
    static const int64_t steps[] = {2, 4, 6, 8, 10};

    for (int64_t tens = 1;; tens *= 10) {
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            if (value <= steps[i] * tens)
                return steps[i] * tens;
        }
    }
}

/* The hours and minutes of a moment. */
static void
add_clock(struct html *html, int64_t at_ms)
{
    char text[CLOCK_TEXT_CAP], clock[6] = "";

    (void)clock_text(at_ms, 0, text);
    if (strlen(text) > 16)
        memcpy(clock, text + 11, 5); /* 2026-01-31T23:59:59Z */
    html_text(html, clock, 5);
}

/* A line of the grid with its number; `part` is how far down it is, in halves. */
static void
add_grid_line(struct html *html, int64_t number, int part)
{
    int64_t y = TOP_Y + part * (HEIGHT / 2);

    html_markup(html, "<line class=\"g\" x2=\"100%\" y1=\"");
    html_number(html, y);
    html_markup(html, "\" y2=\"");
    html_number(html, y);
    html_markup(html, "\"/><text y=\"");
    html_number(html, y - 3);
    html_markup(html, "\">");
    html_number(html, number);
    html_markup(html, "</text>");
}

static void
add_grid(struct html *html, int64_t top)
{
    for (int part = 0; part <= 2; part++)
        add_grid_line(html, top - part * top / 2, part);
}

/* Every six hours. */
static void
add_hours(struct html *html, const struct series *series)
{
    const int64_t step_ms = (int64_t)SERIES_SLOTS * SERIES_SLOT_S * 1000 / 4;

    html_markup(html, "<text y=\"164\">");
    add_clock(html, series->begin_ms);
    html_markup(html, "</text>");
    for (int i = 1; i < 4; i++) {
        html_markup(html, "<text class=\"m\" y=\"164\" x=\"");
        html_number(html, 25 * i);
        html_markup(html, "%\">");
        add_clock(html, series->begin_ms + i * step_ms);
        html_markup(html, "</text>");
    }
    html_markup(html, "<text class=\"e\" y=\"164\" x=\"100%\">now</text>");
}

/* The steps of one count as the outline of an area, a point only where it changes. */
static void
add_steps(struct html *html, const struct series *series, bool is_running, int64_t top)
{
    int64_t last = 0;

    html_markup(html, "M0 ");
    html_number(html, top);
    for (size_t i = 0; i < SERIES_SLOTS; i++) {
        const struct series_slot *slot = &series->slots[i];
        int64_t value = is_running ? slot->running : slot->waiting;

        if (value == last)
            continue;
        html_markup(html, "H");
        html_number(html, (int64_t)i);
        html_markup(html, "V");
        html_number(html, top - value);
        last = value;
    }
    html_markup(html, "H");
    html_number(html, SERIES_SLOTS);
    html_markup(html, "V");
    html_number(html, top);
}

void
chart_draw(const struct series *series, struct html *html)
{
    int64_t most =
        series->most.waiting > series->most.running ? series->most.waiting : series->most.running;
    int64_t top = chart_top(most);

    html_markup(html, "<svg class=\"chart\" role=\"img\" aria-labelledby=\"chart-title\""
                      " aria-describedby=\"chart-text\" width=\"100%\" height=\"170\">"
                      "<title id=\"chart-title\">Jobs waiting and running over the last 24 hours"
                      "</title><desc id=\"chart-text\">Two lines in steps of five minutes, each the"
                      " most jobs at once: waiting, up to ");
    html_number(html, series->most.waiting);
    html_markup(html, ", and running, up to ");
    html_number(html, series->most.running);
    html_markup(html, ". The table after it has them by the hour.</desc>");
    add_grid(html, top);
    add_hours(html, series);
    html_markup(html, "<svg y=\"14\" width=\"100%\" height=\"132\" preserveAspectRatio=\"none\""
                      " viewBox=\"0 0 288 ");
    html_number(html, top);
    html_markup(html, "\"><path class=\"r\" d=\"");
    add_steps(html, series, true, top);
    html_markup(html, "\"/><path class=\"w\" d=\"");
    add_steps(html, series, false, top);
    html_markup(html, "\"/></svg></svg>");
}
