/*
 * The status page.
 * SPDX-License-Identifier: MIT
 */
#include "status/page.h"

#include "status/page_parts.h"
#include "status/style.h"

const char page_headers[] =
    "Content-Security-Policy: default-src 'none'; style-src '" STATUS_STYLE_HASH
    "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "X-Robots-Tag: noindex\r\n";

static void
add_head(struct pen *pen)
{
    struct html *html = &pen->html;
    const struct view *view = pen->view;

    html_markup(html, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                      "<meta name=\"color-scheme\" content=\"light dark\"><title>runhook: ");
    if (!page_is_well(view))
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
    pen_time(pen, view->now_ms);
    html_markup(html, " UTC</span> <span class=\"age\"><span class=\"a\">just now</span>"
                      "<span class=\"b\">over a minute old</span>"
                      "<span class=\"c\">over ten minutes old</span></span>"
                      " <a href=\"\">Reload</a></p></header><main>");
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

bool
page_render(const struct view *view, struct buffer *out)
{
    struct pen pen = {.html = {.out = out}, .view = view};

    add_head(&pen);
    page_add_verdict(&pen);
    add_sums(&pen);
    page_add_day(&pen);
    page_add_supply(&pen);
    page_add_jobs(&pen);
    page_add_deliveries(&pen);
    html_markup(&pen.html, "</main><footer>All times are UTC.</footer></body></html>\n");
    return !out->failed;
}
