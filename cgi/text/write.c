/*
 * Bytes written whole.
 * SPDX-License-Identifier: MIT
 */
#include "text/write.h"

#include <errno.h>
#include <unistd.h>

bool
write_whole(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}
