/*
 * Nomad's HTTP API, as far as a runner needs it.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/nomad.h"

#include <stdlib.h>
#include <string.h>

#include "text/json.h"
#include "upstream/nomad_request.h"
#include "upstream/quote.h"

#define CHILD_ID_MAX 512

struct nomad {
    const struct nomad_config *config;
    struct credential *token;
    struct http_origin origin;
    struct http_client *client;
};

struct nomad *
nomad_new(const struct nomad_config *config, struct credential *token,
          const struct upstream_observer *observer, http_deadline *deadline)
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
                                         .timeout_ms = config->timeout_s * 1000,
                                         .observer = observer};
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

/* Appends a query of what is set: `prefix`, namespace, region, `idempotency_token`. */
static bool
add_query(const struct nomad_config *config, const char *prefix, const char *idempotency_token,
          struct buffer *out)
{
    const char *const pairs[][2] = {{"prefix", prefix},
                                    {"namespace", config->ns},
                                    {"region", config->region},
                                    {"idempotency_token", idempotency_token}};
    const char *separator = "?";

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i][1] == NULL)
            continue;
        (void)buffer_addf(out, "%s%s=", separator, pairs[i][0]);
        (void)http_escape(out, pairs[i][1]);
        separator = "&";
    }
    return !out->failed;
}

/* The slash in a child's id is escaped too, or Nomad would take the rest for a verb. */
static void
add_job(const char *job, const char *suffix, struct buffer *out)
{
    (void)buffer_add_text(out, "/v1/job/");
    (void)http_escape(out, job);
    (void)buffer_add_text(out, suffix);
}

bool
nomad_job_path(const struct nomad *nomad, const char *job, const char *suffix, struct buffer *out)
{
    add_job(job, suffix, out);
    return add_query(nomad->config, NULL, NULL, out);
}

bool
nomad_path(const struct nomad *nomad, const char *path, struct buffer *out)
{
    (void)buffer_add_text(out, path);
    return add_query(nomad->config, NULL, NULL, out);
}

bool
nomad_list_path(const struct nomad *nomad, const char *prefix, struct buffer *out)
{
    (void)buffer_add_text(out, "/v1/jobs");
    return add_query(nomad->config, prefix, NULL, out);
}

bool
nomad_dispatch_path(const struct nomad_config *config, const char *job,
                    const char *idempotency_token, struct buffer *out)
{
    add_job(job, "/dispatch", out);
    return add_query(config, NULL, idempotency_token, out);
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

/* Where a dispatch's body has its payload, which has the credential in it. What the body says
 * beside it, Nomad may repeat: the names of meta keys that a job does not take. */
static struct quote_secret
payload_of(const struct nomad_call *call)
{
    static const char before[] = "\"Payload\":\"";
    struct quote_secret payload = {0};
    const char *found, *end;

    if (call->body == NULL)
        return payload;
    found = memmem(call->body, call->body_len, before, sizeof before - 1);
    if (found == NULL)
        return payload;
    payload.bytes = found + sizeof before - 1;
    payload.len = call->body_len - (size_t)(payload.bytes - call->body);
    end = memchr(payload.bytes, '"', payload.len);
    if (end != NULL)
        payload.len = (size_t)(end - payload.bytes);
    return payload;
}

/* Appends what Nomad said, unless it repeats what is not for a log. */
static void
quote(const struct nomad_config *config, const struct rh_secret *token,
      const struct nomad_call *call, const struct http_reply *reply, struct buffer *out)
{
    const struct rh_secret *const held[] = {token, config->cf_access_client_id,
                                            config->cf_access_client_secret, call->credential};
    const size_t len = sizeof held / sizeof held[0];
    struct quote_secret secrets[sizeof held / sizeof held[0] + 1];

    for (size_t i = 0; i < len; i++)
        secrets[i] = quote_secret_of(held[i]);
    secrets[len] = payload_of(call);
    (void)quote_add(out, buffer_text(&reply->body), secrets, len + 1);
}

/* Of a job that it has not, Nomad says so (command/agent/job_endpoint.go). Another 404 comes from
 * something else that answers at its address, and must not pass for the job's end. */
static enum failure_kind
classify_404(const struct nomad_call *call, const char *text)
{
    bool is_dispatch = call->body != NULL;

    return is_dispatch || strcasestr(text, "job not found") != NULL ? FAILURE_NOT_FOUND
                                                                    : FAILURE_GARBAGE;
}

/* Nomad's own errors are plain text. */
static bool
is_page(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '<';
}

static bool
refused(const struct nomad_config *config, const struct rh_secret *token,
        const struct nomad_call *call, const struct http_reply *reply, struct failure *failure)
{
    const char *job = call->job;
    struct buffer detail = BUFFER_INIT(1024);
    enum failure_kind kind_500 =
        call->body == NULL ? FAILURE_SERVER : classify_500(buffer_text(&reply->body));
    long status = reply->status;

    quote(config, token, call, reply, &detail);
    if (status == 403 && is_page(buffer_text(&reply->body)))
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_FORBIDDEN,
                          "what stands before Nomad forbids it (403: %s): where that is Cloudflare "
                          "Access, see cf_access_client_id and its secret in [nomad]",
                          buffer_text(&detail));
    else if (status == 403)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_FORBIDDEN,
                          "Nomad forbids it (403: %s): the token needs %s on %.64s",
                          buffer_text(&detail), call->capability, job);
    else if (status == 401)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_UNAUTHORIZED,
                          "Nomad does not accept the token (401): see [nomad] token_file");
    else if (status == 429)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_RATE_LIMITED,
                          "Nomad has too many requests (429)");
    else if (status == 404)
        (void)failure_set(failure, UPSTREAM_NOMAD, classify_404(call, buffer_text(&reply->body)),
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

/* Whether a text may be the id of a child: our jobs have names of ASCII, and the rest is digits. It
 * goes into the ledger, and into what people are shown. */
static bool
is_child_id(const char *text)
{
    size_t len = strnlen(text, CHILD_ID_MAX + 1);

    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return len > 0 && len <= CHILD_ID_MAX;
}

static bool
read_dispatched(const struct http_reply *reply, struct nomad_dispatched *dispatched,
                struct failure *failure)
{
    cJSON *json = json_parse(&reply->body);
    const char *child = json_text(json, "DispatchedJobID");
    const char *eval = json_text(json, "EvalID");
    bool done = false;

    if (child == NULL || !is_child_id(child)) {
        (void)failure_garbage(failure, UPSTREAM_NOMAD,
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
send_once(struct nomad *nomad, const struct nomad_call *call, const struct rh_secret *token,
          struct http_reply *reply, struct failure *failure)
{
    const struct nomad_config *config = nomad->config;
    bool has_body = call->body != NULL;
    const struct http_header headers[] = {
        {.name = "Content-Type", .value = has_body ? "application/json;charset=UTF-8" : NULL},
        {.name = "Authorization", .prefix = "Bearer ", .secret = token},
        {.name = "X-Nomad-Token", .secret = token},
        {.name = "CF-Access-Client-Id", .secret = config->cf_access_client_id},
        {.name = "CF-Access-Client-Secret", .secret = config->cf_access_client_secret},
    };
    const struct http_request request = {.method = call->method,
                                         .path = buffer_text(call->path),
                                         .headers = headers,
                                         .headers_len = sizeof headers / sizeof headers[0],
                                         .body = call->body,
                                         .body_len = call->body_len,
                                         .reply_max = call->reply_max};

    return http_send(nomad->client, &request, reply, failure);
}

bool
nomad_send(struct nomad *nomad, const struct nomad_call *call, struct http_reply *reply,
           struct failure *failure)
{
    bool answered = false, again = true;

    if (call->path->failed)
        return failure_set(failure, UPSTREAM_NOMAD, FAILURE_LOCAL,
                           "a request's path is too long, or out of memory");
    while (again) {
        struct rh_secret *token;

        if (!credential_get(nomad->token, &token))
            return failure_set(failure, UPSTREAM_NOMAD, FAILURE_LOCAL, "out of memory");
        answered = send_once(nomad, call, token, reply, failure);
        again = answered && (reply->status == 401 || reply->status == 403) &&
                credential_renew(nomad->token, token);
        if (answered && !again && reply->status != 200)
            (void)refused(nomad->config, token, call, reply, failure);
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
    struct buffer path = BUFFER_INIT(NOMAD_PATH_MAX);
    const struct nomad_call call = {.method = "POST",
                                    .path = &path,
                                    .job = order->job,
                                    .capability = NOMAD_DISPATCH_JOB,
                                    .body = order->body,
                                    .body_len = order->body_len,
                                    .credential = order->credential};
    struct http_reply reply;
    bool done = false;

    *dispatched = (struct nomad_dispatched){0};
    (void)nomad_dispatch_path(nomad->config, order->job, order->idempotency_token, &path);
    if (nomad_send(nomad, &call, &reply, failure)) {
        done = read_dispatched(&reply, dispatched, failure);
        http_reply_fini(&reply);
    }
    buffer_fini(&path);
    return done;
}
