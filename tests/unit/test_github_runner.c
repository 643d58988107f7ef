/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "upstream/github_read.h"
#include "upstream/github_runner.h"
#include "upstream_sample.h"

#define NAME "runhook-0a1b2c3d-55-1"

/* The form of docs.github.com, "List self-hosted runners for a repository". */
#define RUNNER(id, name, status, busy)                                                       \
    "{\"id\":" id ",\"name\":" name ",\"os\":\"linux\",\"status\":" status ",\"busy\":" busy \
    ",\"ephemeral\":true,\"labels\":[{\"id\":5,\"name\":\"self-hosted\",\"type\":\"read-only\"}]}"
#define PAGE(total, items) "{\"total_count\":" total ",\"runners\":[" items "]}"
#define OTHER RUNNER("7", "\"other\"", "\"online\"", "true")
#define OURS RUNNER("8", "\"" NAME "\"", "\"online\"", "false")

static struct buffer
body_of(const char *text)
{
    struct buffer body = BUFFER_INIT(1 << 20);

    assert_true(buffer_add_text(&body, text));
    return body;
}

static void
pages_are_checked(void **state)
{
    static const struct {
        const char *body;
        int len; /* -1: it is no page */
    } rows[] = {
        {PAGE("0", ""), 0},
        {PAGE("1", OURS), 1},
        {PAGE("250", OURS "," OTHER), 2},
        {"", -1},
        {"<html>", -1},
        {"null", -1},
        {"[]", -1},
        {"{}", -1},
        {PAGE("1", OURS) "x", -1},
        {"{\"total_count\":1,\"runners\":[" OURS, -1},
        {"{\"runners\":[]}", -1},
        {"{\"total_count\":0}", -1},
        {"{\"total_count\":0,\"runners\":null}", -1},
        {"{\"total_count\":0,\"runners\":{}}", -1},
        {"{\"total_count\":\"0\",\"runners\":[]}", -1},
        {"{\"total_count\":-1,\"runners\":[]}", -1},
        {"{\"total_count\":0.5,\"runners\":[]}", -1},
        {"{\"total_count\":1e300,\"runners\":[]}", -1},
        {"{\"total_count\":9007199254740992,\"runners\":[]}", -1},
        {"{\"total_count\":1,\"runners\":[null]}", -1},
        {"{\"total_count\":1,\"runners\":[[]]}", -1},
        {"{\"total_count\":2,\"runners\":[" OURS ",7]}", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = body_of(rows[i].body);
        int64_t total;
        cJSON *items = github_read_page(&body, "runners", &total);

        assert_row((items == NULL ? -1 : cJSON_GetArraySize(items)) == rows[i].len, rows[i].body);
        assert_row(items != NULL || total == 0, rows[i].body);
        cJSON_Delete(items);
        buffer_fini(&body);
    }
}

static void
a_runner_is_told_by_its_exact_name(void **state)
{
    static const struct {
        const char *items;
        bool good;
        struct github_runner want;
    } rows[] = {
        {"", true, {0}},
        {OTHER, true, {0}},
        {OURS, true, {true, 8, true, false}},
        {OTHER "," OURS, true, {true, 8, true, false}},
        {RUNNER("9007199254740991", "\"" NAME "\"", "\"offline\"", "true"),
         true,
         {true, 9007199254740991, false, true}},
        {RUNNER("8", "\"" NAME "\"", "\"asleep\"", "false"), true, {true, 8, false, false}},
        {RUNNER("8", "\"RUNHOOK-0a1b2c3d-55-1\"", "\"online\"", "false"), true, {0}},
        {RUNNER("8", "\"" NAME "1\"", "\"online\"", "false"), true, {0}},
        {RUNNER("8", "\"" NAME " \"", "\"online\"", "false"), true, {0}},
        {RUNNER("8", "\"\"", "\"online\"", "false"), true, {0}},
        /* Others may be odd, as long as they have a name. */
        {"{\"name\":\"odd\"}," OURS, true, {true, 8, true, false}},
        {"{}", false, {0}},
        {"{}," OURS, false, {0}},
        {RUNNER("8", "null", "\"online\"", "false"), false, {0}},
        {RUNNER("8", "8", "\"online\"", "false"), false, {0}},
        {RUNNER("null", "\"" NAME "\"", "\"online\"", "false"), false, {0}},
        {RUNNER("0", "\"" NAME "\"", "\"online\"", "false"), false, {0}},
        {RUNNER("-8", "\"" NAME "\"", "\"online\"", "false"), false, {0}},
        {RUNNER("8.5", "\"" NAME "\"", "\"online\"", "false"), false, {0}},
        {RUNNER("\"8\"", "\"" NAME "\"", "\"online\"", "false"), false, {0}},
        {RUNNER("9007199254740992", "\"" NAME "\"", "\"online\"", "false"), false, {0}},
        {RUNNER("1e400", "\"" NAME "\"", "\"online\"", "false"), false, {0}},
        {RUNNER("8", "\"" NAME "\"", "null", "false"), false, {0}},
        {RUNNER("8", "\"" NAME "\"", "1", "false"), false, {0}},
        {RUNNER("8", "\"" NAME "\"", "\"online\"", "null"), false, {0}},
        {RUNNER("8", "\"" NAME "\"", "\"online\"", "\"false\""), false, {0}},
        {RUNNER("8", "\"" NAME "\"", "\"online\"", "0"), false, {0}},
        {"{\"name\":\"" NAME "\"}", false, {0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer text = BUFFER_INIT(1 << 20);
        struct github_runner runner = {true, 99, true, true};
        cJSON *json;

        assert_true(buffer_addf(&text, "[%s]", rows[i].items));
        json = cJSON_Parse(buffer_text(&text));
        assert_row(json != NULL, rows[i].items);
        assert_row(github_read_runner(json, NAME, &runner) == rows[i].good, rows[i].items);
        assert_row(runner.is_registered == rows[i].want.is_registered, rows[i].items);
        assert_row(runner.id == rows[i].want.id, rows[i].items);
        assert_row(runner.is_online == rows[i].want.is_online, rows[i].items);
        assert_row(runner.is_busy == rows[i].want.is_busy, rows[i].items);
        cJSON_Delete(json);
        buffer_fini(&text);
    }
}

static void
a_runner_is_found(void **state)
{
    static const struct sample_answer script[] = {{200, PAGE("1", OURS), NULL}};
    struct upstream_sample *sample = *state;
    struct github_runner runner;
    struct failure failure;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_runner_find(sample->github, "repos/o/r", NAME, &runner, &failure));
    assert_true(runner.is_registered && runner.is_online && !runner.is_busy);
    assert_int_equal(runner.id, 8);
    assert_int_equal(upstream_sample_requests(sample), 1);
    upstream_sample_asked(sample, 0,
                          "GET /repos/o/r/actions/runners?name=" NAME "&per_page=100&page=1");
    assert_non_null(
        strstr(upstream_sample_request(sample, 0), "\r\nAuthorization: Bearer ghp_secret\r\n"));
    assert_non_null(
        strstr(upstream_sample_request(sample, 0), "\r\nX-GitHub-Api-Version: 2022-11-28\r\n"));
    assert_null(strstr(upstream_sample_request(sample, 0), "If-None-Match"));
}

static void
a_name_is_escaped(void **state)
{
    static const struct sample_answer script[] = {{200, PAGE("0", ""), NULL}};
    struct upstream_sample *sample = *state;
    struct github_runner runner;
    struct failure failure;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(
        github_runner_find(sample->github, "repos/o/r", "a&b=c d/\xc3\xa9", &runner, &failure));
    assert_false(runner.is_registered);
    upstream_sample_asked(
        sample, 0,
        "GET /repos/o/r/actions/runners?name=a%26b%3Dc%20d%2F%C3%A9&per_page=100&page=1");
}

/* GitHub Enterprise Server before it knew `name` lists all runners, so ours may be on any page. */
static void
a_server_that_ignores_the_name(void **state)
{
    static const struct {
        const char *row;
        struct sample_answer script[3];
        size_t requests;
        enum failure_kind failure; /* FAILURE_NONE: it is found where found_id is not 0 */
        int64_t found_id;
    } rows[] = {
        {"on page one", {{200, PAGE("3", OTHER "," OURS), NULL}}, 1, FAILURE_NONE, 8},
        {"on page two",
         {{200, PAGE("3", OTHER "," OTHER), NULL}, {200, PAGE("3", OURS), NULL}},
         2,
         FAILURE_NONE,
         8},
        {"nowhere",
         {{200, PAGE("3", OTHER "," OTHER), NULL}, {200, PAGE("3", OTHER), NULL}},
         2,
         FAILURE_NONE,
         0},
        {"fewer than were said",
         {{200, PAGE("3", OTHER), NULL}, {200, PAGE("3", ""), NULL}},
         2,
         FAILURE_NONE,
         0},
        /* A filter that the count does not know of. */
        {"a count of all", {{200, PAGE("3", ""), NULL}}, 1, FAILURE_NONE, 0},
        {"changed meanwhile",
         {{200, PAGE("3", OTHER "," OTHER), NULL}, {200, PAGE("2", ""), NULL}},
         2,
         FAILURE_CONFLICT,
         0},
        {"changed meanwhile, and there",
         {{200, PAGE("3", OTHER "," OTHER), NULL}, {200, PAGE("4", OURS "," OTHER), NULL}},
         2,
         FAILURE_NONE,
         8},
        {"page two fails", {{200, PAGE("3", OTHER), NULL}, {502, "", NULL}}, 2, FAILURE_SERVER, 0},
        {"page two is garbage",
         {{200, PAGE("3", OTHER), NULL}, {200, "<html>", NULL}},
         2,
         FAILURE_GARBAGE,
         0},
        {"page two has a nameless one",
         {{200, PAGE("3", OTHER), NULL}, {200, PAGE("3", "{}"), NULL}},
         2,
         FAILURE_GARBAGE,
         0},
    };
    struct upstream_sample *sample = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct github_runner runner;
        struct failure failure = {0};
        bool done;

        upstream_sample_script(sample, rows[i].script, COUNT(rows[i].script));
        done = github_runner_find(sample->github, "repos/o/r", NAME, &runner, &failure);
        assert_row(done == (rows[i].failure == FAILURE_NONE), rows[i].row);
        assert_row(done || failure.kind == rows[i].failure, rows[i].row);
        assert_row(runner.id == rows[i].found_id, rows[i].row);
        assert_row(runner.is_registered == (rows[i].found_id != 0), rows[i].row);
        assert_row(upstream_sample_requests(sample) == rows[i].requests, rows[i].row);
    }
    upstream_sample_asked(sample, 1,
                          "GET /repos/o/r/actions/runners?name=" NAME "&per_page=100&page=2");
}

static void
a_list_without_end(void **state)
{
    static struct sample_answer script[SAMPLE_REQUESTS];
    struct upstream_sample *sample = *state;
    struct github_runner runner;
    struct failure failure;

    /* The script ends before the pages do: the last word is the failure, and not that it is gone.
     */
    for (size_t i = 0; i < COUNT(script); i++)
        script[i] = (struct sample_answer){200, PAGE("9007199254740991", OTHER), NULL};
    upstream_sample_script(sample, script, COUNT(script));
    assert_false(github_runner_find(sample->github, "repos/o/r", NAME, &runner, &failure));
    assert_int_equal(failure.kind, FAILURE_SERVER);
}

static const struct {
    struct sample_answer answer;
    enum failure_kind want;
    const char *words; /* in the text */
} refusals[] = {
    {{200, "", NULL}, FAILURE_GARBAGE, "api_url"},
    {{200, "[]", NULL}, FAILURE_GARBAGE, "api_url"},
    {{200, "<html>login</html>", NULL}, FAILURE_GARBAGE, "api_url"},
    {{202, "{}", NULL}, FAILURE_REJECTED, "202"},
    {{301, "", "Location: http://127.0.0.1:1/\r\n"}, FAILURE_REDIRECTED, "o/r"},
    {{304, "", NULL}, FAILURE_REDIRECTED, "304"},
    {{401, "{\"message\":\"Bad credentials\"}", NULL}, FAILURE_UNAUTHORIZED, "token"},
    {{403, "{\"message\":\"Resource not accessible by personal access token\"}", NULL},
     FAILURE_FORBIDDEN,
     "administration (write) of o/r"},
    {{403, "{}", "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1\r\n"},
     FAILURE_RATE_LIMITED,
     "rate limit"},
    {{403, "{}", "Retry-After: 60\r\n"}, FAILURE_RATE_LIMITED, "rate limit"},
    {{403, "{\"message\":\"You have exceeded a secondary rate limit\"}", NULL},
     FAILURE_RATE_LIMITED,
     "rate limit"},
    {{429, "{}", NULL}, FAILURE_RATE_LIMITED, "rate limit"},
    {{410, "{}", NULL}, FAILURE_REJECTED, "410"},
    {{500, "", NULL}, FAILURE_SERVER, "500"},
    {{502, "<html>", NULL}, FAILURE_SERVER, "502"},
    {{503, "", "Retry-After: 7\r\n"}, FAILURE_SERVER, "503"},
};

static void
check_failure(const struct failure *failure, size_t i)
{
    if (failure->kind != refusals[i].want || strstr(failure->text.text, refusals[i].words) == NULL)
        fail_msg("%d %s: %s: %s", refusals[i].answer.status, refusals[i].answer.body,
                 failure_text(failure->kind), failure->text.text);
    assert_int_equal(failure->upstream, UPSTREAM_GITHUB);
    assert_null(strstr(failure->text.text, "ghp_secret"));
}

static void
a_search_that_fails(void **state)
{
    struct upstream_sample *sample = *state;
    static const struct sample_answer missing[] = {{404, "{\"message\":\"Not Found\"}", NULL}};
    struct github_runner runner;
    struct failure failure;

    for (size_t i = 0; i < COUNT(refusals); i++) {
        upstream_sample_script(sample, &refusals[i].answer, 1);
        assert_false(github_runner_find(sample->github, "repos/o/r", NAME, &runner, &failure));
        check_failure(&failure, i);
        assert_false(runner.is_registered);
    }
    /* The repository, not the runner, is what is not there. */
    upstream_sample_script(sample, missing, COUNT(missing));
    assert_false(github_runner_find(sample->github, "repos/o/r", NAME, &runner, &failure));
    assert_int_equal(failure.kind, FAILURE_NOT_FOUND);
}

static void
what_becomes_of_a_deletion(void **state)
{
    static const struct {
        struct sample_answer answer;
        enum github_deletion want;
    } rows[] = {
        {{204, "", NULL}, GITHUB_DELETED},
        {{404, "{\"message\":\"Not Found\",\"status\":\"404\"}", NULL}, GITHUB_ABSENT},
        {{422,
          "{\"message\":\"Runner \\\"x\\\" is currently running a job and cannot be deleted.\"}",
          NULL},
         GITHUB_BUSY},
        {{422, "", NULL}, GITHUB_BUSY},
    };
    struct upstream_sample *sample = *state;
    struct failure failure;

    for (size_t i = 0; i < COUNT(rows); i++) {
        enum github_deletion deletion;

        upstream_sample_script(sample, &rows[i].answer, 1);
        assert_true(github_runner_delete(sample->github, "repos/o/r", 9007199254740991, &deletion,
                                         &failure));
        assert_int_equal(deletion, rows[i].want);
        upstream_sample_asked(sample, 0, "DELETE /repos/o/r/actions/runners/9007199254740991");
    }
}

static void
a_deletion_that_fails(void **state)
{
    static const struct sample_answer others[] = {
        {404, "<html>nginx</html>", NULL}, /* a proxy does not say that a runner is gone */
        {404, "", NULL},
        {404, "{}", NULL},
    };
    struct upstream_sample *sample = *state;
    enum github_deletion deletion;
    struct failure failure;

    for (size_t i = 0; i < COUNT(refusals); i++) {
        deletion = GITHUB_DELETED;
        upstream_sample_script(sample, &refusals[i].answer, 1);
        assert_false(github_runner_delete(sample->github, "repos/o/r", 8, &deletion, &failure));
        assert_int_equal(deletion, GITHUB_BUSY);
        if (refusals[i].answer.status >= 300)
            check_failure(&failure, i);
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        upstream_sample_script(sample, &others[i], 1);
        assert_false(github_runner_delete(sample->github, "repos/o/r", 8, &deletion, &failure));
        assert_int_equal(failure.kind, FAILURE_NOT_FOUND);
        assert_int_equal(failure.status, 404);
    }
}

static void
no_other_path_is_ever_asked_for(void **state)
{
    static const char *const rows[] = {"", "r", "o/..", "o/r/x", "o/r?x", "o/r#", "o/r%2f"};
    struct upstream_sample *sample = *state;
    enum github_deletion deletion;
    struct github_runner runner;
    struct failure failure;
    char *name = calloc(1, 8192);

    upstream_sample_script(sample, NULL, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_false(github_runner_find(sample->github, rows[i], NAME, &runner, &failure));
        assert_int_equal(failure.kind, FAILURE_CONFIGURATION);
        assert_false(github_runner_delete(sample->github, rows[i], 8, &deletion, &failure));
        assert_int_equal(failure.kind, FAILURE_CONFIGURATION);
    }
    assert_non_null(name);
    memset(name, 'x', 8191);
    assert_false(github_runner_find(sample->github, "repos/o/r", name, &runner, &failure));
    assert_int_equal(failure.kind, FAILURE_LOCAL);
    free(name);
    assert_int_equal(upstream_sample_requests(sample), 0);
}

int
main(void)
{
#define ON_SERVER(test) \
    cmocka_unit_test_setup_teardown(test, upstream_sample_start, upstream_sample_stop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_checked),
        cmocka_unit_test(a_runner_is_told_by_its_exact_name),
        ON_SERVER(a_runner_is_found),
        ON_SERVER(a_name_is_escaped),
        ON_SERVER(a_server_that_ignores_the_name),
        ON_SERVER(a_list_without_end),
        ON_SERVER(a_search_that_fails),
        ON_SERVER(what_becomes_of_a_deletion),
        ON_SERVER(a_deletion_that_fails),
        ON_SERVER(no_other_path_is_ever_asked_for),
    };
    return cmocka_run_group_tests(tests, upstream_sample_group_start, upstream_sample_group_stop);
}
