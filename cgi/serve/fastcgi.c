/*
 * The FastCGI side.
 *
 * libfcgi reads and writes the records of one request on one connection; accepting, and waiting
 * between requests, is done here. It is told of a connection by setting the request's `ipcFd`
 * before FCGX_Accept_r, which then does not accept one itself; and with a listening socket of -1 it
 * returns instead of accepting after a connection that broke.
 *
 * Each connection at rest is known to epoll as one-shot: exactly one thread is woken for it.
 * libfcgi keeps nothing of a connection between two requests (its streams go with the first), and a
 * web server sends the next request only after the answer, so a kept connection can go to any
 * thread. SPDX-License-Identifier: MIT
 */
#include "serve/fastcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock/clock.h"

/* A web server sends a request whole, from its own buffers: a read that waits is a fault. */
#define IO_TIMEOUT_S 10
#define REQUEST_TIMEOUT_MS (30 * 1000)

/* Connections at rest, at most. A kept one beyond them is closed after its answer. */
#define RESTING_MAX 512

/* How long a stop goes on answering what keeps arriving on connections that are there. */
#define STOP_DRAIN_MS 1000

/* With no descriptor left, accepting waits for some to be closed. */
#define EXHAUSTED_REST_MS 100

#define JOIN_MS 50

struct server_thread {
    struct fastcgi *fastcgi;
    pthread_t thread;
    int fd; /* the connection in hand, or -1; with the next member, guarded by `lock` */
    int64_t began_at_ms;
};

struct fastcgi {
    const struct webhook *webhook;
    fastcgi_answered answered;
    void *arg;
    int listen_fd;
    int epoll_fd;
    int stop_fd; /* readable once it is time to stop */
    atomic_int resting;
    atomic_bool stopping;
    _Atomic int64_t drain_until_ms; /* of clock_monotonic_ms; set before `stopping` */

    pthread_mutex_t lock;
    struct server_thread *threads;
    size_t threads_len; /* running */
};

static const char *
param(const void *source, const char *name)
{
    const FCGX_Request *fcgx = source;

    return FCGX_GetParam(name, fcgx->envp);
}

static int
read_stdin(void *source, char *bytes, size_t cap)
{
    FCGX_Request *fcgx = source;
    int got = FCGX_GetStr(bytes, (int)(cap < INT32_MAX ? cap : INT32_MAX), fcgx->in);

    /* The stream's end and a broken connection both read as nothing; the stream knows which. */
    return got == 0 && FCGX_GetError(fcgx->in) != 0 ? -1 : got;
}

/* Marks a connection as in this thread's hand, or none (-1), for those who break slow ones. */
static void
set_in_hand(struct server_thread *self, int fd)
{
    (void)pthread_mutex_lock(&self->fastcgi->lock);
    self->fd = fd;
    self->began_at_ms = clock_monotonic_ms();
    (void)pthread_mutex_unlock(&self->fastcgi->lock);
}

/*
 * Reads one request and answers it. Returns whether the connection may be kept.
 *
 * libfcgi gets a duplicate of the descriptor, which it closes when it likes: `fd` itself stays open
 * as long as it is in hand, so that nobody breaks another's connection of the same number.
 */
static bool
serve_request(struct fastcgi *fastcgi, int fd)
{
    struct buffer response = BUFFER_INIT(ANSWER_RESPONSE_MAX);
    FCGX_Request fcgx;
    struct answer answer;
    const struct request request = {.source = &fcgx, .variable = param, .read = read_stdin};

    (void)FCGX_InitRequest(&fcgx, -1, 0);
    fcgx.keepConnection = 1; /* or FCGX_Accept_r would begin by closing it */
    fcgx.ipcFd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (fcgx.ipcFd < 0 || FCGX_Accept_r(&fcgx) != 0)
        return false;
    webhook_answer(fastcgi->webhook, &request, &answer);
    if (answer_render(&answer, &response))
        (void)FCGX_PutStr(response.bytes, (int)response.len, fcgx.out);
    buffer_fini(&response);
    if (atomic_load(&fastcgi->resting) >= RESTING_MAX || atomic_load(&fastcgi->stopping))
        fcgx.keepConnection = 0;
    FCGX_Finish_r(&fcgx);
    if (fastcgi->answered != NULL)
        fastcgi->answered(&answer, fastcgi->arg);
    answer_fini(&answer);
    if (fcgx.ipcFd < 0)
        return false;
    (void)close(fcgx.ipcFd);
    return true;
}

/* Lets a connection rest until bytes come. False where too many rest already. */
static bool
let_rest(struct fastcgi *fastcgi, int fd, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.fd = fd};
    bool rests = false;

    /* The lock makes this happen before what the thread does that takes the connection up, in
     * set_in_hand: it may close it. */
    (void)pthread_mutex_lock(&fastcgi->lock);
    if (atomic_fetch_add(&fastcgi->resting, 1) < RESTING_MAX)
        rests = epoll_ctl(fastcgi->epoll_fd, operation, fd, &event) == 0;
    if (!rests)
        (void)atomic_fetch_sub(&fastcgi->resting, 1);
    (void)pthread_mutex_unlock(&fastcgi->lock);
    return rests;
}

/* Answers the request that has begun to arrive on a connection, then keeps or closes it. */
static void
serve_connection(struct server_thread *self, int fd, bool is_known_to_epoll)
{
    bool keep;

    set_in_hand(self, fd);
    keep = serve_request(self->fastcgi, fd);
    set_in_hand(self, -1);
    if (!keep || !let_rest(self->fastcgi, fd, is_known_to_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD))
        (void)close(fd);
}

static bool
has_bytes(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, 0) > 0;
}

/* Takes one new connection. One that says nothing yet must not hold a thread. */
static void
accept_connection(struct server_thread *self)
{
    struct fastcgi *fastcgi = self->fastcgi;
    const struct timeval timeout = {.tv_sec = IO_TIMEOUT_S};
    int fd = accept4(fastcgi->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            struct pollfd poll_fd = {.fd = fastcgi->stop_fd, .events = POLLIN};

            log_message(fastcgi->webhook->log, LOG_LEVEL_ERROR, "accept",
                        "no connection can be taken: %s", strerror(errno));
            (void)poll(&poll_fd, 1, EXHAUSTED_REST_MS);
        }
        return; /* all else is a connection that went away, or another thread's by now */
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (has_bytes(fd) || !let_rest(fastcgi, fd, EPOLL_CTL_ADD))
        serve_connection(self, fd, false);
}

static void
serve_event(struct server_thread *self, int fd)
{
    if (fd == self->fastcgi->listen_fd) {
        accept_connection(self);
    } else if (fd != self->fastcgi->stop_fd) {
        (void)atomic_fetch_sub(&self->fastcgi->resting, 1);
        serve_connection(self, fd, true);
    }
}

/* What a web server has sent by now it does not send again, and GitHub would see a failure: so a
 * stop answers what has arrived. Two events are asked for, since one is always that of the stop
 * itself. */
static void
drain(struct server_thread *self)
{
    int64_t until_ms = atomic_load(&self->fastcgi->drain_until_ms);
    struct epoll_event events[2];
    bool more = true;

    while (more && clock_monotonic_ms() < until_ms) {
        int count = epoll_wait(self->fastcgi->epoll_fd, events, 2, 0);

        more = false;
        for (int i = 0; i < count; i++) {
            more = more || events[i].data.fd != self->fastcgi->stop_fd;
            serve_event(self, events[i].data.fd);
        }
    }
}

static void *
serve(void *arg)
{
    struct server_thread *self = arg;
    struct epoll_event event;

    /* One event at a time: a second would wait behind the first while another thread is free. */
    while (!atomic_load(&self->fastcgi->stopping)) {
        if (epoll_wait(self->fastcgi->epoll_fd, &event, 1, -1) == 1)
            serve_event(self, event.data.fd);
    }
    drain(self);
    return NULL;
}

static bool
watch(struct fastcgi *fastcgi, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(fastcgi->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool
start_threads(struct fastcgi *fastcgi)
{
    struct setup *setup = current_take(fastcgi->webhook->setups);
    size_t wanted = (size_t)setup->config->server.threads;

    current_return(fastcgi->webhook->setups, setup);
    fastcgi->threads = calloc(wanted, sizeof *fastcgi->threads);
    while (fastcgi->threads != NULL && fastcgi->threads_len < wanted) {
        struct server_thread *thread = &fastcgi->threads[fastcgi->threads_len];

        *thread = (struct server_thread){.fastcgi = fastcgi, .fd = -1};
        if (pthread_create(&thread->thread, NULL, serve, thread) != 0)
            break;
        fastcgi->threads_len++;
    }
    return fastcgi->threads_len > 0;
}

struct fastcgi *
fastcgi_start(const struct webhook *webhook, int listen_fd, fastcgi_answered answered, void *arg)
{
    struct fastcgi *fastcgi = calloc(1, sizeof *fastcgi);
    int flags = fcntl(listen_fd, F_GETFL);

    if (fastcgi == NULL)
        return NULL;
    *fastcgi = (struct fastcgi){.webhook = webhook,
                                .answered = answered,
                                .arg = arg,
                                .listen_fd = listen_fd,
                                .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                                .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    (void)pthread_mutex_init(&fastcgi->lock, NULL);
    /* Non-blocking: the connection that woke several threads, or processes, is one's. */
    if (fastcgi->epoll_fd < 0 || fastcgi->stop_fd < 0 || flags < 0 || FCGX_Init() != 0 ||
        fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        !watch(fastcgi, listen_fd, EPOLLIN | EPOLLEXCLUSIVE) ||
        !watch(fastcgi, fastcgi->stop_fd, EPOLLIN) || !start_threads(fastcgi)) {
        fastcgi_stop(fastcgi, 0);
        return NULL;
    }
    return fastcgi;
}

/* Breaks the connections in hand whose request began before a moment. */
static void
break_begun_before(struct fastcgi *fastcgi, int64_t moment_ms)
{
    (void)pthread_mutex_lock(&fastcgi->lock);
    for (size_t i = 0; i < fastcgi->threads_len; i++) {
        if (fastcgi->threads[i].fd >= 0 && fastcgi->threads[i].began_at_ms < moment_ms)
            (void)shutdown(fastcgi->threads[i].fd, SHUT_RDWR);
    }
    (void)pthread_mutex_unlock(&fastcgi->lock);
}

void
fastcgi_tick(struct fastcgi *fastcgi)
{
    break_begun_before(fastcgi, clock_monotonic_ms() - REQUEST_TIMEOUT_MS);
}

/* Waits for a thread for a moment. */
static bool
join_shortly(pthread_t thread)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += JOIN_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

void
fastcgi_stop(struct fastcgi *fastcgi, int64_t deadline_ms)
{
    if (fastcgi == NULL)
        return;
    atomic_store(&fastcgi->drain_until_ms, clock_monotonic_ms() + STOP_DRAIN_MS);
    atomic_store(&fastcgi->stopping, true);
    if (fastcgi->stop_fd >= 0)
        (void)eventfd_write(fastcgi->stop_fd, 1);
    for (size_t i = 0; i < fastcgi->threads_len; i++) {
        while (!join_shortly(fastcgi->threads[i].thread)) {
            /* Again each time: a thread may have taken up another that is no better. */
            if (clock_monotonic_ms() >= deadline_ms)
                break_begun_before(fastcgi, INT64_MAX);
        }
    }
    if (fastcgi->stop_fd >= 0)
        (void)close(fastcgi->stop_fd);
    if (fastcgi->epoll_fd >= 0)
        (void)close(fastcgi->epoll_fd);
    (void)pthread_mutex_destroy(&fastcgi->lock);
    free(fastcgi->threads);
    free(fastcgi);
}
