/*
 * What GitHub's API answers, by each of its readers.
 *
 * Input: the reader's name, as one line; for some of them a line more; the body.
 * Checked: numbers within their bounds, texts that are UTF-8 and within their room, and nothing
 * left behind by a reader that says no.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include <runhook/delivery.h>

#include "fuzz.h"
#include "text/json.h"
#include "upstream/github_account_read.h"
#include "upstream/github_array.h"
#include "upstream/github_delivery.h"
#include "upstream/github_hook.h"
#include "upstream/github_read.h"
#include "upstream/github_request.h"

#define NAME "runhook-0a1b2c3d-55-1"

static void
check_text(const char *text, size_t cap)
{
    FUZZ_CHECK(memchr(text, '\0', cap) != NULL && fuzz_is_utf8(text, strlen(text)));
}

static void
check_id(int64_t id, int64_t min)
{
    FUZZ_CHECK(id >= min && id <= RH_ID_MAX);
}

static void
check_time(int64_t at_ms)
{
    FUZZ_CHECK(at_ms >= -INT64_C(63000000000000) && at_ms <= INT64_C(253500000000000));
}

static void
read_runners(const struct buffer *body, const char *line)
{
    struct github_runner runner;
    int64_t total;
    cJSON *items = github_read_page(body, "runners", &total);

    (void)line;
    check_id(total, 0);
    if (items != NULL && github_read_runner(items, NAME, &runner) && runner.is_registered) {
        check_id(runner.id, 1);
        FUZZ_CHECK(memchr(buffer_text(body), '\\', body->len) != NULL ||
                   strstr(buffer_text(body), "\"" NAME "\"") != NULL);
    }
    cJSON_Delete(items);
}

static void
read_job(const struct buffer *body, const char *line)
{
    struct github_job job;
    bool is_forks, done = github_read_job(body, 7, &job);

    (void)line;
    check_text(job.conclusion, sizeof job.conclusion);
    check_text(job.runner_name, sizeof job.runner_name);
    check_id(job.runner_id, 0);
    FUZZ_CHECK(job.status <= GITHUB_JOB_COMPLETED);
    FUZZ_CHECK(done || (job.runner_name[0] == '\0' && job.runner_id == 0));
    if (!github_read_origin(body, 7, &is_forks))
        FUZZ_CHECK(is_forks);
}

static void
read_hook(const struct buffer *body, const char *line)
{
    cJSON *json = json_parse(body);
    struct github_hook hook;

    (void)line;
    if (json != NULL && github_hook_read(json, &hook)) {
        check_id(hook.id, 1);
        check_text(hook.url, sizeof hook.url);
        check_text(hook.last_message, sizeof hook.last_message);
        FUZZ_CHECK(fuzz_is_plain(hook.last_message));
        FUZZ_CHECK(hook.last_code >= 0 && hook.last_code <= 999);
    }
    cJSON_Delete(json);
}

static void
read_delivery(const struct buffer *body, const char *line)
{
    cJSON *json = json_parse(body);
    struct github_delivery delivery;
    struct github_last_delivery last;

    (void)line;
    if (json != NULL && github_delivery_read(json, &delivery)) {
        check_id(delivery.id, 1);
        check_id(delivery.repository_id, 0);
        check_id(delivery.installation_id, 0);
        check_time(delivery.delivered_at_ms);
        check_text(delivery.event, sizeof delivery.event);
        check_text(delivery.action, sizeof delivery.action);
        check_text(delivery.guid, sizeof delivery.guid);
        FUZZ_CHECK(delivery.guid[0] != '\0' && fuzz_is_plain(delivery.guid));
        FUZZ_CHECK(delivery.status_code >= 0 && delivery.status_code <= 999);
    }
    if (json != NULL && github_read_last_delivery(json, &last)) {
        check_text(last.status, sizeof last.status);
        FUZZ_CHECK(fuzz_is_plain(last.status) && last.code >= 0 && last.code <= 999);
    }
    cJSON_Delete(json);
}

static void
read_app(const struct buffer *body, const char *line)
{
    struct github_app app = {0};

    (void)line;
    if (github_read_app(body, &app))
        check_text(app.name, sizeof app.name);
}

static void
read_installation(const struct buffer *body, const char *line)
{
    cJSON *json = json_parse(body);
    struct github_installation installation;

    (void)line;
    if (json != NULL && github_read_installation(json, &installation)) {
        check_id(installation.id, 1);
        check_text(installation.owner, sizeof installation.owner);
    }
    cJSON_Delete(json);
}

/* The line is the header with the token's expiry; "scopes " before it stands for a classic one. */
static void
read_token_self(const struct buffer *body, const char *line)
{
    struct github_token token = {0};
    bool is_classic = strncmp(line, "scopes ", 7) == 0;

    if (github_read_token_self(body, is_classic ? line + 7 : NULL,
                               line[0] == '\0' || is_classic ? NULL : line, &token)) {
        FUZZ_CHECK(token.login[0] != '\0' || strstr(buffer_text(body), "login") != NULL);
        check_text(token.login, sizeof token.login);
        FUZZ_CHECK(memchr(token.scopes, '\0', sizeof token.scopes) != NULL);
        check_time(token.expires_at_ms);
    }
}

static void
read_rate(const struct buffer *body, const char *line)
{
    struct github_rate rate;

    (void)line;
    if (github_read_rate(body, &rate)) {
        check_id(rate.limit, 1);
        check_id(rate.remaining, 0);
        check_id(rate.used, 0);
        FUZZ_CHECK(rate.used <= rate.limit && rate.renews_at_ms >= 0);
    }
}

static void
read_token(const struct buffer *body, const char *line)
{
    struct http_reply reply = {.body = *body};
    struct rh_secret *token = NULL;
    struct failure failure = {0};
    int64_t expires_at_ms = 0;

    (void)line;
    if (github_read_token(&reply, &token, &expires_at_ms, &failure)) {
        check_time(expires_at_ms);
        for (const char *c = rh_secret_bytes(token); *c != '\0'; c++)
            FUZZ_CHECK(*c > ' ' && *c < 0x7f && strchr("\"'\\$`", *c) == NULL);
    } else {
        FUZZ_CHECK(token == NULL && fuzz_is_plain(failure.text.text));
    }
    (void)github_is_api_error(&reply);
    rh_secret_free(token);
}

/* Of the Link header alone. */
static void
read_link(const struct buffer *body, const char *line)
{
    char query[256] = "";

    (void)body;
    if (!github_next_query(line, query, sizeof query))
        return;
    FUZZ_CHECK(query[0] != '\0' && strlen(query) < sizeof query);
    for (const char *c = query; *c != '\0'; c++)
        FUZZ_CHECK(*c > ' ' && *c < 0x7f && strchr("<>\"\\^`{|}#", *c) == NULL);
    FUZZ_CHECK(strstr(line, query) != NULL && strcasestr(line, "next") != NULL);
}

static const struct {
    const char *name;
    void (*read)(const struct buffer *body, const char *line);
} readers[] = {
    {"runners", read_runners},
    {"job", read_job},
    {"hook", read_hook},
    {"delivery", read_delivery},
    {"app", read_app},
    {"installation", read_installation},
    {"token_self", read_token_self},
    {"rate", read_rate},
    {"token", read_token},
    {"link", read_link},
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    char *name = fuzz_line(&input), *line = fuzz_line(&input);
    struct buffer body = BUFFER_INIT(1 << 20);

    (void)buffer_add(&body, input.bytes, input.len);
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (strcmp(readers[i].name, name) == 0)
            readers[i].read(&body, line);
    }
    buffer_fini(&body);
    free(name);
    free(line);
    return 0;
}
