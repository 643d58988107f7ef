/*
 * One HTTP request over libcurl.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include "clock/clock.h"

#define URL_MAX 8192
#define HEADER_MAX (RH_SECRET_MAX + 256)
#define UNIX_PREFIX "unix://"

/* Of three digits (RFC 9110, section 15): libcurl takes any number. */
#define STATUS_MIN 100
#define STATUS_MAX 999

/* The end of the year 9999: what is later was never a time. */
#define TIME_MAX_S INT64_C(253402300799)

struct http_client {
    const struct http_origin *origin;
    http_deadline *deadline;
    CURLSH *kept; /* connections, sessions of TLS and addresses, from one request to the next */
    CURL *curl;   /* of the last request: NULL before the first */
    struct curl_slist *connect_to;
};

/* With a name of its own on the certificate, the URL carries that name, so that SNI and
 * verification use it, and the connection is made to the real host. */
static bool
prepare_connect_to(struct http_client *client)
{
    struct buffer rule = BUFFER_INIT(URL_MAX);
    char *host = NULL;
    CURLU *url = curl_url();

    if (url != NULL && curl_url_set(url, CURLUPART_URL, client->origin->base, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        buffer_addf(&rule, "%s::%s:", client->origin->tls_server_name, host))
        client->connect_to = curl_slist_append(NULL, buffer_text(&rule));
    curl_free(host);
    curl_url_cleanup(url);
    buffer_fini(&rule);
    return client->connect_to != NULL;
}

static bool
has_own_name(const struct http_origin *origin)
{
    return origin->tls_server_name != NULL && strncmp(origin->base, "https:", 6) == 0;
}

struct http_client *
http_client_new(const struct http_origin *origin, http_deadline *deadline)
{
    struct http_client *client = calloc(1, sizeof *client);

    if (client == NULL)
        return NULL;
    client->origin = origin;
    client->deadline = deadline;
    client->kept = curl_share_init();
    if (client->kept == NULL ||
        curl_share_setopt(client->kept, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT) != CURLSHE_OK ||
        curl_share_setopt(client->kept, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) !=
            CURLSHE_OK ||
        curl_share_setopt(client->kept, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK ||
        (has_own_name(origin) && !prepare_connect_to(client))) {
        http_client_free(client);
        return NULL;
    }
    return client;
}

void
http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    (void)curl_share_cleanup(client->kept); /* after all that uses it */
    curl_slist_free_all(client->connect_to);
    free(client);
}

bool
http_escape(struct buffer *out, const char *text)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";

    for (; *text != '\0'; text++) {
        if (strchr(unreserved, *text) != NULL)
            (void)buffer_add(out, text, 1);
        else
            (void)buffer_addf(out, "%%%02X", (unsigned char)*text);
    }
    return !out->failed;
}

static size_t
take_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct buffer *body = arg;

    return buffer_add(body, bytes, size * count) ? size * count : 0;
}

/* Called by libcurl all the time, and at least once a second: ends the transfer at the deadline. */
static int
watch_deadline(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
               curl_off_t ulnow)
{
    const struct http_client *client = arg;

    (void)dltotal;
    (void)dlnow;
    (void)ultotal;
    (void)ulnow;
    return clock_monotonic_ms() >= atomic_load(client->deadline);
}

static bool
add_header(struct curl_slist **list, const struct http_header *header)
{
    struct buffer line = BUFFER_INIT(HEADER_MAX);
    const char *value = header->secret == NULL ? header->value : rh_secret_bytes(header->secret);
    struct curl_slist *grown;

    if (value == NULL)
        return true;
    if (!buffer_addf(&line, "%s: %s%s", header->name, header->prefix == NULL ? "" : header->prefix,
                     value)) {
        buffer_wipe(&line);
        return false;
    }
    grown = curl_slist_append(*list, buffer_text(&line));
    buffer_wipe(&line);
    if (grown == NULL)
        return false;
    *list = grown;
    return true;
}

/* The list holds copies of tokens. */
static void
wipe_headers(struct curl_slist *list)
{
    for (struct curl_slist *item = list; item != NULL; item = item->next)
        OPENSSL_cleanse(item->data, strlen(item->data));
    curl_slist_free_all(list);
}

static bool
build_url(const struct http_client *client, const struct http_request *request, struct buffer *out)
{
    const char *base = client->origin->base;
    const char *name = client->origin->tls_server_name;
    bool is_renamed = has_own_name(client->origin);

    if (strncmp(base, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
        (void)buffer_add_text(out, "http://localhost");
    } else if (is_renamed) {
        /* Everything of the base but its host. */
        const char *host = strstr(base, "://") + 3;
        const char *end = host + (host[0] == '[' ? strcspn(host, "]") : 0);

        (void)buffer_add(out, base, (size_t)(host - base));
        (void)buffer_add_text(out, name);
        (void)buffer_add_text(out, end + strcspn(end, ":/"));
    } else {
        (void)buffer_add_text(out, base);
    }
    return buffer_add_text(out, request->path);
}

/* A handle of its own for each request, so that nothing of the last one is left. libcurl 7.88,
 * which Debian 12 has, keeps in one that is used again a pointer to the last header of the last
 * reply, freed by then, and reads there when a reply begins with a folded line. */
static bool
renew(struct http_client *client)
{
    curl_easy_cleanup(client->curl);
    client->curl = curl_easy_init();
    return client->curl != NULL;
}

static bool
set_options(struct http_client *client, const struct http_request *request, const char *url,
            struct curl_slist *headers, struct http_reply *reply)
{
    const struct http_origin *origin = client->origin;
    bool is_unix = strncmp(origin->base, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
    CURL *curl = client->curl;
    CURLcode code = CURLE_OK;

#define SET(option, value)                                \
    do {                                                  \
        if (code == CURLE_OK)                             \
            code = curl_easy_setopt(curl, option, value); \
    } while (0)

    SET(CURLOPT_SHARE, client->kept);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* or a name server that is silent would hold a time-out up */
    SET(CURLOPT_USERAGENT, "runhook/" RUNHOOK_VERSION);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)origin->connect_timeout_ms);
    SET(CURLOPT_TIMEOUT_MS, (long)origin->timeout_ms);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, watch_deadline);
    SET(CURLOPT_XFERINFODATA, client);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, &reply->body);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_CUSTOMREQUEST, request->method);
    if (request->body != NULL) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        SET(CURLOPT_POSTFIELDS, request->body);
    } else if (strcmp(request->method, "POST") == 0) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        SET(CURLOPT_POSTFIELDS, "");
    }
    if (is_unix)
        SET(CURLOPT_UNIX_SOCKET_PATH, origin->base + strlen(UNIX_PREFIX));
    /* A token in the clear is for the origin alone, and no proxy has our sockets. */
    if (is_unix || strncmp(origin->base, "http:", 5) == 0)
        SET(CURLOPT_NOPROXY, "*");
    if (client->connect_to != NULL)
        SET(CURLOPT_CONNECT_TO, client->connect_to);
    if (origin->ca_cert != NULL)
        SET(CURLOPT_CAINFO, origin->ca_cert);
    if (origin->client_cert != NULL) {
        SET(CURLOPT_SSLCERT, origin->client_cert);
        SET(CURLOPT_SSLKEY, origin->client_key);
    }
#undef SET
    return code == CURLE_OK;
}

static enum failure_kind
classify(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return FAILURE_UNRESOLVED;
    case CURLE_COULDNT_CONNECT:
        return FAILURE_REFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return FAILURE_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return FAILURE_TLS;
    case CURLE_PARTIAL_FILE:
        return FAILURE_TRUNCATED;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_BAD_FUNCTION_ARGUMENT: /* libcurl's word for a header of the answer that is none */
        return FAILURE_GARBAGE;
    case CURLE_ABORTED_BY_CALLBACK:
        return FAILURE_STOPPED;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return FAILURE_LOCAL;
    default: /* GOT_NOTHING, RECV_ERROR, SEND_ERROR, SSL_CONNECT_ERROR, …: the connection did not
                hold */
        return FAILURE_RESET;
    }
}

static const char *
upstream_words(enum upstream upstream)
{
    return upstream == UPSTREAM_GITHUB ? "GitHub" : "Nomad";
}

static bool
fail(struct http_client *client, CURLcode code, const struct http_reply *reply, const char *detail,
     struct failure *failure)
{
    const struct http_origin *origin = client->origin;
    enum failure_kind kind = classify(code);

    /* Ours, of which libcurl knows no more than that: take_body had no room, or no memory. */
    if (code == CURLE_WRITE_ERROR && reply->body.len + CURL_MAX_WRITE_SIZE < reply->body.max)
        return failure_set(failure, origin->upstream, FAILURE_LOCAL,
                           "out of memory while reading an answer");
    if (code == CURLE_WRITE_ERROR)
        kind = FAILURE_OVERSIZED;
    return failure_set(failure, origin->upstream, kind, "%s at %.96s: %.120s",
                       upstream_words(origin->upstream), origin->base,
                       detail[0] != '\0' ? detail : curl_easy_strerror(code));
}

/* A header of the last reply; NULL where it is missing. */
static const char *
header_text(CURL *curl, const char *name)
{
    struct curl_header *header;

    return curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value
                                                                                   : NULL;
}

/* A header of the last reply as a whole number; -1 where it is missing or something else. */
static int64_t
header_number(CURL *curl, const char *name)
{
    const char *value = header_text(curl, name);
    char *end;
    long long number;

    if (value == NULL)
        return -1;
    errno = 0;
    number = strtoll(value, &end, 10);
    return end == value || *end != '\0' || errno != 0 || number < 0 ? -1 : number;
}

/* The upstream's own clock, which its times are of; ours where it does not tell. */
static int64_t
server_now_ms(CURL *curl)
{
    const char *value = header_text(curl, "date");
    time_t date = value == NULL ? -1 : curl_getdate(value, NULL);

    return date < 0 || date > TIME_MAX_S ? clock_now_ms() : (int64_t)date * 1000;
}

/* Copies a header of the last reply; "" where it is missing or longer. */
static void
copy_header(CURL *curl, const char *name, char *out, size_t cap)
{
    const char *value = header_text(curl, name);
    size_t len = value == NULL ? 0 : strlen(value);

    out[0] = '\0';
    if (len > 0 && len < cap)
        memcpy(out, value, len + 1);
}

/* What GitHub says of its limits: docs.github.com, "Rate limits for the REST API". */
static void
read_limits(CURL *curl, struct http_reply *reply)
{
    int64_t retry_after_s = header_number(curl, "retry-after");
    int64_t remaining = header_number(curl, "x-ratelimit-remaining");
    int64_t allowed = header_number(curl, "x-ratelimit-limit");
    int64_t reset_s = header_number(curl, "x-ratelimit-reset");

    reply->tells_limit = remaining >= 0 && allowed > 0 && reset_s >= 0 && reset_s <= TIME_MAX_S;
    if (reply->tells_limit) {
        reply->limit = (struct upstream_limit){.remaining = remaining, .allowed = allowed};
        reply->limit.reset_at_ms = clock_now_ms() + reset_s * 1000 - reply->server_now_ms;
        copy_header(curl, "x-ratelimit-resource", reply->limit.resource,
                    sizeof reply->limit.resource);
    }
    reply->rate_limited = retry_after_s >= 0 || remaining == 0;
    if (retry_after_s >= 0 && retry_after_s <= INT32_MAX) {
        reply->retry_after_ms = retry_after_s * 1000;
    } else if (remaining == 0 && reset_s >= 0 && reset_s <= TIME_MAX_S) {
        int64_t wait_ms = reset_s * 1000 - reply->server_now_ms;

        reply->retry_after_ms = wait_ms > 0 ? wait_ms : 0;
    }
}

/* False when out of memory. */
static bool
keep_headers(CURL *curl, const struct http_request *request, struct http_reply *reply)
{
    for (size_t i = 0; request->keep != NULL && request->keep[i] != NULL; i++) {
        const char *value = i < HTTP_KEEP_MAX ? header_text(curl, request->keep[i]) : NULL;

        if (value == NULL || strnlen(value, HTTP_KEPT_LEN_MAX + 1) > HTTP_KEPT_LEN_MAX)
            continue;
        reply->kept[i] = strdup(value);
        if (reply->kept[i] == NULL)
            return false;
    }
    return true;
}

/* Who watches is told how it ended. */
static void
tell_end(const struct http_client *client, const struct http_reply *reply, bool answered,
         const struct failure *failure, int64_t began_at_ms)
{
    const struct upstream_observer *observer = client->origin->observer;
    struct upstream_request_end end = {.upstream = client->origin->upstream,
                                       .duration_ms = clock_monotonic_ms() - began_at_ms};

    if (observer == NULL)
        return;
    if (answered) {
        end.status = reply->status;
        end.is_rate_limited = reply->rate_limited;
    } else {
        end.failure = failure->kind;
    }
    observer->ended(&end, observer->arg);
}

bool
http_send(struct http_client *client, const struct http_request *request, struct http_reply *reply,
          struct failure *failure)
{
    int64_t began_at_ms = clock_monotonic_ms();
    struct buffer url = BUFFER_INIT(URL_MAX);
    struct curl_slist *headers = NULL;
    char detail[CURL_ERROR_SIZE] = "";
    const char *what = "preparing a request";
    bool answered = false;
    CURLcode code;

    *reply = (struct http_reply){
        .body = BUFFER_INIT(request->reply_max == 0 ? HTTP_REPLY_MAX : request->reply_max),
        .retry_after_ms = -1};
    *failure = (struct failure){.upstream = client->origin->upstream, .retry_after_ms = -1};
    for (size_t i = 0; i < request->headers_len; i++) {
        if (!add_header(&headers, &request->headers[i]))
            goto local;
    }
    if (!renew(client) || !build_url(client, request, &url) ||
        !set_options(client, request, buffer_text(&url), headers, reply) ||
        curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, detail) != CURLE_OK)
        goto local;
    code = curl_easy_perform(client->curl);
    if (code != CURLE_OK) {
        (void)fail(client, code, reply, detail, failure);
        goto out;
    }
    /* From here on the request has been made, whatever becomes of its answer. */
    what = "reading an answer";
    if (curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &reply->status) != CURLE_OK)
        goto local;
    if (reply->status < STATUS_MIN || reply->status > STATUS_MAX) {
        (void)failure_set(failure, client->origin->upstream, FAILURE_GARBAGE,
                          "%s at %.96s: an answer whose status is none",
                          upstream_words(client->origin->upstream), client->origin->base);
        goto out;
    }
    reply->server_now_ms = server_now_ms(client->curl);
    read_limits(client->curl, reply);
    copy_header(client->curl, "etag", reply->etag, sizeof reply->etag);
    if (!keep_headers(client->curl, request, reply))
        goto local;
    answered = true;
    goto out;
local:
    (void)failure_set(failure, client->origin->upstream, FAILURE_LOCAL, "out of memory while %s",
                      what);
out:
    if (client->curl != NULL) {
        (void)curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, NULL);
        (void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    }
    wipe_headers(headers);
    buffer_fini(&url);
    tell_end(client, reply, answered, failure, began_at_ms);
    if (!answered)
        http_reply_fini(reply);
    return answered;
}

void
http_reply_fini(struct http_reply *reply)
{
    buffer_wipe(&reply->body);
    for (size_t i = 0; i < HTTP_KEEP_MAX; i++) {
        free(reply->kept[i]);
        reply->kept[i] = NULL;
    }
}
