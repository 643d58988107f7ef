/*
 * From any delivery to what is dispatched for its job, by a pool that would take it.
 *
 * Input: the address of GitHub's API, as one line; the runner's name; its group ("" for none); its
 * credential; the pool's labels with commas between; and the JSON of a delivery.
 * Checked: a payload is within Nomad's limit, is JSON, and says what was put in; a body is what
 * Nomad takes; and nothing comes of what is not UTF-8.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <runhook/runhook.h>

#include "dispatch/plan.h"
#include "fuzz.h"

/* A member's text must be this one. */
static void
check_member(const cJSON *json, const char *name, const char *text)
{
    const char *member = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    FUZZ_CHECK(member != NULL && strcmp(member, text) == 0);
}

static void
check_payload(const char *text, size_t len, const struct job *job, const struct pool *pool,
              const struct plan_runner *runner)
{
    cJSON *json = cJSON_Parse(text);
    const cJSON *labels = cJSON_GetObjectItemCaseSensitive(json, "labels");
    const cJSON *url = cJSON_GetObjectItemCaseSensitive(json, "url");

    FUZZ_CHECK(len <= RH_PAYLOAD_MAX && strlen(text) == len && fuzz_is_json(text, len));
    check_member(json, "repo", job->repository);
    check_member(json, "job", job->name);
    check_member(json, "runner_name", runner->name);
    check_member(json, "token", runner->credential);
    if (pool->runner_group != NULL)
        check_member(json, "runner_group", pool->runner_group);
    FUZZ_CHECK(cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, "run_id")) ==
               (double)job->run_id);
    FUZZ_CHECK(cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, "job_id")) ==
               (double)job->id);
    FUZZ_CHECK(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "fork")) == job->fork);
    FUZZ_CHECK((size_t)cJSON_GetArraySize(labels) == pool->labels.len);
    for (size_t i = 0; i < pool->labels.len; i++)
        FUZZ_CHECK(strcmp(cJSON_GetStringValue(cJSON_GetArrayItem(labels, (int)i)),
                          pool->labels.items[i]) == 0);
    FUZZ_CHECK(cJSON_IsString(url));
    cJSON_Delete(json);
}

static void
check_body(const char *body, size_t body_len, const char *payload, size_t payload_len)
{
    cJSON *json = cJSON_Parse(body);
    const char *base64 = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "Payload"));
    const cJSON *meta = cJSON_GetObjectItemCaseSensitive(json, "Meta");
    unsigned char *decoded = malloc(strlen(base64) + 1);

    FUZZ_CHECK(body_len <= RH_DISPATCH_BODY_MAX && fuzz_is_json(body, body_len));
    FUZZ_CHECK(decoded != NULL && cJSON_GetArraySize(meta) == 3 + META_KEYS);
    FUZZ_CHECK(strlen(base64) == (payload_len + 2) / 3 * 4);
    FUZZ_CHECK(EVP_DecodeBlock(decoded, (const unsigned char *)base64, (int)strlen(base64)) >=
               (int)payload_len);
    FUZZ_CHECK(memcmp(decoded, payload, payload_len) == 0);
    free(decoded);
    cJSON_Delete(json);
}

/* What a delivery says, as the row of the ledger that comes of it. */
static struct job
job_of(const struct rh_workflow_job *told)
{
    static char delivery[] = "guid";

    return (struct job){.id = told->id,
                        .repository = told->repository,
                        .repository_short = told->repository_short,
                        .repository_url = told->repository_url,
                        .fork = told->repository_fork,
                        .run_id = told->run_id,
                        .run_attempt = told->run_attempt,
                        .name = told->name,
                        .workflow_name = told->workflow_name,
                        .head_branch = told->head_branch,
                        .delivery = delivery};
}

static void
plan(const struct job *job, const struct pool *pool, const struct github_config *github,
     const struct plan_runner *runner, bool has_text)
{
    char *payload, *body;
    size_t payload_len, body_len;
    enum rh_error error = plan_payload(job, pool, github, runner, &payload, &payload_len);
    enum rh_error body_error = plan_body(job, pool, github, runner, &body, &body_len);
    size_t name_len = strlen(runner->name);

    FUZZ_CHECK((error == RH_OK) == (payload != NULL));
    FUZZ_CHECK((body_error == RH_OK) == (body != NULL));
    if (name_len == 0 || name_len > RH_RUNNER_NAME_MAX || !has_text)
        FUZZ_CHECK(error != RH_OK);
    if (payload != NULL)
        check_payload(payload, payload_len, job, pool, runner);
    if (body != NULL) {
        FUZZ_CHECK(payload != NULL);
        check_body(body, body_len, payload, payload_len);
    }
    rh_wipe_free(payload, payload_len);
    rh_wipe_free(body, body_len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static char pool_name[] = "linux";
    struct fuzz_input input = {bytes, len};
    char *api_url = fuzz_line(&input), *name = fuzz_line(&input), *group = fuzz_line(&input);
    char *credential = fuzz_line(&input), *labels = fuzz_line(&input), *rest = labels, *label;
    struct github_config github = {.api_url = api_url};
    struct pool pool = {.name = pool_name, .runner_group = group[0] == '\0' ? NULL : group};
    const struct plan_runner runner = {.name = name, .credential = credential};
    bool has_text = fuzz_is_utf8(name, strlen(name)) && fuzz_is_utf8(group, strlen(group)) &&
                    fuzz_is_utf8(credential, strlen(credential));
    struct rh_delivery *delivery = NULL;
    struct rh_reason reason;
    size_t body_len;
    char *body = fuzz_rest(&input, &body_len);

    while ((label = strsep(&rest, ",")) != NULL)
        (void)!rh_labels_add(&pool.labels, label, strlen(label));
    for (int key = 0; key < META_KEYS; key++)
        pool.meta.items[pool.meta.len++] = (enum meta_key)key;
    if (rh_delivery_parse(body, body_len, "application/json", NULL, &delivery, &reason) == RH_OK &&
        delivery->event == RH_EVENT_WORKFLOW_JOB) {
        const struct job job = job_of(&delivery->job);

        plan(&job, &pool, &github, &runner, has_text);
    }
    rh_delivery_free(delivery);
    rh_labels_fini(&pool.labels);
    free(api_url);
    free(name);
    free(group);
    free(credential);
    free(labels);
    free(body);
    return 0;
}
