/*
 * One connection of a web server: what has come of its request, and what is left to send of the
 * answer. Nothing here waits. One thread at a time has it in hand.
 * SPDX-License-Identifier: MIT
 */
#ifndef SERVE_CONNECTION_H
#define SERVE_CONNECTION_H

#include "serve/intake.h"
#include "text/buffer.h"

struct connection {
    int fd;
    struct intake intake;
    struct buffer out;
    size_t sent;      /* of `out` */
    bool closes;      /* once `out` is sent */
    bool is_watched;  /* epoll knows it */
    bool is_answered; /* it has had a request, and keeps until the next */

    /* The rest is the roster's. */
    struct connection *older;
    struct connection *newer;
    int64_t since_ms;
    size_t held;
    bool is_in_hand;
    bool is_broken;
};

/* Takes the descriptor, which is non-blocking. NULL when out of memory: the descriptor stays the
 * caller's. `body_max`: see intake_init. */
struct connection *connection_new(int fd, size_t body_max);

/* Closes and frees. */
void connection_free(struct connection *connection);

/*
 * Reads once what has come, into `room` of `room_len` bytes that the caller has for it, and has the
 * intake take it; what that sends back joins `out`. False where the connection is over: the other
 * side has closed it, or what it sends is no request.
 */
bool connection_read(struct connection *connection, char *room, size_t room_len);

/* Sends what it can of `out`. False where the connection is broken. */
bool connection_send(struct connection *connection);

/* Whether all of `out` is sent. */
bool connection_is_sent(const struct connection *connection);

/* Bytes of memory that it holds. */
size_t connection_held(const struct connection *connection);

#endif
