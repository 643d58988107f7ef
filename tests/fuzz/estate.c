/*
 * GitHub and Nomad in memory. Forms: as in tests/standins.
 * SPDX-License-Identifier: MIT
 */
#include "estate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "fuzz.h"
#include "moment.h"

#define MOST 64

static struct {
    struct estate_child children[MOST];
    size_t children_len;
    struct estate_registration registrations[MOST];
    size_t registrations_len;
    int64_t serial;
    bool rival_wins;
    bool jobs_are_over;
} estate;

void
estate_reset(void)
{
    estate.children_len = estate.registrations_len = 0;
    estate.serial = 0;
    estate.rival_wins = estate.jobs_are_over = false;
}

void
estate_let_rival_win(void)
{
    estate.rival_wins = true;
}

void
estate_end_jobs(void)
{
    estate.jobs_are_over = true;
}

const struct estate_child *
estate_child(size_t n)
{
    return n < estate.children_len ? &estate.children[n] : NULL;
}

const struct estate_registration *
estate_registration(size_t n)
{
    return n < estate.registrations_len ? &estate.registrations[n] : NULL;
}

static void
say(struct estate_answer *answer, long status, const char *body)
{
    answer->status = status;
    (void)snprintf(answer->body, sizeof answer->body, "%s", body);
}

static const char *
text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    return text == NULL ? "" : text;
}

static bool
ends_with(const char *text, size_t len, const char *end)
{
    return len >= strlen(end) && memcmp(text + len - strlen(end), end, strlen(end)) == 0;
}

static void
add_registration(struct estate_answer *answer, const char *body, size_t len)
{
    cJSON *json = cJSON_ParseWithLength(body, len);
    struct estate_registration *registration = &estate.registrations[estate.registrations_len];

    for (size_t i = 0; i < estate.registrations_len; i++) {
        if (!estate.registrations[i].is_gone &&
            strcmp(estate.registrations[i].name, text_of(json, "name")) == 0) {
            say(answer, 409, "{\"message\":\"Already exists\"}");
            cJSON_Delete(json);
            return;
        }
    }
    FUZZ_CHECK(estate.registrations_len < MOST);
    estate.registrations_len++;
    registration->is_gone = false;
    registration->id = ++estate.serial;
    (void)snprintf(registration->name, sizeof registration->name, "%s", text_of(json, "name"));
    FUZZ_CHECK(registration->name[0] != '\0');
    answer->status = 201;
    (void)snprintf(answer->body, sizeof answer->body,
                   "{\"runner\":{\"id\":%" PRId64 ",\"name\":\"%s\",\"status\":\"offline\","
                   "\"busy\":false},\"encoded_jit_config\":\"" ESTATE_JIT_CONFIG "%" PRId64 "\"}",
                   registration->id, registration->name, registration->id);
    cJSON_Delete(json);
}

/* Of every third run the code comes from a fork. */
static void
tell_run(struct estate_answer *answer, int64_t id)
{
    answer->status = 200;
    (void)snprintf(answer->body, sizeof answer->body,
                   "{\"id\":%" PRId64 ",\"status\":\"queued\",\"repository\":{\"id\":1},"
                   "\"head_repository\":{\"id\":%d}}",
                   id, id % 3 == 0 ? 2 : 1);
}

/* The registrations of a name; GitHub's filter compares in part, which ours must not rely on. */
static void
list_registrations(const char *name, struct estate_answer *answer)
{
    size_t name_len = strcspn(name, "&"), len = 0;
    int total = 0;
    char items[4096] = "";

    for (size_t i = 0; i < estate.registrations_len; i++) {
        const struct estate_registration *registration = &estate.registrations[i];

        if (registration->is_gone || strncmp(registration->name, name, name_len) != 0)
            continue;
        len += (size_t)snprintf(items + len, sizeof items - len,
                                "%s{\"id\":%" PRId64 ",\"name\":\"%s\",\"status\":\"offline\","
                                "\"busy\":false}",
                                total == 0 ? "" : ",", registration->id, registration->name);
        FUZZ_CHECK(len < sizeof items);
        total++;
    }
    answer->status = 200;
    (void)snprintf(answer->body, sizeof answer->body, "{\"total_count\":%d,\"runners\":[%s]}",
                   total, items);
}

static void
delete_registration(int64_t id, struct estate_answer *answer)
{
    say(answer, 404, "{\"message\":\"Not Found\"}");
    for (size_t i = 0; i < estate.registrations_len; i++) {
        if (estate.registrations[i].id == id && !estate.registrations[i].is_gone) {
            estate.registrations[i].is_gone = true;
            say(answer, 204, "");
        }
    }
}

static void
tell_job(int64_t id, struct estate_answer *answer)
{
    answer->status = 200;
    (void)snprintf(answer->body, sizeof answer->body,
                   "{\"id\":%" PRId64 ",\"status\":\"%s\",\"conclusion\":%s,"
                   "\"runner_id\":null,\"runner_name\":null}",
                   id, estate.jobs_are_over ? "completed" : "queued",
                   estate.jobs_are_over ? "\"cancelled\"" : "null");
}

static bool
begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* An App asks for its installation by itself, and for all else by that one's token. */
static bool
is_admitted(const struct estate_request *request, const char *path)
{
    if (begins(path, "/app/") || ends_with(path, strcspn(path, "?"), "/installation"))
        return begins(request->token, ESTATE_JWT);
    if (begins(path, "/repos/" ESTATE_APP_OWNER "/"))
        return begins(request->token, ESTATE_INSTALLATION_TOKEN);
    return strcmp(request->token, ESTATE_GITHUB_TOKEN) == 0;
}

static void
give_token(const char *start, struct estate_answer *answer)
{
    answer->status = 201;
    (void)snprintf(answer->body, sizeof answer->body,
                   "{\"token\":\"%s%" PRId64 "\",\"expires_at\":\"2026-01-17T13:00:00Z\"}", start,
                   ++estate.serial);
}

static void
ask_github(const struct estate_request *request, const char *path, struct estate_answer *answer)
{
    size_t len = strcspn(path, "?");
    const char *runs = strstr(path, "/actions/runs/");
    bool is_post = strcmp(request->method, "POST") == 0;

    if (!is_admitted(request, path)) {
        say(answer, 401, "{\"message\":\"Bad credentials\"}");
    } else if (is_post && ends_with(path, len, "/actions/runners/registration-token")) {
        give_token(ESTATE_REGISTRATION_TOKEN, answer);
    } else if (is_post &&
               strcmp(path, "/app/installations/" ESTATE_INSTALLATION "/access_tokens") == 0) {
        give_token(ESTATE_INSTALLATION_TOKEN, answer);
    } else if (ends_with(path, len, "/installation")) {
        say(answer, 200, "{\"id\":" ESTATE_INSTALLATION "}");
    } else if (is_post && ends_with(path, len, "/actions/runners/generate-jitconfig")) {
        add_registration(answer, request->body, request->body_len);
    } else if (strstr(path, "/actions/runners?name=") != NULL) {
        list_registrations(strstr(path, "?name=") + strlen("?name="), answer);
    } else if (strcmp(request->method, "DELETE") == 0 &&
               strstr(path, "/actions/runners/") != NULL) {
        delete_registration(strtoll(strstr(path, "/runners/") + strlen("/runners/"), NULL, 10),
                            answer);
    } else if (strstr(path, "/actions/jobs/") != NULL) {
        tell_job(strtoll(strstr(path, "/jobs/") + strlen("/jobs/"), NULL, 10), answer);
    } else if (strstr(path, "/actions/runs?") != NULL) {
        say(answer, 200, "{\"total_count\":0,\"workflow_runs\":[]}");
    } else if (strstr(path, "/deliveries?") != NULL) {
        say(answer, 200, "[]");
    } else if (runs != NULL) {
        tell_run(answer, strtoll(runs + strlen("/actions/runs/"), NULL, 10));
    } else {
        say(answer, 404, "{\"message\":\"Not Found\"}");
    }
}

/* The name in a payload. */
static void
read_runner(struct estate_child *child)
{
    unsigned char bytes[sizeof child->payload];
    size_t len = strlen(child->payload);
    int decoded;
    cJSON *json;

    FUZZ_CHECK(len > 0 && len % 4 == 0 && len < sizeof child->payload - 1);
    decoded = EVP_DecodeBlock(bytes, (const unsigned char *)child->payload, (int)len);
    FUZZ_CHECK(decoded > 0);
    bytes[decoded] = '\0';
    json = cJSON_Parse((const char *)bytes);
    FUZZ_CHECK(json != NULL);
    (void)snprintf(child->runner, sizeof child->runner, "%s", text_of(json, "runner_name"));
    FUZZ_CHECK(child->runner[0] != '\0');
    FUZZ_CHECK(strncmp(text_of(json, "token"), ESTATE_REGISTRATION_TOKEN,
                       strlen(ESTATE_REGISTRATION_TOKEN)) == 0 ||
               strncmp(text_of(json, "jit_config"), ESTATE_JIT_CONFIG, strlen(ESTATE_JIT_CONFIG)) ==
                   0);
    cJSON_Delete(json);
}

/* Puts another's name in the place of the runner's, which has the same length. */
static void
give_to_rival(struct estate_child *child)
{
    unsigned char bytes[sizeof child->payload];
    int decoded =
        EVP_DecodeBlock(bytes, (const unsigned char *)child->payload, (int)strlen(child->payload));
    char *name = memmem(bytes, (size_t)decoded, child->runner, strlen(child->runner));

    FUZZ_CHECK(name != NULL);
    name[0] = 'R';
    while (decoded > 0 && bytes[decoded - 1] == '\0')
        decoded--;
    (void)EVP_EncodeBlock((unsigned char *)child->payload, bytes, decoded);
    child->runner[0] = 'R';
    child->is_rivals = true;
}

static struct estate_child *
find_child(const char *token)
{
    for (size_t i = 0; i < estate.children_len; i++) {
        if (strcmp(estate.children[i].token, token) == 0)
            return &estate.children[i];
    }
    return NULL;
}

static void
add_child(const struct estate_request *request, const char *token, struct estate_answer *answer)
{
    struct estate_child *child = find_child(token);
    bool is_older = child != NULL || estate.rival_wins;

    if (child == NULL) {
        cJSON *json = cJSON_ParseWithLength(request->body, request->body_len);

        FUZZ_CHECK(json != NULL && estate.children_len < MOST);
        child = &estate.children[estate.children_len++];
        child->is_rivals = child->is_stopped = false;
        (void)snprintf(child->token, sizeof child->token, "%s", token);
        (void)snprintf(child->payload, sizeof child->payload, "%s", text_of(json, "Payload"));
        (void)snprintf(child->id, sizeof child->id, "github-runner/dispatch-%" PRId64 "-%08" PRIx64,
                       moment_now_ms() / 1000, (uint64_t)++estate.serial);
        read_runner(child);
        if (estate.rival_wins)
            give_to_rival(child);
        estate.rival_wins = false;
        cJSON_Delete(json);
    }
    answer->status = 200;
    (void)snprintf(answer->body, sizeof answer->body,
                   "{\"DispatchedJobID\":\"%s\",\"EvalID\":\"%s\",\"Index\":1}", child->id,
                   is_older ? "" : "5c7a3e90-77aa-4b1e-9f5e-000000000001");
}

/* The child that a path names, in which the one character to be escaped is the slash; `*rest` is
 * what follows the name. */
static struct estate_child *
child_at(const char *path, const char **rest)
{
    for (size_t i = 0; i < estate.children_len; i++) {
        struct estate_child *child = &estate.children[i];
        char escaped[ESTATE_NAME_CAP + 2];
        int parent_len = (int)strcspn(child->id, "/");

        (void)snprintf(escaped, sizeof escaped, "%.*s%%2F%s", parent_len, child->id,
                       child->id + parent_len + 1);
        *rest = path + strlen(escaped);
        if (begins(path, escaped) && strchr("?/", **rest) != NULL)
            return child;
    }
    return NULL;
}

static void
ask_child(const struct estate_request *request, const char *path, struct estate_answer *answer)
{
    const char *rest;
    struct estate_child *child = child_at(path, &rest);

    if (child == NULL) {
        say(answer, 404, "job not found");
    } else if (strcmp(request->method, "DELETE") == 0) {
        child->is_stopped = true;
        say(answer, 200, "{\"EvalID\":\"5c7a3e90-77aa-4b1e-9f5e-000000000002\"}");
    } else if (begins(rest, "/allocations")) {
        answer->status = 200;
        (void)snprintf(answer->body, sizeof answer->body,
                       "[{\"ClientStatus\":\"%s\",\"CreateIndex\":1,\"TaskStates\":{}}]",
                       child->is_stopped ? "complete" : "running");
    } else if (begins(rest, "/evaluations")) {
        say(answer, 200, "[]");
    } else {
        answer->status = 200;
        (void)snprintf(answer->body, sizeof answer->body,
                       "{\"ID\":\"%s\",\"Status\":\"%s\",\"Stop\":%s,"
                       "\"DispatchIdempotencyToken\":\"%s\",\"Payload\":\"%s\"}",
                       child->id, child->is_stopped ? "dead" : "running",
                       child->is_stopped ? "true" : "false", child->token, child->payload);
    }
}

static void
list_children(struct estate_answer *answer)
{
    size_t len = 0;

    answer->status = 200;
    len += (size_t)snprintf(answer->body, sizeof answer->body, "[");
    for (size_t i = 0; i < estate.children_len; i++) {
        len += (size_t)snprintf(answer->body + len, sizeof answer->body - len,
                                "%s{\"ID\":\"%s\",\"Status\":\"%s\",\"Stop\":%s}",
                                i == 0 ? "" : ",", estate.children[i].id,
                                estate.children[i].is_stopped ? "dead" : "running",
                                estate.children[i].is_stopped ? "true" : "false");
    }
    (void)snprintf(answer->body + len, sizeof answer->body - len, "]");
}

static void
ask_nomad(const struct estate_request *request, const char *path, struct estate_answer *answer)
{
    static const char job[] = "/v1/job/", key[] = "idempotency_token=";
    const char *token = strstr(path, key);
    char copy[ESTATE_NAME_CAP];

    if (strcmp(request->token, ESTATE_NOMAD_TOKEN) != 0) {
        say(answer, 403, "Permission denied");
    } else if (strncmp(path, "/v1/jobs", strlen("/v1/jobs")) == 0) {
        list_children(answer);
    } else if (strcmp(request->method, "POST") == 0 && token != NULL) {
        (void)snprintf(copy, sizeof copy, "%.*s", (int)strcspn(token + strlen(key), "&"),
                       token + strlen(key));
        add_child(request, copy, answer);
    } else if (strncmp(path, job, strlen(job)) == 0) {
        ask_child(request, path + strlen(job), answer);
    } else {
        say(answer, 404, "nothing here");
    }
}

void
estate_ask(const struct estate_request *request, struct estate_answer *answer)
{
    if (strncmp(request->url, ESTATE_GITHUB, strlen(ESTATE_GITHUB)) == 0)
        ask_github(request, request->url + strlen(ESTATE_GITHUB), answer);
    else if (strncmp(request->url, ESTATE_NOMAD, strlen(ESTATE_NOMAD)) == 0)
        ask_nomad(request, request->url + strlen(ESTATE_NOMAD), answer);
    else
        fuzz_failed("a request goes to an upstream that is configured", __FILE__, __LINE__);
}
