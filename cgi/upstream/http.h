/*
 * One HTTP request over libcurl: http and https (or a unix socket) to one configured origin, no
 * redirects, TLS verified, every length and time bounded.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_HTTP_H
#define UPSTREAM_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runhook/secret.h>

#include "text/buffer.h"
#include "upstream/failure.h"
#include "upstream/observer.h"

/* Longest reply body that is read. The replies that we ask for have a few KiB. */
#define HTTP_REPLY_MAX ((size_t)1024 * 1024)

/* The same for a list: GitHub's hundred workflow runs have some 20 KiB each. */
#define HTTP_LIST_MAX ((size_t)8 * 1024 * 1024)

/* Room for an ETag: GitHub's are a hash in hex, of 64 digits. */
#define HTTP_ETAG_CAP 160

/* Where an upstream is and how it is reached. All borrowed; NULL where not set. */
struct http_origin {
    enum upstream upstream;
    const char
        *base; /* "https://host[:port][/path]" or "unix:///path", without a slash at the end */
    const char *ca_cert;
    const char *client_cert;
    const char *client_key;
    const char *tls_server_name; /* the name on its certificate, where that is not the host's */
    int64_t connect_timeout_ms;
    int64_t timeout_ms; /* for the whole request, however slowly it drips */
    const struct upstream_observer *observer;
};

/* When requests under way have to end: a moment of clock_monotonic_ms, INT64_MAX for none. Shared
 * by all clients; it is brought forward once, when the program is asked to stop. */
typedef _Atomic int64_t http_deadline;

/* A connection to an origin, kept between requests. For one thread at a time. */
struct http_client;

struct http_client *http_client_new(const struct http_origin *origin, http_deadline *deadline);
void http_client_free(struct http_client *client);

/* A header: a name, and a value that may be a secret's. */
struct http_header {
    const char *name;
    const char *prefix;             /* before the value, such as "Bearer "; NULL for none */
    const char *value;              /* or NULL, and then: */
    const struct rh_secret *secret; /* NULL too: the header is not sent */
};

struct http_request {
    const char *method;
    const char *path; /* from "/", with its query, everything in it escaped */
    const struct http_header *headers;
    size_t headers_len;
    const char *body; /* NULL for none */
    size_t body_len;
    size_t reply_max; /* longest body of the reply; 0 for HTTP_REPLY_MAX */
    /* Headers of the reply to keep, the last followed by NULL; NULL for none. */
    const char *const *keep;
};

/* Most headers that a request keeps, and the longest value that is kept, in bytes. */
#define HTTP_KEEP_MAX 4
#define HTTP_KEPT_LEN_MAX 4096

struct http_reply {
    long status;
    struct buffer body;     /* wiped by http_reply_fini: it may hold a credential */
    int64_t retry_after_ms; /* from retry-after or x-ratelimit-reset; -1 where neither applies */
    bool rate_limited;      /* the headers say that the rate limit is used up */
    bool tells_limit;       /* they tell of one: */
    struct upstream_limit limit;
    char etag[HTTP_ETAG_CAP];  /* as it came; "" where there was none, or a longer one */
    char *kept[HTTP_KEEP_MAX]; /* by place in `keep`; NULL where it is missing or too long */
    int64_t server_now_ms;     /* the upstream's own clock; ours where it did not tell */
};

/*
 * Sends a request and reads the whole reply. True where there was an HTTP answer, of whatever
 * status: the caller ends it with http_reply_fini. False where there was none, with `failure` set.
 */
bool http_send(struct http_client *client, const struct http_request *request,
               struct http_reply *reply, struct failure *failure);

void http_reply_fini(struct http_reply *reply);

/* Appends `text` percent-encoded, all but unreserved characters (RFC 3986). */
bool http_escape(struct buffer *out, const char *text);

#endif
