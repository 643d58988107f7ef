/*
 * Which processes on a ledger are alive.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "text/buffer.h"

int
owner_open(const char *ledger_path)
{
    struct buffer path = BUFFER_INIT(4096);
    int fd = -1;

    if (buffer_addf(&path, "%s.owners", ledger_path))
        fd = open(buffer_text(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    buffer_fini(&path);
    return fd;
}

/* One byte a process, by its number: the file itself stays empty. */
static struct flock
lock_of(int64_t owner)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = owner, .l_len = 1};
}

/* Byte 0, which is no process's: their numbers begin at 1. */
bool
owner_enter(int fd)
{
    struct flock lock = lock_of(0);

    while (fcntl(fd, F_OFD_SETLKW, &lock) != 0) {
        if (errno != EINTR)
            return false;
    }
    return true;
}

void
owner_leave(int fd)
{
    struct flock lock = lock_of(0);

    lock.l_type = F_UNLCK;
    (void)fcntl(fd, F_OFD_SETLK, &lock);
}

/* Open-file-description locks, not POSIX ones: those go with the first close of any descriptor of
 * the file, and cannot be asked about from within the process that holds them. */
bool
owner_claim(int fd, int64_t owner)
{
    struct flock lock = lock_of(owner);

    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool
owner_alive(int fd, int64_t owner)
{
    struct flock lock = lock_of(owner);

    return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}
