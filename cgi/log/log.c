/*
 * The program's log.
 * SPDX-License-Identifier: MIT
 */
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock/clock.h"
#include "text/escape.h"
#include "text/write.h"

/* Most characters of one value: an untrusted text must not flood the log. */
#define VALUE_MAX_CHARS 512

/* How long a full pipe is waited for. */
#define FULL_WAIT_MS 200

struct log {
    int fd; /* its own, and the same for as long as the log is open, whatever stands behind it */
    atomic_long dropped; /* lines, since the last that was written */
};

/* A new descriptor of what is logged to; -1 with errno set. */
static int
open_target(const char *path)
{
    int fd, null_fd;

    if (path != NULL)
        return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (fd >= 0 || errno != EBADF)
        return fd;
    /* Who starts a program without a standard error wants no log. Above the standard descriptors,
     * whichever of them are missing. */
    null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fd = null_fd < 0 ? -1 : fcntl(null_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (null_fd >= 0)
        (void)close(null_fd);
    return fd;
}

struct log *
log_open(const char *path)
{
    struct log *log = calloc(1, sizeof *log);

    if (log == NULL)
        return NULL;
    log->fd = open_target(path);
    if (log->fd < 0) {
        int error = errno;

        free(log);
        errno = error;
        return NULL;
    }
    return log;
}

bool
log_reopen(struct log *log, const char *path)
{
    int fd = open_target(path);
    int error;
    bool moved;

    if (fd < 0)
        return false;
    /* The kernel puts the one in the other's place at once: no thread finds the number closed. */
    moved = dup3(fd, log->fd, O_CLOEXEC) >= 0;
    error = errno;
    (void)close(fd);
    errno = error;
    return moved;
}

void
log_close(struct log *log)
{
    if (log == NULL)
        return;
    (void)close(log->fd);
    free(log);
}

/* A log that nobody reads must not stop a delivery: where a pipe is full, lines are dropped, and
 * after the first without waiting. What fits into a pipe at all is written at once. */
static int
is_writable(struct log *log)
{
    struct pollfd poll_fd = {.fd = log->fd, .events = POLLOUT};

    return poll(&poll_fd, 1, atomic_load(&log->dropped) == 0 ? FULL_WAIT_MS : 0) != 0;
}

void
log_begin(struct log_line *line, enum log_level level, const char *event)
{
    static const char *const names[] = {
        [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_ERROR] = "error"};
    char now[CLOCK_TEXT_CAP];

    /* As full as it gets, it has room for the newline still. */
    line->text = (struct buffer){
        .bytes = line->bytes, .cap = sizeof line->bytes, .max = sizeof line->bytes - 2};
    (void)buffer_addf(&line->text, "time=%s level=%s event=%s", clock_text(clock_now_ms(), 1, now),
                      names[level], event);
}

/* Bare words stay bare, so that the common line is easy on the eye and on grep. */
static int
is_bare(const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '\\' || *c == '=')
            return 0;
    }
    return strlen(value) <= VALUE_MAX_CHARS;
}

/* Takes back a pair that found no room: half of one would not be read as what it is, and those
 * after it may be shorter. */
static void
keep_whole(struct buffer *text, size_t len)
{
    if (!text->failed)
        return;
    text->failed = false;
    text->len = len;
    text->bytes[len] = '\0';
}

void
log_text(struct log_line *line, const char *key, const char *value)
{
    size_t len = line->text.len;

    if (value == NULL || value[0] == '\0')
        return;
    if (is_bare(value)) {
        (void)buffer_addf(&line->text, " %s=%s", key, value);
    } else {
        (void)buffer_addf(&line->text, " %s=\"", key);
        escape_add(&line->text, value, VALUE_MAX_CHARS);
        (void)buffer_add_text(&line->text, "\"");
    }
    keep_whole(&line->text, len);
}

void
log_number(struct log_line *line, const char *key, int64_t value)
{
    size_t len = line->text.len;

    (void)buffer_addf(&line->text, " %s=%" PRId64, key, value);
    keep_whole(&line->text, len);
}

void
log_end(struct log *log, struct log_line *line)
{
    if (!is_writable(log)) {
        (void)atomic_fetch_add(&log->dropped, 1);
        return;
    }
    atomic_store(&log->dropped, 0);
    /* One write a line, its newline within, so that lines of threads and processes never mix. */
    line->bytes[line->text.len] = '\n';
    (void)write_whole(log->fd, line->bytes, line->text.len + 1);
}

void
log_message(struct log *log, enum log_level level, const char *event, const char *format, ...)
{
    char text[1024];
    struct log_line line;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    escape_trim(text);
    log_begin(&line, level, event);
    log_text(&line, "message", text);
    log_end(log, &line);
}
