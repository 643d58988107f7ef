/*
 * What all parts of the status page write with.
 * SPDX-License-Identifier: MIT
 */
#include "status/pen.h"

#include <string.h>

#include "clock/clock.h"
#include "text/span.h"

/* Within a time in ISO 8601: before the month, after the date, after the seconds. */
#define YEAR_LEN 5
#define DATE_LEN 10
#define CLOCK_END 19

size_t
pen_at(const struct pen *pen)
{
    return pen->html.out->len;
}

bool
pen_fits(struct pen *pen, size_t begin, size_t end)
{
    if (pen_at(pen) <= end)
        return true;
    html_cut(&pen->html, begin);
    return false;
}

void
pen_text(struct pen *pen, const char *text, size_t max_chars)
{
    html_markup(&pen->html, "<bdi>");
    html_text(&pen->html, text, max_chars);
    html_markup(&pen->html, "</bdi>");
}

void
pen_hour(struct pen *pen, int64_t at_ms)
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

void
pen_time(struct pen *pen, int64_t at_ms)
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

void
pen_span(struct pen *pen, int64_t span_ms)
{
    char text[SPAN_CAP];

    html_text(&pen->html, span_text(span_ms, text), SPAN_CAP);
}
