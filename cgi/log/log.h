/*
 * The program's log: one `key=value` line an event, untrusted text escaped, each line written
 * whole.
 *
 *     struct log_line line;
 *     log_begin(&line, LOG_LEVEL_INFO, "delivery");
 *     log_text(&line, "repository", repository);
 *     log_number(&line, "job", id);
 *     log_end(log, &line);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "text/buffer.h"

enum log_level {
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING, /* passes by itself, or is worth a look */
    LOG_LEVEL_ERROR,   /* a person has to act */
};

struct log;

/* A line has its own memory: what is to be told when there is none left is told. */
struct log_line {
    struct buffer text; /* in `bytes` */
    char bytes[PIPE_BUF];
};

/*
 * Opens a log on the file `path` (made with mode 0640 where missing, appended to), or on standard
 * error where `path` is NULL. Returns NULL with errno set on failure. Threads may share a log.
 */
struct log *log_open(const char *path);
void log_close(struct log *log);

/*
 * Goes on in the file `path`, or on standard error where `path` is NULL, opened anew: the file may
 * have been moved away. Lines that other threads write meanwhile go to the one or to the other,
 * each whole. On failure the log goes on where it was, and errno is set.
 */
bool log_reopen(struct log *log, const char *path);

/* Begins a line. Every log_begin ends in a log_end, which writes it. */
void log_begin(struct log_line *line, enum log_level level, const char *event);
void log_end(struct log *log, struct log_line *line);

/* Adds a pair. A `value` of NULL or "" adds nothing: a key that is there has something to say. One
 * that finds no room in its line is left out whole. */
void log_text(struct log_line *line, const char *key, const char *value);
void log_number(struct log_line *line, const char *key, int64_t value);

/* A line with one text, for what has no more to tell. */
void log_message(struct log *log, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
