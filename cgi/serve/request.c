/*
 * One request, whichever way it came.
 * SPDX-License-Identifier: MIT
 */
#include "serve/request.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
request_wait(const struct request *request)
{
    if (request->waits != NULL)
        request->waits(request->waits_arg);
}

/* GitHub's own cap is 25 MB; what is more than this is not read to its end. */
#define DRAIN_MAX ((size_t)64 * 1024 * 1024)
#define CHUNK (16 * 1024)

/* What the web server says the length is. It only hints how much memory to take: what counts is
 * what comes, since the signature covers that. False where it is there and no number. */
static bool
declared_length(const struct request *request, size_t *length)
{
    const char *text = request->variable(request->source, "CONTENT_LENGTH");
    char *end;
    unsigned long long number;

    *length = 0;
    if (text == NULL || text[0] == '\0')
        return true;
    errno = 0;
    number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0)
        return false;
    *length = (size_t)number;
    return true;
}

static enum body_end
drain(const struct request *request)
{
    char chunk[CHUNK];
    size_t drained = 0;
    int got;

    while (drained < DRAIN_MAX && (got = request->read(request->source, chunk, sizeof chunk)) > 0)
        drained += (size_t)got;
    return BODY_TOO_LARGE;
}

enum body_end
request_body(const struct request *request, size_t max, char **bytes, size_t *len)
{
    size_t declared, cap, used = 0;
    enum body_end end = BODY_WHOLE;
    char *body = NULL;
    int got;

    *bytes = NULL;
    *len = 0;
    if (!declared_length(request, &declared))
        return BODY_BROKEN;
    if (declared > max)
        return drain(request);
    cap = declared + 1; /* one more, to see the end without growing */
    body = malloc(cap);
    if (body == NULL)
        return BODY_NO_MEMORY;
    while ((got = request->read(request->source, body + used, cap - used)) > 0) {
        used += (size_t)got;
        if (used > max) {
            end = drain(request);
            goto fail;
        }
        if (used == cap) {
            char *grown;

            cap = cap < CHUNK ? CHUNK : cap * 2;
            grown = realloc(body, cap);
            if (grown == NULL) {
                end = BODY_NO_MEMORY;
                goto fail;
            }
            body = grown;
        }
    }
    if (got < 0) {
        end = BODY_BROKEN;
        goto fail;
    }
    if (used == 0) {
        free(body);
        return BODY_WHOLE;
    }
    *bytes = body;
    *len = used;
    return BODY_WHOLE;
fail:
    free(body);
    return end;
}

/* The path as the client wrote it; as CGI splits it where the web server does not pass that on. */
static const char *
request_path(const struct request *request)
{
    static const char *const names[] = {"REQUEST_URI", "PATH_INFO", "SCRIPT_NAME"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = request->variable(request->source, names[i]);

        if (path != NULL && path[0] != '\0')
            return path;
    }
    return "";
}

const char *
request_last_segment(const struct request *request, size_t *len)
{
    const char *path = request_path(request);
    size_t end = strcspn(path, "?#");
    size_t begin;

    while (end > 0 && path[end - 1] == '/')
        end--;
    begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    *len = end - begin;
    return path + begin;
}
