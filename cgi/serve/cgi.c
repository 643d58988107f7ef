/*
 * The plain CGI side.
 * SPDX-License-Identifier: MIT
 */
#include "serve/cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text/write.h"

/* What is left of the body on standard input: a CGI program must not read beyond Content-Length,
 * since the web server need not end the stream there. */
struct input {
    size_t left;
};

bool
cgi_started(void)
{
    return getenv("GATEWAY_INTERFACE") != NULL && getenv("REQUEST_METHOD") != NULL;
}

bool
cgi_arguments_trusted(void)
{
    const char *query = getenv("QUERY_STRING");

    return query == NULL || query[0] == '\0' || strchr(query, '=') != NULL;
}

static const char *
variable(const void *source, const char *name)
{
    (void)source;
    return getenv(name);
}

static int
read_input(void *source, char *bytes, size_t cap)
{
    struct input *input = source;
    ssize_t got;

    if (cap > input->left)
        cap = input->left;
    if (cap == 0)
        return 0;
    do
        got = read(STDIN_FILENO, bytes, cap);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        input->left -= (size_t)got;
    return (int)got;
}

/* The declared length, which is checked where the body is read; none means that there is no body.
 */
static size_t
declared_length(void)
{
    const char *text = getenv("CONTENT_LENGTH");

    return text == NULL ? 0 : (size_t)strtoull(text, NULL, 10);
}

/* Closes a standard descriptor, and keeps its number from being another file's. */
static void
close_standard(int fd)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null_fd < 0) {
        (void)close(fd);
        return;
    }
    (void)dup2(null_fd, fd);
    (void)close(null_fd);
}

void
cgi_answer(const struct webhook *webhook, struct answer *answer)
{
    struct input input = {.left = declared_length()};
    const struct request request = {.source = &input, .variable = variable, .read = read_input};

    webhook_answer(webhook, &request, answer);
}

bool
cgi_reply(const struct answer *answer)
{
    struct buffer response = BUFFER_INIT(ANSWER_RESPONSE_MAX);
    bool written = answer_render(answer, &response) &&
                   write_whole(STDOUT_FILENO, response.bytes, response.len);

    buffer_fini(&response);
    close_standard(STDIN_FILENO);
    close_standard(STDOUT_FILENO);
    return written;
}
