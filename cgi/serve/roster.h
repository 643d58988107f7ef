/*
 * The connections that are there, in the order in which they last came to something: were taken,
 * began a request, or got an answer. Each is in one thread's hand, or at rest.
 *
 * There is room for so many of them and for so much that they hold; beyond it the oldest at rest is
 * broken. A web server's request comes whole in a moment, so that it is always one of the newest:
 * whoever holds many, or says little, breaks his own. SPDX-License-Identifier: MIT
 */
#ifndef SERVE_ROSTER_H
#define SERVE_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "serve/connection.h"

/* Connections. Well below the 1024 descriptors that a process is mostly given. */
#define ROSTER_MAX 512

/* Bytes that those at rest hold, of requests that are not whole and answers that are not sent. */
#define ROSTER_HELD_MAX ((size_t)64 * 1024 * 1024)

struct roster;

/* Why connections were broken, since this was last asked. */
struct roster_losses {
    uint64_t crowded; /* for others' room */
    uint64_t late;    /* their request was not done in time */
    uint64_t invalid; /* what they sent is no request */
};

/* NULL when out of memory. */
struct roster *roster_new(void);

/* Frees, and the connections' memory with it. Their descriptors stay open: a web server may be
 * sending, and finds out when the process ends. */
void roster_free(struct roster *roster);

/* All below: from any thread. "Broken" means shut down, which has epoll give the connection to the
 * thread that will close it; one in hand is never broken. */

/* Adds one that was taken, in hand. */
void roster_join(struct roster *roster, struct connection *connection);

/* Removes one in hand, closes and frees it. */
void roster_leave(struct roster *roster, struct connection *connection);

/* Takes one at rest in hand. */
void roster_hold(struct roster *roster, struct connection *connection);

/* It begins a request, or has its answer: it is the newest now. In hand. */
void roster_renew(struct roster *roster, struct connection *connection);

/* Has epoll wait for an event on one in hand, which is at rest from then on, and maybe another
 * thread's already. False, with errno, where it cannot be waited for: it is in hand still. */
bool roster_rest(struct roster *roster, struct connection *connection, int epoll_fd,
                 uint32_t events);

/* Breaks the oldest at rest, for its descriptor. False where there is none. */
bool roster_break_oldest(struct roster *roster);

/* Breaks those at rest that began before a moment of clock_monotonic_ms, but for those that wait
 * for their next request. */
void roster_break_begun_before(struct roster *roster, int64_t moment_ms);

/* Whether one at rest is in the middle of a request or of an answer. */
bool roster_has_unfinished(struct roster *roster);

void roster_count_invalid(struct roster *roster);
void roster_take_losses(struct roster *roster, struct roster_losses *losses);

#endif
