/*
 * An answer.
 * SPDX-License-Identifier: MIT
 */
#include "serve/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text/escape.h"
#include "text/json.h"

static const struct {
    int http_status;
    const char *reason_phrase;
    const char *text;
} outcomes[] = {
    [OUTCOME_ACCEPTED] = {202, "Accepted", "accepted"},
    [OUTCOME_DUPLICATE] = {200, "OK", "duplicate"},
    [OUTCOME_IGNORED] = {200, "OK", "ignored"},
    [OUTCOME_PONG] = {200, "OK", "pong"},
    [OUTCOME_OK] = {200, "OK", "ok"},
    [OUTCOME_REFUSED] = {403, "Forbidden", "refused"},
    [OUTCOME_INVALID] = {400, "Bad Request", "invalid"},
    [OUTCOME_TOO_LARGE] = {413, "Content Too Large", "invalid"},
    [OUTCOME_UNSUPPORTED_TYPE] = {415, "Unsupported Media Type", "invalid"},
    [OUTCOME_METHOD] = {405, "Method Not Allowed", "invalid"},
    [OUTCOME_FORBIDDEN] = {403, "Forbidden", "refused"},
    [OUTCOME_UNAVAILABLE] = {503, "Service Unavailable", "unavailable"},
};

int
answer_http_status(enum outcome outcome)
{
    return outcomes[outcome].http_status;
}

const char *
answer_status_text(enum outcome outcome)
{
    return outcomes[outcome].text;
}

void
answer_set(struct answer *answer, enum outcome outcome, const char *format, ...)
{
    va_list args;

    answer->outcome = outcome;
    va_start(args, format);
    (void)vsnprintf(answer->reason, sizeof answer->reason, format, args);
    va_end(args);
    escape_trim(answer->reason);
}

static char *
render_json(const struct answer *answer)
{
    cJSON *json = cJSON_CreateObject();
    char *text = NULL;

    if (json != NULL && json_add_text(json, "status", answer_status_text(answer->outcome)) &&
        (answer->reason[0] == '\0' || json_add_text(json, "reason", answer->reason)) &&
        (answer->job_id == 0 || json_add_number(json, "job_id", answer->job_id)) &&
        (answer->pool[0] == '\0' || json_add_text(json, "pool", answer->pool)))
        text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

/* The headers that every answer has. */
static void
render_head(const struct answer *answer, const char *content_type, size_t len, struct buffer *out)
{
    (void)buffer_addf(out,
                      "Status: %d %s\r\n"
                      "Content-Type: %s\r\n"
                      "Content-Length: %zu\r\n"
                      "Cache-Control: no-store\r\n"
                      "X-Content-Type-Options: nosniff\r\n",
                      outcomes[answer->outcome].http_status,
                      outcomes[answer->outcome].reason_phrase, content_type, len);
}

static bool
render_page(const struct answer *answer, struct buffer *out)
{
    const struct page *page = &answer->page;

    render_head(answer, page->content_type, page->body.len, out);
    if (page->headers != NULL)
        (void)buffer_add_text(out, page->headers);
    (void)buffer_add_text(out, "\r\n");
    if (!answer->head_only)
        (void)buffer_add(out, buffer_text(&page->body), page->body.len);
    return !out->failed && !page->body.failed;
}

bool
answer_render(const struct answer *answer, struct buffer *out)
{
    char *json;

    if (answer->page.content_type != NULL)
        return render_page(answer, out);
    json = render_json(answer);
    if (json == NULL)
        return false;
    render_head(answer, "application/json", strlen(json) + 1, out);
    if (answer->outcome == OUTCOME_METHOD)
        (void)buffer_add_text(out, "Allow: POST\r\n");
    if (answer->outcome == OUTCOME_UNAVAILABLE)
        (void)buffer_add_text(out, "Retry-After: 30\r\n");
    (void)buffer_add_text(out, "\r\n");
    if (!answer->head_only)
        (void)buffer_addf(out, "%s\n", json);
    cJSON_free(json);
    return !out->failed;
}

void
answer_fini(struct answer *answer)
{
    buffer_fini(&answer->page.body);
    answer->page = (struct page){0};
}
