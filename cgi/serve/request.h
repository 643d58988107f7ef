/*
 * One request, whichever way it came: FastCGI or CGI.
 * SPDX-License-Identifier: MIT
 */
#ifndef SERVE_REQUEST_H
#define SERVE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Gives the value of a CGI variable of the request; NULL where it has none. */
typedef const char *(*request_variable)(const void *source, const char *name);

/* Reads up to `cap` bytes of the body. 0 at its end, -1 where the connection broke. */
typedef int (*request_read)(void *source, char *bytes, size_t cap);

/* Told that from now on the answer waits for the disk, or takes long. */
typedef void (*request_waits)(void *arg);

struct request {
    void *source;
    request_variable variable;
    request_read read;
    request_waits waits; /* NULL: it is nobody's concern */
    void *waits_arg;
};

/* Tells who handed the request over that it waits. */
void request_wait(const struct request *request);

enum body_end {
    BODY_WHOLE,
    BODY_TOO_LARGE, /* more than `max` bytes; read to its end and dropped */
    BODY_BROKEN,    /* the connection broke, or Content-Length is no number */
    BODY_NO_MEMORY,
};

/*
 * Reads the body, of at most `max` bytes. On BODY_WHOLE `*bytes` belongs to the caller (free; NULL
 * with a length of 0); else it is NULL.
 *
 * A body that is too large is still read to its end (within a bound of its own): answering and
 * closing with unread bytes breaks the connection before the web server has read the answer.
 */
enum body_end request_body(const struct request *request, size_t max, char **bytes, size_t *len);

/* The last segment of the path that was asked for, without the query: "healthz" of /hook/healthz.
 * Borrowed from the request; `*len` is its length. Never NULL. */
const char *request_last_segment(const struct request *request, size_t *len);

#endif
