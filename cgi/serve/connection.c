/*
 * One connection of a web server.
 * SPDX-License-Identifier: MIT
 */
#include "serve/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/codec.h"

/* What an intake may have to send back comes before the answer. */
#define OUT_MAX (CODEC_ANSWER_MAX + (size_t)8 * 1024)

struct connection *
connection_new(int fd, size_t body_max)
{
    struct connection *connection = calloc(1, sizeof *connection);

    if (connection == NULL)
        return NULL;
    connection->fd = fd;
    connection->out = BUFFER_INIT(OUT_MAX);
    intake_init(&connection->intake, body_max);
    return connection;
}

void
connection_free(struct connection *connection)
{
    (void)close(connection->fd);
    intake_fini(&connection->intake);
    buffer_fini(&connection->out);
    free(connection);
}

/* Moves what the intake sends back to what is sent. */
static bool
take_replies(struct connection *connection)
{
    struct buffer *reply = &connection->intake.reply;
    bool added = buffer_add(&connection->out, buffer_text(reply), reply->len);

    reply->len = 0;
    return added;
}

bool
connection_read(struct connection *connection, char *room, size_t room_len)
{
    ssize_t got = recv(connection->fd, room, room_len, 0);
    size_t taken;

    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (got == 0)
        return false;
    taken = intake_take(&connection->intake, room, (size_t)got);
    /* A web server sends the next request only once it has the answer. */
    if (taken < (size_t)got || connection->intake.state == INTAKE_ABORTED)
        connection->closes = true;
    return take_replies(connection) && connection->intake.state != INTAKE_BROKEN;
}

bool
connection_send(struct connection *connection)
{
    while (!connection_is_sent(connection)) {
        ssize_t sent = send(connection->fd, connection->out.bytes + connection->sent,
                            connection->out.len - connection->sent, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (sent < 0 && errno != EINTR)
            return false;
        if (sent > 0)
            connection->sent += (size_t)sent;
    }
    buffer_fini(&connection->out);
    connection->sent = 0;
    return true;
}

bool
connection_is_sent(const struct connection *connection)
{
    return connection->sent == connection->out.len;
}

size_t
connection_held(const struct connection *connection)
{
    return intake_held(&connection->intake) + connection->out.cap;
}
