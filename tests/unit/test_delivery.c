/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

static void
reads_every_field(void **state)
{
    (void)state;
    struct parsed outcome = parse(job_body);
    assert_int_equal(outcome.error, RH_OK);
    const struct rh_workflow_job *job = &outcome.delivery->job;

    assert_int_equal(outcome.delivery->event, RH_EVENT_WORKFLOW_JOB);
    assert_int_equal(outcome.delivery->hook_id, 0);
    assert_int_equal(job->action, RH_ACTION_QUEUED);
    assert_string_equal(job->action_text, "queued");
    assert_string_equal(job->status, "queued");
    assert_string_equal(job->conclusion, "");
    assert_int_equal(job->id, 45678901234);
    assert_int_equal(job->run_id, 16245678901);
    assert_int_equal(job->run_attempt, 2);
    assert_int_equal(job->created_at_s, 1769903999);
    assert_int_equal(job->runner_id, 0);
    assert_string_equal(job->name, "build (ubuntu, 18)");
    assert_string_equal(job->workflow_name, "CI");
    assert_string_equal(job->head_branch, "main");
    assert_string_equal(job->runner_name, "");
    assert_string_equal(job->html_url,
                        "https://github.com/octo-org/hello-world/actions/runs/1/job/2");
    assert_int_equal(job->labels.len, 2);
    assert_string_equal(job->labels.items[0], "self-hosted");
    assert_string_equal(job->labels.items[1], "linux");
    assert_false(job->labels_overflow);
    assert_string_equal(job->repository, "octo-org/hello-world");
    assert_string_equal(job->repository_short, "hello-world");
    assert_string_equal(job->repository_url, "https://github.com/octo-org/hello-world");
    assert_true(job->repository_fork);
    assert_true(job->repository_private);
    assert_int_equal(job->installation_id, 987654);
    rh_delivery_free(outcome.delivery);
}

static void
the_least_that_github_sends(void **state)
{
    (void)state;
    struct parsed outcome =
        parse("{\"action\":\"queued\",\"workflow_job\":{\"id\":1,\"run_id\":2,"
              "\"status\":\"queued\",\"labels\":[]},\"repository\":{\"full_name\":\"o/r\"}}");
    assert_int_equal(outcome.error, RH_OK);
    const struct rh_workflow_job *job = &outcome.delivery->job;

    assert_string_equal(job->conclusion, "");
    assert_int_equal(job->run_attempt, 0);
    assert_int_equal(job->created_at_s, 0);
    assert_int_equal(job->runner_id, 0);
    assert_string_equal(job->name, "");
    assert_string_equal(job->workflow_name, "");
    assert_string_equal(job->head_branch, "");
    assert_string_equal(job->runner_name, "");
    assert_string_equal(job->html_url, "");
    assert_int_equal(job->labels.len, 0);
    assert_string_equal(job->repository_short, "r");
    assert_string_equal(job->repository_url, "");
    assert_false(job->repository_fork);
    assert_false(job->repository_private);
    assert_int_equal(job->installation_id, 0);
    rh_delivery_free(outcome.delivery);
}

static void
required_fields(void **state)
{
    (void)state;
#define WHOLE " must be a whole number from 1 to 9007199254740991"
    static const struct {
        const char *path;
        const char *raw;
        const char *reason;
    } rows[] = {
        {"action", NULL, "action is missing"},
        {"action", "null", "action must be a string"},
        {"action", "1", "action must be a string"},
        {"action", "[\"queued\"]", "action must be a string"},
        {"workflow_job", NULL, "workflow_job is missing"},
        {"workflow_job", "null", "workflow_job must be an object"},
        {"workflow_job", "[]", "workflow_job must be an object"},
        {"workflow_job", "\"queued\"", "workflow_job must be an object"},
        {"workflow_job", "{}", "workflow_job.id is missing"},
        {"workflow_job.id", NULL, "workflow_job.id is missing"},
        {"workflow_job.id", "null", "workflow_job.id" WHOLE},
        {"workflow_job.id", "0", "workflow_job.id" WHOLE},
        {"workflow_job.id", "-0", "workflow_job.id" WHOLE},
        {"workflow_job.id", "-1", "workflow_job.id" WHOLE},
        {"workflow_job.id", "1.5", "workflow_job.id" WHOLE},
        {"workflow_job.id", "0.9999", "workflow_job.id" WHOLE},
        {"workflow_job.id", "1e-3", "workflow_job.id" WHOLE},
        {"workflow_job.id", "9007199254740992", "workflow_job.id" WHOLE},
        {"workflow_job.id", "9007199254740993", "workflow_job.id" WHOLE},
        {"workflow_job.id", "9223372036854775807", "workflow_job.id" WHOLE},
        {"workflow_job.id", "18446744073709551617", "workflow_job.id" WHOLE},
        {"workflow_job.id", "1e300", "workflow_job.id" WHOLE},
        {"workflow_job.id", "1e999", "workflow_job.id" WHOLE},
        {"workflow_job.id", "-1e999", "workflow_job.id" WHOLE},
        {"workflow_job.id", "\"7\"", "workflow_job.id" WHOLE},
        {"workflow_job.id", "\"\"", "workflow_job.id" WHOLE},
        {"workflow_job.id", "true", "workflow_job.id" WHOLE},
        {"workflow_job.id", "[7]", "workflow_job.id" WHOLE},
        {"workflow_job.id", "{\"id\":7}", "workflow_job.id" WHOLE},
        {"workflow_job.run_id", NULL, "workflow_job.run_id is missing"},
        {"workflow_job.run_id", "null", "workflow_job.run_id" WHOLE},
        {"workflow_job.run_id", "0", "workflow_job.run_id" WHOLE},
        {"workflow_job.run_id", "9007199254740992", "workflow_job.run_id" WHOLE},
        {"workflow_job.run_id", "\"16245678901\"", "workflow_job.run_id" WHOLE},
        {"workflow_job.status", NULL, "workflow_job.status is missing"},
        {"workflow_job.status", "null", "workflow_job.status must be a string"},
        {"workflow_job.status", "{}", "workflow_job.status must be a string"},
        {"workflow_job.labels", NULL, "workflow_job.labels is missing"},
        {"workflow_job.labels", "null", "workflow_job.labels must be an array of strings"},
        {"workflow_job.labels", "\"linux\"", "workflow_job.labels must be an array of strings"},
        {"workflow_job.labels", "{\"0\":\"linux\"}",
         "workflow_job.labels must be an array of strings"},
        {"workflow_job.labels", "[1]", "workflow_job.labels[0] must be a string"},
        {"workflow_job.labels", "[\"linux\",null]", "workflow_job.labels[1] must be a string"},
        {"workflow_job.labels", "[\"a\",\"\",[\"b\"]]", "workflow_job.labels[2] must be a string"},
        {"repository", NULL, "repository is missing"},
        {"repository", "null", "repository must be an object"},
        {"repository", "\"o/r\"", "repository must be an object"},
        {"repository.full_name", NULL, "repository.full_name is missing"},
        {"repository.full_name", "null", "repository.full_name must be a string"},
        {"repository.full_name", "7", "repository.full_name must be a string"},
    };
#undef WHOLE

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_with(rows[i].path, rows[i].raw);
        assert_row(outcome.error == RH_ERR_FIELD, rows[i].reason);
        assert_string_equal(outcome.reason.text, rows[i].reason);
    }
}

static void
ids_that_a_number_carries_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        int64_t want;
    } rows[] = {
        {"1", 1},
        {"1.0", 1},
        {"1e3", 1000},
        {"2147483648", INT64_C(2147483648)},
        {"999999999999999", INT64_C(999999999999999)},
        {"9007199254740990", RH_ID_MAX - 1},
        {"9007199254740991", RH_ID_MAX},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_with("workflow_job.id", rows[i].raw);
        assert_row(outcome.error == RH_OK, rows[i].raw);
        assert_row(outcome.delivery->job.id == rows[i].want, rows[i].raw);
        rh_delivery_free(outcome.delivery);
    }
}

static void
field_names_have_a_case(void **state)
{
    (void)state;
    struct parsed outcome =
        parse("{\"Action\":\"queued\",\"workflow_job\":{\"id\":1,\"run_id\":2,"
              "\"status\":\"queued\",\"labels\":[]},\"repository\":{\"full_name\":\"o/r\"}}");
    assert_int_equal(outcome.error, RH_ERR_FIELD);
    assert_string_equal(outcome.reason.text, "action is missing");
}

/* A detail for people must not cost a job its runner, whatever GitHub makes of it one day. */
static void
optional_fields_of_any_type_read_as_absent(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "workflow_job.name",
        "workflow_job.workflow_name",
        "workflow_job.head_branch",
        "workflow_job.runner_name",
        "workflow_job.html_url",
        "workflow_job.conclusion",
        "workflow_job.run_attempt",
        "workflow_job.runner_id",
        "workflow_job.created_at",
        "workflow_job.steps",
        "repository.html_url",
        "repository.fork",
        "repository.private",
        "installation.id",
        "installation",
        "sender",
    };
    static const char *const raws[] = {
        NULL, "null", "0", "-1", "1.5", "1e999", "{}", "[]", "[\"x\"]", "{\"id\":{}}", "\"\"",
    };

    for (size_t i = 0; i < COUNT(paths); i++) {
        for (size_t j = 0; j < COUNT(raws); j++) {
            struct parsed outcome = parse_with(paths[i], raws[j]);
            assert_row(outcome.error == RH_OK, paths[i]);
            const struct rh_workflow_job *job = &outcome.delivery->job;
            const struct {
                const char *path;
                bool absent;
            } rows[] = {
                {"workflow_job.name", *job->name == '\0'},
                {"workflow_job.workflow_name", *job->workflow_name == '\0'},
                {"workflow_job.head_branch", *job->head_branch == '\0'},
                {"workflow_job.runner_name", *job->runner_name == '\0'},
                {"workflow_job.html_url", *job->html_url == '\0'},
                {"workflow_job.conclusion", *job->conclusion == '\0'},
                {"workflow_job.run_attempt", job->run_attempt == 0},
                {"workflow_job.runner_id", job->runner_id == 0},
                {"workflow_job.created_at", job->created_at_s == 0},
                {"repository.html_url", *job->repository_url == '\0'},
                {"repository.fork", !job->repository_fork},
                {"repository.private", !job->repository_private},
                {"installation.id", job->installation_id == 0},
                {"installation", job->installation_id == 0},
            };
            for (size_t k = 0; k < COUNT(rows); k++)
                if (strcmp(rows[k].path, paths[i]) == 0)
                    assert_row(rows[k].absent, paths[i]);
            rh_delivery_free(outcome.delivery);
        }
    }
}

static void
runner_of_a_job_in_progress(void **state)
{
    (void)state;
    char *body = body_with("workflow_job.runner_id", "21");
    struct parsed outcome = parse(body);
    assert_int_equal(outcome.error, RH_OK);
    assert_int_equal(outcome.delivery->job.runner_id, 21);
    rh_delivery_free(outcome.delivery);
    free(body);

    outcome = parse_with("workflow_job.runner_name", "\"runhook-0a1b2c3d-1-1\"");
    assert_int_equal(outcome.error, RH_OK);
    assert_string_equal(outcome.delivery->job.runner_name, "runhook-0a1b2c3d-1-1");
    rh_delivery_free(outcome.delivery);
}

static void
actions(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        const char *text;
        enum rh_action want;
    } rows[] = {
        {"\"queued\"", "queued", RH_ACTION_QUEUED},
        {"\"waiting\"", "waiting", RH_ACTION_WAITING},
        {"\"in_progress\"", "in_progress", RH_ACTION_IN_PROGRESS},
        {"\"completed\"", "completed", RH_ACTION_COMPLETED},
        {"\"Queued\"", "Queued", RH_ACTION_OTHER},
        {"\"queued \"", "queued ", RH_ACTION_OTHER},
        {"\"queue\"", "queue", RH_ACTION_OTHER},
        {"\"queuedx\"", "queuedx", RH_ACTION_OTHER},
        {"\"reticulated\"", "reticulated", RH_ACTION_OTHER},
        {"\"\"", "", RH_ACTION_OTHER},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_with("action", rows[i].raw);
        assert_row(outcome.error == RH_OK, rows[i].raw);
        assert_row(outcome.delivery->job.action == rows[i].want, rows[i].raw);
        assert_string_equal(outcome.delivery->job.action_text, rows[i].text);
        rh_delivery_free(outcome.delivery);
    }
}

static void
repository_names_that_would_change_a_url(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "\"\"",     "\"o\"",      "\"o/../r\"",  "\"../../x\"",        "\"o/..\"",
        "\"./r\"",  "\"o/r/x\"",  "\"o/r?a=b\"", "\"o/r#\"",           "\"o/r%2f\"",
        "\"o/ r\"", "\"o/r\\n\"", "\"o\\\\r\"",  "\"o/\xe6\x97\xa5\"",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_with("repository.full_name", rows[i]);
        assert_row(outcome.error == RH_ERR_FIELD, rows[i]);
        assert_row(strstr(outcome.reason.text, "repository.full_name \"") == outcome.reason.text,
                   rows[i]);
        assert_row(strstr(outcome.reason.text, "is not owner/name of letters, digits, '.', '_' and "
                                               "'-'") != NULL,
                   rows[i]);
    }
}

static void
reasons_escape_and_cut_what_a_stranger_wrote(void **state)
{
    (void)state;
    struct parsed outcome =
        parse_with("repository.full_name", "\"a\\n\\u001b[31m\\\"\\\\\\u65e5\"");
    assert_int_equal(outcome.error, RH_ERR_FIELD);
    assert_string_equal(outcome.reason.text,
                        "repository.full_name \"a\\x0a\\x1b[31m\\\"\\\\\\xe6\\x97\\xa5\" is not "
                        "owner/name of letters, digits, '.', '_' and '-'");

    /* At every length around the cut, plain and in the middle of an escape. */
    for (size_t len = 60; len < 140; len++) {
        for (int kind = 0; kind < 3; kind++) {
            static const char *const units[] = {"x", "\xc3\xa9", "\\\""};
            char raw[512] = "\"/";
            for (size_t i = 0; i < len; i++)
                memcpy(raw + strlen(raw), units[kind], strlen(units[kind]) + 1);
            memcpy(raw + strlen(raw), "\"", 2);
            outcome = parse_with("repository.full_name", raw);
            assert_int_equal(outcome.error, RH_ERR_FIELD);
            assert_non_null(strstr(outcome.reason.text, "\" is not owner/name"));
            if (len >= 100)
                assert_non_null(strstr(outcome.reason.text, "...\" is not owner/name"));
        }
    }
}

static void
repository_urls(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        const char *want;
    } rows[] = {
        {"\"https://github.com/o/r\"", "https://github.com/o/r"},
        {"\"http://ghe.example:8080/o/r\"", "http://ghe.example:8080/o/r"},
        {"\"https://h/%20?a=b&c=(d)#e\"", "https://h/%20?a=b&c=(d)#e"},
        {"\"\"", ""},
        {"\"github.com/o/r\"", ""},
        {"\"//github.com/o/r\"", ""},
        {"\"HTTPS://github.com/o/r\"", ""},
        {"\"https:/github.com\"", ""},
        {"\"httpss://github.com\"", ""},
        {"\"ftp://github.com/o/r\"", ""},
        {"\"file:///etc/passwd\"", ""},
        {"\"javascript:alert(1)\"", ""},
        {"\" https://github.com/o/r\"", ""},
        {"\"https://github.com/o r\"", ""},
        {"\"https://github.com/o/r\\n\"", ""},
        {"\"https://github.com/\\t\"", ""},
        {"\"https://github.com/\\u007f\"", ""},
        {"\"https://github.com/'\"", ""},
        {"\"https://github.com/\\\"\"", ""},
        {"\"https://github.com/`id`\"", ""},
        {"\"https://github.com/\\\\\"", ""},
        {"\"https://github.com/<o>\"", ""},
        {"\"https://github.com/\\u65e5\"", ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_with("repository.html_url", rows[i].raw);
        assert_row(outcome.error == RH_OK, rows[i].raw);
        assert_string_equal(outcome.delivery->job.repository_url, rows[i].want);
        rh_delivery_free(outcome.delivery);

        outcome = parse_with("workflow_job.html_url", rows[i].raw);
        assert_row(outcome.error == RH_OK, rows[i].raw);
        assert_string_equal(outcome.delivery->job.html_url, rows[i].want);
        rh_delivery_free(outcome.delivery);
    }

    char raw[1024] = "\"https://";
    memset(raw + strlen(raw), 'x', 512 - strlen("https://"));
    raw[513] = '"';
    struct parsed outcome = parse_with("repository.html_url", raw);
    assert_int_equal(outcome.error, RH_OK);
    assert_int_equal(strlen(outcome.delivery->job.repository_url), 512);
    rh_delivery_free(outcome.delivery);
    memcpy(raw + 513, "x\"", 3);
    outcome = parse_with("repository.html_url", raw);
    assert_int_equal(outcome.error, RH_OK);
    assert_string_equal(outcome.delivery->job.repository_url, "");
    rh_delivery_free(outcome.delivery);
}

static void
labels_that_no_runner_can_have(void **state)
{
    (void)state;
    char longest[RH_LABEL_LEN_MAX + 16];
    char too_long[RH_LABEL_LEN_MAX + 16];
    (void)snprintf(longest, sizeof longest, "[\"%0*d\"]", RH_LABEL_LEN_MAX, 0);
    (void)snprintf(too_long, sizeof too_long, "[\"a\",\"%0*d\"]", RH_LABEL_LEN_MAX + 1, 0);
    const struct {
        const char *raw;
        size_t len;
        bool overflow;
    } rows[] = {
        {"[]", 0, false},
        {"[\"Linux\",\"linux\",\"LINUX\"]", 1, false},
        {"[\"\\u65e5\\u672c\"]", 1, false},
        {longest, 1, false},
        {too_long, 1, true},
        {"[\"\"]", 0, true},
        {"[\"a\",\"\"]", 1, true},
        {"[\"a\",\"b\\nc\"]", 1, true},
        {"[\"a\",\"\\u0007\"]", 1, true},
        {"[\"a\",\"\\u007f\",\"b\"]", 1, true},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_with("workflow_job.labels", rows[i].raw);
        assert_row(outcome.error == RH_OK, rows[i].raw);
        assert_row(outcome.delivery->job.labels.len == rows[i].len, rows[i].raw);
        assert_row(outcome.delivery->job.labels_overflow == rows[i].overflow, rows[i].raw);
        rh_delivery_free(outcome.delivery);
    }
}

static struct parsed
parse_labels(int count, int different)
{
    size_t cap = 32 * (size_t)count + 16;
    char *raw = malloc(cap);
    size_t len = 0;

    assert_non_null(raw);
    raw[len++] = '[';
    for (int i = 0; i < count; i++)
        len += (size_t)snprintf(raw + len, cap - len, "%s\"label-%d\"", i > 0 ? "," : "",
                                i % different);
    memcpy(raw + len, "]", 2);
    struct parsed outcome = parse_with("workflow_job.labels", raw);
    free(raw);
    return outcome;
}

static void
label_count_is_bounded(void **state)
{
    (void)state;
    static const struct {
        int count;
        int different;
        size_t len;
        bool overflow;
    } rows[] = {
        {RH_LABELS_MAX, RH_LABELS_MAX, RH_LABELS_MAX, false},
        {RH_LABELS_MAX + 1, RH_LABELS_MAX + 1, RH_LABELS_MAX, true},
        {10000, 10000, RH_LABELS_MAX, true},
        {10000, 1, 1, false},
        {10000, RH_LABELS_MAX, RH_LABELS_MAX, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_labels(rows[i].count, rows[i].different);
        assert_int_equal(outcome.error, RH_OK);
        assert_int_equal(outcome.delivery->job.labels.len, rows[i].len);
        assert_int_equal(outcome.delivery->job.labels_overflow, rows[i].overflow);
        rh_delivery_free(outcome.delivery);
    }
}

static void
long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x9a\x80"};

    for (size_t unit = 0; unit < COUNT(units); unit++) {
        size_t unit_len = strlen(units[unit]);
        for (size_t before = 0; before < 5; before++) {
            char raw[RH_TEXT_LEN_MAX + 64] = "\"";
            size_t len = 1;
            memset(raw + len, 'a', before);
            len += before;
            while (len - 1 <= RH_TEXT_LEN_MAX + 8) {
                memcpy(raw + len, units[unit], unit_len);
                len += unit_len;
            }
            memcpy(raw + len, "\"", 2);

            struct parsed outcome = parse_with("workflow_job.name", raw);
            assert_int_equal(outcome.error, RH_OK);
            const char *name = outcome.delivery->job.name;
            size_t want_len = before + (RH_TEXT_LEN_MAX - before) / unit_len * unit_len;
            assert_int_equal(strlen(name), want_len);
            assert_memory_equal(name, raw + 1, want_len);
            rh_delivery_free(outcome.delivery);
        }
    }
}

static void
a_text_of_the_greatest_length_is_whole(void **state)
{
    (void)state;
    char raw[RH_TEXT_LEN_MAX + 3];

    memset(raw, 'x', sizeof raw);
    raw[0] = '"';
    raw[RH_TEXT_LEN_MAX + 1] = '"';
    raw[RH_TEXT_LEN_MAX + 2] = '\0';
    struct parsed outcome = parse_with("workflow_job.head_branch", raw);
    assert_int_equal(outcome.error, RH_OK);
    assert_int_equal(strlen(outcome.delivery->job.head_branch), RH_TEXT_LEN_MAX);
    rh_delivery_free(outcome.delivery);
}

static void
the_body_says_which_event_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *hint;
        enum rh_error error;
        enum rh_event event;
    } rows[] = {
        {job_body, "workflow_job", RH_OK, RH_EVENT_WORKFLOW_JOB},
        {job_body, NULL, RH_OK, RH_EVENT_WORKFLOW_JOB},
        {job_body, "", RH_OK, RH_EVENT_WORKFLOW_JOB},
        {job_body, "push", RH_OK, RH_EVENT_WORKFLOW_JOB},
        {job_body, "ping", RH_OK, RH_EVENT_WORKFLOW_JOB},
        {"{\"zen\":\"x\",\"hook_id\":7}", "ping", RH_OK, RH_EVENT_PING},
        {"{\"zen\":\"x\",\"hook_id\":7}", NULL, RH_OK, RH_EVENT_PING},
        {"{\"zen\":\"x\",\"hook_id\":7,\"workflow_job\":null}", NULL, RH_OK, RH_EVENT_PING},
        {"{\"zen\":\"x\",\"hook_id\":7}", "push", RH_OK, RH_EVENT_PING},
        {"{\"zen\":\"x\",\"hook_id\":7,\"workflow_job\":{}}", "ping", RH_ERR_FIELD, 0},
        {"{\"zen\":\"x\",\"hook_id\":7}", "workflow_job", RH_ERR_FIELD, 0},
        {"{\"zen\":\"x\"}", "ping", RH_OK, RH_EVENT_OTHER},
        {"{\"hook_id\":7}", "ping", RH_OK, RH_EVENT_OTHER},
        {"{\"zen\":7,\"hook_id\":7}", "ping", RH_OK, RH_EVENT_OTHER},
        {"{\"zen\":\"x\",\"hook_id\":\"7\"}", "ping", RH_OK, RH_EVENT_OTHER},
        {"{\"zen\":\"x\",\"hook_id\":0}", "ping", RH_OK, RH_EVENT_OTHER},
        {"{\"workflow_run\":{},\"action\":\"requested\"}", "workflow_run", RH_OK, RH_EVENT_OTHER},
        {"{\"workflow_job\":[]}", "push", RH_OK, RH_EVENT_OTHER},
        {"{\"workflow_job\":[]}", "workflow_job", RH_ERR_FIELD, 0},
        {"{\"Workflow_Job\":{}}", "workflow_job", RH_ERR_FIELD, 0},
        {"{\"a\":{\"workflow_job\":{}}}", "workflow_job", RH_ERR_FIELD, 0},
        {"{}", "workflow_job", RH_ERR_FIELD, 0},
        {"{}", "workflow_jobs", RH_OK, RH_EVENT_OTHER},
        {"{}", NULL, RH_OK, RH_EVENT_OTHER},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome =
            parse_as(rows[i].body, strlen(rows[i].body), JSON_TYPE, rows[i].hint);
        assert_row(outcome.error == rows[i].error, rows[i].body);
        if (outcome.error == RH_OK) {
            const struct rh_delivery *delivery = outcome.delivery;
            assert_row(delivery->event == rows[i].event, rows[i].body);
            assert_row((delivery->hook_id == 7) == (rows[i].event == RH_EVENT_PING), rows[i].body);
            if (delivery->event != RH_EVENT_WORKFLOW_JOB) {
                assert_row(delivery->job.id == 0, rows[i].body);
                assert_row(delivery->job.name == NULL, rows[i].body);
                assert_row(delivery->job.repository == NULL, rows[i].body);
            }
        }
        rh_delivery_free(outcome.delivery);
    }
}

static void
null_is_freed_without_harm(void **state)
{
    (void)state;
    rh_delivery_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(the_least_that_github_sends),
        cmocka_unit_test(required_fields),
        cmocka_unit_test(ids_that_a_number_carries_exactly),
        cmocka_unit_test(field_names_have_a_case),
        cmocka_unit_test(optional_fields_of_any_type_read_as_absent),
        cmocka_unit_test(runner_of_a_job_in_progress),
        cmocka_unit_test(actions),
        cmocka_unit_test(repository_names_that_would_change_a_url),
        cmocka_unit_test(reasons_escape_and_cut_what_a_stranger_wrote),
        cmocka_unit_test(repository_urls),
        cmocka_unit_test(labels_that_no_runner_can_have),
        cmocka_unit_test(label_count_is_bounded),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(a_text_of_the_greatest_length_is_whole),
        cmocka_unit_test(the_body_says_which_event_it_is),
        cmocka_unit_test(null_is_freed_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
