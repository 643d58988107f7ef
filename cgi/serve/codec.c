/*
 * libfcgi on a file in memory.
 *
 * It is told of the file by setting the request's `ipcFd` before FCGX_Accept_r, which then does not
 * accept a connection itself; and with a listening socket of -1 it returns instead of accepting.
 * The request's records stand at the file's beginning, and the answer's go behind them.
 * SPDX-License-Identifier: MIT
 */
#include "serve/codec.h"

#include <errno.h>
#include <fcgiapp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file that has grown beyond this is cut again after the answer. */
#define FILE_KEPT ((off_t)256 * 1024)

struct codec {
    int fd;
    request_waits waits;
    void *waits_arg;
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

    /* The stream's end and a broken one both read as nothing; the stream knows which. */
    return got == 0 && FCGX_GetError(fcgx->in) != 0 ? -1 : got;
}

static bool
open_file(struct codec *codec)
{
    codec->fd = memfd_create("runhook-request", MFD_CLOEXEC);
    return codec->fd >= 0;
}

struct codec *
codec_new(request_waits waits, void *arg)
{
    struct codec *codec = calloc(1, sizeof *codec);

    if (codec == NULL)
        return NULL;
    codec->waits = waits;
    codec->waits_arg = arg;
    if (!open_file(codec)) {
        int error = errno;

        free(codec);
        errno = error;
        return NULL;
    }
    return codec;
}

void
codec_free(struct codec *codec)
{
    if (codec == NULL)
        return;
    if (codec->fd >= 0)
        (void)close(codec->fd);
    free(codec);
}

static bool
write_at(int fd, const char *bytes, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t written = pwrite(fd, bytes, len, at);

        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            len -= (size_t)written;
            at += written;
        }
    }
    return true;
}

/* Appends what stands in the file from `at` to where it was last written. */
static bool
read_from(int fd, off_t at, struct buffer *out)
{
    off_t end = lseek(fd, 0, SEEK_CUR);
    char chunk[16 * 1024];

    while (at < end) {
        size_t want = (size_t)(end - at) < sizeof chunk ? (size_t)(end - at) : sizeof chunk;
        ssize_t got = pread(fd, chunk, want, at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || !buffer_add(out, chunk, (size_t)got))
            return false;
        at += got;
    }
    return true;
}

bool
codec_answer(struct codec *codec, const struct webhook *webhook, const struct buffer *request,
             struct answer *answer, struct buffer *out)
{
    struct buffer response = BUFFER_INIT(ANSWER_RESPONSE_MAX);
    const off_t end = (off_t)request->len;
    FCGX_Request fcgx;
    const struct request source = {.source = &fcgx,
                                   .variable = param,
                                   .read = read_stdin,
                                   .waits = codec->waits,
                                   .waits_arg = codec->waits_arg};
    bool done;

    /* What an earlier request has left behind this one's end is never read: libfcgi stops where the
     * records say. */
    if ((codec->fd < 0 && !open_file(codec)) ||
        !write_at(codec->fd, buffer_text(request), request->len, 0) ||
        lseek(codec->fd, 0, SEEK_SET) != 0)
        return false;
    (void)FCGX_InitRequest(&fcgx, -1, 0);
    fcgx.keepConnection = 1; /* or FCGX_Accept_r would begin by closing it */
    fcgx.ipcFd = codec->fd;
    if (FCGX_Accept_r(&fcgx) != 0) {
        codec->fd = -1; /* it has closed the file */
        return false;
    }
    webhook_answer(webhook, &source, answer);
    done = lseek(codec->fd, end, SEEK_SET) == end;
    if (done && answer_render(answer, &response))
        (void)FCGX_PutStr(response.bytes, (int)response.len, fcgx.out);
    buffer_fini(&response);
    fcgx.keepConnection = 1; /* the file stays, whatever becomes of the connection */
    FCGX_Finish_r(&fcgx);
    done = done && read_from(codec->fd, end, out);
    if (end + (off_t)out->len > FILE_KEPT && ftruncate(codec->fd, 0) != 0) {
        (void)close(codec->fd);
        codec->fd = -1;
    }
    if (!done)
        answer_fini(answer);
    return done;
}
