/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "upstream/github_app_hook.h"
#include "upstream/github_hook.h"
#include "upstream_sample.h"

#define URL "https://ci.example.org/webhook"
#define SECRET "a-webhook-\\\"secret\""

/* The form of docs.github.com, "List repository webhooks". */
#define CONFIG(type, ssl, secret) \
    "{\"url\":\"" URL "\",\"content_type\":\"" type "\",\"insecure_ssl\":" ssl secret "}"
#define HOOK(id, active, events, config, last)                                   \
    "{\"type\":\"Repository\",\"id\":" id ",\"name\":\"web\",\"active\":" active \
    ",\"events\":[" events "],\"config\":" config ",\"last_response\":" last "}"
#define UNUSED "{\"code\":null,\"status\":\"unused\",\"message\":null}"
#define RIGHT CONFIG("json", "\"0\"", ",\"secret\":\"********\"")

static void
one_is_read(void **state)
{
    static const struct {
        const char *json;
        bool good;
        struct github_hook want;
    } rows[] = {
        {HOOK("12345678", "true", "\"workflow_job\"", RIGHT, UNUSED),
         true,
         {12345678, URL, true, true, true, true, true, false, 0, ""}},
        {HOOK("1", "false", "\"push\"", CONFIG("form", "\"1\"", ""),
              "{\"code\":403,\"status\":\"x\",\"message\":\"Invalid HTTP Response: 403\"}"),
         true,
         {1, URL, false, false, false, false, false, true, 403, "Invalid HTTP Response: 403"}},
        {HOOK("1", "true", "\"*\"", CONFIG("json", "0", ",\"secret\":\"\""), "null"),
         true,
         {1, URL, true, true, false, true, true, true, 0, ""}},
        {HOOK("1", "true", "\"push\",\"workflow_job\"", CONFIG("json", "1", ""),
              "{\"code\":200,\"message\":\"a\\u001b[2J\"}"),
         true,
         {1, URL, true, true, false, false, true, true, 200, "a?[2J"}},
        {"{\"id\":9007199254740991}", true, {.id = 9007199254740991, .is_tls_verified = true}},
        {"{\"id\":3,\"config\":{\"url\":7},\"events\":{},\"active\":1,\"last_response\":[]}",
         true,
         {.id = 3, .is_tls_verified = true}},
        {"{}", false, {0}},
        {"{\"id\":0}", false, {0}},
        {"{\"id\":-1}", false, {0}},
        {"{\"id\":\"1\"}", false, {0}},
        {"{\"id\":9007199254740992}", false, {0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct github_hook *want = &rows[i].want;
        cJSON *json = cJSON_Parse(rows[i].json);
        struct github_hook hook;

        assert_row(github_hook_read(json, &hook) == rows[i].good, rows[i].json);
        cJSON_Delete(json);
        if (!rows[i].good)
            continue;
        assert_row(hook.id == want->id && strcmp(hook.url, want->url) == 0, rows[i].json);
        assert_row(hook.is_active == want->is_active, rows[i].json);
        assert_row(hook.is_json == want->is_json, rows[i].json);
        assert_row(hook.has_secret == want->has_secret, rows[i].json);
        assert_row(hook.is_tls_verified == want->is_tls_verified, rows[i].json);
        assert_row(hook.sends_workflow_jobs == want->sends_workflow_jobs, rows[i].json);
        assert_row(hook.sends_others == want->sends_others, rows[i].json);
        assert_row(hook.last_code == want->last_code, rows[i].json);
        assert_row(strcmp(hook.last_message, want->last_message) == 0, rows[i].json);
    }
}

static bool
count(const struct github_hook *hook, void *arg)
{
    int64_t *sum = arg;

    *sum += hook->id;
    return hook->id != 99;
}

static void
lists_are_read_to_their_end(void **state)
{
    static const struct sample_answer script[] = {
        {200, "[" HOOK("1", "true", "", RIGHT, UNUSED) "," HOOK("2", "true", "", RIGHT, UNUSED) "]",
         "Link: <https://api.github.com/repositories/5/hooks?per_page=100&page=2>; "
         "rel=\"next\"\r\n"},
        {200, "[" HOOK("40", "true", "", RIGHT, UNUSED) "]", NULL},
    };
    static const struct sample_answer others[] = {
        {200, "{}", NULL},
        {200, "[{\"id\":1},{}]", NULL},
        {200, "[7]", NULL},
    };
    struct upstream_sample *sample = *state;
    struct failure failure;
    int64_t sum = 0;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_hooks(sample->github, "repos/o/r", count, &sum, &failure));
    assert_int_equal(sum, 43);
    upstream_sample_asked(sample, 0, "GET /repos/o/r/hooks?per_page=100");
    upstream_sample_asked(sample, 1, "GET /repos/o/r/hooks?per_page=100&page=2");
    for (size_t i = 0; i < COUNT(others); i++) {
        upstream_sample_script(sample, &others[i], 1);
        assert_false(github_hooks(sample->github, "orgs/o", count, &sum, &failure));
        assert_int_equal(failure.kind, FAILURE_GARBAGE);
        upstream_sample_asked(sample, 0, "GET /orgs/o/hooks?per_page=100");
    }
}

static struct rh_secret *
secret_new(void)
{
    struct rh_secret *secret;

    assert_int_equal(rh_secret_new(SECRET, strlen(SECRET), &secret), RH_OK);
    return secret;
}

static void
the_configuration_is_json(void **state)
{
    struct rh_secret *secret = secret_new();
    const struct github_hook_wish wish = {.url = URL, .secret = secret};
    struct buffer out = BUFFER_INIT(GITHUB_HOOK_BODY_CAP);
    cJSON *json;

    (void)state;
    assert_true(github_hook_write_config(&out, &wish));
    json = cJSON_Parse(buffer_text(&out));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "url")), URL);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "secret")), SECRET);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "content_type")), "json");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "insecure_ssl")), "0");
    assert_int_equal(cJSON_GetArraySize(json), 4);
    cJSON_Delete(json);
    buffer_wipe(&out);
    rh_secret_free(secret);
}

static void
one_is_made_and_mended(void **state)
{
    static const struct sample_answer made = {201, "{\"id\":77}", NULL};
    static const struct sample_answer mended = {200, "{\"id\":77}", NULL};
    static const struct sample_answer empty = {201, "{}", NULL};
    struct upstream_sample *sample = *state;
    struct rh_secret *secret = secret_new();
    const struct github_hook_wish wish = {.url = URL, .secret = secret};
    struct failure failure;
    int64_t id;

    upstream_sample_script(sample, &made, 1);
    assert_true(github_hook_create(sample->github, "orgs/o", &wish, &id, &failure));
    assert_int_equal(id, 77);
    upstream_sample_asked(sample, 0, "POST /orgs/o/hooks");
    upstream_sample_script(sample, &mended, 1);
    assert_true(github_hook_mend(sample->github, "repos/o/r", 77, &wish, &failure));
    upstream_sample_asked(sample, 0, "PATCH /repos/o/r/hooks/77");
    upstream_sample_script(sample, &empty, 1);
    assert_false(github_hook_create(sample->github, "orgs/o", &wish, &id, &failure));
    assert_int_equal(failure.kind, FAILURE_GARBAGE);
    rh_secret_free(secret);
}

static void
what_github_says_against_it(void **state)
{
    static const struct {
        struct sample_answer answer;
        enum failure_kind want;
        const char *words;
    } rows[] = {
        {{422,
          "{\"message\":\"Validation "
          "Failed\",\"errors\":[{\"resource\":\"Hook\",\"code\":\"custom\","
          "\"message\":\"url is not supported because it isn't reachable over the public Internet "
          "(localhost)\"}]}",
          NULL},
         FAILURE_UNPROCESSABLE,
         "isn't reachable"},
        {{422, "{\"message\":\"Validation Failed\",\"errors\":[\"no more hooks\"]}", NULL},
         FAILURE_UNPROCESSABLE,
         "no more hooks"},
        {{422, "{\"message\":\"said of a-webhook- and so on\"}", NULL},
         FAILURE_UNPROCESSABLE,
         "withheld"},
        {{422, "", NULL}, FAILURE_UNPROCESSABLE, "422"},
        {{404, "{\"message\":\"Not Found\"}", NULL}, FAILURE_NOT_FOUND, "webhooks (write)"},
        {{403, "{\"message\":\"Resource not accessible\"}", NULL},
         FAILURE_FORBIDDEN,
         "webhooks (write) of o/r"},
        {{403, "{}", "Retry-After: 7\r\n"}, FAILURE_RATE_LIMITED, "rate limit"},
        {{200, "{\"id\":1}", NULL}, FAILURE_REJECTED, "200"},
    };
    struct upstream_sample *sample = *state;
    struct rh_secret *secret = secret_new();
    const struct github_hook_wish wish = {.url = URL, .secret = secret};
    struct failure failure;
    int64_t id;

    for (size_t i = 0; i < COUNT(rows); i++) {
        upstream_sample_script(sample, &rows[i].answer, 1);
        assert_false(github_hook_create(sample->github, "repos/o/r", &wish, &id, &failure));
        if (failure.kind != rows[i].want || strstr(failure.text.text, rows[i].words) == NULL)
            fail_msg("row %zu: %s: %s", i, failure_text(failure.kind), failure.text.text);
        assert_null(strstr(failure.text.text, "a-webhook-"));
        assert_int_equal(failure.status, rows[i].answer.status);
    }
    rh_secret_free(secret);
}

static void
one_is_deleted(void **state)
{
    static const struct sample_answer gone = {204, "", NULL};
    static const struct sample_answer absent[] = {{404, "{\"message\":\"Not Found\"}", NULL},
                                                  {404, "{\"message\":\"Not Found\"}", NULL}};
    static const struct sample_answer seen[] = {{404, "{\"message\":\"Not Found\"}", NULL},
                                                {200, HOOK("8", "true", "", RIGHT, UNUSED), NULL}};
    static const struct sample_answer proxy = {404, "<html>", NULL};
    struct upstream_sample *sample = *state;
    struct failure failure;

    upstream_sample_script(sample, &gone, 1);
    assert_true(github_hook_delete(sample->github, "repos/o/r", 8, &failure));
    upstream_sample_asked(sample, 0, "DELETE /repos/o/r/hooks/8");
    upstream_sample_script(sample, absent, COUNT(absent));
    assert_true(github_hook_delete(sample->github, "repos/o/r", 8, &failure));
    upstream_sample_script(sample, seen, COUNT(seen));
    assert_false(github_hook_delete(sample->github, "repos/o/r", 8, &failure));
    assert_int_equal(failure.kind, FAILURE_FORBIDDEN);
    assert_non_null(strstr(failure.text.text, "admin:repo_hook"));
    upstream_sample_script(sample, &proxy, 1);
    assert_false(github_hook_delete(sample->github, "repos/o/r", 8, &failure));
    assert_int_equal(failure.kind, FAILURE_NOT_FOUND);
}

static void
one_is_pinged(void **state)
{
    static const struct sample_answer done = {204, "", NULL};
    static const struct sample_answer absent = {404, "{\"message\":\"Not Found\"}", NULL};
    struct upstream_sample *sample = *state;
    struct failure failure;

    upstream_sample_script(sample, &done, 1);
    assert_true(github_hook_ping(sample->github, "orgs/o", 8, &failure));
    upstream_sample_asked(sample, 0, "POST /orgs/o/hooks/8/pings");
    upstream_sample_script(sample, &absent, 1);
    assert_false(github_hook_ping(sample->github, "orgs/o", 8, &failure));
    assert_int_equal(failure.kind, FAILURE_NOT_FOUND);
}

static void
no_other_path_is_ever_asked_for(void **state)
{
    static const char *const rows[] = {"",        "r",       "repos/r", "repos/o/..", "repos/o/r?x",
                                       "orgs/o/", "orgs/..", "users/o", "app/hook"};
    struct upstream_sample *sample = *state;
    struct failure failure;
    int64_t sum = 0;

    upstream_sample_script(sample, NULL, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_row(!github_hooks(sample->github, rows[i], count, &sum, &failure), rows[i]);
        assert_row(failure.kind == FAILURE_CONFIGURATION, rows[i]);
        assert_row(!github_hook_ping(sample->github, rows[i], 8, &failure), rows[i]);
    }
    assert_int_equal(upstream_sample_requests(sample), 0);
}

int
main(void)
{
#define ON_SERVER(test) \
    cmocka_unit_test_setup_teardown(test, upstream_sample_start, upstream_sample_stop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_read),
        cmocka_unit_test(the_configuration_is_json),
        ON_SERVER(lists_are_read_to_their_end),
        ON_SERVER(one_is_made_and_mended),
        ON_SERVER(what_github_says_against_it),
        ON_SERVER(one_is_deleted),
        ON_SERVER(one_is_pinged),
        ON_SERVER(no_other_path_is_ever_asked_for),
    };
    return cmocka_run_group_tests(tests, upstream_sample_group_start, upstream_sample_group_stop);
}
