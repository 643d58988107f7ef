/*
 * From a request to its answer.
 * SPDX-License-Identifier: MIT
 */
#include "serve/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <runhook/runhook.h>

#include "clock/clock.h"
#include "config/place.h"
#include "ledger/hook.h"
#include "serve/pages.h"
#include "serve/verdict.h"
#include "work/tools.h"

/* What of the request's headers goes into the log and the ledger, at most. None of it is signed. */
#define GUID_MAX 64

static const char *
variable(const struct request *request, const char *name)
{
    const char *value = request->variable(request->source, name);

    return value == NULL ? "" : value;
}

/* The signature, over the raw bytes, before anything else looks at them. */
static bool
verify(const struct setup *setup, const struct request *request, const char *body, size_t body_len,
       struct answer *answer)
{
    const struct github_config *github = &setup->config->github;
    const struct rh_secret *secrets[] = {github->webhook_secret, github->webhook_secret_previous};
    size_t secrets_len = secrets[1] == NULL ? 1 : 2;
    const char *header = request->variable(request->source, "HTTP_X_HUB_SIGNATURE_256");
    size_t matched;
    enum rh_error error = rh_signature_verify(secrets, secrets_len, body, body_len, header,
                                              header == NULL ? 0 : strlen(header), &matched);

    switch (error) {
    case RH_OK:
        secret_watch_note(setup->secrets, matched);
        return true;
    case RH_ERR_SIGNATURE_MISSING:
        answer_set(answer, OUTCOME_REFUSED,
                   "no X-Hub-Signature-256 header: give the webhook a secret on GitHub");
        break;
    case RH_ERR_SIGNATURE_MALFORMED:
        answer_set(answer, OUTCOME_REFUSED,
                   "X-Hub-Signature-256 is not \"sha256=\" and 64 hexadecimal digits");
        break;
    case RH_ERR_SIGNATURE_MISMATCH:
        answer_set(answer, OUTCOME_REFUSED,
                   "the signature does not match: the webhook's secret on GitHub and "
                   "webhook_secret differ, or the body was changed on its way");
        break;
    default:
        answer_set(answer, OUTCOME_UNAVAILABLE, "the signature could not be checked: %s",
                   rh_error_text(error));
        break;
    }
    return false;
}

static struct rh_delivery *
parse(const struct request *request, const char *body, size_t body_len, struct answer *answer)
{
    struct rh_delivery *delivery = NULL;
    struct rh_reason reason;
    enum rh_error error =
        rh_delivery_parse(body, body_len, request->variable(request->source, "CONTENT_TYPE"),
                          variable(request, "HTTP_X_GITHUB_EVENT"), &delivery, &reason);

    if (error == RH_ERR_CONTENT_TYPE)
        answer_set(answer, OUTCOME_UNSUPPORTED_TYPE, "%s", reason.text);
    else if (error == RH_ERR_NO_MEMORY)
        answer_set(answer, OUTCOME_UNAVAILABLE, "out of memory");
    else if (error != RH_OK)
        answer_set(answer, OUTCOME_INVALID, "%s", reason.text);
    return delivery;
}

/* The webhook that a delivery of a job came from, as far as its headers tell: they are not signed,
 * the repository is. Where they do not, as of a GitHub App's, which the configuration names, or of
 * an enterprise's, `place` is "". */
static void
find_hook(const struct request *request, const struct rh_workflow_job *job, char place[PLACE_CAP],
          struct hook_sighting *hook)
{
    const char *id = variable(request, "HTTP_X_GITHUB_HOOK_ID");
    const char *type = variable(request, "HTTP_X_GITHUB_HOOK_INSTALLATION_TARGET_TYPE");
    size_t digits = strspn(id, "0123456789");
    char owner[PLACE_CAP];
    bool found = false;

    *hook = (struct hook_sighting){.place = place, .now_ms = clock_now_ms()};
    if (digits > 0 && digits <= 16 && id[digits] == '\0')
        hook->id = strtoll(id, NULL, 10);
    place[0] = '\0';
    if (strcmp(type, "repository") == 0) {
        found = place_of_repository(job->repository, place);
    } else if (strcmp(type, "organization") == 0 && place_of_repository(job->repository, place)) {
        place_owner(place, owner);
        found = place_of_owner(owner, place);
    }
    if (!found || hook->id < 1 || hook->id > RH_ID_MAX)
        place[0] = '\0';
}

/* What a delivery brings: news of a job, and of the webhook that sent it. */
struct news {
    struct job_report report;
    struct hook_sighting hook;
};

static enum ledger_error
apply(struct ledger_txn *txn, void *arg)
{
    struct news *news = arg;
    enum ledger_error error = report_apply(txn, &news->report);

    return error == LEDGER_OK && news->hook.place[0] != '\0' ? hook_seen(txn, &news->hook) : error;
}

/* Brings a verdict into the ledger. Only what is on disk is answered 202. */
static void
record(const struct webhook *webhook, const struct request *request, struct news *news,
       const struct verdict *verdict, struct answer *answer)
{
    const struct job_report *report = &news->report;
    struct rh_reason reason;

    request_wait(request);
    if (ledger_write(webhook->ledger, apply, news, &reason) != LEDGER_OK) {
        answer_set(answer, OUTCOME_UNAVAILABLE, "not taken, since it could not be stored: %s",
                   reason.text);
        return;
    }
    if (verdict->outcome == OUTCOME_ACCEPTED && report->before != JOB_NONE)
        answer_set(answer, OUTCOME_DUPLICATE, "the job is known already: %s",
                   job_state_text(report->before));
    answer->is_news = report->after != report->before;
}

static void
take_delivery(const struct webhook *webhook, const struct config *config,
              const struct request *request, const struct rh_delivery *delivery, const char *guid,
              struct answer *answer)
{
    struct verdict verdict;
    char place[PLACE_CAP];
    struct news news;

    verdict_reach(config, delivery, clock_now_ms() / 1000, &verdict);
    answer_set(answer, verdict.outcome, "%s", verdict.reason);
    if (delivery->event == RH_EVENT_WORKFLOW_JOB)
        answer->job_id = delivery->job.id;
    if (verdict.pool != NULL)
        (void)snprintf(answer->pool, sizeof answer->pool, "%s", verdict.pool->name);
    if (!verdict.is_reported)
        return;
    news.report = tools_report(config, &delivery->job, verdict.event, verdict.pool, guid);
    find_hook(request, &delivery->job, place, &news.hook);
    record(webhook, request, &news, &verdict, answer);
}

static void
log_delivery(const struct webhook *webhook, const struct request *request, const char *guid,
             const struct rh_delivery *delivery, const struct answer *answer)
{
    enum log_level level = answer_http_status(answer->outcome) < 400 ? LOG_LEVEL_INFO
                           : answer->outcome == OUTCOME_UNAVAILABLE  ? LOG_LEVEL_ERROR
                                                                     : LOG_LEVEL_WARNING;
    struct log_line line;

    log_begin(&line, level, "delivery");
    log_text(&line, "delivery", guid);
    log_text(&line, "github_event", variable(request, "HTTP_X_GITHUB_EVENT"));
    if (delivery != NULL && delivery->event == RH_EVENT_WORKFLOW_JOB) {
        log_text(&line, "action", delivery->job.action_text);
        log_text(&line, "repository", delivery->job.repository);
        log_number(&line, "job", delivery->job.id);
        log_text(&line, "pool", answer->pool);
    }
    log_number(&line, "status", answer_http_status(answer->outcome));
    log_text(&line, "outcome", answer_status_text(answer->outcome));
    log_text(&line, "reason", answer->reason);
    log_text(&line, "from", variable(request, "REMOTE_ADDR"));
    log_end(webhook->log, &line);
}

/* For the status page. Of one that was not signed only that it came is kept: nothing that a
 * stranger says is stored. */
static void
note_delivery(const struct webhook *webhook, const struct request *request, const char *guid,
              bool is_signed, const struct rh_delivery *delivery, const struct answer *answer)
{
    struct receipt receipt = {.is_signed = is_signed,
                              .guid = is_signed ? guid : "",
                              .event = is_signed ? variable(request, "HTTP_X_GITHUB_EVENT") : "",
                              .sender = variable(request, "REMOTE_ADDR"),
                              .answer = answer};

    if (delivery != NULL && delivery->event == RH_EVENT_WORKFLOW_JOB) {
        receipt.action = delivery->job.action_text;
        receipt.repository = delivery->job.repository;
    }
    receipts_note(webhook->receipts, &receipt);
}

/* The delivery's GUID, as far as it is one: the header is not signed, and goes into the ledger and
 * to Nomad. */
static void
take_guid(const struct request *request, char guid[GUID_MAX + 1])
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    const char *text = variable(request, "HTTP_X_GITHUB_DELIVERY");
    size_t len = strspn(text, allowed);

    guid[0] = '\0';
    if (len <= GUID_MAX && text[len] == '\0')
        memcpy(guid, text, len + 1);
}

static void
receive(const struct webhook *webhook, const struct request *request, struct answer *answer)
{
    struct setup *setup = current_take(webhook->setups);
    size_t max = (size_t)setup->config->server.max_body;
    struct rh_delivery *delivery = NULL;
    char guid[GUID_MAX + 1] = "";
    bool is_signed = false;
    size_t body_len;
    char *body;

    take_guid(request, guid);
    switch (request_body(request, max, &body, &body_len)) {
    case BODY_WHOLE:
        is_signed = verify(setup, request, body, body_len, answer);
        if (is_signed)
            delivery = parse(request, body, body_len, answer);
        break;
    case BODY_TOO_LARGE:
        answer_set(answer, OUTCOME_TOO_LARGE,
                   "the body has more than %zu bytes ([server] max_body)", max);
        break;
    case BODY_BROKEN:
        answer_set(answer, OUTCOME_INVALID, "the body did not come whole");
        break;
    case BODY_NO_MEMORY:
        answer_set(answer, OUTCOME_UNAVAILABLE, "out of memory");
        break;
    }
    if (delivery != NULL)
        take_delivery(webhook, setup->config, request, delivery, guid, answer);
    log_delivery(webhook, request, guid, delivery, answer);
    note_delivery(webhook, request, guid, is_signed, delivery, answer);
    rh_delivery_free(delivery);
    free(body);
    current_return(webhook->setups, setup);
}

void
webhook_answer(const struct webhook *webhook, const struct request *request, struct answer *answer)
{
    const char *method = variable(request, "REQUEST_METHOD");
    bool is_head = strcmp(method, "HEAD") == 0;
    const struct pages_source source = {.setups = webhook->setups,
                                        .ledger = webhook->ledger,
                                        .meter = webhook->meter,
                                        .receipts = webhook->receipts};
    int64_t began_at_ms = clock_monotonic_ms();

    *answer = (struct answer){.head_only = is_head};
    if ((is_head || strcmp(method, "GET") == 0) && pages_answer(&source, request, answer))
        return;
    if (strcmp(method, "POST") == 0)
        receive(webhook, request, answer);
    else
        answer_set(answer, OUTCOME_METHOD,
                   "a webhook is a POST; GET …/healthz tells how runhook is");
    meter_delivery(webhook->meter, answer->outcome, clock_monotonic_ms() - began_at_ms);
}
