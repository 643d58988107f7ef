/*
 * A delivery's body, as it is once its signature holds.
 *
 * Input: the content type, as one line; the X-GitHub-Event header, as one line; the body.
 * Checked: what the header promises of every field; that a reason is one plain sentence; that the
 * same JSON comes to the same delivery in a form.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <runhook/runhook.h>

#include "fuzz.h"

static void
check_text(const char *text, size_t max)
{
    FUZZ_CHECK(text != NULL && strlen(text) <= max && fuzz_is_utf8(text, strlen(text)));
}

static void
check_url(const char *url)
{
    check_text(url, 512);
    FUZZ_CHECK(url[0] == '\0' || strncmp(url, "https://", 8) == 0 ||
               strncmp(url, "http://", 7) == 0);
    FUZZ_CHECK(strpbrk(url, " '\"<>\\^`{|}") == NULL && fuzz_is_plain(url));
}

static void
check_id(int64_t id, int64_t min)
{
    FUZZ_CHECK(id >= min && id <= RH_ID_MAX);
}

static void
check_labels(const struct rh_labels *labels)
{
    FUZZ_CHECK(labels->len <= RH_LABELS_MAX);
    for (size_t i = 0; i < labels->len; i++) {
        check_text(labels->items[i], RH_LABEL_LEN_MAX);
        FUZZ_CHECK(labels->items[i][0] != '\0');
        FUZZ_CHECK(rh_labels_has(labels, labels->items[i]));
    }
}

static void
check_repository(const struct rh_workflow_job *job)
{
    const char *slash = strchr(job->repository, '/');

    check_text(job->repository, RH_REPOSITORY_LEN_MAX);
    FUZZ_CHECK(rh_repository_valid(job->repository) && slash != NULL);
    FUZZ_CHECK(strcmp(job->repository_short, slash + 1) == 0);
}

static void
check_job(const struct rh_workflow_job *job)
{
    const char *const texts[] = {job->action_text,   job->status,      job->conclusion, job->name,
                                 job->workflow_name, job->head_branch, job->runner_name};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_text(texts[i], RH_TEXT_LEN_MAX);
    check_id(job->id, 1);
    check_id(job->run_id, 1);
    check_id(job->run_attempt, 0);
    check_id(job->runner_id, 0);
    check_id(job->installation_id, 0);
    FUZZ_CHECK(job->created_at_s > -INT64_C(100000000000) &&
               job->created_at_s < INT64_C(1000000000000));
    check_url(job->html_url);
    check_url(job->repository_url);
    check_labels(&job->labels);
    check_repository(job);
}

static void
check_same(const struct rh_delivery *a, const struct rh_delivery *b)
{
    FUZZ_CHECK(a->event == b->event && a->hook_id == b->hook_id);
    if (a->event != RH_EVENT_WORKFLOW_JOB)
        return;
    FUZZ_CHECK(a->job.id == b->job.id && a->job.run_id == b->job.run_id);
    FUZZ_CHECK(a->job.action == b->job.action && a->job.labels.len == b->job.labels.len);
    FUZZ_CHECK(strcmp(a->job.name, b->job.name) == 0);
    FUZZ_CHECK(strcmp(a->job.repository, b->job.repository) == 0);
    FUZZ_CHECK(a->job.repository_fork == b->job.repository_fork);
}

static enum rh_error
parse(const char *body, size_t body_len, const char *type, const char *hint,
      struct rh_delivery **delivery)
{
    struct rh_reason reason;
    enum rh_error error = rh_delivery_parse(body, body_len, type, hint, delivery, &reason);

    FUZZ_CHECK((error == RH_OK) == (*delivery != NULL));
    FUZZ_CHECK((error == RH_OK) == (reason.text[0] == '\0'));
    FUZZ_CHECK(error == RH_OK || error == RH_ERR_CONTENT_TYPE || error == RH_ERR_NOT_JSON ||
               error == RH_ERR_FIELD);
    for (const char *c = reason.text; *c != '\0'; c++)
        FUZZ_CHECK(*c >= ' ' && *c <= '~');
    return error;
}

/* The body as a form's field, each byte escaped that may not stand for itself, and some more. */
static char *
form_of(const char *body, size_t body_len, size_t *form_len)
{
    static const char name[] = "x=1&payload=";
    char *form = malloc(sizeof name + 3 * body_len + 2);

    FUZZ_CHECK(form != NULL);
    memcpy(form, name, sizeof name);
    *form_len = sizeof name - 1;
    for (size_t i = 0; i < body_len; i++) {
        unsigned char byte = (unsigned char)body[i];

        if (byte == ' ' && i % 2 == 0)
            form[(*form_len)++] = '+';
        else if (byte <= ' ' || byte >= 0x7f || strchr("%&+=", byte) != NULL || i % 7 == 0)
            *form_len += (size_t)sprintf(form + *form_len, i % 2 == 0 ? "%%%02x" : "%%%02X", byte);
        else
            form[(*form_len)++] = (char)byte;
    }
    form[(*form_len)++] = '&';
    return form;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    char *type = fuzz_line(&input), *hint = fuzz_line(&input);
    size_t body_len, form_len;
    char *body = fuzz_rest(&input, &body_len), *form = form_of(body, body_len, &form_len);
    struct rh_delivery *delivery, *formed;
    enum rh_error error = parse(body, body_len, type, hint, &delivery);

    if (delivery != NULL && delivery->event == RH_EVENT_WORKFLOW_JOB)
        check_job(&delivery->job);
    rh_delivery_free(delivery);

    error = parse(body, body_len, "application/json", hint, &delivery);
    FUZZ_CHECK(parse(form, form_len, "application/x-www-form-urlencoded", hint, &formed) == error);
    if (delivery != NULL) {
        FUZZ_CHECK(fuzz_is_utf8(body, body_len));
        check_same(delivery, formed);
    }
    rh_delivery_free(delivery);
    rh_delivery_free(formed);
    free(type);
    free(hint);
    free(body);
    free(form);
    return 0;
}
