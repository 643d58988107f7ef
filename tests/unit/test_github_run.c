/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "upstream/github_read.h"
#include "upstream/github_run.h"
#include "upstream_sample.h"

#define NAME_64 "0123456789012345678901234567890123456789012345678901234567890123"
#define TEXT_31 "0123456789012345678901234567890"

/* The form of docs.github.com, "Get a job for a workflow run". */
#define JOB(status, conclusion, runner_id, runner_name)                                           \
    "{\"id\":55,\"run_id\":4,\"name\":\"build\",\"status\":" status ",\"conclusion\":" conclusion \
    ",\"runner_id\":" runner_id ",\"runner_name\":" runner_name ",\"labels\":[\"self-hosted\"]}"
#define QUEUED JOB("\"queued\"", "null", "null", "null")

static void
jobs_are_checked(void **state)
{
    static const struct {
        const char *body;
        struct github_job want;
    } good[] = {
        {QUEUED, {GITHUB_JOB_QUEUED, "", "", 0}},
        {JOB("\"queued\"", "null", "0", "\"\""), {GITHUB_JOB_QUEUED, "", "", 0}},
        {JOB("\"waiting\"", "null", "null", "null"), {GITHUB_JOB_WAITING, "", "", 0}},
        {JOB("\"requested\"", "null", "null", "null"), {GITHUB_JOB_WAITING, "", "", 0}},
        {JOB("\"pending\"", "null", "null", "null"), {GITHUB_JOB_WAITING, "", "", 0}},
        {JOB("\"in_progress\"", "null", "8", "\"runhook-1\""),
         {GITHUB_JOB_IN_PROGRESS, "", "runhook-1", 8}},
        {JOB("\"completed\"", "\"success\"", "9007199254740991", "\"" NAME_64 "\""),
         {GITHUB_JOB_COMPLETED, "success", NAME_64, 9007199254740991}},
        {JOB("\"completed\"", "\"" TEXT_31 "\"", "8", "\"\xe6\x97\xa5\""),
         {GITHUB_JOB_COMPLETED, TEXT_31, "\xe6\x97\xa5", 8}},
        {"{\"id\":55,\"status\":\"queued\"}", {GITHUB_JOB_QUEUED, "", "", 0}},
        /* Too long for one of ours, and so cut that it is not taken for one. */
        {JOB("\"in_progress\"", "null", "8", "\"" NAME_64 "4\""),
         {GITHUB_JOB_IN_PROGRESS, "",
          "0123456789012345678901234567890123456789012345678901234567890\xe2\x80\xa6", 8}},
        {JOB("\"in_progress\"", "null", "8",
             "\"012345678901234567890123456789012345678901234567890123456789\xe6\x97\xa5 more\""),
         {GITHUB_JOB_IN_PROGRESS, "",
          "012345678901234567890123456789012345678901234567890123456789\xe2\x80\xa6", 8}},
        {JOB("\"completed\"", "\"" TEXT_31 "1\"", "8", "\"r\""),
         {GITHUB_JOB_COMPLETED, "0123456789012345678901234567\xe2\x80\xa6", "r", 8}},
    };
    static const char *const bad[] = {
        "",
        "<html>",
        "null",
        "[]",
        "{}",
        "[" QUEUED "]",
        QUEUED "x",
        "{\"id\":56,\"status\":\"queued\"}", /* another one */
        "{\"id\":\"55\",\"status\":\"queued\"}",
        "{\"id\":55.5,\"status\":\"queued\"}",
        "{\"id\":null,\"status\":\"queued\"}",
        "{\"status\":\"queued\"}",
        "{\"id\":55}",
        JOB("null", "null", "null", "null"),
        JOB("1", "null", "null", "null"),
        JOB("\"\"", "null", "null", "null"),
        JOB("\"Queued\"", "null", "null", "null"),
        JOB("\"new status\"", "null", "null", "null"),
        JOB("\"completed\"", "1", "null", "null"),
        JOB("\"completed\"", "[]", "null", "null"),
        JOB("\"in_progress\"", "null", "\"8\"", "\"r\""),
        JOB("\"in_progress\"", "null", "-8", "\"r\""),
        JOB("\"in_progress\"", "null", "8.5", "\"r\""),
        JOB("\"in_progress\"", "null", "9007199254740992", "\"r\""),
        JOB("\"in_progress\"", "null", "1e999", "\"r\""),
        JOB("\"in_progress\"", "null", "true", "\"r\""),
        JOB("\"in_progress\"", "null", "8", "8"),
        JOB("\"in_progress\"", "null", "8", "{}"),
    };
    struct github_job job;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct buffer body = BUFFER_INIT(1 << 20);

        assert_true(buffer_add_text(&body, good[i].body));
        assert_row(github_read_job(&body, 55, &job), good[i].body);
        assert_row(job.status == good[i].want.status, good[i].body);
        assert_string_equal(job.conclusion, good[i].want.conclusion);
        assert_string_equal(job.runner_name, good[i].want.runner_name);
        assert_row(job.runner_id == good[i].want.runner_id, good[i].body);
        buffer_fini(&body);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct buffer body = BUFFER_INIT(1 << 20);

        assert_true(buffer_add_text(&body, bad[i]));
        assert_row(!github_read_job(&body, 55, &job), bad[i]);
        assert_row(job.runner_name[0] == '\0' && job.runner_id == 0, bad[i]);
        buffer_fini(&body);
    }
}

static void
a_job_is_read(void **state)
{
    static const struct sample_answer script[] = {
        {200, JOB("\"in_progress\"", "null", "8", "\"r\""), NULL},
        {404, "{\"message\":\"Not Found\"}", NULL},
    };
    struct upstream_sample *sample = *state;
    struct github_job job;
    struct failure failure;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_job_get(sample->github, "o/r", 55, &job, &failure));
    assert_int_equal(job.status, GITHUB_JOB_IN_PROGRESS);
    assert_true(github_job_get(sample->github, "o/r", 55, &job, &failure));
    assert_int_equal(job.status, GITHUB_JOB_ABSENT);
    assert_string_equal(job.runner_name, "");
    upstream_sample_asked(sample, 0, "GET /repos/o/r/actions/jobs/55");
}

static const struct {
    struct sample_answer answer;
    enum failure_kind want;
    const char *words; /* in the text */
} refusals[] = {
    {{200, "", NULL}, FAILURE_GARBAGE, "api_url"},
    {{200, "[]", NULL}, FAILURE_GARBAGE, "api_url"},
    {{200, "<html>login</html>", NULL}, FAILURE_GARBAGE, "api_url"},
    {{204, "", NULL}, FAILURE_REJECTED, "204"},
    {{302, "", "Location: http://127.0.0.1:1/\r\n"}, FAILURE_REDIRECTED, "o/r"},
    {{304, "", NULL}, FAILURE_REDIRECTED, "304"}, /* no ETag was sent */
    {{401, "{}", NULL}, FAILURE_UNAUTHORIZED, "token"},
    {{403, "{\"message\":\"Resource not accessible by integration\"}", NULL},
     FAILURE_FORBIDDEN,
     "actions (read) of o/r"},
    {{403, "{}", "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1\r\n"},
     FAILURE_RATE_LIMITED,
     "rate limit"},
    {{404, "<html>nginx</html>", NULL}, FAILURE_NOT_FOUND, "actions (read)"},
    {{429, "{}", "Retry-After: 3\r\n"}, FAILURE_RATE_LIMITED, "rate limit"},
    {{500, "", NULL}, FAILURE_SERVER, "500"},
    {{503, "<html>", NULL}, FAILURE_SERVER, "503"},
};

static void
failures_are_told(void **state)
{
    struct upstream_sample *sample = *state;

    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct failure failures[3];
        struct github_list list;
        struct github_job job;

        upstream_sample_script(sample, &refusals[i].answer, 1);
        assert_false(github_job_get(sample->github, "o/r", 55, &job, &failures[0]));
        upstream_sample_script(sample, &refusals[i].answer, 1);
        assert_false(github_runs(sample->github, "o/r", "queued", "", &list, &failures[1]));
        assert_null(list.items);
        upstream_sample_script(sample, &refusals[i].answer, 1);
        assert_false(github_run_jobs(sample->github, "o/r", 4, "", &list, &failures[2]));
        assert_null(list.items);
        for (size_t n = 0; n < COUNT(failures); n++) {
            if (failures[n].kind != refusals[i].want ||
                strstr(failures[n].text.text, refusals[i].words) == NULL)
                fail_msg("%zu: %d %s: %s: %s", n, refusals[i].answer.status,
                         refusals[i].answer.body, failure_text(failures[n].kind),
                         failures[n].text.text);
            assert_null(strstr(failures[n].text.text, "ghp_secret"));
        }
    }
}

#define RUNS(total, items) "{\"total_count\":" total ",\"workflow_runs\":[" items "]}"
#define ETAG "W/\"9c3d0e1f\""

static void
the_requests_of_lists(void **state)
{
    static const struct sample_answer script[] = {
        {200, RUNS("1", "{\"id\":4}"), "ETag: " ETAG "\r\n"},
        {200, "{\"total_count\":2,\"jobs\":[" QUEUED "," QUEUED "]}", "etag: \"x\"\r\n"},
    };
    struct upstream_sample *sample = *state;
    struct github_list list;
    struct failure failure;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_runs(sample->github, "o/r", "in_progress", "", &list, &failure));
    assert_false(list.is_unchanged);
    assert_string_equal(list.etag, ETAG);
    assert_int_equal(cJSON_GetArraySize(list.items), 1);
    github_list_fini(&list);
    assert_true(github_run_jobs(sample->github, "o/r", 9007199254740991, ETAG, &list, &failure));
    assert_string_equal(list.etag, "\"x\"");
    assert_int_equal(cJSON_GetArraySize(list.items), 2);
    github_list_fini(&list);
    github_list_fini(&list);
    upstream_sample_asked(sample, 0,
                          "GET /repos/o/r/actions/runs?status=in_progress&per_page=100&page=1");
    assert_null(strstr(upstream_sample_request(sample, 0), "If-None-Match"));
    upstream_sample_asked(
        sample, 1,
        "GET /repos/o/r/actions/runs/9007199254740991/jobs?filter=latest&per_page=100&page=1");
    assert_non_null(strstr(upstream_sample_request(sample, 1), "\r\nIf-None-Match: " ETAG "\r\n"));
}

static void
a_list_that_has_not_changed(void **state)
{
    static const struct sample_answer script[] = {{304, "", "ETag: \"other\"\r\n"}};
    struct upstream_sample *sample = *state;
    struct github_list list;
    struct failure failure;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_runs(sample->github, "o/r", "queued", ETAG, &list, &failure));
    assert_true(list.is_unchanged);
    assert_null(list.items);
    assert_string_equal(list.etag, ETAG);
    assert_int_equal(upstream_sample_requests(sample), 1);
    github_list_fini(&list);
}

/* They come from the ledger, and from a server that may be none of GitHub's. */
static void
etags_that_are_none(void **state)
{
    static const char *const rows[] = {"a b", "a\tb", "a\r\nX-Evil: 1", "\xc3\xa9", "a\x7f"};
    char longest[HTTP_ETAG_CAP], long_header[2 * HTTP_ETAG_CAP];
    struct sample_answer script[] = {{200, RUNS("0", ""), NULL}};
    struct upstream_sample *sample = *state;
    struct github_list list;
    struct failure failure;

    for (size_t i = 0; i < COUNT(rows); i++) {
        upstream_sample_script(sample, script, COUNT(script));
        assert_true(github_runs(sample->github, "o/r", "queued", rows[i], &list, &failure));
        assert_row(strstr(upstream_sample_request(sample, 0), "If-None-Match") == NULL, rows[i]);
        assert_row(strstr(upstream_sample_request(sample, 0), "X-Evil") == NULL, rows[i]);
        assert_string_equal(list.etag, "");
        github_list_fini(&list);
    }
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (int over = 0; over < 2; over++) {
        (void)snprintf(long_header, sizeof long_header, "ETag: %s%s\r\n", longest, over ? "x" : "");
        script[0].headers = long_header;
        upstream_sample_script(sample, script, COUNT(script));
        assert_true(github_runs(sample->github, "o/r", "queued", longest, &list, &failure));
        assert_non_null(strstr(upstream_sample_request(sample, 0), "If-None-Match: xxx"));
        assert_string_equal(list.etag, over ? "" : longest);
        github_list_fini(&list);
    }
    script[0].headers = "ETag: a b\r\n";
    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_runs(sample->github, "o/r", "queued", "", &list, &failure));
    assert_string_equal(list.etag, "");
    github_list_fini(&list);
}

static void
several_pages(void **state)
{
    static const struct {
        const char *row;
        struct sample_answer script[3];
        size_t requests;
        int len; /* -1: it fails */
    } rows[] = {
        {"two",
         {{200, RUNS("3", "{\"id\":1},{\"id\":2}"), "ETag: \"1\"\r\n"},
          {200, RUNS("3", "{\"id\":3}"), "ETag: \"2\"\r\n"}},
         2,
         3},
        {"grown",
         {{200, RUNS("2", "{\"id\":1}"), NULL},
          {200, RUNS("3", "{\"id\":2}"), NULL},
          {200, RUNS("3", "{\"id\":3}"), NULL}},
         3,
         3},
        {"shrunk", {{200, RUNS("3", "{\"id\":1}"), NULL}, {200, RUNS("1", ""), NULL}}, 2, 1},
        {"page two fails", {{200, RUNS("3", "{\"id\":1}"), NULL}, {503, "", NULL}}, 2, -1},
        {"page two is garbage", {{200, RUNS("3", "{\"id\":1}"), NULL}, {200, "{}", NULL}}, 2, -1},
        {"page two says 304", {{200, RUNS("3", "{\"id\":1}"), NULL}, {304, "", NULL}}, 2, -1},
    };
    struct upstream_sample *sample = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct github_list list;
        struct failure failure;
        bool done;

        upstream_sample_script(sample, rows[i].script, COUNT(rows[i].script));
        done = github_runs(sample->github, "o/r", "queued", ETAG, &list, &failure);
        assert_row(done == (rows[i].len >= 0), rows[i].row);
        assert_row(cJSON_GetArraySize(list.items) == (done ? rows[i].len : 0), rows[i].row);
        assert_string_equal(list.etag, "");
        for (int n = 0; n < cJSON_GetArraySize(list.items); n++)
            assert_row(cJSON_GetNumberValue(
                           cJSON_GetObjectItem(cJSON_GetArrayItem(list.items, n), "id")) == n + 1,
                       rows[i].row);
        assert_row(upstream_sample_requests(sample) == rows[i].requests, rows[i].row);
        upstream_sample_asked(sample, 1,
                              "GET /repos/o/r/actions/runs?status=queued&per_page=100&page=2");
        assert_null(strstr(upstream_sample_request(sample, 1), "If-None-Match"));
        github_list_fini(&list);
    }
}

static void
pages_are_bounded(void **state)
{
    static struct sample_answer script[SAMPLE_REQUESTS];
    struct upstream_sample *sample = *state;
    struct github_list list;
    struct failure failure;

    for (size_t i = 0; i < COUNT(script); i++)
        script[i] = (struct sample_answer){200, RUNS("9007199254740991", "{\"id\":1}"), NULL};
    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_runs(sample->github, "o/r", "queued", "", &list, &failure));
    assert_int_equal(cJSON_GetArraySize(list.items), 10);
    assert_int_equal(upstream_sample_requests(sample), 10);
    github_list_fini(&list);
}

static char *
page_of(size_t len)
{
    char *body = calloc(1, len + 64);
    size_t head;

    assert_non_null(body);
    (void)snprintf(body, 64, "{\"total_count\":1,\"workflow_runs\":[{\"id\":1,\"x\":\"");
    head = strlen(body);
    memset(body + head, 'x', len);
    memcpy(body + head + len, "\"}]}", 5);
    return body;
}

static void
pages_may_be_long(void **state)
{
    static const struct {
        size_t len;
        enum failure_kind want;
    } rows[] = {
        {2 * HTTP_REPLY_MAX, FAILURE_NONE},
        {HTTP_LIST_MAX - 64, FAILURE_NONE},
        {HTTP_LIST_MAX, FAILURE_OVERSIZED},
        {2 * HTTP_LIST_MAX, FAILURE_OVERSIZED},
    };
    struct upstream_sample *sample = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        char *body = page_of(rows[i].len);
        const struct sample_answer script[] = {{200, body, NULL}, {200, body, NULL}};
        struct github_list list;
        struct github_job job;
        struct failure failure = {0};
        bool done;

        upstream_sample_script(sample, script, COUNT(script));
        done = github_runs(sample->github, "o/r", "queued", "", &list, &failure);
        assert_true(done == (rows[i].want == FAILURE_NONE));
        assert_int_equal(failure.kind, rows[i].want);
        github_list_fini(&list);
        /* A job may not. */
        assert_false(github_job_get(sample->github, "o/r", 55, &job, &failure));
        assert_int_equal(failure.kind, FAILURE_OVERSIZED);
        upstream_sample_script(sample, NULL, 0);
        free(body);
    }
}

static void
no_other_path_is_ever_asked_for(void **state)
{
    static const char *const rows[] = {"", "r", "o/..", "o/r/x", "o/r?x", "o/r#", "o/r%2f"};
    struct upstream_sample *sample = *state;
    struct github_list list;
    struct github_job job;
    struct failure failure;

    upstream_sample_script(sample, NULL, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_false(github_job_get(sample->github, rows[i], 5, &job, &failure));
        assert_int_equal(failure.kind, FAILURE_CONFIGURATION);
        assert_false(github_runs(sample->github, rows[i], "queued", "", &list, &failure));
        assert_int_equal(failure.kind, FAILURE_CONFIGURATION);
        assert_false(github_run_jobs(sample->github, rows[i], 5, "", &list, &failure));
        assert_int_equal(failure.kind, FAILURE_CONFIGURATION);
    }
    assert_int_equal(upstream_sample_requests(sample), 0);
}

int
main(void)
{
#define ON_SERVER(test) \
    cmocka_unit_test_setup_teardown(test, upstream_sample_start, upstream_sample_stop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_checked),
        ON_SERVER(a_job_is_read),
        ON_SERVER(failures_are_told),
        ON_SERVER(the_requests_of_lists),
        ON_SERVER(a_list_that_has_not_changed),
        ON_SERVER(etags_that_are_none),
        ON_SERVER(several_pages),
        ON_SERVER(pages_are_bounded),
        ON_SERVER(pages_may_be_long),
        ON_SERVER(no_other_path_is_ever_asked_for),
    };
    return cmocka_run_group_tests(tests, upstream_sample_group_start, upstream_sample_group_stop);
}
