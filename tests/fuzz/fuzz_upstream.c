/*
 * The raw bytes that GitHub or Nomad answer with, through libcurl, to any of our requests.
 *
 * Input: the request's name, as one line; whole replies: status line, headers, a blank line, the
 * body; with a line "====" between two. The last one is given again where more is asked; from the
 * fourth on, a request finds the connection closed.
 * Checked: a failure is one plain sentence without a secret; limits, times and statuses are within
 * their bounds.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <curl/curl.h>
#include <runhook/secret.h>

#include "config/values.h"
#include "fuzz.h"
#include "upstream/github_account.h"
#include "upstream/github_delivery.h"
#include "upstream/github_hook.h"
#include "upstream/github_meta.h"
#include "upstream/github_owner.h"
#include "upstream/github_registration.h"
#include "upstream/github_run.h"
#include "upstream/github_runner.h"
#include "upstream/nomad_child.h"
#include "upstream/nomad_job.h"

#define CANARY "SECRETCANARY"
#define REPLIES_MAX 3
#define PLACE "repos/octo/repo"
#define CHILD "ci/dispatch-1769903999-0a1b2c3d"

/* -- The upstream -------------------------------------------------------------------------------
 */

static struct {
    int fd;
    char address[128];
    pthread_mutex_t lock; /* of what follows */
    const char *reply;
    size_t reply_len;
    int left; /* so many are still given */
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Gives the next reply, and stays at the last. */
static void
give(int fd)
{
    static const char between[] = "\n====\n";
    const char *end = memmem(server.reply, server.reply_len, between, sizeof between - 1);
    size_t len = end == NULL ? server.reply_len : (size_t)(end - server.reply);

    (void)!send(fd, server.reply, len, MSG_NOSIGNAL);
    if (end != NULL) {
        server.reply += len + sizeof between - 1;
        server.reply_len -= len + sizeof between - 1;
    }
}

static void
answer(int fd)
{
    char request[65536];
    size_t len = 0;
    ssize_t got = 1;

    while (got > 0 && len < sizeof request - 1) {
        got = read(fd, request + len, sizeof request - 1 - len);
        len += got > 0 ? (size_t)got : 0;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL)
            break;
    }
    (void)pthread_mutex_lock(&server.lock);
    if (got > 0 && server.left-- > 0)
        give(fd);
    (void)pthread_mutex_unlock(&server.lock);
}

static void *
serve(void *arg)
{
    int fd;

    while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
        answer(fd);
        (void)close(fd);
    }
    return arg;
}

static void
server_start(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    pthread_t thread;

    (void)snprintf(name.sun_path, sizeof name.sun_path, "/tmp/runhook-fuzz-%d", (int)getpid());
    (void)snprintf(server.address, sizeof server.address, "unix://%s", name.sun_path);
    (void)unlink(name.sun_path);
    server.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(bind(server.fd, (const struct sockaddr *)&name, sizeof name) == 0);
    FUZZ_CHECK(listen(server.fd, 16) == 0);
    FUZZ_CHECK(pthread_create(&thread, NULL, serve, NULL) == 0 && pthread_detach(thread) == 0);
}

static void
server_stop(void)
{
    (void)unlink(server.address + strlen("unix://"));
}

/* -- What asks it -------------------------------------------------------------------------------
 */

static struct {
    struct github_config github_config;
    struct nomad_config nomad_config;
    struct accounts *accounts;
    struct credential *nomad_token;
    struct github *github;
    struct nomad *nomad;
    http_deadline deadline;
} client;

static void
ended(const struct upstream_request_end *end, void *arg)
{
    (void)arg;
    FUZZ_CHECK(end->duration_ms >= 0 && end->status >= 0 && end->status <= 999);
    FUZZ_CHECK((end->status == 0) == (end->failure != FAILURE_NONE));
}

static void
limited(const char *section, const struct upstream_limit *limit, void *arg)
{
    (void)arg;
    FUZZ_CHECK(strcmp(section, "[github]") == 0 && limit->remaining >= 0 && limit->allowed > 0);
    /* A day of the year 10000, and as much before 1970. */
    FUZZ_CHECK(limit->reset_at_ms < INT64_C(600000000000000) &&
               limit->reset_at_ms > -INT64_C(600000000000000));
    FUZZ_CHECK(memchr(limit->resource, '\0', sizeof limit->resource) != NULL);
}

static const struct upstream_observer observer = {.ended = ended, .limited = limited};

static void
client_start(void)
{
    static char api_version[] = "2022-11-28", ns[] = "ci";

    FUZZ_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    atomic_init(&client.deadline, INT64_MAX);
    client.github_config = (struct github_config){.api_url = server.address,
                                                  .api_version = api_version,
                                                  .connect_timeout_s = 5,
                                                  .timeout_s = 5};
    client.nomad_config = (struct nomad_config){
        .address = server.address, .ns = ns, .connect_timeout_s = 5, .timeout_s = 5};
    FUZZ_CHECK(rh_secret_new(CANARY, strlen(CANARY), &client.github_config.account.token) == RH_OK);
    FUZZ_CHECK(rh_secret_new(CANARY, strlen(CANARY), &client.nomad_config.token) == RH_OK);
    client.accounts = accounts_new(&client.github_config, NULL, 0);
    client.nomad_token = credential_new(client.nomad_config.token, NULL, value_secret_file);
    FUZZ_CHECK(client.accounts != NULL && client.nomad_token != NULL);
    client.github = github_new(&client.github_config, client.accounts, &observer, &client.deadline);
    client.nomad = nomad_new(&client.nomad_config, client.nomad_token, &observer, &client.deadline);
    FUZZ_CHECK(client.github != NULL && client.nomad != NULL);
}

/* -- Requests -----------------------------------------------------------------------------------
 */

static bool
visit_hook(const struct github_hook *hook, void *arg)
{
    (void)arg;
    FUZZ_CHECK(hook->id > 0);
    return true;
}

static bool
visit_delivery(const struct github_delivery *delivery, void *arg)
{
    (void)arg;
    FUZZ_CHECK(delivery->id > 0 && delivery->guid[0] != '\0');
    return true;
}

static bool
visit_installation(const struct github_installation *installation, void *arg)
{
    (void)arg;
    FUZZ_CHECK(installation->id > 0);
    return true;
}

static bool
visit_repository(const struct github_repository *repository, void *arg)
{
    (void)arg;
    FUZZ_CHECK(strncasecmp(repository->name, "octo/", 5) == 0);
    (void)github_repository_has_topic(repository, "runhook");
    return true;
}

static void
visit_child(const char *id, enum nomad_status status, bool is_stopped, void *arg)
{
    (void)is_stopped;
    (void)arg;
    FUZZ_CHECK(fuzz_is_utf8(id, strlen(id)) && status <= NOMAD_DEAD);
}

static bool
ask_token_self(struct failure *failure)
{
    struct github_token token;

    return github_token_self(client.github, accounts_at(client.accounts, 0), &token, failure);
}

static bool
ask_rate(struct failure *failure)
{
    struct github_rate rate;

    return github_rate(client.github, PLACE, GITHUB_ACTIONS, &rate, failure);
}

static bool
ask_hooks(struct failure *failure)
{
    return github_hooks(client.github, PLACE, visit_hook, NULL, failure);
}

static bool
ask_hook_create(struct failure *failure)
{
    const struct github_hook_wish wish = {.url = "https://h/", .secret = client.nomad_config.token};
    int64_t id;
    bool done = github_hook_create(client.github, PLACE, &wish, &id, failure);

    FUZZ_CHECK(!done || id > 0);
    return done;
}

static bool
ask_hook_delete(struct failure *failure)
{
    return github_hook_delete(client.github, PLACE, 7, failure);
}

static bool
ask_deliveries(struct failure *failure)
{
    const struct github_sender sender = {.place = PLACE, .id = 7};

    return github_deliveries(client.github, &sender, 0, visit_delivery, NULL, failure);
}

static bool
ask_last_delivery(struct failure *failure)
{
    struct github_last_delivery last;

    return github_last_delivery(client.github, NULL, PLACE, 7, &last, failure);
}

static bool
ask_installations(struct failure *failure)
{
    return github_installations(client.github, accounts_at(client.accounts, 0), visit_installation,
                                NULL, failure);
}

static bool
ask_repositories(struct failure *failure)
{
    return github_owner_repositories(client.github, "octo", visit_repository, NULL, failure);
}

static bool
ask_meta(struct failure *failure)
{
    static struct hook_addresses addresses;
    bool done = github_hook_addresses(client.github, &addresses, failure);

    FUZZ_CHECK(!done || (addresses.len > 0 && addresses.len <= HOOK_ADDRESSES_MAX));
    return done;
}

static bool
ask_registration(struct failure *failure)
{
    struct rh_secret *token;
    int64_t expires_at_ms;
    bool done = github_registration_token(client.github, PLACE, &token, &expires_at_ms, failure);

    FUZZ_CHECK(done == (token != NULL));
    rh_secret_free(token);
    return done;
}

static bool
ask_jit(struct failure *failure)
{
    char label[] = "self-hosted", *labels[] = {label};
    const struct rh_labels set = {.items = labels, .len = 1, .cap = 1};
    const struct github_jit_request request = {.name = "r", .group_id = 1, .labels = &set};
    struct rh_secret *config;
    int64_t id;
    bool done = github_jit_config(client.github, PLACE, &request, &config, &id, failure);

    FUZZ_CHECK(done == (config != NULL) && (!done || id > 0));
    rh_secret_free(config);
    return done;
}

static bool
ask_group(struct failure *failure)
{
    int64_t id;
    bool done = github_runner_group(client.github, "orgs/octo", "Default", &id, failure);

    FUZZ_CHECK(!done || id > 0);
    return done;
}

static bool
ask_runner(struct failure *failure)
{
    struct github_runner runner;
    bool done = github_runner_find(client.github, PLACE, "runhook-1", &runner, failure);

    FUZZ_CHECK(!runner.is_registered || (done && runner.id > 0));
    return done;
}

static bool
ask_runner_delete(struct failure *failure)
{
    enum github_deletion deletion;
    bool done = github_runner_delete(client.github, PLACE, 7, &deletion, failure);

    FUZZ_CHECK(done || deletion == GITHUB_BUSY);
    return done;
}

static bool
ask_job(struct failure *failure)
{
    struct github_job job;

    return github_job_get(client.github, "octo/repo", 7, &job, failure);
}

static bool
ask_forks(struct failure *failure)
{
    bool is_forks, done = github_run_is_forks(client.github, "octo/repo", 7, &is_forks, failure);

    FUZZ_CHECK(done || is_forks);
    return done;
}

static bool
ask_runs(struct failure *failure)
{
    struct github_list list;
    bool done = github_runs(client.github, "octo/repo", "queued", "W/\"etag\"", &list, failure);

    FUZZ_CHECK(list.is_unchanged || !done || list.items != NULL);
    FUZZ_CHECK(fuzz_is_plain(list.etag));
    github_list_fini(&list);
    return done;
}

#define PAYLOAD "eyJ0b2tlbiI6IlNFQ1JFVENBTkFSWSJ9" /* {"token":"SECRETCANARY"} */

/* Eight bytes in a row of a payload that has a credential in it are too much in a message. */
static void
check_no_payload(const char *text)
{
    char piece[9] = {0};

    for (size_t at = 0; at + 8 < sizeof PAYLOAD; at++) {
        memcpy(piece, PAYLOAD + at, 8);
        FUZZ_CHECK(strstr(text, piece) == NULL);
    }
}

static bool
ask_dispatch(struct failure *failure)
{
    static const char body[] = "{\"Payload\":\"" PAYLOAD "\"}";
    const struct nomad_order order = {.job = "ci",
                                      .idempotency_token = "7.1",
                                      .body = body,
                                      .body_len = sizeof body - 1,
                                      .credential = client.github_config.account.token};
    struct nomad_dispatched dispatched;
    bool done = nomad_dispatch(client.nomad, &order, &dispatched, failure);

    FUZZ_CHECK(done == (dispatched.child != NULL));
    if (done)
        FUZZ_CHECK(fuzz_is_plain(dispatched.child) && strchr(dispatched.child, ' ') == NULL);
    else
        check_no_payload(failure->text.text);
    nomad_dispatched_fini(&dispatched);
    return done;
}

static bool
ask_child(struct failure *failure)
{
    struct nomad_child child;
    bool done = nomad_child(client.nomad, CHILD, &child, failure);

    nomad_child_fini(&child);
    return done;
}

static bool
ask_placement(struct failure *failure)
{
    struct nomad_placement placement;

    return nomad_placement(client.nomad, CHILD, &placement, failure);
}

static bool
ask_unplaced(struct failure *failure)
{
    char reason[NOMAD_REASON_CAP];
    bool done = nomad_unplaced(client.nomad, CHILD, reason, failure);

    FUZZ_CHECK(fuzz_is_plain(reason));
    return done;
}

static bool
ask_stop(struct failure *failure)
{
    return nomad_stop(client.nomad, CHILD, failure);
}

static bool
ask_children(struct failure *failure)
{
    return nomad_children(client.nomad, "ci", 1769903999, 1769904999, visit_child, NULL, failure);
}

static bool
ask_find(struct failure *failure)
{
    char *child;
    bool done =
        nomad_find_child(client.nomad, "ci", "7.1", "r", 1769903999, 1769904999, &child, failure);

    free(child);
    return done;
}

static bool
ask_leader(struct failure *failure)
{
    bool has_leader;

    return nomad_has_leader(client.nomad, &has_leader, failure);
}

static bool
ask_agent(struct failure *failure)
{
    struct nomad_agent agent;

    return nomad_agent(client.nomad, &agent, failure);
}

static bool
ask_nomad_token(struct failure *failure)
{
    struct nomad_token token;

    return nomad_token(client.nomad, &token, failure);
}

static bool
ask_nomad_job(struct failure *failure)
{
    struct nomad_job job;
    bool done = nomad_job(client.nomad, "ci", &job, failure);

    nomad_job_fini(&job);
    return done;
}

static bool
ask_may_dispatch(struct failure *failure)
{
    struct nomad_dispatched made;
    bool may = nomad_may_dispatch(client.nomad, "ci", "runhook_check", &made, failure);

    nomad_dispatched_fini(&made);
    return may;
}

static const struct {
    const char *name;
    bool (*ask)(struct failure *failure);
    enum upstream upstream;
} requests[] = {
    {"token_self", ask_token_self, UPSTREAM_GITHUB},
    {"rate", ask_rate, UPSTREAM_GITHUB},
    {"hooks", ask_hooks, UPSTREAM_GITHUB},
    {"hook_create", ask_hook_create, UPSTREAM_GITHUB},
    {"hook_delete", ask_hook_delete, UPSTREAM_GITHUB},
    {"deliveries", ask_deliveries, UPSTREAM_GITHUB},
    {"last_delivery", ask_last_delivery, UPSTREAM_GITHUB},
    {"installations", ask_installations, UPSTREAM_GITHUB},
    {"repositories", ask_repositories, UPSTREAM_GITHUB},
    {"meta", ask_meta, UPSTREAM_GITHUB},
    {"registration", ask_registration, UPSTREAM_GITHUB},
    {"jit", ask_jit, UPSTREAM_GITHUB},
    {"group", ask_group, UPSTREAM_GITHUB},
    {"runner", ask_runner, UPSTREAM_GITHUB},
    {"runner_delete", ask_runner_delete, UPSTREAM_GITHUB},
    {"job", ask_job, UPSTREAM_GITHUB},
    {"forks", ask_forks, UPSTREAM_GITHUB},
    {"runs", ask_runs, UPSTREAM_GITHUB},
    {"dispatch", ask_dispatch, UPSTREAM_NOMAD},
    {"child", ask_child, UPSTREAM_NOMAD},
    {"placement", ask_placement, UPSTREAM_NOMAD},
    {"unplaced", ask_unplaced, UPSTREAM_NOMAD},
    {"stop", ask_stop, UPSTREAM_NOMAD},
    {"children", ask_children, UPSTREAM_NOMAD},
    {"find", ask_find, UPSTREAM_NOMAD},
    {"leader", ask_leader, UPSTREAM_NOMAD},
    {"agent", ask_agent, UPSTREAM_NOMAD},
    {"nomad_token", ask_nomad_token, UPSTREAM_NOMAD},
    {"nomad_job", ask_nomad_job, UPSTREAM_NOMAD},
    {"may_dispatch", ask_may_dispatch, UPSTREAM_NOMAD},
};

static void
check_failure(const struct failure *failure, enum upstream upstream)
{
    FUZZ_CHECK(failure->kind > FAILURE_NONE && failure->kind < FAILURE_KINDS);
    FUZZ_CHECK(failure->kind != FAILURE_LOCAL && failure->upstream == upstream);
    FUZZ_CHECK(failure->text.text[0] != '\0' && fuzz_is_plain(failure->text.text));
    FUZZ_CHECK(strstr(failure->text.text, CANARY) == NULL);
    FUZZ_CHECK(failure->status >= 0 && failure->status <= 999);
    FUZZ_CHECK(failure->retry_after_ms >= -1 &&
               failure->retry_after_ms <= INT64_C(253402300800000));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static bool is_started;
    struct fuzz_input input = {bytes, len};
    char *name = fuzz_line(&input);

    if (!is_started) {
        is_started = true;
        server_start();
        client_start();
        (void)atexit(server_stop);
    }
    (void)pthread_mutex_lock(&server.lock);
    server.reply = (const char *)input.bytes;
    server.reply_len = input.len;
    server.left = REPLIES_MAX;
    (void)pthread_mutex_unlock(&server.lock);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct failure failure = {0};

        if (strcmp(requests[i].name, name) == 0 && !requests[i].ask(&failure))
            check_failure(&failure, requests[i].upstream);
    }
    (void)pthread_mutex_lock(&server.lock);
    server.left = 0; /* the input is not ours any more */
    (void)pthread_mutex_unlock(&server.lock);
    free(name);
    return 0;
}
