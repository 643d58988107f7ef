/*
 * The FastCGI side.
 *
 * Each connection at rest is known to epoll as one-shot: exactly one thread is woken for it, takes
 * what has come, and gives it back unless that was the request's end. Only a whole request holds a
 * thread, for as long as its answer takes: a peer that is slow, or silent, or does not take its
 * answer, holds none.
 *
 * As many threads as there are processors have a turn: they wait for events, and do what these
 * bring. One whose answer has to wait for the disk passes its turn on to the next thread, and takes
 * another once it has answered. More threads at work than processors would only take each other's
 * place. SPDX-License-Identifier: MIT
 */
#include "serve/fastcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock/clock.h"
#include "serve/codec.h"
#include "serve/roster.h"

/* From a request's first byte to the answer's last. A web server sends a request whole, from its
 * own buffers. */
#define REQUEST_TIMEOUT_MS (30 * 1000)

/* What a thread reads at once: most deliveries, with their headers. */
#define ROOM_LEN ((size_t)64 * 1024)

/* How long a stop goes on answering what keeps arriving on connections that are there. */
#define STOP_DRAIN_MS 1000

/* A stop that waits for the rest of a request looks so often. */
#define STOP_LOOK_MS 5

/* With no descriptor left, accepting waits for some to be closed. */
#define EXHAUSTED_REST_MS 100

/* What happens by the thousand in a flood is logged as a number, so often at most. */
#define LOSSES_EVERY_MS (60 * 1000)

#define TURNS_MIN 2

struct server_thread {
    struct fastcgi *fastcgi;
    pthread_t thread;
    struct codec *codec;
    bool has_turn;
    char room[ROOM_LEN];
};

struct fastcgi {
    const struct webhook *webhook;
    fastcgi_answered answered;
    void *arg;
    int listen_fd;
    int epoll_fd;
    int stop_fd; /* readable once it is time to stop */
    atomic_bool stopping;
    _Atomic int64_t drain_until_ms; /* of clock_monotonic_ms; set before `stopping`, as is */
    _Atomic int64_t stop_until_ms;  /* when requests that are not whole are given up */
    atomic_bool exhausted;          /* no descriptor was left, since that was last logged */
    int64_t losses_after_ms;        /* fastcgi_tick's */
    sem_t turns;                    /* that are free */
    struct roster *roster;
    struct server_thread *threads;
    size_t threads_len; /* running */
};

static size_t
body_max(struct fastcgi *fastcgi)
{
    struct setup *setup = current_take(fastcgi->webhook->setups);
    size_t max = (size_t)setup->config->server.max_body;

    current_return(fastcgi->webhook->setups, setup);
    return max;
}

/* Answers the whole request of a connection, and sends what the other side has room for. False
 * where that could not be done. */
static bool
answer_request(struct server_thread *self, struct connection *connection)
{
    struct fastcgi *fastcgi = self->fastcgi;
    struct answer answer;
    bool is_sent;

    if (!codec_answer(self->codec, fastcgi->webhook, &connection->intake.request, &answer,
                      &connection->out))
        return false;
    if (!connection->intake.keep || atomic_load(&fastcgi->stopping))
        connection->closes = true;
    intake_next(&connection->intake, body_max(fastcgi));
    connection->is_answered = true;
    roster_renew(fastcgi->roster, connection);
    is_sent = connection_send(connection);
    if (fastcgi->answered != NULL)
        fastcgi->answered(&answer, fastcgi->arg);
    answer_fini(&answer);
    return is_sent;
}

/* Has epoll wait for the connection's next bytes, or for room for its answer. */
static bool
watch_connection(struct fastcgi *fastcgi, struct connection *connection)
{
    uint32_t events = connection_is_sent(connection) ? EPOLLIN : EPOLLOUT;

    return roster_rest(fastcgi->roster, connection, fastcgi->epoll_fd,
                       events | EPOLLONESHOT | EPOLLRDHUP);
}

/* What has come is taken, what can be sent is sent. False where the connection is over. */
static bool
advance(struct server_thread *self, struct connection *connection)
{
    struct fastcgi *fastcgi = self->fastcgi;
    enum intake_state before = connection->intake.state;

    if (connection_is_sent(connection) &&
        !connection_read(connection, self->room, sizeof self->room)) {
        if (connection->intake.state == INTAKE_BROKEN)
            roster_count_invalid(fastcgi->roster);
        return false;
    }
    if (before == INTAKE_NOTHING && connection->intake.state != INTAKE_NOTHING)
        roster_renew(fastcgi->roster, connection);
    if (connection->intake.state == INTAKE_WHOLE && !answer_request(self, connection))
        return false;
    return connection_send(connection) && !(connection->closes && connection_is_sent(connection));
}

/* Goes on with a connection in hand, then lets it rest, or ends it. */
static void
serve_connection(struct server_thread *self, struct connection *connection)
{
    struct roster *roster = self->fastcgi->roster;

    if (!advance(self, connection) || !watch_connection(self->fastcgi, connection))
        roster_leave(roster, connection);
}

/* No descriptor, or no memory, is left for another connection. One of the oldest has to go. */
static void
make_room(struct fastcgi *fastcgi)
{
    struct pollfd poll_fd = {.fd = fastcgi->stop_fd, .events = POLLIN};

    atomic_store(&fastcgi->exhausted, true);
    if (!roster_break_oldest(fastcgi->roster))
        (void)poll(&poll_fd, 1, EXHAUSTED_REST_MS);
}

static void
accept_connection(struct server_thread *self)
{
    struct fastcgi *fastcgi = self->fastcgi;
    int fd = accept4(fastcgi->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct connection *connection;

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            make_room(fastcgi);
        return; /* all else is a connection that went away, or another thread's by now */
    }
    connection = connection_new(fd, body_max(fastcgi));
    if (connection == NULL) {
        (void)close(fd);
        make_room(fastcgi);
        return;
    }
    roster_join(fastcgi->roster, connection);
    serve_connection(self, connection);
}

static bool
is_stop(const struct fastcgi *fastcgi, const struct epoll_event *event)
{
    return event->data.ptr == &fastcgi->stop_fd;
}

static bool
is_listener(const struct fastcgi *fastcgi, const struct epoll_event *event)
{
    return event->data.ptr == &fastcgi->listen_fd;
}

static void
serve_event(struct server_thread *self, const struct epoll_event *event)
{
    struct fastcgi *fastcgi = self->fastcgi;

    if (is_listener(fastcgi, event)) {
        accept_connection(self);
    } else if (!is_stop(fastcgi, event)) {
        roster_hold(fastcgi->roster, event->data.ptr);
        serve_connection(self, event->data.ptr);
    }
}

/* What a web server has sent by now it does not send again, and GitHub would see a failure: so a
 * stop answers what has arrived, and what has begun to arrive. Two events are asked for, since one
 * is always that of the stop itself. */
static void
drain(struct server_thread *self)
{
    struct fastcgi *fastcgi = self->fastcgi;
    int64_t drain_until_ms = atomic_load(&fastcgi->drain_until_ms);
    int64_t stop_until_ms = atomic_load(&fastcgi->stop_until_ms);
    struct epoll_event events[2];
    bool is_over = false;
    int64_t now_ms;

    while (!is_over && (now_ms = clock_monotonic_ms()) < stop_until_ms) {
        int count = epoll_wait(fastcgi->epoll_fd, events, 2, 0);
        bool served = false;

        for (int i = 0; i < count; i++) {
            if (is_stop(fastcgi, &events[i]) ||
                (is_listener(fastcgi, &events[i]) && now_ms >= drain_until_ms))
                continue;
            serve_event(self, &events[i]);
            served = true;
        }
        if (!served) {
            is_over = !roster_has_unfinished(fastcgi->roster);
            (void)poll(NULL, 0, is_over ? 0 : STOP_LOOK_MS);
        }
    }
}

static void
take_turn(struct server_thread *self)
{
    while (!self->has_turn)
        self->has_turn = sem_wait(&self->fastcgi->turns) == 0;
}

static void
pass_turn(void *arg)
{
    struct server_thread *self = arg;

    if (self->has_turn)
        (void)sem_post(&self->fastcgi->turns);
    self->has_turn = false;
}

/* How many threads have a turn at once. Two at least: what they do beside waiting for the ledger,
 * as writing the log, may take its time as well. */
static unsigned int
count_turns(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors > TURNS_MIN ? (unsigned int)processors : TURNS_MIN;
}

static void *
serve(void *arg)
{
    struct server_thread *self = arg;
    struct epoll_event event;

    /* One event at a time: a second would wait behind the first while another thread is free. */
    while (!atomic_load(&self->fastcgi->stopping)) {
        take_turn(self);
        if (epoll_wait(self->fastcgi->epoll_fd, &event, 1, -1) == 1)
            serve_event(self, &event);
    }
    pass_turn(self); /* for the next to see that it is over */
    drain(self);
    return NULL;
}

static bool
watch(struct fastcgi *fastcgi, int *fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = fd};

    return epoll_ctl(fastcgi->epoll_fd, EPOLL_CTL_ADD, *fd, &event) == 0;
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

        thread->fastcgi = fastcgi;
        thread->codec = codec_new(pass_turn, thread);
        if (thread->codec == NULL || pthread_create(&thread->thread, NULL, serve, thread) != 0) {
            codec_free(thread->codec);
            break;
        }
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
                                .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                .roster = roster_new()};
    (void)sem_init(&fastcgi->turns, 0, count_turns());
    /* Non-blocking: the connection that woke several threads, or processes, is one's. */
    if (fastcgi->epoll_fd < 0 || fastcgi->stop_fd < 0 || fastcgi->roster == NULL || flags < 0 ||
        FCGX_Init() != 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        !watch(fastcgi, &fastcgi->listen_fd, EPOLLIN | EPOLLEXCLUSIVE) ||
        !watch(fastcgi, &fastcgi->stop_fd, EPOLLIN) || !start_threads(fastcgi)) {
        fastcgi_stop(fastcgi, 0);
        return NULL;
    }
    return fastcgi;
}

static void
log_losses(struct fastcgi *fastcgi)
{
    const struct webhook *webhook = fastcgi->webhook;
    struct roster_losses losses;
    struct log_line line;

    if (atomic_exchange(&fastcgi->exhausted, false))
        log_message(webhook->log, LOG_LEVEL_ERROR, "accept",
                    "no descriptor or no memory was left for another connection");
    roster_take_losses(fastcgi->roster, &losses);
    if (losses.crowded + losses.late + losses.invalid == 0)
        return;
    log_begin(&line, LOG_LEVEL_WARNING, "connections");
    log_number(&line, "crowded", (int64_t)losses.crowded);
    log_number(&line, "late", (int64_t)losses.late);
    log_number(&line, "invalid", (int64_t)losses.invalid);
    log_end(webhook->log, &line);
    fastcgi->losses_after_ms = clock_monotonic_ms() + LOSSES_EVERY_MS;
}

void
fastcgi_tick(struct fastcgi *fastcgi)
{
    int64_t now_ms = clock_monotonic_ms();

    roster_break_begun_before(fastcgi->roster, now_ms - REQUEST_TIMEOUT_MS);
    if (now_ms >= fastcgi->losses_after_ms)
        log_losses(fastcgi);
}

void
fastcgi_stop(struct fastcgi *fastcgi, int64_t deadline_ms)
{
    if (fastcgi == NULL)
        return;
    atomic_store(&fastcgi->drain_until_ms, clock_monotonic_ms() + STOP_DRAIN_MS);
    atomic_store(&fastcgi->stop_until_ms, deadline_ms);
    atomic_store(&fastcgi->stopping, true);
    if (fastcgi->stop_fd >= 0)
        (void)eventfd_write(fastcgi->stop_fd, 1);
    for (size_t i = 0; i < fastcgi->threads_len; i++) {
        (void)pthread_join(fastcgi->threads[i].thread, NULL);
        codec_free(fastcgi->threads[i].codec);
    }
    if (fastcgi->stop_fd >= 0)
        (void)close(fastcgi->stop_fd);
    if (fastcgi->epoll_fd >= 0)
        (void)close(fastcgi->epoll_fd);
    roster_free(fastcgi->roster);
    (void)sem_destroy(&fastcgi->turns);
    free(fastcgi->threads);
    free(fastcgi);
}
