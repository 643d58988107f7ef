/*
 * GitHub and Nomad for a benchmark: each request for a runner's credential, and each dispatch, is
 * answered so long after its last byte arrived. Any number of connections, a thread each. Prints
 * its port, and with SIGUSR1 how many dispatches it has answered and when the last was, in
 * milliseconds of CLOCK_MONOTONIC. SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_CAP 65536

static struct {
    int64_t github_ms;
    int64_t nomad_ms;
    atomic_long dispatches;
    _Atomic int64_t last_us;
} upstream;

static int64_t
now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
sleep_until(int64_t at_us)
{
    const struct timespec at = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};

    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* Reads one request whole. False where the connection ends. */
static bool
read_request(int fd, char *request)
{
    size_t got = 0;

    for (;;) {
        const char *end, *length;
        ssize_t n = read(fd, request + got, REQUEST_CAP - 1 - got);

        if (n <= 0)
            return false;
        got += (size_t)n;
        request[got] = '\0';
        end = strstr(request, "\r\n\r\n");
        if (end == NULL)
            continue;
        length = strcasestr(request, "\r\nContent-Length:");
        if (length == NULL || length > end ||
            got >= (size_t)(end + 4 - request) + strtoul(length + 17, NULL, 10))
            return true;
    }
}

/* Writes what a request is answered with; returns after how long. */
static int64_t
answer(const char *request, char *body, size_t body_cap, int *status)
{
    static atomic_long serial;
    long n = atomic_fetch_add(&serial, 1);
    time_t now = time(NULL);
    char expires[32];
    struct tm tm;

    *status = 200;
    if (strstr(request, "/actions/runners/registration-token ") != NULL) {
        now += 3600;
        (void)strftime(expires, sizeof expires, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
        (void)snprintf(body, body_cap, "{\"token\":\"TOKEN%ld\",\"expires_at\":\"%s\"}", n,
                       expires);
        *status = 201;
        return upstream.github_ms;
    }
    if (strstr(request, "/actions/runners/generate-jitconfig ") != NULL) {
        (void)snprintf(body, body_cap,
                       "{\"runner\":{\"id\":%ld,\"name\":\"r\",\"os\":\"unknown\",\"status\":"
                       "\"offline\",\"busy\":false,\"labels\":[]},\"encoded_jit_config\":\"Sml0\"}",
                       n + 1);
        *status = 201;
        return upstream.github_ms;
    }
    if (strstr(request, "/dispatch?") != NULL) {
        (void)snprintf(body, body_cap,
                       "{\"DispatchedJobID\":\"github-runner/dispatch-%ld-%08lx\",\"EvalID\":"
                       "\"5c7a3e90-77aa-4b1e-9f5e-%012lx\",\"EvalCreateIndex\":10,"
                       "\"JobCreateIndex\":9,\"Index\":10}",
                       (long)now, n, n);
        return upstream.nomad_ms;
    }
    *status = 404;
    (void)snprintf(body, body_cap, "{\"message\":\"Not Found\"}");
    return 0;
}

static void *
serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char *request = malloc(REQUEST_CAP);
    char body[1024], head[256];

    while (request != NULL && read_request(fd, request)) {
        int64_t came_us = now_us();
        int status, head_len;

        sleep_until(came_us + answer(request, body, sizeof body, &status) * 1000);
        head_len = snprintf(head, sizeof head,
                            "HTTP/1.1 %d Done\r\nContent-Type: application/json\r\n"
                            "Content-Length: %zu\r\n\r\n",
                            status, strlen(body));
        if (strstr(request, "/dispatch?") != NULL) {
            (void)atomic_fetch_add(&upstream.dispatches, 1);
            atomic_store(&upstream.last_us, now_us());
        }
        if (send(fd, head, (size_t)head_len, MSG_NOSIGNAL | MSG_MORE) != head_len ||
            send(fd, body, strlen(body), MSG_NOSIGNAL) != (ssize_t)strlen(body))
            break;
    }
    free(request);
    (void)close(fd);
    return NULL;
}

static void *
accept_all(void *arg)
{
    int listener = (int)(intptr_t)arg, on = 1;

    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_t thread;

        if (fd < 0)
            continue;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0)
            (void)pthread_detach(thread);
        else
            (void)close(fd);
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), signal_number;
    pthread_t thread;
    sigset_t asked;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: bench_upstream GITHUB_MS NOMAD_MS\n");
        return 2;
    }
    upstream.github_ms = strtol(argv[1], NULL, 10);
    upstream.nomad_ms = strtol(argv[2], NULL, 10);
    (void)sigemptyset(&asked);
    (void)sigaddset(&asked, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &asked, NULL);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 256) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &address_len) != 0 ||
        pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener) != 0)
        return 1;
    (void)printf("%d\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    while (sigwait(&asked, &signal_number) == 0) {
        (void)printf("%ld %.3f\n", atomic_load(&upstream.dispatches),
                     (double)atomic_load(&upstream.last_us) / 1000);
        (void)fflush(stdout);
    }
    return 1;
}
