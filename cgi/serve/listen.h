/*
 * The listening socket: one that a web server or systemd gave as descriptor 0, or one of our own.
 * SPDX-License-Identifier: MIT
 */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include <runhook/error.h>

#include "config/config.h"

struct listener {
    int fd;
    char *path;   /* of a unix socket that is ours to remove; else NULL */
    dev_t device; /* of that socket, so that only ours is removed */
    ino_t inode;
    char address[160]; /* "unix:/path" or "127.0.0.1:9000", for the log */
};

/* Whether descriptor 0 is a listening socket: how FastCGI programs are started. */
bool listen_inherited(void);

/* Takes descriptor 0. */
void listen_inherit(struct listener *listener);

/* Opens a socket on "unix:/PATH" (with the configured mode and group) or "HOST:PORT". On failure
 * false, and `reason` says what to do. */
bool listen_open(const char *address, const struct server_config *config, struct listener *listener,
                 struct rh_reason *reason);

/* Closes the socket, and removes its file where that is still ours. */
void listen_close(struct listener *listener);

#endif
