/*
 * The connections that are there.
 * SPDX-License-Identifier: MIT
 */
#include "serve/roster.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "clock/clock.h"

struct roster {
    pthread_mutex_t lock;
    struct connection *oldest;
    struct connection *newest;
    size_t whole; /* of them, those that are not broken */
    size_t held;  /* by those at rest */
    struct roster_losses losses;
};

struct roster *
roster_new(void)
{
    struct roster *roster = calloc(1, sizeof *roster);

    if (roster != NULL)
        (void)pthread_mutex_init(&roster->lock, NULL);
    return roster;
}

void
roster_free(struct roster *roster)
{
    if (roster == NULL)
        return;
    while (roster->oldest != NULL) {
        struct connection *connection = roster->oldest;

        roster->oldest = connection->newer;
        intake_fini(&connection->intake);
        buffer_fini(&connection->out);
        free(connection);
    }
    (void)pthread_mutex_destroy(&roster->lock);
    free(roster);
}

static void
append(struct roster *roster, struct connection *connection)
{
    connection->since_ms = clock_monotonic_ms();
    connection->newer = NULL;
    connection->older = roster->newest;
    if (roster->newest == NULL)
        roster->oldest = connection;
    else
        roster->newest->newer = connection;
    roster->newest = connection;
}

static void
take_out(struct roster *roster, struct connection *connection)
{
    if (connection->older == NULL)
        roster->oldest = connection->newer;
    else
        connection->older->newer = connection->newer;
    if (connection->newer == NULL)
        roster->newest = connection->older;
    else
        connection->newer->older = connection->older;
}

/* Counts what it holds as nothing from now on: it is as good as gone. */
static void
shut(struct roster *roster, struct connection *connection)
{
    (void)shutdown(connection->fd, SHUT_RDWR);
    connection->is_broken = true;
    roster->held -= connection->held;
    connection->held = 0;
    roster->whole--;
}

/* The oldest at rest that is not broken yet, or of them the oldest that holds something. */
static struct connection *
find_oldest(const struct roster *roster, bool holds)
{
    struct connection *connection = roster->oldest;

    while (connection != NULL &&
           (connection->is_in_hand || connection->is_broken || (holds && connection->held == 0)))
        connection = connection->newer;
    return connection;
}

static void
make_room(struct roster *roster)
{
    struct connection *connection;

    while ((roster->whole > ROSTER_MAX && (connection = find_oldest(roster, false)) != NULL) ||
           (roster->held > ROSTER_HELD_MAX && (connection = find_oldest(roster, true)) != NULL)) {
        shut(roster, connection);
        roster->losses.crowded++;
    }
}

void
roster_join(struct roster *roster, struct connection *connection)
{
    (void)pthread_mutex_lock(&roster->lock);
    connection->is_in_hand = true;
    append(roster, connection);
    roster->whole++;
    make_room(roster);
    (void)pthread_mutex_unlock(&roster->lock);
}

void
roster_leave(struct roster *roster, struct connection *connection)
{
    (void)pthread_mutex_lock(&roster->lock);
    take_out(roster, connection);
    if (!connection->is_broken)
        roster->whole--;
    (void)pthread_mutex_unlock(&roster->lock);
    connection_free(connection);
}

void
roster_hold(struct roster *roster, struct connection *connection)
{
    (void)pthread_mutex_lock(&roster->lock);
    connection->is_in_hand = true;
    roster->held -= connection->held;
    connection->held = 0;
    (void)pthread_mutex_unlock(&roster->lock);
}

void
roster_renew(struct roster *roster, struct connection *connection)
{
    (void)pthread_mutex_lock(&roster->lock);
    take_out(roster, connection);
    append(roster, connection);
    (void)pthread_mutex_unlock(&roster->lock);
}

bool
roster_rest(struct roster *roster, struct connection *connection, int epoll_fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    bool rests;

    /* The lock makes all that this thread did with the connection happen before what the next does,
     * in roster_hold: that the kernel wakes it no sooner is nothing that the language knows of. */
    (void)pthread_mutex_lock(&roster->lock);
    rests = epoll_ctl(epoll_fd, connection->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                      connection->fd, &event) == 0;
    if (rests) {
        connection->is_watched = true;
        connection->is_in_hand = false;
    }
    if (rests && !connection->is_broken) {
        connection->held = connection_held(connection);
        roster->held += connection->held;
        make_room(roster);
    }
    (void)pthread_mutex_unlock(&roster->lock);
    return rests;
}

bool
roster_break_oldest(struct roster *roster)
{
    struct connection *connection;

    (void)pthread_mutex_lock(&roster->lock);
    connection = find_oldest(roster, false);
    if (connection != NULL) {
        shut(roster, connection);
        roster->losses.crowded++;
    }
    (void)pthread_mutex_unlock(&roster->lock);
    return connection != NULL;
}

/* Whether one waits for its next request, as long as the web server likes. */
static bool
is_kept(const struct connection *connection)
{
    return connection->is_answered && connection->intake.state == INTAKE_NOTHING &&
           connection_is_sent(connection);
}

void
roster_break_begun_before(struct roster *roster, int64_t moment_ms)
{
    (void)pthread_mutex_lock(&roster->lock);
    for (struct connection *connection = roster->oldest;
         connection != NULL && connection->since_ms < moment_ms; connection = connection->newer) {
        if (connection->is_in_hand || connection->is_broken || is_kept(connection))
            continue;
        shut(roster, connection);
        roster->losses.late++;
    }
    (void)pthread_mutex_unlock(&roster->lock);
}

bool
roster_has_unfinished(struct roster *roster)
{
    bool found = false;

    (void)pthread_mutex_lock(&roster->lock);
    for (const struct connection *connection = roster->oldest; connection != NULL && !found;
         connection = connection->newer)
        found = !connection->is_in_hand && !connection->is_broken &&
                (connection->intake.state != INTAKE_NOTHING || !connection_is_sent(connection));
    (void)pthread_mutex_unlock(&roster->lock);
    return found;
}

void
roster_count_invalid(struct roster *roster)
{
    (void)pthread_mutex_lock(&roster->lock);
    roster->losses.invalid++;
    (void)pthread_mutex_unlock(&roster->lock);
}

void
roster_take_losses(struct roster *roster, struct roster_losses *losses)
{
    (void)pthread_mutex_lock(&roster->lock);
    *losses = roster->losses;
    roster->losses = (struct roster_losses){0};
    (void)pthread_mutex_unlock(&roster->lock);
}
