/*
 * The FastCGI side: a few threads, each reading one request and answering it.
 *
 * A thread belongs to a request, never to a connection. Connections that a web server keeps open
 * (fastcgi_keep_conn) rest in an epoll set between requests, so that any number of them starves
 * nobody. SPDX-License-Identifier: MIT
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

/* Breaks connections whose request is not done after half a minute, however slowly it drips. To be
 * called every second or so. */
void fastcgi_tick(struct fastcgi *fastcgi);

/*
 * Answers what has arrived by now, takes no more, lets requests in hand end until `deadline_ms` (of
 * clock_monotonic_ms), then breaks their connections, waits for the threads, and frees. NULL is
 * fine. Connections at rest stay open until the process ends.
 */
void fastcgi_stop(struct fastcgi *fastcgi, int64_t deadline_ms);

#endif
