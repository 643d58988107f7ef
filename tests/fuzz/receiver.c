/*
 * runhook's receiver without a web server.
 * SPDX-License-Identifier: MIT
 */
#include "receiver.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <runhook/runhook.h>
#include <sqlite3.h>

#include "disk.h"
#include "estate.h"
#include "faults.h"
#include "fuzz.h"
#include "ledger/upkeep.h"
#include "moment.h"

#define PATH_CAP 256

/* Pools that register by a token and just in time, and one that asks whose code a run has. */
static const char configuration[] =
    "[server]\nledger = %s\nlog_file = %s\nmax_body = 65536\ndispatchers = 1\n"
    "[github]\nwebhook_secret = " RECEIVER_SECRET "\ntoken = " ESTATE_GITHUB_TOKEN "\n"
    "api_url = " ESTATE_GITHUB "\n"
    "[nomad]\naddress = " ESTATE_NOMAD "\ntoken = " ESTATE_NOMAD_TOKEN "\nnamespace = ci\n"
    "[owner " ESTATE_APP_OWNER "]\napp_id = 31337\nprivate_key_file = %s\n"
    "[pool linux]\nlabels = self-hosted, linux, x64\nnomad_job = github-runner\n"
    "meta = DELIVERY_ID, JOB_NAME, LABELS\n"
    "[pool gpu]\nlabels = self-hosted, gpu\nnomad_job = github-runner\ncredential = jit\n"
    "[pool arm]\nlabels = self-hosted, arm64, linux\nnomad_job = github-runner\n"
    "fork_pull_requests = pool forks\n"
    "[pool forks]\nlabels = self-hosted, forks, arm64, linux\nnomad_job = github-runner\n";

static char folder[PATH_CAP], config_path[PATH_CAP * 2], ledger_path[PATH_CAP * 2],
    template_path[PATH_CAP * 2], log_path[PATH_CAP * 2], key_path[PATH_CAP * 2];

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static void
remove_folder(void)
{
    (void)faults_end();
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
write_configuration(void)
{
    FILE *file = fopen(config_path, "w");

    FUZZ_CHECK(file != NULL && fprintf(file, configuration, ledger_path, log_path, key_path) > 0 &&
               fchmod(fileno(file), 0600) == 0 && fclose(file) == 0);
}

static void
write_key(void)
{
    FILE *file = fopen(key_path, "w");
    EVP_PKEY *key = EVP_RSA_gen(2048);

    FUZZ_CHECK(file != NULL && key != NULL && fchmod(fileno(file), 0600) == 0 &&
               PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
               fclose(file) == 0);
    EVP_PKEY_free(key);
}

static void
copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char bytes[65536];
    ssize_t got;

    FUZZ_CHECK(in >= 0 && out >= 0);
    while ((got = read(in, bytes, sizeof bytes)) > 0)
        FUZZ_CHECK(write(out, bytes, (size_t)got) == got);
    FUZZ_CHECK(got == 0);
    (void)close(in);
    (void)close(out);
}

static void close_beside(void);

static void
remove_ledger(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char path[PATH_CAP * 2 + 16];

    close_beside();
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", ledger_path, suffixes[i]);
        (void)unlink(path);
    }
}

void
receiver_prepare(void)
{
    const char *parent = getenv("TMPDIR");
    struct ledger *ledger = NULL;
    struct rh_reason reason;

    if (parent == NULL) /* a memory file system where there is one */
        parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(folder, sizeof folder, "%s/runhook-fuzz-XXXXXX", parent);
    FUZZ_CHECK(mkdtemp(folder) != NULL && atexit(remove_folder) == 0);
    (void)snprintf(config_path, sizeof config_path, "%s/runhook.conf", folder);
    (void)snprintf(ledger_path, sizeof ledger_path, "%s/ledger.db", folder);
    (void)snprintf(template_path, sizeof template_path, "%s/template.db", folder);
    (void)snprintf(log_path, sizeof log_path, "%s/log", folder);
    (void)snprintf(key_path, sizeof key_path, "%s/app.pem", folder);
    faults_install();
    disk_install();
    FUZZ_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    write_configuration();
    write_key();
    FUZZ_CHECK(ledger_open(ledger_path, LEDGER_SERVE, &ledger, &reason) == LEDGER_OK);
    ledger_close(ledger);
    copy_file(ledger_path, template_path);
}

/* -- What is true of texts ----------------------------------------------------------------------
 */

#define SECRETS (sizeof secrets / sizeof secrets[0])
static const char *const secrets[] = {
    RECEIVER_SECRET,   ESTATE_GITHUB_TOKEN, ESTATE_NOMAD_TOKEN,       ESTATE_REGISTRATION_TOKEN,
    ESTATE_JIT_CONFIG, ESTATE_JWT,          ESTATE_INSTALLATION_TOKEN};

/* Which of them deliveries have said themselves, since the ledger was empty: a fuzzer reads them
 * out of the comparisons here, and puts them into a job's name. */
static bool is_said[SECRETS];

static void
forget_said(void)
{
    memset(is_said, 0, sizeof is_said);
}

static void
note_said(const void *body, size_t len)
{
    cJSON *json = memchr(body, '\\', len) == NULL ? NULL : cJSON_ParseWithLength(body, len);
    char *unescaped = json == NULL ? NULL : cJSON_PrintUnformatted(json);

    for (size_t i = 0; i < SECRETS; i++) {
        is_said[i] = is_said[i] || memmem(body, len, secrets[i], strlen(secrets[i])) != NULL ||
                     (unescaped != NULL && strstr(unescaped, secrets[i]) != NULL);
    }
    cJSON_free(unescaped);
    cJSON_Delete(json);
}

static void
check_no_secret(const char *text)
{
    for (size_t i = 0; i < SECRETS; i++)
        FUZZ_CHECK(is_said[i] || strstr(text, secrets[i]) == NULL);
}

static bool watches_blame;

void
receiver_watch_blame(bool on)
{
    watches_blame = on;
}

/* Words that send a person to look after something stand only where that can have failed. */
static void
check_blame(const char *text)
{
    static const struct {
        const char *words;
        unsigned kinds; /* of faults, as bits */
    } rows[] = {
        {"[github] api_url right?", 1U << FAULT_WIRE},
        {"[github] api_url the API's", 1U << FAULT_WIRE},
        {"[github] api_url is not", 1U << FAULT_WIRE},
        {"address Nomad's", 1U << FAULT_WIRE},
        {"unusable token", 1U << FAULT_WIRE},
        {"is full", 1U << FAULT_DISK},
        {"is locked by another process", 1U << FAULT_LOCK},
        {"may not be written", 0},
        {"is damaged", 0},
        {"not an error", 0},
        {"within a transaction", 0},
        {"is no private key", 0},
        {"has over", 0},
        {"must be ", 0},
        {"must hold", 0},
        {"is not installed", 1U << FAULT_WIRE},
        {"no longer in the configuration", 0},
        {"has not all of the job's labels", 0},
        {"(null)", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool may_be = false;

        for (int fault = 0; fault < FAULTS; fault++)
            may_be =
                may_be || ((rows[i].kinds & 1U << fault) != 0 && faults_has((enum fault)fault));
        if (watches_blame && !may_be && strstr(text, rows[i].words) != NULL)
            fuzz_failed(text, rows[i].words, 0);
    }
}

static void
check_text(const char *text)
{
    check_no_secret(text);
    check_blame(text);
    FUZZ_CHECK(fuzz_is_plain(text));
}

/* A value: a bare word, or quoted, with quotes and backslashes escaped within. Returns its end. */
static const char *
value_end(const char *at)
{
    if (*at != '"') {
        size_t len = strcspn(at, " =\"\\");

        FUZZ_CHECK(len > 0);
        return at + len;
    }
    for (at++; *at != '"'; at++) {
        FUZZ_CHECK(*at != '\0');
        if (*at == '\\') {
            at++;
            FUZZ_CHECK(*at != '\0');
        }
    }
    return at + 1;
}

/* key=value, with one blank between two pairs; time, level and event come first. */
static void
check_line(const char *line)
{
    const char *at = line;
    int pairs = 0;

    FUZZ_CHECK(strlen(line) < PIPE_BUF);
    FUZZ_CHECK(strncmp(line, "time=", 5) == 0 && strstr(line, " level=") != NULL &&
               strstr(line, " event=") != NULL);
    check_text(line);
    while (*at != '\0') {
        size_t key_len = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");

        FUZZ_CHECK(key_len > 0 && at[key_len] == '=');
        at = value_end(at + key_len + 1);
        FUZZ_CHECK(*at == '\0' || (*at == ' ' && at[1] != '\0'));
        at += *at == ' ';
        pairs++;
    }
    FUZZ_CHECK(pairs > 3);
}

void
receiver_check_log(struct receiver *receiver)
{
    static char text[1024 * 1024];
    int fd = open(log_path, O_RDWR | O_CLOEXEC);
    char *line = text, *end;
    ssize_t len;

    if (receiver->log == NULL && fd < 0)
        return;
    FUZZ_CHECK(fd >= 0);
    len = read(fd, text, sizeof text - 1);
    FUZZ_CHECK(len >= 0 && len < (ssize_t)sizeof text - 1 && ftruncate(fd, 0) == 0);
    (void)close(fd);
    text[len] = '\0';
    FUZZ_CHECK(strlen(text) == (size_t)len);
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        check_line(line);
        line = end + 1;
    }
    FUZZ_CHECK(*line == '\0');
}

/* The JSON that an answer's text ends in. */
static void
check_answer(const char *text, const struct answer *answer)
{
    const char *body = strstr(text, "\r\n\r\n");
    char status[32];

    (void)snprintf(status, sizeof status, "Status: %d ", answer_http_status(answer->outcome));
    FUZZ_CHECK(strncmp(text, status, strlen(status)) == 0);
    FUZZ_CHECK(body != NULL && strstr(text, "Content-Type: application/json\r\n") < body);
    body += 4;
    FUZZ_CHECK(fuzz_is_json(body, strlen(body)));
    check_no_secret(text);
    check_text(answer->reason);
    if (answer->outcome == OUTCOME_METHOD)
        FUZZ_CHECK(strstr(text, "\r\nAllow: POST\r\n") != NULL);
}

/* -- The receiver itself ------------------------------------------------------------------------
 */

static char *
no_environment(const char *name)
{
    (void)name;
    return NULL;
}

static bool
rest(void *arg)
{
    struct receiver *receiver = arg;

    moment_pass(1000);
    return ++receiver->rests <= receiver->rests_allowed;
}

static void
wake(void *arg)
{
    (void)arg;
}

static bool
goes_on(void *arg)
{
    const struct receiver *receiver = arg;

    return receiver->goes_on;
}

static bool
open_setup(struct receiver *receiver)
{
    struct problems problems = {0};
    struct config *config = config_load(config_path, no_environment, CONFIG_WHOLE, &problems);

    for (size_t i = 0; i < problems.len; i++)
        check_text(problems.items[i].text);
    problems_fini(&problems);
    if (config == NULL)
        return false;
    receiver->setups = current_new(setup_new(config, ledger_receiver(receiver->ledger)));
    if (receiver->setups == NULL)
        return false;
    receiver->setup = current_take(receiver->setups);
    return true;
}

/* As the dispatcher's threads have them. */
static bool
open_tools(struct receiver *receiver)
{
    const struct upstream_observer *observer = meter_observer(receiver->meter);
    const struct setup *setup = receiver->setup;

    receiver->tools = (struct tools){
        .config = setup->config,
        .limits = setup->limits,
        .repositories = setup->repositories,
        .ledger = receiver->ledger,
        .log = receiver->log,
        .tokens = setup->tokens,
        .groups = setup->groups,
        .github =
            github_new(&setup->config->github, setup->accounts, observer, &receiver->deadline),
        .nomad =
            nomad_new(&setup->config->nomad, setup->nomad_token, observer, &receiver->deadline),
        .rest = rest,
        .wake = wake,
        .goes_on = goes_on,
        .arg = receiver,
    };
    return receiver->tools.github != NULL && receiver->tools.nomad != NULL;
}

bool
receiver_open(struct receiver *receiver, bool anew)
{
    struct rh_reason reason;

    *receiver = (struct receiver){.rests_allowed = INT_MAX};
    atomic_init(&receiver->deadline, INT64_MAX);
    if (anew) {
        bool was_on = faults_end();

        remove_ledger();
        forget_said();
        copy_file(template_path, ledger_path);
        (void)unlink(log_path);
        if (was_on)
            faults_begin();
    }
    receiver->log = log_open(log_path);
    if (receiver->log == NULL)
        return false;
    if (ledger_open(ledger_path, LEDGER_SERVE, &receiver->ledger, &reason) != LEDGER_OK) {
        FUZZ_CHECK(receiver->ledger == NULL && reason.text[0] != '\0');
        check_text(reason.text);
        return false;
    }
    if (ledger_become_owner(receiver->ledger, &reason) != LEDGER_OK)
        return false;
    receiver->meter = meter_new();
    receiver->receipts = receipts_new();
    return receiver->meter != NULL && receiver->receipts != NULL && open_setup(receiver) &&
           open_tools(receiver);
}

void
receiver_close(struct receiver *receiver)
{
    github_free(receiver->tools.github);
    nomad_free(receiver->tools.nomad);
    current_return(receiver->setups, receiver->setup);
    current_free(receiver->setups);
    receipts_free(receiver->receipts);
    meter_free(receiver->meter);
    ledger_close(receiver->ledger);
    log_close(receiver->log);
    *receiver = (struct receiver){0};
}

bool
receiver_write_counts(struct receiver *receiver)
{
    bool done = meter_flush(receiver->meter, receiver->ledger, METER_ALL) == LEDGER_OK;

    done = receipts_write(receiver->receipts, receiver->ledger, RECEIPTS_ALL, NULL) && done;
    secret_watch_write(receiver->setup->secrets, receiver->ledger, INT64_C(7) * 24 * 3600 * 1000,
                       SECRET_WATCH_ALL);
    return done;
}

/* -- Deliveries ---------------------------------------------------------------------------------
 */

struct source {
    const struct receiver_delivery *delivery;
    char *body;
    size_t body_len, given;
    char length[24], signature[RH_SIGNATURE_CAP];
};

static const char *
variable(const void *arg, const char *name)
{
    const struct source *source = arg;
    const struct receiver_delivery *delivery = source->delivery;
    const char *type = delivery->content_type != NULL ? delivery->content_type
                       : delivery->as_form            ? "application/x-www-form-urlencoded"
                                                      : "application/json; charset=utf-8";
    const char *const pairs[][2] = {
        {"REQUEST_METHOD", "POST"},
        {"REQUEST_URI", "/github/webhook"},
        {"REMOTE_ADDR", "192.0.2.1"},
        {"CONTENT_TYPE", type},
        {"CONTENT_LENGTH", source->length},
        {"HTTP_X_GITHUB_EVENT", delivery->event},
        {"HTTP_X_GITHUB_DELIVERY", "4f1c9129-3098-1500-9020-33437bb17692"},
        {"HTTP_X_GITHUB_HOOK_ID", "488120366"},
        {"HTTP_X_GITHUB_HOOK_INSTALLATION_TARGET_TYPE", "repository"},
        {"HTTP_X_HUB_SIGNATURE_256", source->signature[0] == '\0' ? NULL : source->signature}};

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strcmp(pairs[i][0], name) == 0)
            return pairs[i][1];
    }
    return NULL;
}

/* In pieces, as a connection gives them. */
static int
read_some(void *arg, char *bytes, size_t cap)
{
    struct source *source = arg;
    size_t left = source->body_len - source->given;
    size_t len = left < cap ? left : cap;

    if (len > 4000)
        len = 4000;
    memcpy(bytes, source->body + source->given, len);
    source->given += len;
    return (int)len;
}

/* A form's payload: application/x-www-form-urlencoded. */
static char *
form_of(const unsigned char *body, size_t len, size_t *form_len)
{
    static const char digits[] = "0123456789ABCDEF", name[] = "payload=";
    char *form = malloc(sizeof name + 3 * len), *at = form;

    FUZZ_CHECK(form != NULL);
    at = mempcpy(at, name, strlen(name));
    for (size_t i = 0; i < len; i++) {
        if (body[i] == ' ') {
            *at++ = '+';
        } else if (body[i] < 0x80 &&
                   (strchr("-._*", body[i]) != NULL || strchr("0123456789abcdefghijklmnopqrstuvwxyz"
                                                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                                              body[i]) != NULL) &&
                   body[i] != '\0') {
            *at++ = (char)body[i];
        } else {
            *at++ = '%';
            *at++ = digits[body[i] >> 4];
            *at++ = digits[body[i] & 15];
        }
    }
    *form_len = (size_t)(at - form);
    return form;
}

static void
sign(struct source *source)
{
    enum receiver_signature signature = source->delivery->signature;
    const char *text = signature == RECEIVER_SIGNED_WRONG ? "another" : RECEIVER_SECRET;
    struct rh_secret *secret = NULL;

    source->signature[0] = '\0';
    if (signature == RECEIVER_UNSIGNED)
        return;
    FUZZ_CHECK(rh_secret_new(text, strlen(text), &secret) == RH_OK &&
               rh_signature_sign(secret, source->body, source->body_len, source->signature) ==
                   RH_OK);
    if (signature == RECEIVER_CHANGED) {
        char *last = &source->signature[RH_SIGNATURE_CAP - 2];

        *last = *last == '0' ? '1' : '0';
    }
    rh_secret_free(secret);
}

/* False where there was no memory for the answer's text. */
static bool
answer_request(struct receiver *receiver, const struct request *request, struct answer *answer,
               struct buffer *text)
{
    const struct webhook webhook = {.setups = receiver->setups,
                                    .ledger = receiver->ledger,
                                    .log = receiver->log,
                                    .meter = receiver->meter,
                                    .receipts = receiver->receipts};

    webhook_answer(&webhook, request, answer);
    return answer_render(answer, text);
}

struct receiver_reply
receiver_deliver(struct receiver *receiver, const struct receiver_delivery *delivery)
{
    struct buffer text = BUFFER_INIT(ANSWER_RESPONSE_MAX);
    struct source source = {.delivery = delivery};
    const struct request request = {.source = &source, .variable = variable, .read = read_some};
    struct receiver_reply reply = {0};
    struct answer answer;
    bool was_on = faults_end();

    if (delivery->as_form) {
        source.body = form_of(delivery->body, delivery->len, &source.body_len);
    } else {
        source.body = malloc(delivery->len + 1);
        FUZZ_CHECK(source.body != NULL);
        source.body_len = delivery->len;
        memcpy(source.body, delivery->body, delivery->len);
    }
    (void)snprintf(source.length, sizeof source.length, "%zu", source.body_len);
    sign(&source);
    note_said(delivery->body, delivery->len);
    if (was_on)
        faults_begin();

    reply.is_rendered = answer_request(receiver, &request, &answer, &text);

    (void)faults_end();
    reply.outcome = answer.outcome;
    reply.http_status = answer_http_status(answer.outcome);
    reply.job_id = answer.job_id;
    (void)snprintf(reply.reason, sizeof reply.reason, "%s", answer.reason);
    if (reply.is_rendered)
        check_answer(buffer_text(&text), &answer);
    /* A power cut now must not take what was just accepted. */
    if (answer.outcome == OUTCOME_ACCEPTED)
        FUZZ_CHECK(!disk_is_unsynced());
    answer_fini(&answer);
    buffer_fini(&text);
    free(source.body);
    receiver_check_log(receiver);
    if (was_on)
        faults_begin();
    return reply;
}

enum outcome
receiver_tell(struct receiver *receiver, const char *body)
{
    const struct receiver_delivery delivery = {
        .body = body, .len = strlen(body), .event = "workflow_job"};

    return receiver_deliver(receiver, &delivery).outcome;
}

static const char *
page_variable(const void *source, const char *name)
{
    if (strcmp(name, "REQUEST_METHOD") == 0)
        return "GET";
    if (strcmp(name, "REMOTE_ADDR") == 0)
        return "127.0.0.1";
    return strcmp(name, "REQUEST_URI") == 0 ? source : NULL;
}

static int
read_nothing(void *source, char *bytes, size_t cap)
{
    (void)source;
    (void)bytes;
    (void)cap;
    return 0;
}

char *
receiver_ask_page(struct receiver *receiver, const char *name)
{
    struct buffer text = BUFFER_INIT(ANSWER_RESPONSE_MAX);
    char uri[64];
    const struct request request = {.source = uri, .variable = page_variable, .read = read_nothing};
    struct answer answer;
    bool is_rendered, was_on;

    (void)snprintf(uri, sizeof uri, "/github/%s?refresh=5", name);
    is_rendered = answer_request(receiver, &request, &answer, &text);
    was_on = faults_end();
    FUZZ_CHECK(answer.outcome == OUTCOME_OK || answer.outcome == OUTCOME_UNAVAILABLE);
    check_no_secret(buffer_text(&text));
    FUZZ_CHECK(fuzz_is_utf8(buffer_text(&text), text.len));
    if (is_rendered && answer.page.content_type == NULL)
        check_answer(buffer_text(&text), &answer);
    if (!is_rendered || answer.outcome != OUTCOME_OK)
        buffer_fini(&text);
    answer_fini(&answer);
    receiver_check_log(receiver);
    if (was_on)
        faults_begin();
    return text.bytes;
}

/* -- The ledger, beside the receiver ------------------------------------------------------------
 */

/* A connection of its own, for as long as the file is the same: what takes time is to read the
 * schema, and to prepare. */
static sqlite3 *beside;

static void
close_beside(void)
{
    sqlite3_stmt *statement;

    if (beside == NULL)
        return;
    while ((statement = sqlite3_next_stmt(beside, NULL)) != NULL)
        (void)sqlite3_finalize(statement);
    FUZZ_CHECK(sqlite3_close(beside) == SQLITE_OK);
    beside = NULL;
}

/* A statement that was prepared before, or is now. */
static sqlite3_stmt *
ask(const char *sql)
{
    sqlite3_stmt *statement = NULL;

    if (beside == NULL)
        FUZZ_CHECK(sqlite3_open_v2(ledger_path, &beside, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
    while ((statement = sqlite3_next_stmt(beside, statement)) != NULL &&
           strcmp(sqlite3_sql(statement), sql) != 0)
        continue;
    if (statement == NULL)
        FUZZ_CHECK(sqlite3_prepare_v2(beside, sql, -1, &statement, NULL) == SQLITE_OK);
    return statement;
}

static bool
next_row(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);

    FUZZ_CHECK(code == SQLITE_ROW || code == SQLITE_DONE);
    if (code == SQLITE_DONE)
        (void)sqlite3_reset(statement);
    return code == SQLITE_ROW;
}

static int64_t
number_of(const char *sql)
{
    sqlite3_stmt *statement = ask(sql);
    int64_t number = next_row(statement) ? sqlite3_column_int64(statement, 0) : -1;

    (void)sqlite3_reset(statement);
    return number;
}

int64_t
receiver_number(const char *sql)
{
    bool was_on = faults_end();
    int64_t number = number_of(sql);

    if (was_on)
        faults_begin();
    return number;
}

void
receiver_check_ledger(bool at_rest)
{
    static const struct {
        const char *what;
        const char *sql; /* how many rows break it */
    } rows[] = {
        {"a job that has a runner of ours is that runner's job",
         "SELECT count(*) FROM job j WHERE state = 'assigned' AND NOT EXISTS (SELECT 1 FROM runner"
         " r WHERE r.name = j.runner AND r.job_id = j.id"
         " AND r.state IN ('minting', 'sent', 'live'))"},
        {"a job that waits has one runner at most",
         "SELECT count(*) FROM (SELECT 1 FROM runner WHERE job_id IS NOT NULL"
         " AND state IN ('minting', 'sent', 'live') GROUP BY job_id HAVING count(*) > 1)"},
        {"an idle runner has a job that waits",
         "SELECT count(*) FROM runner r WHERE state IN ('minting', 'sent', 'live') AND NOT EXISTS"
         " (SELECT 1 FROM job j WHERE j.id = r.job_id AND j.state IN ('queued', 'assigned'))"},
        {"a job that waits counts on no runner but its own",
         "SELECT count(*) FROM job j JOIN runner r ON r.name = j.runner"
         " WHERE j.state IN ('queued', 'assigned') AND r.job_id IS NOT j.id"},
        {"a living runner has its child",
         "SELECT count(*) FROM runner WHERE state = 'live' AND child IS NULL"},
        {"a runner that was sent says when",
         "SELECT count(*) FROM runner WHERE state = 'live' AND sent_at_ms = 0"},
        {"every job's repository is known",
         "SELECT count(*) FROM job j WHERE NOT EXISTS"
         " (SELECT 1 FROM repository r WHERE r.name = j.repository)"},
        {"every job has a history", "SELECT count(*) FROM job j WHERE NOT EXISTS"
                                    " (SELECT 1 FROM history h WHERE h.job_id = j.id)"},
        {"every history is a job's", "SELECT count(*) FROM history h WHERE NOT EXISTS"
                                     " (SELECT 1 FROM job j WHERE j.id = h.job_id)"},
        {"no attempts are fewer than none", "SELECT count(*) FROM job WHERE attempts < 0"},
        {"what runs, or ran, says when",
         "SELECT count(*) FROM job WHERE state = 'running' AND started_at_ms = 0"},
    };
    bool was_on = faults_end();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (number_of(rows[i].sql) != 0)
            fuzz_failed(rows[i].what, "the ledger", (int)i);
    }
    if (at_rest)
        FUZZ_CHECK(number_of("SELECT count(*) FROM runner WHERE lease_owner IS NOT NULL") == 0);
    if (was_on)
        faults_begin();
}

void
receiver_check_file(void)
{
    FUZZ_CHECK(receiver_number("SELECT integrity_check <> 'ok' FROM pragma_integrity_check"
                               " LIMIT 1") == 0);
}

void
receiver_check_words(void)
{
    static const char sql[] = "SELECT last_error FROM job WHERE last_error IS NOT NULL UNION ALL"
                              " SELECT detail FROM history WHERE detail IS NOT NULL UNION ALL"
                              " SELECT error FROM upstream WHERE error IS NOT NULL";
    bool was_on = faults_end();
    sqlite3_stmt *statement = ask(sql);

    while (next_row(statement)) {
        check_text((const char *)sqlite3_column_text(statement, 0));
    }
    if (was_on)
        faults_begin();
}

/* FNV-1a over all values. */
static uint64_t
add_rows(const char *sql, uint64_t sum)
{
    sqlite3_stmt *statement = ask(sql);

    while (next_row(statement)) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const unsigned char *text = sqlite3_column_text(statement, i);

            for (; text != NULL && *text != '\0'; text++)
                sum = (sum ^ *text) * UINT64_C(1099511628211);
            sum = (sum ^ 0xff) * UINT64_C(1099511628211);
        }
    }
    return sum;
}

int64_t
receiver_ledger_sum(void)
{
    static const char *const tables[] = {
        "SELECT * FROM job ORDER BY id", "SELECT * FROM runner ORDER BY name",
        "SELECT * FROM history ORDER BY id", "SELECT name, turn FROM repository ORDER BY name",
        "SELECT place, id FROM hook ORDER BY 1, 2"};
    bool was_on = faults_end();
    uint64_t sum = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        sum = add_rows(tables[i], sum);
    if (was_on)
        faults_begin();
    return (int64_t)sum;
}

void
receiver_forget(void)
{
    static const char *const tables[] = {
        "BEGIN IMMEDIATE",     "DELETE FROM runner",   "DELETE FROM job",
        "DELETE FROM history", "DELETE FROM hook",     "DELETE FROM repository",
        "DELETE FROM tally",   "DELETE FROM received", "DELETE FROM secret_use",
        "DELETE FROM listing", "DELETE FROM content",  "COMMIT"};

    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        FUZZ_CHECK(!next_row(ask(tables[i])));
    forget_said();
}

int
receiver_descriptors(void)
{
    DIR *dir;
    int count = 0;

    close_beside();
    dir = opendir("/proc/self/fd");

    FUZZ_CHECK(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}
