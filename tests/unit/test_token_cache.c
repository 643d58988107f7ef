/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <runhook/secret.h>

#include "config/place.h"
#include "upstream/account.h"
#include "upstream/github.h"
#include "upstream/github_registration.h"
#include "upstream/token_cache.h"

/* An HTTP server on a thread, that answers as it is told and keeps the last request. */
struct server {
    int fd;
    pthread_t thread;
    char api_url[64];
    pthread_mutex_t lock;
    int requests;
    int status;
    int64_t life_s; /* of the tokens that it gives */
    int delay_ms;
    const char *body; /* NULL: a token, with its number */
    char last[2048];
};

static void
answer_one(struct server *server, int fd)
{
    char request[2048] = "", answer[1024], body[512], expires_at[40];
    size_t len = 0;
    ssize_t got;
    time_t end;
    struct tm utc;

    while (strstr(request, "\r\n\r\n") == NULL && len < sizeof request - 1 &&
           (got = read(fd, request + len, sizeof request - 1 - len)) > 0)
        len += (size_t)got;
    if (len == 0)
        return;
    (void)pthread_mutex_lock(&server->lock);
    server->requests++;
    memcpy(server->last, request, sizeof request);
    end = time(NULL) + server->life_s;
    (void)strftime(expires_at, sizeof expires_at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &utc));
    (void)snprintf(body, sizeof body, "{\"token\":\"TOKEN%d\",\"expires_at\":\"%s\"}",
                   server->requests, expires_at);
    (void)snprintf(answer, sizeof answer,
                   "HTTP/1.1 %d Words\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                   server->status, strlen(server->body == NULL ? body : server->body),
                   server->body == NULL ? body : server->body);
    (void)pthread_mutex_unlock(&server->lock);
    (void)usleep((useconds_t)server->delay_ms * 1000);
    len = strlen(answer);
    if (write(fd, answer, len) != (ssize_t)len)
        (void)fprintf(stderr, "the answer could not be written\n");
}

static void *
serve(void *arg)
{
    struct server *server = arg;
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        answer_one(server, fd);
        (void)close(fd);
    }
    return NULL;
}

static int
server_start(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_len = sizeof address;
    struct server *server = calloc(1, sizeof *server);

    if (server == NULL)
        return -1;
    *state = server;
    server->status = 201;
    server->life_s = 3600;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->fd < 0 ||
        bind(server->fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server->fd, 64) != 0 ||
        getsockname(server->fd, (struct sockaddr *)&address, &address_len) != 0)
        return -1;
    (void)snprintf(server->api_url, sizeof server->api_url, "http://127.0.0.1:%d",
                   ntohs(address.sin_port));
    return pthread_mutex_init(&server->lock, NULL) != 0 ||
           pthread_create(&server->thread, NULL, serve, server) != 0;
}

static int
server_stop(void **state)
{
    struct server *server = *state;

    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->fd);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
    return 0;
}

static int
requests_to(struct server *server)
{
    int requests;

    (void)pthread_mutex_lock(&server->lock);
    requests = server->requests;
    (void)pthread_mutex_unlock(&server->lock);
    return requests;
}

static void
set_answer(struct server *server, int status, int64_t life_s, const char *body)
{
    (void)pthread_mutex_lock(&server->lock);
    server->status = status;
    server->life_s = life_s;
    server->body = body;
    (void)pthread_mutex_unlock(&server->lock);
}

/* One thread's access to the API, and the cache that threads share. */
struct client {
    struct github_config config;
    http_deadline deadline;
    struct accounts *accounts;
    struct github *github;
    struct token_cache *cache;
};

static void
client_init(struct client *client, struct server *server, struct token_cache *cache)
{
    static char api_version[] = "2022-11-28";

    *client = (struct client){.config = {.api_url = server->api_url,
                                         .api_version = api_version,
                                         .connect_timeout_s = 5,
                                         .timeout_s = 10},
                              .cache = cache};
    atomic_init(&client->deadline, INT64_MAX);
    assert_int_equal(rh_secret_new("ghp_secret", 10, &client->config.account.token), RH_OK);
    client->accounts = accounts_new(&client->config, NULL, 0);
    assert_non_null(client->accounts);
    client->github = github_new(&client->config, client->accounts, NULL, &client->deadline);
    assert_non_null(client->github);
}

static void
client_fini(struct client *client)
{
    github_free(client->github);
    accounts_free(client->accounts);
    rh_secret_free(client->config.account.token);
}

/* The token's text; "" where there was none. */
struct got {
    char token[32];
    bool asked;
    struct failure failure;
};

static bool
mint(void *arg, const char *key, struct rh_secret **token, int64_t *expires_at_ms,
     struct failure *failure)
{
    return github_registration_token(arg, key, token, expires_at_ms, failure);
}

static struct got
get(struct client *client, const char *repository)
{
    struct got got = {0};
    struct rh_secret *token = NULL;
    char place[PLACE_CAP];

    assert_true(place_of_repository(repository, place));
    if (token_cache_get(client->cache, place, mint, client->github, &token, &got.asked,
                        &got.failure))
        (void)snprintf(got.token, sizeof got.token, "%s", rh_secret_bytes(token));
    rh_secret_free(token);
    return got;
}

static void
a_token_is_asked_for_once_a_repository(void **state)
{
    struct server *server = *state;
    struct token_cache *cache = token_cache_new();
    struct client client;
    struct got got;

    client_init(&client, server, cache);
    got = get(&client, "o/r");
    assert_string_equal(got.token, "TOKEN1");
    assert_true(got.asked);
    got = get(&client, "O/R");
    assert_string_equal(got.token, "TOKEN1");
    assert_false(got.asked);
    assert_string_equal(get(&client, "o/other").token, "TOKEN2");
    assert_string_equal(get(&client, "o/r").token, "TOKEN1");
    assert_int_equal(requests_to(server), 2);
    client_fini(&client);
    token_cache_free(cache);
}

static void
the_request(void **state)
{
    struct server *server = *state;
    struct token_cache *cache = token_cache_new();
    struct client client;

    client_init(&client, server, cache);
    assert_string_equal(get(&client, "octo-org/hello.world").token, "TOKEN1");
    assert_int_equal(
        strncmp(server->last,
                "POST /repos/octo-org/hello.world/actions/runners/registration-token HTTP/1.1\r\n",
                strlen("POST /repos/octo-org/hello.world/actions/runners/registration-token "
                       "HTTP/1.1\r\n")),
        0);
    assert_non_null(strstr(server->last, "\r\nAuthorization: Bearer ghp_secret\r\n"));
    assert_non_null(strstr(server->last, "\r\nAccept: application/vnd.github+json\r\n"));
    assert_non_null(strstr(server->last, "\r\nX-GitHub-Api-Version: 2022-11-28\r\n"));
    assert_non_null(strstr(server->last, "\r\nUser-Agent: runhook/"));
    assert_non_null(strstr(server->last, "\r\nContent-Length: 0\r\n"));
    client_fini(&client);
    token_cache_free(cache);
}

static void
no_other_path_is_ever_asked_for(void **state)
{
    static const char *const rows[] = {"",        "r",          "/",     "o/..",   "../r",
                                       "o/r/x",   "o/r?x",      "o/r#x", "o/r%2f", "o r/x",
                                       "o/r\r\n", "o/\xc3\xa9", "o//r",  "./.",    "@o/r"};
    struct server *server = *state;
    struct token_cache *cache = token_cache_new();
    struct client client;

    client_init(&client, server, cache);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct got got = get(&client, rows[i]);
        assert_row(got.token[0] == '\0', rows[i]);
        assert_row(got.failure.kind == FAILURE_CONFIGURATION, rows[i]);
    }
    assert_int_equal(requests_to(server), 0);
    client_fini(&client);
    token_cache_free(cache);
}

/* A runner must have time to register with it. */
static void
a_token_near_its_end_is_not_given_out_again(void **state)
{
    struct server *server = *state;
    struct token_cache *cache = token_cache_new();
    struct client client;

    client_init(&client, server, cache);
    set_answer(server, 201, TOKEN_MARGIN_MS / 1000 - 1, NULL);
    assert_string_equal(get(&client, "o/r").token, "TOKEN1");
    assert_string_equal(get(&client, "o/r").token, "TOKEN2");
    set_answer(server, 201, TOKEN_MARGIN_MS / 1000 + 60, NULL);
    assert_string_equal(get(&client, "o/r").token, "TOKEN3");
    assert_string_equal(get(&client, "o/r").token, "TOKEN3");
    client_fini(&client);
    token_cache_free(cache);
}

static void
failures_are_not_kept(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum failure_kind want;
    } rows[] = {
        {401, "{}", FAILURE_UNAUTHORIZED},
        {403, "{}", FAILURE_FORBIDDEN},
        {404, "{}", FAILURE_NOT_FOUND},
        {409, "{}", FAILURE_CONFLICT},
        {422, "{}", FAILURE_UNPROCESSABLE},
        {429, "{}", FAILURE_RATE_LIMITED},
        {418, "{}", FAILURE_REJECTED},
        {302, "", FAILURE_REDIRECTED},
        {500, "", FAILURE_SERVER},
        {503, "<html>", FAILURE_SERVER},
        {201, "", FAILURE_GARBAGE},
        {201, "<html>", FAILURE_GARBAGE},
        {201, "[]", FAILURE_GARBAGE},
        {201, "{\"token\":\"t\"}", FAILURE_GARBAGE},
        {201, "{\"expires_at\":\"2036-01-31T23:59:59Z\"}", FAILURE_GARBAGE},
        {201, "{\"token\":\"\",\"expires_at\":\"2036-01-31T23:59:59Z\"}", FAILURE_GARBAGE},
        {201, "{\"token\":7,\"expires_at\":\"2036-01-31T23:59:59Z\"}", FAILURE_GARBAGE},
        {201, "{\"token\":\"t\",\"expires_at\":\"soon\"}", FAILURE_GARBAGE},
        {201, "{\"token\":\"t;reboot\",\"expires_at\":\"2036-01-31T23:59:59Z\"}", FAILURE_GARBAGE},
        {201, "{\"token\":\"t\\n\",\"expires_at\":\"2036-01-31T23:59:59Z\"}", FAILURE_GARBAGE},
    };
    struct server *server = *state;
    struct token_cache *cache = token_cache_new();
    struct client client;

    client_init(&client, server, cache);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct got got;

        set_answer(server, rows[i].status, 3600, rows[i].body);
        got = get(&client, "o/r");
        assert_string_equal(got.token, "");
        if (got.failure.kind != rows[i].want)
            fail_msg("%d %s: %s: %s", rows[i].status, rows[i].body, failure_text(got.failure.kind),
                     got.failure.text.text);
        assert_int_equal(got.failure.upstream, UPSTREAM_GITHUB);
        assert_true(got.failure.text.text[0] != '\0');
        assert_null(strstr(got.failure.text.text, "ghp_secret"));
    }
    set_answer(server, 201, 3600, NULL);
    assert_true(get(&client, "o/r").token[0] != '\0');
    client_fini(&client);
    token_cache_free(cache);
}

static void
an_api_that_is_not_there(void **state)
{
    struct server *server = *state;
    struct token_cache *cache = token_cache_new();
    char nobody[] = "http://127.0.0.1:1";
    struct client client;
    struct got got;

    client_init(&client, server, cache);
    client.config.api_url = nobody;
    github_free(client.github);
    client.github = github_new(&client.config, client.accounts, NULL, &client.deadline);
    got = get(&client, "o/r");
    assert_int_equal(got.failure.kind, FAILURE_REFUSED);
    assert_string_equal(got.token, "");
    client_fini(&client);
    token_cache_free(cache);
}

static void
what_is_at_hand(void **state)
{
    struct server *server = *state;
    struct token_cache *cache = token_cache_new();
    struct client client;
    char *text = token_cache_keys(cache);

    assert_string_equal(text, "[]");
    cJSON_free(text);
    client_init(&client, server, cache);
    assert_true(get(&client, "o/a").token[0] != '\0');
    assert_true(get(&client, "O/b").token[0] != '\0');
    set_answer(server, 201, 10, NULL);
    assert_true(get(&client, "o/short").token[0] != '\0');
    set_answer(server, 404, 3600, "{}");
    assert_true(get(&client, "o/unknown").token[0] == '\0');
    text = token_cache_keys(cache);
    assert_string_equal(text, "[\"repos/o/a\",\"repos/O/b\"]");
    cJSON_free(text);
    client_fini(&client);
    token_cache_free(cache);
}

/* More repositories than are kept: the ones asked for last still have theirs. */
static void
the_cache_is_bounded(void **state)
{
    struct server *server = *state;
    struct token_cache *cache = token_cache_new();
    struct client client;
    char name[32];

    client_init(&client, server, cache);
    for (int i = 0; i < 600; i++) {
        (void)snprintf(name, sizeof name, "o/r%d", i);
        assert_true(get(&client, name).token[0] != '\0');
        assert_false(get(&client, name).asked);
    }
    assert_int_equal(requests_to(server), 600);
    client_fini(&client);
    token_cache_free(cache);
}

#define THREADS 6

struct thread {
    pthread_t id;
    struct client client;
    struct got got;
};

static void *
get_on_thread(void *arg)
{
    struct thread *thread = arg;

    thread->got = get(&thread->client, "o/r");
    return NULL;
}

static void
of_many_threads_one_asks(void **state)
{
    struct server *server = *state;
    struct token_cache *cache = token_cache_new();
    struct thread threads[THREADS];
    int asked = 0;

    server->delay_ms = 100;
    for (size_t i = 0; i < THREADS; i++)
        client_init(&threads[i].client, server, cache);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i].id, NULL, get_on_thread, &threads[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i].id, NULL), 0);
        assert_string_equal(threads[i].got.token, "TOKEN1");
        asked += threads[i].got.asked;
        client_fini(&threads[i].client);
    }
    assert_int_equal(asked, 1);
    assert_int_equal(requests_to(server), 1);
    token_cache_free(cache);
    token_cache_free(NULL);
}

static int
libcurl_start(void **state)
{
    (void)state;
    return curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK;
}

static int
libcurl_stop(void **state)
{
    (void)state;
    curl_global_cleanup();
    return 0;
}

int
main(void)
{
#define ON_SERVER(test) cmocka_unit_test_setup_teardown(test, server_start, server_stop)
    const struct CMUnitTest tests[] = {
        ON_SERVER(a_token_is_asked_for_once_a_repository),
        ON_SERVER(the_request),
        ON_SERVER(no_other_path_is_ever_asked_for),
        ON_SERVER(a_token_near_its_end_is_not_given_out_again),
        ON_SERVER(failures_are_not_kept),
        ON_SERVER(an_api_that_is_not_there),
        ON_SERVER(what_is_at_hand),
        ON_SERVER(the_cache_is_bounded),
        ON_SERVER(of_many_threads_one_asks),
    };
    return cmocka_run_group_tests(tests, libcurl_start, libcurl_stop);
}
