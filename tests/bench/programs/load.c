/*
 * A load of signed deliveries over HTTP/1.1: so many connections, each sending its next request
 * when the last was answered. Every request is a delivery of its own, signed as it is sent;
 * whatever is measured with it therefore pays the same for that. Prints one JSON object.
 * SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <openssl/hmac.h>

#define ID_DIGITS 11
#define IDS_MAX 16
#define HEAD_CAP 1024
#define ANSWER_CAP 65536
#define STATUS_CAP 600

struct load {
    uint16_t port;
    const char *path;
    size_t connections;
    size_t requests;
    const char *secret;
    bool forged;
    int64_t next_id;
    char *body;
    size_t body_len;
    size_t ids[IDS_MAX]; /* where the job's id stands in the body */
    size_t ids_len;
    size_t begun;
    size_t answered;
    double *took_ms; /* of each request that was answered */
    size_t statuses[STATUS_CAP];
    size_t broken; /* connections that ended before their answer */
};

struct connection {
    int fd;
    char *out; /* head and body */
    size_t out_len;
    size_t sent;
    char *in;
    size_t got;
    double began_ms;
};

static void
die(const char *what)
{
    (void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double
now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void
read_body(struct load *load, const char *path, const char *marker)
{
    FILE *file = fopen(path, "rb");
    long len;
    char *at;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (len = ftell(file)) <= 0)
        die(path);
    rewind(file);
    load->body = calloc(1, (size_t)len + 1);
    if (load->body == NULL || fread(load->body, 1, (size_t)len, file) != (size_t)len)
        die(path);
    (void)fclose(file);
    load->body_len = (size_t)len;
    for (at = load->body; (at = strstr(at, marker)) != NULL && load->ids_len < IDS_MAX; at++)
        load->ids[load->ids_len++] = (size_t)(at - load->body);
    if (strlen(marker) != ID_DIGITS || load->ids_len == 0) {
        (void)fprintf(stderr, "load: %s does not have the id %s of %d digits\n", path, marker,
                      ID_DIGITS);
        exit(1);
    }
}

/* Makes the next delivery: its id, its signature, its head. */
static void
compose(struct load *load, struct connection *connection)
{
    unsigned char digest[32];
    char id[ID_DIGITS + 1] = "", hex[2 * sizeof digest + 1];
    int64_t rest = load->next_id++;
    unsigned int digest_len;
    int head;

    for (size_t i = ID_DIGITS; i-- > 0; rest /= 10)
        id[i] = (char)('0' + rest % 10);
    for (size_t i = 0; i < load->ids_len; i++)
        memcpy(load->body + load->ids[i], id, ID_DIGITS);
    if (HMAC(EVP_sha256(), load->secret, (int)strlen(load->secret), (unsigned char *)load->body,
             load->body_len, digest, &digest_len) == NULL)
        die("HMAC");
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (load->forged)
        hex[63] = hex[63] == '0' ? '1' : '0';
    head = snprintf(connection->out, HEAD_CAP,
                    "POST %s HTTP/1.1\r\n"
                    "Host: runhook.example.org\r\n"
                    "Accept: */*\r\n"
                    "Content-Type: application/json\r\n"
                    "Content-Length: %zu\r\n"
                    "User-Agent: GitHub-Hookshot/3f1d9c8\r\n"
                    "X-GitHub-Delivery: 7d3b3d70-cafe-11f0-8000-0%s\r\n"
                    "X-GitHub-Event: workflow_job\r\n"
                    "X-GitHub-Hook-ID: 488120366\r\n"
                    "X-GitHub-Hook-Installation-Target-ID: 601284417\r\n"
                    "X-GitHub-Hook-Installation-Target-Type: repository\r\n"
                    "X-Hub-Signature-256: sha256=%s\r\n\r\n",
                    load->path, load->body_len, id, hex);
    memcpy(connection->out + head, load->body, load->body_len);
    connection->out_len = (size_t)head + load->body_len;
    connection->sent = connection->got = 0;
    load->begun++;
    connection->began_ms = now_ms();
}

static void
watch(int epoll, struct connection *connection, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};

    if (epoll_ctl(epoll, operation, connection->fd, &event) != 0)
        die("epoll_ctl");
}

static void
open_connection(const struct load *load, int epoll, struct connection *connection)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(load->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 ||
        connect(connection->fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        fcntl(connection->fd, F_SETFL, O_NONBLOCK) != 0 ||
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        die("connect");
    watch(epoll, connection, EPOLL_CTL_ADD, EPOLLOUT);
}

/* Whether the whole answer is there. */
static bool
is_whole(const struct connection *connection)
{
    const char *end = strstr(connection->in, "\r\n\r\n");
    const char *length;
    size_t head;

    if (end == NULL)
        return false;
    head = (size_t)(end + 4 - connection->in);
    length = strcasestr(connection->in, "\r\nContent-Length:");
    if (length != NULL && length < end)
        return connection->got >= head + strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
    return connection->got >= head + 5 &&
           memcmp(connection->in + connection->got - 5, "0\r\n\r\n", 5) == 0;
}

static bool
says_close(const struct connection *connection)
{
    return strcasestr(connection->in, "\r\nConnection: close") != NULL;
}

static void
renew(struct load *load, int epoll, struct connection *connection)
{
    (void)close(connection->fd);
    open_connection(load, epoll, connection);
}

/* Counts an answer, and sends what is next on its connection, if anything is. */
static void
finish(struct load *load, int epoll, struct connection *connection)
{
    unsigned status = (unsigned)strtoul(connection->in + strlen("HTTP/1.1 "), NULL, 10);
    bool close_it = says_close(connection);

    load->took_ms[load->answered++] = now_ms() - connection->began_ms;
    load->statuses[status < STATUS_CAP ? status : 0]++;
    if (load->begun == load->requests) {
        watch(epoll, connection, EPOLL_CTL_DEL, 0);
        return;
    }
    compose(load, connection);
    if (close_it)
        renew(load, epoll, connection);
    else
        watch(epoll, connection, EPOLL_CTL_MOD, EPOLLOUT);
}

static void
serve(struct load *load, int epoll, struct connection *connection)
{
    ssize_t n;

    while (connection->sent < connection->out_len) {
        n = write(connection->fd, connection->out + connection->sent,
                  connection->out_len - connection->sent);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            break;
        connection->sent += (size_t)n;
        if (connection->sent == connection->out_len) {
            watch(epoll, connection, EPOLL_CTL_MOD, EPOLLIN);
            return;
        }
    }
    n = read(connection->fd, connection->in + connection->got, ANSWER_CAP - connection->got - 1);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        load->broken++;
        connection->sent = connection->got = 0;
        renew(load, epoll, connection);
        return;
    }
    connection->got += (size_t)n;
    connection->in[connection->got] = '\0';
    if (is_whole(connection))
        finish(load, epoll, connection);
}

static int
compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;

    return (a > b) - (a < b);
}

static void
report(struct load *load, double took_ms)
{
    const char *comma = "";
    size_t n = load->answered;

    qsort(load->took_ms, n, sizeof *load->took_ms, compare);
    (void)printf("{\"requests\": %zu, \"seconds\": %.6f, \"per_second\": %.1f, \"p50_ms\": %.3f, "
                 "\"p99_ms\": %.3f, \"max_ms\": %.3f, \"broken\": %zu, \"statuses\": {",
                 n, took_ms / 1e3, (double)n / took_ms * 1e3, load->took_ms[n / 2],
                 load->took_ms[n * 99 / 100], load->took_ms[n - 1], load->broken);
    for (size_t i = 0; i < STATUS_CAP; i++) {
        if (load->statuses[i] > 0) {
            (void)printf("%s\"%zu\": %zu", comma, i, load->statuses[i]);
            comma = ", ";
        }
    }
    (void)printf("}}\n");
}

static void
run(struct load *load)
{
    struct connection *connections = calloc(load->connections, sizeof *connections);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[64];
    double began_ms;

    load->took_ms = calloc(load->requests, sizeof *load->took_ms);
    if (connections == NULL || load->took_ms == NULL || epoll < 0)
        die("memory");
    began_ms = now_ms();
    for (size_t i = 0; i < load->connections && load->begun < load->requests; i++) {
        connections[i].out = malloc(HEAD_CAP + load->body_len);
        connections[i].in = malloc(ANSWER_CAP);
        if (connections[i].out == NULL || connections[i].in == NULL)
            die("memory");
        compose(load, &connections[i]);
        open_connection(load, epoll, &connections[i]);
    }
    while (load->answered < load->requests) {
        int ready = epoll_wait(epoll, events, 64, 30000);

        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        if (ready == 0) {
            (void)fprintf(stderr, "load: no answer for 30 s\n");
            exit(1);
        }
        for (int i = 0; i < ready; i++)
            serve(load, epoll, events[i].data.ptr);
    }
    report(load, now_ms() - began_ms);
    for (size_t i = 0; i < load->connections; i++) {
        free(connections[i].out);
        free(connections[i].in);
    }
    free(connections);
    free(load->took_ms);
    (void)close(epoll);
}

int
main(int argc, char **argv)
{
    struct load load = {0};

    if (argc != 10 || (strcmp(argv[9], "signed") != 0 && strcmp(argv[9], "forged") != 0)) {
        (void)fprintf(stderr, "usage: bench_load PORT PATH CONNECTIONS REQUESTS BODY_FILE "
                              "ID_IN_BODY FIRST_ID SECRET signed|forged\n");
        return 2;
    }
    load.port = (uint16_t)strtoul(argv[1], NULL, 10);
    load.path = argv[2];
    load.connections = strtoul(argv[3], NULL, 10);
    load.requests = strtoul(argv[4], NULL, 10);
    load.next_id = strtoll(argv[7], NULL, 10);
    load.secret = argv[8];
    load.forged = strcmp(argv[9], "forged") == 0;
    if (load.requests == 0 || load.connections == 0)
        return 2;
    read_body(&load, argv[5], argv[6]);
    run(&load);
    free(load.body);
    return 0;
}
