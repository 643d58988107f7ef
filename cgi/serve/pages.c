/*
 * The pages.
 * SPDX-License-Identifier: MIT
 */
#include "serve/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <runhook/runhook.h>

#include "clock/clock.h"
#include "config/network.h"
#include "metrics/exposition.h"
#include "metrics/scrape.h"
#include "status/page.h"
#include "status/view.h"

/* Sets the answer: its page, or why there is none. */
typedef void (*page_write)(const struct pages_source *source, const struct setup *setup,
                           struct answer *answer);

static void
write_health(const struct pages_source *source, const struct setup *setup, struct answer *answer)
{
    struct rh_reason reason;

    (void)setup;
    if (ledger_probe(source->ledger, &reason) == LEDGER_OK)
        answer->outcome = OUTCOME_OK;
    else
        answer_set(answer, OUTCOME_UNAVAILABLE, "%s", reason.text);
}

/* Under a ledger that cannot be written the page says so itself; under one that cannot be read
 * there is none. */
static void
write_metrics(const struct pages_source *source, const struct setup *setup, struct answer *answer)
{
    const struct scrape scrape = {
        .config = setup->config, .ledger = source->ledger, .meter = source->meter};
    struct page *page = &answer->page;
    struct rh_reason reason;

    page->body = BUFFER_INIT(ANSWER_PAGE_MAX);
    if (scrape_write(&scrape, &page->body, &reason)) {
        page->content_type = EXPOSITION_CONTENT_TYPE;
        answer->outcome = OUTCOME_OK;
    } else {
        buffer_fini(&page->body);
        answer_set(answer, OUTCOME_UNAVAILABLE, "%s", reason.text);
    }
}

static void
write_status(const struct pages_source *source, const struct setup *setup, struct answer *answer)
{
    struct view *view = calloc(1, sizeof *view);
    struct view_ask ask = {.config = setup->config, .now_ms = clock_now_ms(), .view = view};
    struct rh_reason reason, trouble;

    answer->page.body = BUFFER_INIT(ANSWER_PAGE_MAX);
    if (view == NULL) {
        answer_set(answer, OUTCOME_UNAVAILABLE, "out of memory");
        return;
    }
    view->version = rh_version();
    view->receiver = ledger_receiver(source->ledger);
    /* What is not in the ledger yet is on no page. A ledger that cannot be written can be read. */
    if (!receipts_write(source->receipts, source->ledger, RECEIPTS_ALL, &trouble))
        (void)snprintf(view->trouble, sizeof view->trouble, "%s", trouble.text);
    if (ledger_read(source->ledger, view_read, &ask, &reason) != LEDGER_OK) {
        answer_set(answer, OUTCOME_UNAVAILABLE, "%s", reason.text);
    } else if (!page_render(view, &answer->page.body)) {
        answer_set(answer, OUTCOME_UNAVAILABLE, "out of memory");
    } else {
        answer->outcome = OUTCOME_OK;
        answer->page.content_type = "text/html; charset=utf-8";
        answer->page.headers = page_headers;
    }
    view_fini(view);
    free(view);
}

static const struct {
    const char *name;
    bool is_public;
    page_write write;
} pages[] = {
    {"healthz", true, write_health},
    {"metrics", false, write_metrics},
    {"status", false, write_status},
};

/* The headers in which tunnels and proxies name the client whose request they pass on. */
static const char *const client_headers[] = {
    "HTTP_FORWARDED",        "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP",
    "HTTP_CF_CONNECTING_IP", "HTTP_TRUE_CLIENT_IP",
};

static const char *
variable(const struct request *request, const char *name)
{
    const char *value = request->variable(request->source, name);

    return value == NULL ? "" : value;
}

/* The header in which the request names a client of its own; NULL where it names none. */
static const char *
named_client(const struct request *request)
{
    for (size_t i = 0; i < sizeof client_headers / sizeof client_headers[0]; i++) {
        if (variable(request, client_headers[i])[0] != '\0')
            return client_headers[i];
    }
    return NULL;
}

/* Whether the client may see pages; where not, the answer says why. */
static bool
admit(const struct server_config *server, const struct request *request, struct answer *answer)
{
    const char *address = variable(request, "REMOTE_ADDR");
    const char *header = named_client(request);

    /* nginx says "unix:" of a client on a unix socket, who is on this machine. */
    if (strcmp(address, "unix:") != 0 && !networks_have(&server->pages_from, address)) {
        answer_set(answer, OUTCOME_FORBIDDEN, "%.64s is not in [server] pages_from",
                   address[0] == '\0' ? "a client without an address" : address);
        return false;
    }
    if (header == NULL || server->pages_via_proxy)
        return true;
    answer_set(answer, OUTCOME_FORBIDDEN,
               "it came through a proxy (%s): where the web server puts the client's own address "
               "in its place, say pages_via_proxy = yes in [server]",
               header);
    return false;
}

bool
pages_answer(const struct pages_source *source, const struct request *request,
             struct answer *answer)
{
    size_t len;
    const char *segment = request_last_segment(request, &len);
    struct setup *setup;

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (len != strlen(pages[i].name) || memcmp(segment, pages[i].name, len) != 0)
            continue;
        setup = current_take(source->setups);
        if (pages[i].is_public || admit(&setup->config->server, request, answer)) {
            request_wait(request);
            pages[i].write(source, setup, answer);
        }
        current_return(source->setups, setup);
        return true;
    }
    return false;
}
