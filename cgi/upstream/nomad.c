/*
 * Nomad's HTTP API, as far as a runner needs it.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/nomad.h"

#include <stdlib.h>
#include <string.h>

#include "text/json.h"
#include "upstream/quote.h"

#define PATH_MAX_BYTES 4096
#define CHILD_ID_MAX 512

/* So much of a secret, or of the body, in Nomad's words, is too much: see quote_secret. */
#define SECRET_WINDOW 8
#define BODY_WINDOW 32

struct nomad {
    const struct nomad_config *config;
    struct http_origin origin;
    struct http_client *client;
};

struct nomad *
nomad_new(const struct nomad_config *config, http_deadline *deadline)
{
    struct nomad *nomad = calloc(1, sizeof *nomad);

    if (nomad == NULL)
        return NULL;
    nomad->config = config;
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

bool
nomad_dispatch_path(const struct nomad_config *config, const char *job,
                    const char *idempotency_token, struct buffer *out)
{
    (void)buffer_add_text(out, "/v1/job/");
    (void)http_escape(out, job);
    (void)buffer_add_text(out, "/dispatch?");
    if (config->ns != NULL) {
        (void)buffer_add_text(out, "namespace=");
        (void)http_escape(out, config->ns);
        (void)buffer_add_text(out, "&");
    }
    if (config->region != NULL) {
        (void)buffer_add_text(out, "region=");
        (void)http_escape(out, config->region);
        (void)buffer_add_text(out, "&");
    }
    (void)buffer_add_text(out, "idempotency_token=");
    return http_escape(out, idempotency_token);
}

/* What Nomad's 500s for a dispatch say when the job or what we send to it is wrong (from
 * nomad/job_endpoint.go and nomad/structs): they come again until a person acts. */
static bool
needs_operator(const char *text)
{
    static const char *const texts[] = {
        "parameterized job not found",    "Payload exceeds maximum size",
        "unpermitted metadata keys",      "required meta keys",
        "is not a parameterized job",     "Payload is not provided but required",
        "Payload provided but forbidden", "can't be dispatched",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcasestr(text, texts[i]) != NULL)
            return true;
    }
    return false;
}

/* Appends what Nomad said, unless it repeats what is not for a log. A window of the body may be
 * longer: job and key names in it are quoted rightly. */
static void
quote(const struct nomad_config *config, const struct nomad_order *order,
      const struct http_reply *reply, struct buffer *out)
{
    const struct rh_secret *const held[] = {config->token, config->cf_access_client_id,
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
refused(const struct nomad_config *config, const struct nomad_order *order,
        const struct http_reply *reply, struct failure *failure)
{
    const char *job = order->job;
    struct buffer detail = BUFFER_INIT(1024);
    long status = reply->status;

    quote(config, order, reply, &detail);
    if (status == 403)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_FORBIDDEN,
                          "Nomad forbids it (403: %.80s): the token needs dispatch-job on %.64s",
                          buffer_text(&detail), job);
    else if (status == 401)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_UNAUTHORIZED,
                          "Nomad does not accept the token (401): see [nomad] token_file");
    else if (status == 429)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_RATE_LIMITED,
                          "Nomad has too many requests (429)");
    else if (status == 404)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_NOT_FOUND,
                          "nothing there (404: %.80s): is [nomad] address Nomad's, and is the job "
                          "%.64s registered?",
                          buffer_text(&detail), job);
    else if (status >= 300 && status < 400)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_REDIRECTED,
                          "Nomad's address redirects (%ld): [nomad] address is not the API's, or a "
                          "login stands before it",
                          status);
    else if (status >= 500 && needs_operator(buffer_text(&reply->body)))
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_NOMAD_JOB,
                          "Nomad's job %.64s does not take the dispatch: %.150s", job,
                          buffer_text(&detail));
    else if (status >= 500)
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_SERVER,
                          "Nomad has trouble (%ld: %.150s)", status, buffer_text(&detail));
    else
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_REJECTED, "Nomad answered %ld: %.150s",
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

bool
nomad_dispatch(struct nomad *nomad, const struct nomad_order *order,
               struct nomad_dispatched *dispatched, struct failure *failure)
{
    const struct nomad_config *config = nomad->config;
    const struct http_header headers[] = {
        {.name = "Content-Type", .value = "application/json;charset=UTF-8"},
        {.name = "Authorization", .prefix = "Bearer ", .secret = config->token},
        {.name = "X-Nomad-Token", .secret = config->token},
        {.name = "CF-Access-Client-Id", .secret = config->cf_access_client_id},
        {.name = "CF-Access-Client-Secret", .secret = config->cf_access_client_secret},
    };
    struct buffer path = BUFFER_INIT(PATH_MAX_BYTES);
    struct http_request request = {.method = "POST",
                                   .headers = headers,
                                   .headers_len = sizeof headers / sizeof headers[0],
                                   .body = order->body,
                                   .body_len = order->body_len};
    struct http_reply reply;
    bool done = false;

    *dispatched = (struct nomad_dispatched){0};
    if (!nomad_dispatch_path(config, order->job, order->idempotency_token, &path)) {
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_LOCAL, "out of memory");
        goto out;
    }
    request.path = buffer_text(&path);
    if (!http_send(nomad->client, &request, &reply, failure))
        goto out;
    done = reply.status == 200 ? read_dispatched(&reply, dispatched, failure)
                               : refused(config, order, &reply, failure);
    http_reply_fini(&reply);
out:
    buffer_fini(&path);
    return done;
}
