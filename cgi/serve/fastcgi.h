/*
 * The FastCGI side: a few threads, each answering one request at a time.
 *
 * A thread belongs to a request that has come whole, never to a connection: those of which nothing
 * or not everything has come, or that do not take their answer, rest in an epoll set, so that no
 * number of them starves anybody. SPDX-License-Identifier: MIT
 */
#ifndef SERVE_FASTCGI_H
#define SERVE_FASTCGI_H

#include <stdint.h>

#include "serve/webhook.h"

struct fastcgi;

/* Called after an answer has gone out. From many threads. */
typedef void (*fastcgi_answered)(const struct answer *answer, void *arg);

/* Starts the threads on a listening socket. Borrows all that it is given. NULL where that fails. */
struct fastcgi *fastcgi_start(const struct webhook *webhook, int listen_fd,
                              fastcgi_answered answered, void *arg);

/* Breaks connections whose request is not done after half a minute, however slowly it drips, and
 * logs how many were broken. To be called every second or so, from one thread. */
void fastcgi_tick(struct fastcgi *fastcgi);

/*
 * Answers what has arrived by now, and what has begun to arrive, until `deadline_ms` (of
 * clock_monotonic_ms) at most; waits for the threads, and frees. NULL is fine. Connections at rest
 * stay open until the process ends.
 */
void fastcgi_stop(struct fastcgi *fastcgi, int64_t deadline_ms);

#endif
