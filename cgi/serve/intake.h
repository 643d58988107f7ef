/*
 * One FastCGI request as it comes in: bytes in, in whatever pieces, and at the end a whole request
 * that has been looked at, or the finding that this is none. No I/O.
 *
 * libfcgi reads a request in blocking steps, believes the lengths that it is told, and ends the
 * process over some of them (a name or a value of nearly 2^31 bytes): so it is given none but what
 * has come whole, and was found good here. The FastCGI Specification 1.0 has the records.
 * SPDX-License-Identifier: MIT
 */
#ifndef SERVE_INTAKE_H
#define SERVE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/buffer.h"

/* Variables of one request, in bytes and in number. nginx's own bound is 32 KB of headers. */
#define INTAKE_PARAMS_MAX ((size_t)256 * 1024)
#define INTAKE_PAIRS_MAX 1024

/* All bytes of one request, with what is dropped of them. GitHub's own cap is 25 MB. */
#define INTAKE_BYTES_MAX ((size_t)64 * 1024 * 1024)

enum intake_state {
    INTAKE_NOTHING, /* not a byte has come */
    INTAKE_PARTLY,
    INTAKE_WHOLE,   /* `request` has it */
    INTAKE_ABORTED, /* the web server takes it back */
    INTAKE_BROKEN,  /* no request of a web server: what follows cannot be understood either */
};

struct intake {
    enum intake_state state;
    bool keep;             /* the connection is to be kept after the answer */
    struct buffer request; /* the request's records, no others, without padding */
    struct buffer reply;   /* records that go back whatever becomes of the request */

    /* The rest is for intake.c. */
    size_t body_max;
    size_t taken;     /* bytes, of the request that is coming */
    size_t body_len;  /* of them the body's, as far as they are kept */
    size_t replies;   /* records in `reply` */
    size_t pairs_at;  /* where the contents of PARAMS begin in `request` */
    size_t stream_at; /* where the header of the stream's last record begins; 0: there is none */
    unsigned char header[8];
    size_t header_len;
    size_t content_left;
    size_t padding_left;
    struct buffer content; /* of a record that is read as a whole */
    int stage;
    uint16_t id;
};

/* Begins a connection's first request. `body_max`: of a body with more bytes, `request` gets one
 * byte more than that. */
void intake_init(struct intake *intake, size_t body_max);
void intake_fini(struct intake *intake);

/* Begins the next request, after one that was whole; `reply` is emptied as well. */
void intake_next(struct intake *intake, size_t body_max);

/* Takes bytes, up to the request's end, and sets `state`. Returns how many it took: fewer than
 * `len` where the state is one of the last three. */
size_t intake_take(struct intake *intake, const void *bytes, size_t len);

/* Bytes of memory that it holds. */
size_t intake_held(const struct intake *intake);

#endif
