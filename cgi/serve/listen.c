/*
 * The listening socket.
 * SPDX-License-Identifier: MIT
 */
#include "serve/listen.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"
/* Connections that wait to be accepted. A web server opens one for each delivery of a burst, and on
 * a unix socket that is full it is refused at once, which loses the delivery. The kernel's own
 * bound is net.core.somaxconn, which is 4096 as well. */
#define BACKLOG 4096

bool
listen_inherited(void)
{
    int listening = 0;
    socklen_t len = sizeof listening;

    return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 &&
           listening != 0;
}

/* What a socket is bound to, for the log. */
static void
describe(struct listener *listener)
{
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_storage storage;
    } address = {0};
    socklen_t len = sizeof address;
    char host[64] = "", port[16] = "";

    if (getsockname(listener->fd, &address.any, &len) != 0)
        return;
    if (address.any.sa_family == AF_UNIX)
        (void)snprintf(listener->address, sizeof listener->address, "unix:%.*s",
                       (int)sizeof address.un.sun_path, address.un.sun_path);
    else if (getnameinfo(&address.any, len, host, sizeof host, port, sizeof port,
                         NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        (void)snprintf(listener->address, sizeof listener->address,
                       strchr(host, ':') == NULL ? "%s:%s" : "[%s]:%s", host, port);
}

void
listen_inherit(struct listener *listener)
{
    *listener = (struct listener){.fd = STDIN_FILENO};
    describe(listener);
}

/* A socket file that nobody listens on was left by a program that was killed. One that answers
 * belongs to somebody, and any other file too. */
static bool
remove_stale(const struct sockaddr_un *address, struct rh_reason *reason)
{
    struct stat status;
    bool in_use;
    int probe;

    if (lstat(address->sun_path, &status) != 0)
        return true;
    if (!S_ISSOCK(status.st_mode)) {
        (void)snprintf(reason->text, sizeof reason->text, "%.128s is there and is not a socket",
                       address->sun_path);
        return false;
    }
    probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    in_use =
        probe >= 0 && (connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 ||
                       errno != ECONNREFUSED);
    if (probe >= 0)
        (void)close(probe);
    if (in_use) {
        (void)snprintf(reason->text, sizeof reason->text,
                       "%.128s is in use: is another runhook running?", address->sun_path);
        return false;
    }
    (void)unlink(address->sun_path);
    return true;
}

static bool
fail(struct rh_reason *reason, const char *what, const char *address)
{
    (void)snprintf(reason->text, sizeof reason->text, "cannot %s %.128s: %s", what, address,
                   strerror(errno));
    return false;
}

static bool
give_to_group(const char *path, const char *name, struct rh_reason *reason)
{
    const struct group *group = getgrnam(name); /* before any thread is started */

    if (group == NULL) {
        (void)snprintf(reason->text, sizeof reason->text,
                       "[server] socket_group: there is no group %.64s", name);
        return false;
    }
    return chown(path, (uid_t)-1, group->gr_gid) == 0 || fail(reason, "change the group of", path);
}

static bool
open_unix(const char *path, const struct server_config *config, struct listener *listener,
          struct rh_reason *reason)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    mode_t umask_before;
    bool bound;

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (!remove_stale(&address, reason))
        return false;
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener->fd < 0)
        return fail(reason, "make a socket for", path);
    /* Nobody can connect between bind and chmod. */
    umask_before = umask(0777);
    bound = bind(listener->fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)umask(umask_before);
    if (!bound)
        return fail(reason, "listen on", path);
    listener->path = strdup(path);
    if (listener->path == NULL || lstat(path, &status) != 0)
        return fail(reason, "look at", path);
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    if (config->socket_group != NULL && !give_to_group(path, config->socket_group, reason))
        return false;
    if (chmod(path, (mode_t)config->socket_mode) != 0)
        return fail(reason, "change the mode of", path);
    return listen(listener->fd, BACKLOG) == 0 || fail(reason, "listen on", path);
}

static bool
open_tcp(const char *address, struct listener *listener, struct rh_reason *reason)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    const char *colon = strrchr(address, ':');
    struct addrinfo *found = NULL;
    char host[256];
    int code, on = 1;

    (void)snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    if (host[0] == '[' && host[strlen(host) - 1] == ']') { /* an IPv6 address */
        host[strlen(host) - 1] = '\0';
        memmove(host, host + 1, strlen(host));
    }
    code = getaddrinfo(host, colon + 1, &hints, &found);
    if (code != 0) {
        (void)snprintf(reason->text, sizeof reason->text, "cannot listen on %.128s: %s", address,
                       gai_strerror(code));
        return false;
    }
    for (const struct addrinfo *at = found; at != NULL && listener->fd < 0; at = at->ai_next) {
        listener->fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener->fd < 0)
            continue;
        (void)setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(listener->fd, at->ai_addr, at->ai_addrlen) != 0 ||
            listen(listener->fd, BACKLOG) != 0) {
            int error = errno;

            (void)close(listener->fd);
            listener->fd = -1;
            errno = error;
        }
    }
    freeaddrinfo(found);
    return listener->fd >= 0 || fail(reason, "listen on", address);
}

bool
listen_open(const char *address, const struct server_config *config, struct listener *listener,
            struct rh_reason *reason)
{
    bool opened;

    *listener = (struct listener){.fd = -1};
    opened = strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0
                 ? open_unix(address + strlen(UNIX_PREFIX), config, listener, reason)
                 : open_tcp(address, listener, reason);
    if (opened)
        describe(listener);
    else
        listen_close(listener);
    return opened;
}

void
listen_close(struct listener *listener)
{
    struct stat status;

    if (listener->path != NULL && lstat(listener->path, &status) == 0 &&
        status.st_dev == listener->device && status.st_ino == listener->inode)
        (void)unlink(listener->path);
    free(listener->path);
    listener->path = NULL;
    if (listener->fd >= 0)
        (void)close(listener->fd);
    listener->fd = -1;
}
