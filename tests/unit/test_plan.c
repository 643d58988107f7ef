/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <runhook/delivery.h>
#include <runhook/secret.h>

#include "dispatch/plan.h"
#include "ledger/order.h"

static char repository[] = "octo-org/hello-world", repository_short[] = "hello-world",
            repository_url[] = "https://github.com/octo-org/hello-world",
            name[] = "build (ubuntu, 18)", workflow_name[] = "CI", head_branch[] = "main",
            asked[] = "[\"self-hosted\"]", pool_name[] = "linux",
            guid[] = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
static char self_hosted[] = "self-hosted", linux_label[] = "linux", spaced_label[] = "big one";
static char *label_items[] = {self_hosted, linux_label, spaced_label};
static char api_url[] = "https://api.github.com";

static const struct plan_runner runner = {.name = "runhook-0a1b2c3d-45678901234-1",
                                          .credential_kind = RH_CREDENTIAL_REGISTRATION_TOKEN,
                                          .credential = "AABF3JGZDX3P5PMEXLND6TS6FCWO6"};

static struct job
sample_job(void)
{
    return (struct job){.id = 45678901234,
                        .repository = repository,
                        .repository_short = repository_short,
                        .repository_url = repository_url,
                        .run_id = 16245678901,
                        .run_attempt = 2,
                        .name = name,
                        .workflow_name = workflow_name,
                        .head_branch = head_branch,
                        .labels = asked,
                        .pool = pool_name,
                        .delivery = guid};
}

static struct pool
sample_pool(void)
{
    return (struct pool){.name = pool_name, .labels = {label_items, 3, 3}};
}

static const struct github_config github = {.api_url = api_url};

static void
idempotency_tokens(void **state)
{
    (void)state;
    static const struct {
        int64_t job_id, n;
        const char *want;
    } rows[] = {
        {1, 1, "1.1"},
        {45678901234, 2, "45678901234.2"},
        {RH_ID_MAX, 100, "9007199254740991.100"},
        {INT64_MAX, INT64_MAX, "9223372036854775807.9223372036854775807"},
        {INT64_MIN, INT64_MIN, "-9223372036854775808.-9223372036854775808"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char token[ORDER_TOKEN_CAP];
        assert_ptr_equal(order_token(rows[i].job_id, rows[i].n, token), token);
        assert_string_equal(token, rows[i].want);
    }
}

static void
where_a_runner_registers(void **state)
{
    (void)state;
    static struct {
        const char *told;
        char api_url[48];
        const char *want;
        enum pool_scope scope;
    } rows[] = {
        /* The runner would show its credential to whoever answers there. */
        {"https://evil.example/octo-org/hello-world", "https://api.github.com",
         "https://github.com/octo-org/hello-world", POOL_SCOPE_REPOSITORY},
        {"https://evil.example/octo-org/hello-world", "https://ghe.example/api/v3",
         "https://ghe.example/octo-org/hello-world", POOL_SCOPE_REPOSITORY},
        {"https://github.com.evil/octo-org/hello-world", "https://api.octocorp.ghe.com",
         "https://octocorp.ghe.com/octo-org", POOL_SCOPE_ORGANIZATION},
        {"https://github.com/octo-org/hello-world", "http://proxy.lan:8080",
         "https://github.com/octo-org/hello-world", POOL_SCOPE_REPOSITORY},
        {"https://github.com/octo-org/hello-world", "http://proxy.lan:8080",
         "https://github.com/octo-org", POOL_SCOPE_ORGANIZATION},
        {"https://github.com/other/name", "http://proxy.lan:8080",
         "http://proxy.lan:8080/octo-org/hello-world", POOL_SCOPE_REPOSITORY},
        {"", "https://api.github.com", "https://github.com/octo-org/hello-world",
         POOL_SCOPE_REPOSITORY},
        {"", "https://ghe.example/api/v3", "https://ghe.example/octo-org/hello-world",
         POOL_SCOPE_REPOSITORY},
        {"", "https://ghe.example/git/api/v3", "https://ghe.example/git/octo-org/hello-world",
         POOL_SCOPE_REPOSITORY},
        {"", "http://127.0.0.1:8080", "http://127.0.0.1:8080/octo-org/hello-world",
         POOL_SCOPE_REPOSITORY},
        {"", "https://api.github.com.evil", "https://api.github.com.evil/octo-org/hello-world",
         POOL_SCOPE_REPOSITORY},
        {"", "https://api.octocorp.ghe.com", "https://octocorp.ghe.com/octo-org/hello-world",
         POOL_SCOPE_REPOSITORY},
        {"https://github.com/octo-org/hello-world", "https://api.github.com",
         "https://github.com/octo-org", POOL_SCOPE_ORGANIZATION},
        {"", "https://ghe.example/api/v3", "https://ghe.example/octo-org", POOL_SCOPE_ORGANIZATION},
        {"https://elsewhere.example/", "https://api.github.com", "https://github.com/octo-org",
         POOL_SCOPE_ORGANIZATION},
        {"https://github.com/octo-org/hello-world", "https://api.github.com",
         "https://github.com/enterprises/octo-corp", POOL_SCOPE_ENTERPRISE},
        {"", "https://ghe.example/api/v3", "https://ghe.example/enterprises/octo-corp",
         POOL_SCOPE_ENTERPRISE},
    };
    static char enterprise[] = "octo-corp";
    struct pool pool = {.enterprise = enterprise};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct job job = sample_job();
        struct github_config own = {.api_url = rows[i].api_url};
        char told[64], *url;

        (void)snprintf(told, sizeof told, "%s", rows[i].told);
        job.repository_url = told;
        pool.scope = rows[i].scope;
        url = plan_url(&job, &pool, &own);
        assert_string_equal(url, rows[i].want);
        free(url);
    }
}

static void
the_payload(void **state)
{
    (void)state;
    struct job job = sample_job();
    struct pool pool = sample_pool();
    char *text = NULL;
    size_t len = 0;

    job.fork = true;
    assert_int_equal(plan_payload(&job, &pool, &github, &runner, &text, &len), RH_OK);
    assert_int_equal(strlen(text), len);
    /* The labels are the pool's: with the job's alone a runner could take no other job. */
    assert_string_equal(text, "{\"repo\":\"octo-org/hello-world\",\"fork\":true,"
                              "\"job\":\"build (ubuntu, 18)\",\"run_id\":16245678901,"
                              "\"job_id\":45678901234,"
                              "\"labels\":[\"self-hosted\",\"linux\",\"big one\"],"
                              "\"url\":\"https://github.com/octo-org/hello-world\","
                              "\"runner_name\":\"runhook-0a1b2c3d-45678901234-1\","
                              "\"token\":\"AABF3JGZDX3P5PMEXLND6TS6FCWO6\"}");
    rh_wipe_free(text, len);
}

/* The meta of a dispatch body as JSON text, which the caller frees. */
static char *
meta_of(const struct job *job, const struct pool *pool)
{
    char *body = NULL, *text;
    size_t len = 0;
    cJSON *json;

    assert_int_equal(plan_body(job, pool, &github, &runner, &body, &len), RH_OK);
    json = cJSON_ParseWithLength(body, len);
    assert_non_null(cJSON_GetObjectItemCaseSensitive(json, "Payload"));
    text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(json, "Meta"));
    assert_non_null(text);
    cJSON_Delete(json);
    rh_wipe_free(body, len);
    return text;
}

#define ALWAYS                                                                         \
    "\"REPO_FULL_NAME\":\"octo-org/hello-world\",\"REPO_SHORT_NAME\":\"hello-world\"," \
    "\"WORKFLOW_RUN\":\"16245678901\""

static void
meta_is_sent_as_configured(void **state)
{
    (void)state;
    static const char *const want[META_KEYS] = {
        [META_DELIVERY_ID] = "\"DELIVERY_ID\":\"72d3162e-cc78-11e3-81ab-4c9367dc0958\"",
        [META_WORKFLOW_JOB] = "\"WORKFLOW_JOB\":\"45678901234\"",
        [META_JOB_NAME] = "\"JOB_NAME\":\"build (ubuntu, 18)\"",
        [META_RUNNER_NAME] = "\"RUNNER_NAME\":\"runhook-0a1b2c3d-45678901234-1\"",
        [META_RUN_ATTEMPT] = "\"RUN_ATTEMPT\":\"2\"",
        [META_WORKFLOW_NAME] = "\"WORKFLOW_NAME\":\"CI\"",
        [META_HEAD_BRANCH] = "\"HEAD_BRANCH\":\"main\"",
        [META_LABELS] = "\"LABELS\":\"self-hosted,linux,big one\"",
        [META_POOL] = "\"POOL\":\"linux\"",
    };
    struct job job = sample_job();
    struct pool pool = sample_pool();
    char *text = meta_of(&job, &pool);

    assert_string_equal(text, "{" ALWAYS "}");
    cJSON_free(text);
    for (int key = 0; key < META_KEYS; key++) {
        char expected[512];

        (void)snprintf(expected, sizeof expected, "{" ALWAYS ",%s}", want[key]);
        pool.meta = (struct meta_keys){.items = {(enum meta_key)key}, .len = 1};
        text = meta_of(&job, &pool);
        assert_string_equal(text, expected);
        assert_null(strstr(text, runner.credential));
        cJSON_free(text);
    }
    for (int key = 0; key < META_KEYS; key++)
        pool.meta.items[key] = (enum meta_key)key;
    pool.meta.len = META_KEYS;
    text = meta_of(&job, &pool);
    for (int key = 0; key < META_KEYS; key++)
        assert_row(strstr(text, want[key]) != NULL, meta_key_names[key]);
    cJSON_free(text);
}

static void
what_makes_no_dispatch(void **state)
{
    (void)state;
    struct job job = sample_job();
    struct pool pool = sample_pool();
    struct plan_runner unnamed = runner;
    char *text = (char *)&job;
    size_t len = 77;

    job.id = 0;
    assert_int_equal(plan_body(&job, &pool, &github, &runner, &text, &len), RH_ERR_ARGUMENT);
    assert_null(text);
    assert_int_equal(len, 0);
    job = sample_job();
    unnamed.name = "";
    assert_int_equal(plan_payload(&job, &pool, &github, &unnamed, &text, &len), RH_ERR_ARGUMENT);
    assert_null(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idempotency_tokens),
        cmocka_unit_test(where_a_runner_registers),
        cmocka_unit_test(the_payload),
        cmocka_unit_test(meta_is_sent_as_configured),
        cmocka_unit_test(what_makes_no_dispatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
