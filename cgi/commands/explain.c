/*
 * runhook explain. Of a FILE: what would happen to a saved delivery and why, with nothing sent. A
 * JOB_ID is for commands/explain_job.h.
 *
 * It asks the same pure functions that `serve` and the dispatcher ask, so that it cannot say one
 * thing while they do another. SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <runhook/runhook.h>

#include "clock/clock.h"
#include "commands/command.h"
#include "commands/common.h"
#include "commands/explain_job.h"
#include "dispatch/plan.h"
#include "ledger/order.h"
#include "serve/verdict.h"
#include "text/escape.h"
#include "text/json.h"
#include "upstream/nomad.h"

#define FILE_MAX ((size_t)32 * 1024 * 1024)
#define HEADER_VALUE_MAX 1024
#define WORDS_CAP ANSWER_REASON_CAP

/* What stands in place of the credential, which only a dispatch asks for. */
#define MASKED "(a registration token, asked for at dispatch)"

/* The headers that decide, or that the log would show. */
struct saved_headers {
    bool found; /* there is a file of headers */
    char signature[HEADER_VALUE_MAX];
    char content_type[HEADER_VALUE_MAX];
    char event[HEADER_VALUE_MAX];
    char delivery[HEADER_VALUE_MAX];
};

/* One line of the explanation. */
struct finding {
    const char *step;
    char text[WORDS_CAP + 128];
};

#define FINDINGS_MAX (16 + CONFIG_POOLS_MAX)

struct explanation {
    struct finding findings[FINDINGS_MAX];
    size_t findings_len;
    struct answer answer; /* what `serve` would answer, were the job new */
    char *path;           /* of the dispatch; NULL where nothing would be dispatched */
    char *body;
    size_t body_len;
    char *payload; /* the same, decoded */
    size_t payload_len;
};

static void find(struct explanation *explanation, const char *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
find(struct explanation *explanation, const char *step, const char *format, ...)
{
    struct finding *finding;
    va_list args;

    if (explanation->findings_len == FINDINGS_MAX)
        return;
    finding = &explanation->findings[explanation->findings_len++];
    finding->step = step;
    va_start(args, format);
    (void)vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
}

/* The whole file; false, with errno set, where it cannot be read. */
static bool
read_file(const char *path, struct buffer *out)
{
    char chunk[16 * 1024];
    FILE *file = fopen(path, "rbe");
    size_t got;
    int error;

    if (file == NULL)
        return false;
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0 && buffer_add(out, chunk, got))
        continue;
    error = ferror(file) != 0 ? errno : out->failed ? EFBIG : 0;
    (void)fclose(file);
    errno = error;
    return error == 0;
}

/* Takes one "Name: value" line into the header that it is, if it is one of ours. */
static void
take_header(struct saved_headers *headers, const char *line, size_t len)
{
    const struct {
        const char *name;
        char *value;
    } known[] = {
        {"X-Hub-Signature-256", headers->signature},
        {"Content-Type", headers->content_type},
        {"X-GitHub-Event", headers->event},
        {"X-GitHub-Delivery", headers->delivery},
    };
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon == NULL ? 0 : (size_t)(colon - line);

    for (size_t i = 0; name_len > 0 && i < sizeof known / sizeof known[0]; i++) {
        const char *value = colon + 1, *end = line + len;

        if (strlen(known[i].name) != name_len || strncasecmp(known[i].name, line, name_len) != 0)
            continue;
        while (value < end && (*value == ' ' || *value == '\t'))
            value++;
        while (end > value && strchr(" \t\r", end[-1]) != NULL)
            end--;
        (void)snprintf(known[i].value, HEADER_VALUE_MAX, "%.*s", (int)(end - value), value);
    }
}

/* Reads the headers from `path`, or from beside the body. A missing file beside it is fine. */
static bool
read_headers(const char *path, const char *body_path, struct saved_headers *headers)
{
    struct buffer text = BUFFER_INIT(64 * 1024), beside = BUFFER_INIT(4096);
    const char *dot = strrchr(body_path, '.'), *slash = strrchr(body_path, '/');
    bool read;

    *headers = (struct saved_headers){0};
    if (path == NULL) {
        size_t stem = dot != NULL && (slash == NULL || dot > slash) ? (size_t)(dot - body_path)
                                                                    : strlen(body_path);

        (void)buffer_add(&beside, body_path, stem);
        (void)buffer_add_text(&beside, ".headers");
    }
    read = read_file(path == NULL ? buffer_text(&beside) : path, &text);
    if (!read && path != NULL)
        (void)fprintf(stderr, "runhook: error: %s: %s\n", path, strerror(errno));
    headers->found = read;
    for (const char *line = buffer_text(&text); read && *line != '\0';) {
        size_t len = strcspn(line, "\n");

        take_header(headers, line, len);
        line += len + (line[len] == '\n');
    }
    buffer_fini(&text);
    buffer_fini(&beside);
    return read || path == NULL;
}

static void
explain_signature(const struct config *config, const struct saved_headers *headers,
                  const struct buffer *body, struct explanation *explanation)
{
    const struct github_config *github = &config->github;
    const struct rh_secret *secrets[] = {github->webhook_secret, github->webhook_secret_previous};
    static const char *const names[] = {"webhook_secret", "webhook_secret_previous"};
    size_t matched = 0;
    enum rh_error error;

    if (headers->signature[0] == '\0') {
        find(explanation, "signature",
             "none is saved, so it is not checked; serve would answer 403 to a delivery without "
             "one");
        return;
    }
    error = rh_signature_verify(secrets, secrets[1] == NULL ? 1 : 2, buffer_text(body), body->len,
                                headers->signature, strlen(headers->signature), &matched);
    if (error == RH_OK)
        find(explanation, "signature", "good, made with %s", names[matched]);
    else
        find(explanation, "signature",
             "bad: %s. serve would answer 403 and look no further; what follows is what a good "
             "signature would bring",
             rh_error_text(error));
    if (error != RH_OK)
        answer_set(&explanation->answer, OUTCOME_REFUSED, "%s", rh_error_text(error));
}

/* The words for a field of the delivery, safe to print. */
static const char *
safe(const char *text, char *out, size_t cap)
{
    struct buffer escaped = BUFFER_INIT(4096);

    escape_add(&escaped, text, 60);
    (void)snprintf(out, cap, "%s", buffer_text(&escaped));
    buffer_fini(&escaped);
    return out;
}

static void
explain_event(const struct config *config, const struct rh_workflow_job *job,
              struct explanation *explanation)
{
    char one[256], two[256], words[WORDS_CAP];
    struct buffer labels = BUFFER_INIT(1024);

    find(explanation, "event", "workflow_job, action %s, status %s",
         safe(job->action_text, one, sizeof one), safe(job->status, two, sizeof two));
    find(explanation, "job", "%" PRId64 " \"%s\" of %s, run %" PRId64, job->id,
         safe(job->name, one, sizeof one), job->repository, job->run_id);
    for (size_t i = 0; i < job->labels.len; i++) {
        (void)buffer_add_text(&labels, i == 0 ? "" : ", ");
        escape_add(&labels, job->labels.items[i], 60);
    }
    find(explanation, "labels", "%s%s", job->labels.len == 0 ? "none" : buffer_text(&labels),
         job->labels_overflow ? ", and more than a runner can have" : "");
    buffer_fini(&labels);
    for (size_t i = 0; i < config->pools_len; i++) {
        (void)verdict_match(config, &config->pools[i], job, words, sizeof words);
        find(explanation, "pool", "%s: %s", config->pools[i].name, words);
    }
}

/* Builds what the dispatcher would send for the job's first runner. The receiver's name is the
 * ledger's, where there is one. */
static bool
plan(const struct config *config, const struct rh_workflow_job *job, const struct pool *pool,
     const char *guid, struct explanation *explanation)
{
    struct job row = {.id = job->id,
                      .repository = job->repository,
                      .repository_short = job->repository_short,
                      .repository_url = job->repository_url,
                      .fork = job->repository_fork,
                      .run_id = job->run_id,
                      .run_attempt = job->run_attempt,
                      .name = job->name,
                      .workflow_name = job->workflow_name,
                      .head_branch = job->head_branch};
    struct buffer path = BUFFER_INIT(4096);
    char name[RH_RUNNER_NAME_MAX + 1], token[ORDER_TOKEN_CAP], *delivery = strdup(guid);
    struct plan_runner runner = {
        .name = name, .credential_kind = plan_credential(pool), .credential = MASKED};
    struct ledger *ledger = NULL;
    struct rh_reason reason;
    enum rh_error error = RH_ERR_NO_MEMORY;

    (void)ledger_open(config->server.ledger, LEDGER_LOOK, &ledger, &reason);
    (void)order_runner_name(config->server.runner_prefix,
                            ledger == NULL ? "receiver" : ledger_receiver(ledger), job->id, 1,
                            name);
    ledger_close(ledger);
    row.delivery = delivery;
    if (delivery != NULL)
        error = plan_body(&row, pool, &config->github, &runner, &explanation->body,
                          &explanation->body_len);
    if (error == RH_OK)
        error = plan_payload(&row, pool, &config->github, &runner, &explanation->payload,
                             &explanation->payload_len);
    free(delivery);
    if (error != RH_OK) {
        find(explanation, "dispatch", "cannot be built: %s", rh_error_text(error));
        return error != RH_ERR_NO_MEMORY;
    }
    (void)nomad_dispatch_path(&config->nomad, pool->nomad_job, order_token(job->id, 1, token),
                              &path);
    explanation->path = buffer_take(&path);
    return explanation->path != NULL;
}

static void
answer_of_verdict(const struct verdict *verdict, const struct rh_delivery *delivery,
                  struct answer *answer)
{
    if (answer->outcome == OUTCOME_REFUSED)
        return;
    answer_set(answer, verdict->outcome, "%s", verdict->reason);
    if (delivery->event == RH_EVENT_WORKFLOW_JOB)
        answer->job_id = delivery->job.id;
    if (verdict->pool != NULL)
        (void)snprintf(answer->pool, sizeof answer->pool, "%s", verdict->pool->name);
}

static bool
explain(const struct config *config, const struct saved_headers *headers, const struct buffer *body,
        struct explanation *explanation)
{
    struct rh_delivery *delivery = NULL;
    struct verdict verdict;
    struct rh_reason reason;
    enum rh_error error;
    bool done = true;

    find(explanation, "body", "%zu bytes%s", body->len,
         (int64_t)body->len > config->server.max_body
             ? ": over [server] max_body, serve would answer 413"
             : "");
    explain_signature(config, headers, body, explanation);
    error = rh_delivery_parse(buffer_text(body), body->len,
                              headers->found ? headers->content_type : "application/json",
                              headers->event, &delivery, &reason);
    if (error == RH_ERR_NO_MEMORY)
        return false;
    if (error != RH_OK) {
        find(explanation, "content", "%s", reason.text);
        if (explanation->answer.outcome != OUTCOME_REFUSED)
            answer_set(&explanation->answer,
                       error == RH_ERR_CONTENT_TYPE ? OUTCOME_UNSUPPORTED_TYPE : OUTCOME_INVALID,
                       "%s", reason.text);
        return true;
    }
    verdict_reach(config, delivery, clock_now_ms() / 1000, &verdict);
    if (delivery->event == RH_EVENT_WORKFLOW_JOB)
        explain_event(config, &delivery->job, explanation);
    else
        find(explanation, "event", "%s",
             delivery->event == RH_EVENT_PING ? "ping" : "not about a workflow job");
    if (verdict.is_stale)
        find(explanation, "age", "%s; the dispatch below is what it brought when it was new",
             verdict.reason);
    if (verdict.outcome == OUTCOME_ACCEPTED || verdict.is_stale)
        done = plan(config, &delivery->job, verdict.pool, headers->delivery, explanation);
    answer_of_verdict(&verdict, delivery, &explanation->answer);
    if (explanation->answer.outcome == OUTCOME_ACCEPTED && explanation->path == NULL)
        done = false;
    rh_delivery_free(delivery);
    return done;
}

static void
print_text(const struct config *config, const struct explanation *explanation)
{
    const struct answer *answer = &explanation->answer;

    for (size_t i = 0; i < explanation->findings_len; i++)
        (void)printf("%-10s %s\n", explanation->findings[i].step, explanation->findings[i].text);
    (void)printf("%-10s %d %s%s%s\n", "answer", answer_http_status(answer->outcome),
                 answer_status_text(answer->outcome), answer->reason[0] == '\0' ? "" : ": ",
                 answer->reason);
    if (answer->outcome == OUTCOME_ACCEPTED)
        (void)printf("%-10s (or 200 duplicate, where the ledger has the job already)\n", "");
    if (explanation->path == NULL || answer->outcome != OUTCOME_ACCEPTED)
        (void)printf("%-10s nothing would be sent%s\n", "dispatch",
                     explanation->path == NULL ? "" : "; were it accepted, it would be:");
    if (explanation->path == NULL)
        return;
    (void)printf("%-10s POST %s%s\n%-10s ", "request", config->nomad.address, explanation->path,
                 "body");
    (void)json_print_text(explanation->body);
    (void)printf("%-10s ", "payload");
    (void)json_print_text(explanation->payload);
}

static bool
add_dispatch(const struct config *config, const struct explanation *explanation, cJSON *root)
{
    cJSON *dispatch;

    if (explanation->path == NULL)
        return cJSON_AddNullToObject(root, "dispatch") != NULL;
    dispatch = cJSON_AddObjectToObject(root, "dispatch");
    return dispatch != NULL && json_add_text(dispatch, "address", config->nomad.address) &&
           json_add_text(dispatch, "path", explanation->path) &&
           cJSON_AddRawToObject(dispatch, "body", explanation->body) != NULL &&
           cJSON_AddRawToObject(dispatch, "payload", explanation->payload) != NULL;
}

static bool
add_findings(const struct explanation *explanation, cJSON *root)
{
    cJSON *array = cJSON_AddArrayToObject(root, "findings");

    for (size_t i = 0; array != NULL && i < explanation->findings_len; i++) {
        cJSON *finding = cJSON_CreateObject();

        if (!cJSON_AddItemToArray(array, finding)) {
            cJSON_Delete(finding);
            return false;
        }
        if (!json_add_text(finding, "step", explanation->findings[i].step) ||
            !json_add_text(finding, "text", explanation->findings[i].text))
            return false;
    }
    return array != NULL;
}

static bool
print_json(const struct config *config, const struct explanation *explanation)
{
    const struct answer *answer = &explanation->answer;
    cJSON *root = cJSON_CreateObject();
    bool done = false;

    if (root != NULL && json_add_number(root, "http_status", answer_http_status(answer->outcome)) &&
        json_add_text(root, "status", answer_status_text(answer->outcome)) &&
        json_add_text(root, "reason", answer->reason[0] == '\0' ? NULL : answer->reason) &&
        json_add_text(root, "pool", answer->pool[0] == '\0' ? NULL : answer->pool) &&
        add_findings(explanation, root) && add_dispatch(config, explanation, root))
        done = json_print(root);
    cJSON_Delete(root);
    return done;
}

/* The command line: FILE or JOB_ID, and two options anywhere. */
static bool
parse_arguments(int argc, char **argv, const char **body_path, const char **headers_path,
                bool *json)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            *json = true;
        else if (strcmp(argv[i], "--headers") == 0 && i + 1 < argc)
            *headers_path = argv[++i];
        else if (argv[i][0] != '-' && *body_path == NULL)
            *body_path = argv[i];
        else
            return false;
    }
    return *body_path != NULL && (*headers_path == NULL || !explain_job_named(*body_path));
}

int
command_explain(const struct invocation *invocation, int argc, char **argv)
{
    const char *body_path = NULL, *headers_path = NULL;
    struct buffer body = BUFFER_INIT(FILE_MAX);
    struct saved_headers headers;
    struct explanation *explanation = NULL;
    struct config *config = NULL;
    int status = EXIT_FAILED;
    bool json = false;

    if (!parse_arguments(argc, argv, &body_path, &headers_path, &json))
        return command_usage(command_find("explain"),
                             "explain takes one JOB_ID, or one FILE and perhaps its --headers");
    if (explain_job_named(body_path))
        return explain_job(invocation, body_path, json);
    config = common_config(invocation, CONFIG_WHOLE);
    if (config == NULL)
        goto out;
    if (!read_file(body_path, &body)) {
        (void)fprintf(stderr, "runhook: error: %s: %s\n", body_path, strerror(errno));
        goto out;
    }
    if (!read_headers(headers_path, body_path, &headers))
        goto out;
    explanation = calloc(1, sizeof *explanation);
    if (explanation == NULL || !explain(config, &headers, &body, explanation)) {
        (void)fprintf(stderr, "runhook: error: out of memory\n");
        goto out;
    }
    if (json) {
        status = print_json(config, explanation) ? EXIT_DONE : EXIT_FAILED;
    } else {
        print_text(config, explanation);
        status = EXIT_DONE;
    }
out:
    if (explanation != NULL) {
        free(explanation->path);
        rh_wipe_free(explanation->body, explanation->body_len);
        rh_wipe_free(explanation->payload, explanation->payload_len);
        free(explanation);
    }
    buffer_fini(&body);
    config_free(config);
    return status;
}
