/*
 * What FastCGI costs by itself: reads the body, and answers as runhook would. Each of its threads
 * accepts as libfcgi's documentation has it; one that holds a kept connection waits on that.
 * SPDX-License-Identifier: MIT
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS_MAX 256

static void *
serve(void *arg)
{
    static const char answer[] =
        "Status: 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 58\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
        "{\"status\":\"accepted\",\"job_id\":59871034412,\"pool\":\"linux\"}\n";
    const int *socket = arg;
    static _Thread_local char body[65536];
    FCGX_Request request;

    if (FCGX_InitRequest(&request, *socket, 0) != 0)
        return NULL;
    while (FCGX_Accept_r(&request) == 0) {
        while (FCGX_GetStr(body, sizeof body, request.in) > 0)
            continue;
        (void)FCGX_PutStr(answer, sizeof answer - 1, request.out);
        FCGX_Finish_r(&request);
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    pthread_t threads[THREADS_MAX];
    size_t len = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    int socket;

    if (len < 1 || len > THREADS_MAX || FCGX_Init() != 0) {
        (void)fprintf(stderr, "usage: bench_bare SOCKET_PATH THREADS\n");
        return 2;
    }
    (void)signal(SIGTERM, SIG_DFL); /* libfcgi's own handler lets threads wait on */
    socket = FCGX_OpenSocket(argv[1], 511);
    if (socket < 0)
        return 1;
    for (size_t i = 0; i < len; i++) {
        if (pthread_create(&threads[i], NULL, serve, &socket) != 0)
            return 1;
    }
    for (size_t i = 0; i < len; i++)
        (void)pthread_join(threads[i], NULL);
    return 0;
}
