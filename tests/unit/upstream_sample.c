/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "upstream_sample.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>
#include <runhook/secret.h>

#include "config/values.h"

static void
write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t wrote = send(fd, bytes, len, MSG_NOSIGNAL);

        if (wrote <= 0)
            return; /* the client has had enough, as of an answer that is too long */
        bytes += wrote;
        len -= (size_t)wrote;
    }
}

static void
answer_one(struct upstream_sample *sample, int fd)
{
    struct sample_answer answer = {599, "the script has ended", NULL};
    char request[sizeof sample->requests[0]] = "", head[1024];
    size_t len = 0;
    ssize_t got;

    while (strstr(request, "\r\n\r\n") == NULL && len < sizeof request - 1 &&
           (got = read(fd, request + len, sizeof request - 1 - len)) > 0)
        len += (size_t)got;
    if (len == 0)
        return;
    (void)pthread_mutex_lock(&sample->lock);
    if (sample->requests_len < SAMPLE_REQUESTS) {
        if (sample->requests_len < sample->script_len)
            answer = sample->script[sample->requests_len]; /* it may be the caller's stack */
        memcpy(sample->requests[sample->requests_len++], request, sizeof request);
    }
    (void)pthread_mutex_unlock(&sample->lock);
    (void)snprintf(head, sizeof head,
                   answer.status == 204 || answer.status == 304
                       ? "HTTP/1.1 %d Words\r\n%sConnection: close\r\n\r\n"
                       : "HTTP/1.1 %d Words\r\n%sConnection: close\r\nContent-Length: %zu\r\n\r\n",
                   answer.status, answer.headers == NULL ? "" : answer.headers,
                   strlen(answer.body));
    write_all(fd, head, strlen(head));
    write_all(fd, answer.body, strlen(answer.body));
}

static void *
serve(void *arg)
{
    struct upstream_sample *sample = arg;
    int fd;

    while ((fd = accept(sample->fd, NULL, NULL)) >= 0) {
        (void)pthread_mutex_lock(&sample->answering);
        answer_one(sample, fd);
        (void)pthread_mutex_unlock(&sample->answering);
        (void)close(fd);
    }
    return NULL;
}

int
upstream_sample_start(void **state)
{
    static char api_version[] = "2022-11-28", ns[] = "ci";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_len = sizeof address;
    struct upstream_sample *sample = calloc(1, sizeof *sample);

    if (sample == NULL)
        return -1;
    *state = sample;
    sample->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sample->fd < 0 ||
        bind(sample->fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(sample->fd, 64) != 0 ||
        getsockname(sample->fd, (struct sockaddr *)&address, &address_len) != 0)
        return -1;
    (void)snprintf(sample->url, sizeof sample->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    atomic_init(&sample->deadline, INT64_MAX);
    sample->github_config = (struct github_config){.api_url = sample->url,
                                                   .api_version = api_version,
                                                   .connect_timeout_s = 5,
                                                   .timeout_s = 10};
    sample->nomad_config = (struct nomad_config){
        .address = sample->url, .ns = ns, .connect_timeout_s = 5, .timeout_s = 10};
    if (rh_secret_new("ghp_secret", 10, &sample->github_config.account.token) != RH_OK ||
        rh_secret_new("nomad-secret", 12, &sample->nomad_config.token) != RH_OK)
        return -1;
    sample->accounts = accounts_new(&sample->github_config, NULL, 0);
    sample->nomad_token = credential_new(sample->nomad_config.token, NULL, value_secret_file);
    if (sample->accounts == NULL)
        return -1;
    sample->github = github_new(&sample->github_config, sample->accounts, NULL, &sample->deadline);
    sample->nomad = nomad_new(&sample->nomad_config, sample->nomad_token, NULL, &sample->deadline);
    if (sample->github == NULL || sample->nomad == NULL)
        return -1;
    return pthread_mutex_init(&sample->lock, NULL) != 0 ||
           pthread_mutex_init(&sample->answering, NULL) != 0 ||
           pthread_create(&sample->thread, NULL, serve, sample) != 0;
}

int
upstream_sample_stop(void **state)
{
    struct upstream_sample *sample = *state;

    (void)shutdown(sample->fd, SHUT_RDWR);
    (void)pthread_join(sample->thread, NULL);
    (void)close(sample->fd);
    (void)pthread_mutex_destroy(&sample->lock);
    (void)pthread_mutex_destroy(&sample->answering);
    github_free(sample->github);
    nomad_free(sample->nomad);
    accounts_free(sample->accounts);
    credential_free(sample->nomad_token);
    rh_secret_free(sample->github_config.account.token);
    rh_secret_free(sample->nomad_config.token);
    free(sample);
    return 0;
}

int
upstream_sample_group_start(void **state)
{
    (void)state;
    return curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK;
}

int
upstream_sample_group_stop(void **state)
{
    (void)state;
    curl_global_cleanup();
    return 0;
}

void
upstream_sample_script(struct upstream_sample *sample, const struct sample_answer *script,
                       size_t script_len)
{
    /* A client that has had enough may be gone before its answer is all sent. */
    (void)pthread_mutex_lock(&sample->answering);
    (void)pthread_mutex_lock(&sample->lock);
    sample->script = script;
    sample->script_len = script_len;
    sample->requests_len = 0;
    (void)pthread_mutex_unlock(&sample->lock);
    (void)pthread_mutex_unlock(&sample->answering);
}

size_t
upstream_sample_requests(struct upstream_sample *sample)
{
    size_t len;

    (void)pthread_mutex_lock(&sample->lock);
    len = sample->requests_len;
    (void)pthread_mutex_unlock(&sample->lock);
    return len;
}

const char *
upstream_sample_request(struct upstream_sample *sample, size_t i)
{
    assert_true(i < upstream_sample_requests(sample));
    return sample->requests[i];
}

void
upstream_sample_asked(struct upstream_sample *sample, size_t i, const char *line)
{
    const char *request = upstream_sample_request(sample, i);

    if (strncmp(request, line, strlen(line)) != 0 ||
        strncmp(request + strlen(line), " HTTP/1.1\r\n", 11) != 0)
        fail_msg("request %zu: not \"%s\" but \"%.*s\"", i, line, (int)strcspn(request, "\r"),
                 request);
}
