/*
 * Nomad's HTTP API, as far as a runner needs it.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/nomad.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <runhook/payload.h>

#include "text/json.h"
#include "upstream/quote.h"

#define PATH_MAX_BYTES 4096
#define CHILD_ID_MAX 512

/* So much of a secret, or of the body, in Nomad's words, is too much: see quote_secret. */
#define SECRET_WINDOW 8
#define BODY_WINDOW 32

struct nomad {
    const struct nomad_config *config;
    struct credential *token;
    struct http_origin origin;
    struct http_client *client;
};

struct nomad *
nomad_new(const struct nomad_config *config, struct credential *token, http_deadline *deadline)
{
    struct nomad *nomad = calloc(1, sizeof *nomad);

    if (nomad == NULL)
        return NULL;
    nomad->config = config;
    nomad->token = token;
    nomad->origin = (struct http_origin){.upstream = UPSTREAM_NOMAD,
                                         .base = config->address,
                                         .ca_cert = config->ca_cert,
                                         .client_cert = config->client_cert,
                                         .client_key = config->client_key,
                                         .tls_server_name = config->tls_server_name,
                                         .connect_timeout_ms = config->connect_timeout_s * 1000,
                                         .timeout_ms = config->timeout_s * 1000};
    nomad->client = http_client_new(&nomad->origin, deadline);
    if (nomad->client == NULL) {
        nomad_free(nomad);
        return NULL;
    }
    return nomad;
}

void
nomad_free(struct nomad *nomad)
{
    if (nomad == NULL)
        return;
    http_client_free(nomad->client);
    free(nomad);
}

void
nomad_dispatched_fini(struct nomad_dispatched *dispatched)
{
    free(dispatched->child);
    *dispatched = (struct nomad_dispatched){0};
}

/* Begins a path of a job, with what selects namespace and region after it. `suffix` is "" or "/…".
 * The slash in a child's id is escaped too, or Nomad would take the rest for a verb. */
static bool
add_job_path(const struct nomad_config *config, const char *job, const char *suffix,
             struct buffer *out)
{
    const char *const pairs[][2] = {{"namespace", config->ns}, {"region", config->region}};
    const char *separator = "?";

    (void)buffer_add_text(out, "/v1/job/");
    (void)http_escape(out, job);
    (void)buffer_add_text(out, suffix);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i][1] == NULL)
            continue;
        (void)buffer_addf(out, "%s%s=", separator, pairs[i][0]);
        (void)http_escape(out, pairs[i][1]);
        separator = "&";
    }
    return !out->failed;
}

bool
nomad_dispatch_path(const struct nomad_config *config, const char *job,
                    const char *idempotency_token, struct buffer *out)
{
    (void)add_job_path(config, job, "/dispatch", out);
    (void)buffer_addf(
        out, "%cidempotency_token=", config->ns == NULL && config->region == NULL ? '?' : '&');
    return http_escape(out, idempotency_token);
}

/*
 * What Nomad's 500s say (from nomad/job_endpoint.go, nomad/structs/errors.go and nomad/rpc.go): the
 * first come again until a person acts, the others pass by themselves. Words that stand in neither
 * list may be about this one dispatch.
 */
static enum failure_kind
classify_500(const char *text)
{
    static const struct {
        const char *words;
        enum failure_kind kind;
    } known[] = {
        {"parameterized job not found", FAILURE_NOMAD_JOB},
        {"is not a parameterized job", FAILURE_NOMAD_JOB},
        {"Payload exceeds maximum size", FAILURE_NOMAD_JOB},
        {"Payload is not provided but required", FAILURE_NOMAD_JOB},
        {"Payload provided but forbidden", FAILURE_NOMAD_JOB},
        {"unpermitted metadata keys", FAILURE_NOMAD_JOB},
        {"required meta keys", FAILURE_NOMAD_JOB},
        {"can't dispatch", FAILURE_NOMAD_JOB},
        {"No cluster leader", FAILURE_SERVER},
        {"No path to region", FAILURE_SERVER},
        {"No servers", FAILURE_SERVER},
        {"Not ready to serve", FAILURE_SERVER},
        {"leadership", FAILURE_SERVER},
        {"rpc error", FAILURE_SERVER},
        {"timed out", FAILURE_SERVER},
        {"timeout", FAILURE_SERVER},
        {"connection", FAILURE_SERVER},
        {"EOF", FAILURE_SERVER},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasestr(text, known[i].words) != NULL)
            return known[i].kind;
    }
    return FAILURE_NOMAD_ODD;
}

/* Appends what Nomad said, unless it repeats what is not for a log. A window of the body may be
 * longer: job and key names in it are quoted rightly. */
static void
quote(const struct nomad_config *config, const struct rh_secret *token,
      const struct nomad_order *order, const struct http_reply *reply, struct buffer *out)
{
    const struct rh_secret *const held[] = {token, config->cf_access_client_id,
                                            config->cf_access_client_secret, order->credential};
    struct quote_secret secrets[sizeof held / sizeof held[0] + 1] = {0};
    size_t len = 0;

    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        if (held[i] != NULL)
            secrets[len++] = (struct quote_secret){.bytes = rh_secret_bytes(held[i]),
                                                   .len = rh_secret_len(held[i]),
                                                   .window = SECRET_WINDOW};
    }
    secrets[len++] =
        (struct quote_secret){.bytes = order->body, .len = order->body_len, .window = BODY_WINDOW};
    (void)quote_add(out, buffer_text(&reply->body), secrets, len);
}

static bool
refused(const struct nomad_config *config, const struct rh_secret *token,
        const struct nomad_order *order, const struct http_reply *reply, struct failure *failure)
{
    const char *job = order->job;
    struct buffer detail = BUFFER_INIT(1024);
    enum failure_kind kind_500 = classify_500(buffer_text(&reply->body));
    long status = reply->status;

    quote(config, token, order, reply, &detail);
    if (status == 403)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_FORBIDDEN,
                          "Nomad forbids it (403: %s): the token needs dispatch-job on %.64s",
                          buffer_text(&detail), job);
    else if (status == 401)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_UNAUTHORIZED,
                          "Nomad does not accept the token (401): see [nomad] token_file");
    else if (status == 429)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_RATE_LIMITED,
                          "Nomad has too many requests (429)");
    else if (status == 404)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_NOT_FOUND,
                          "nothing there (404: %s): is [nomad] address Nomad's, and is the job "
                          "%.64s registered?",
                          buffer_text(&detail), job);
    else if (status == 409)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_CONFLICT, "Nomad: conflict (409: %s)",
                          buffer_text(&detail));
    else if (status == 422)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_UNPROCESSABLE,
                          "Nomad does not accept the request (422: %s)", buffer_text(&detail));
    else if (status >= 300 && status < 400)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_REDIRECTED,
                          "Nomad's address redirects (%ld): [nomad] address is not the API's, or a "
                          "login stands before it",
                          status);
    else if (status == 500 && kind_500 == FAILURE_NOMAD_JOB)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_NOMAD_JOB,
                          "Nomad's job %.64s does not take the dispatch: %s", job,
                          buffer_text(&detail));
    else if (status >= 500)
        (void)failure_set(failure, UPSTREAM_NOMAD, status == 500 ? kind_500 : FAILURE_SERVER,
                          "Nomad has trouble (%ld: %s)", status, buffer_text(&detail));
    else
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_REJECTED, "Nomad answered %ld: %s",
                          status, buffer_text(&detail));
    failure->status = status;
    failure->retry_after_ms = reply->retry_after_ms;
    buffer_fini(&detail);
    return false;
}

static bool
read_dispatched(const struct http_reply *reply, struct nomad_dispatched *dispatched,
                struct failure *failure)
{
    cJSON *json = json_parse(&reply->body);
    const char *child = json_text(json, "DispatchedJobID");
    const char *eval = json_text(json, "EvalID");
    bool done = false;

    if (child == NULL || child[0] == '\0' || strlen(child) > CHILD_ID_MAX) {
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_GARBAGE,
                          "the answer has no DispatchedJobID: is [nomad] address Nomad's?");
    } else {
        dispatched->is_older = eval == NULL || eval[0] == '\0';
        dispatched->child = strdup(child);
        done = dispatched->child != NULL;
        if (!done)
            (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_LOCAL, "out of memory");
    }
    json_wipe(json);
    return done;
}

static bool
send_once(struct nomad *nomad, const char *method, const char *path,
          const struct nomad_order *order, const struct rh_secret *token, struct http_reply *reply,
          struct failure *failure)
{
    const struct nomad_config *config = nomad->config;
    bool has_body = order->body != NULL;
    const struct http_header headers[] = {
        {.name = "Content-Type", .value = has_body ? "application/json;charset=UTF-8" : NULL},
        {.name = "Authorization", .prefix = "Bearer ", .secret = token},
        {.name = "X-Nomad-Token", .secret = token},
        {.name = "CF-Access-Client-Id", .secret = config->cf_access_client_id},
        {.name = "CF-Access-Client-Secret", .secret = config->cf_access_client_secret},
    };
    const struct http_request request = {.method = method,
                                         .path = path,
                                         .headers = headers,
                                         .headers_len = sizeof headers / sizeof headers[0],
                                         .body = order->body,
                                         .body_len = order->body_len};

    return http_send(nomad->client, &request, reply, failure);
}

/* Sends a request about a job, and makes a failure of every answer but 200. Under the token of now;
 * once more at once where Nomad refuses that (it says 403 to a token that has expired) and its file
 * holds another by now. On success the caller ends `*reply`. */
static bool
send_request(struct nomad *nomad, const char *method, const struct buffer *path,
             const struct nomad_order *order, struct http_reply *reply, struct failure *failure)
{
    bool answered = false, again = true;

    if (path->failed)
        return failure_set(failure, UPSTREAM_NOMAD, FAILURE_LOCAL, "out of memory");
    while (again) {
        struct rh_secret *token;

        if (!credential_get(nomad->token, &token))
            return failure_set(failure, UPSTREAM_NOMAD, FAILURE_LOCAL, "out of memory");
        answered = send_once(nomad, method, buffer_text(path), order, token, reply, failure);
        again = answered && (reply->status == 401 || reply->status == 403) &&
                credential_renew(nomad->token, token);
        if (answered && !again && reply->status != 200)
            (void)refused(nomad->config, token, order, reply, failure);
        if (answered && reply->status != 200) {
            http_reply_fini(reply);
            answered = false;
        }
        rh_secret_free(token);
    }
    return answered;
}

bool
nomad_dispatch(struct nomad *nomad, const struct nomad_order *order,
               struct nomad_dispatched *dispatched, struct failure *failure)
{
    struct buffer path = BUFFER_INIT(PATH_MAX_BYTES);
    struct http_reply reply;
    bool done = false;

    *dispatched = (struct nomad_dispatched){0};
    (void)nomad_dispatch_path(nomad->config, order->job, order->idempotency_token, &path);
    if (send_request(nomad, "POST", &path, order, &reply, failure)) {
        done = read_dispatched(&reply, dispatched, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return done;
}

void
nomad_child_fini(struct nomad_child *child)
{
    free(child->runner_name);
    *child = (struct nomad_child){0};
}

/* The runner's name in a payload, which Nomad gives in base64. A payload that is none of ours has
 * no such name, which is no failure. */
static char *
read_runner_name(const char *base64)
{
    size_t len = strlen(base64);
    struct buffer payload = BUFFER_INIT(RH_PAYLOAD_MAX + 3);
    unsigned char *bytes = len == 0 || len % 4 != 0 ? NULL : malloc(len / 4 * 3 + 1);
    char *name = NULL;
    cJSON *json;
    int decoded =
        bytes == NULL ? -1 : EVP_DecodeBlock(bytes, (const unsigned char *)base64, (int)len);

    for (size_t i = len; decoded > 0 && base64[i - 1] == '='; i--)
        decoded--; /* padding, which OpenSSL decodes to zero bytes */
    if (decoded > 0 && buffer_add(&payload, bytes, (size_t)decoded)) {
        json = json_parse(&payload);
        if (json_text(json, "runner_name") != NULL &&
            strlen(json_text(json, "runner_name")) <= RH_RUNNER_NAME_MAX)
            name = strdup(json_text(json, "runner_name"));
        json_wipe(json);
    }
    buffer_wipe(&payload);
    rh_wipe_free(bytes, len == 0 ? 0 : len / 4 * 3);
    return name;
}

bool
nomad_child(struct nomad *nomad, const char *id, struct nomad_child *child, struct failure *failure)
{
    const struct nomad_order order = {.job = id};
    struct buffer path = BUFFER_INIT(PATH_MAX_BYTES);
    struct http_reply reply;
    cJSON *json = NULL;
    bool done = false;

    *child = (struct nomad_child){0};
    (void)add_job_path(nomad->config, id, "", &path);
    if (!send_request(nomad, "GET", &path, &order, &reply, failure))
        goto out;
    json = json_parse(&reply.body);
    if (json == NULL) {
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_GARBAGE,
                          "the answer about a job is no JSON: is [nomad] address Nomad's?");
    } else {
        if (json_text(json, "Payload") != NULL)
            child->runner_name = read_runner_name(json_text(json, "Payload"));
        done = true;
    }
    json_wipe(json);
    http_reply_fini(&reply);
out:
    buffer_fini(&path);
    return done;
}
