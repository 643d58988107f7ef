/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upstream/nomad_job.h"
#include "upstream/nomad_job_read.h"
#include "upstream_sample.h"

#define ID "github-runner"
#define KEY "CHECK_0123456789abcdef"

static struct buffer
body_of(const char *text)
{
    struct buffer body = BUFFER_INIT(1 << 16);

    assert_true(buffer_add_text(&body, text));
    return body;
}

static void
durations_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds; /* -1: it is none */
    } rows[] = {
        {"4h", 14400},
        {"1h30m", 5400},
        {"90s", 90},
        {"0s", 0},
        {"1500ms", 1},
        {"1.5h", 5400},
        {"24h0m0s", 86400},
        {"3000000us", 3},
        {"2000000000ns", 2},
        {"999ms", 0},
        {"", -1},
        {"4", -1},
        {"h", -1},
        {"-4h", -1},
        {"+4h", -1},
        {"4 h", -1},
        {"4d", -1},
        {"1e3s", -1},
        {"0x10s", -1},
        {"infs", -1},
        {"nans", -1},
        {"1..5h", -1},
        {"4h ", -1},
        {"4hours", -1},
        {".h", -1},
        {"99999999999999999999h", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t seconds = 7;
        bool good = nomad_read_duration(rows[i].text, &seconds);

        assert_row(good == (rows[i].seconds >= 0), rows[i].text);
        assert_row(seconds == (good ? rows[i].seconds : 0), rows[i].text);
    }
}

static void
leaders_are_read(void **state)
{
    static const struct {
        const char *body;
        bool good, has;
    } rows[] = {{"\"10.0.0.1:4647\"", true, true},
                {"\"\"", true, false},
                {"", false, false},
                {"null", false, false},
                {"{}", false, false},
                {"\"x\" y", false, false},
                {"<html>", false, false}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = body_of(rows[i].body);
        struct failure failure;
        bool has = true;

        assert_row(nomad_read_leader(&body, &has, &failure) == rows[i].good, rows[i].body);
        assert_row(has == rows[i].has, rows[i].body);
        buffer_fini(&body);
    }
}

#define AGENT(version, server) \
    "{\"config\":{\"Version\":" version ",\"Server\":" server "},\"member\":{}}"
#define VERSION "{\"Version\":\"1.10.2\",\"VersionPrerelease\":\"\"}"

static void
agents_are_read(void **state)
{
    static const struct {
        const char *body, *version; /* NULL: it is none */
        bool is_server;
        int64_t job_gc_s;
    } rows[] = {
        {AGENT(VERSION, "{\"Enabled\":true,\"JobGCThreshold\":\"90m\"}"), "1.10.2", true, 5400},
        {AGENT(VERSION, "{\"Enabled\":true,\"JobGCThreshold\":\"\"}"), "1.10.2", true, -1},
        {AGENT(VERSION, "{\"Enabled\":true}"), "1.10.2", true, -1},
        {AGENT(VERSION, "{\"Enabled\":false,\"JobGCThreshold\":\"90m\"}"), "1.10.2", false, -1},
        {AGENT(VERSION, "null"), "1.10.2", false, -1},
        {AGENT("{\"Version\":\"1.11.0\",\"VersionPrerelease\":\"beta.1\"}", "null"),
         "1.11.0-beta.1", false, -1},
        {AGENT("{}", "null"), NULL, false, -1},
        {AGENT("\"1.2.3\"", "null"), NULL, false, -1},
        {AGENT(VERSION, "{\"Enabled\":true,\"JobGCThreshold\":\"soon\"}"), NULL, false, -1},
        {"{}", NULL, false, -1},
        {"[]", NULL, false, -1},
        {"", NULL, false, -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = body_of(rows[i].body);
        struct nomad_agent agent = {.is_server = true};
        struct failure failure = {0};
        bool good = nomad_read_agent(&body, &agent, &failure);

        assert_row(good == (rows[i].version != NULL), rows[i].body);
        assert_row(good || failure.kind == FAILURE_GARBAGE, rows[i].body);
        assert_row(strcmp(agent.version, good ? rows[i].version : "") == 0, rows[i].body);
        assert_row(agent.is_server == rows[i].is_server, rows[i].body);
        assert_row(agent.job_gc_s == rows[i].job_gc_s, rows[i].body);
        buffer_fini(&body);
    }
}

#define TOKEN(rest) "{\"AccessorID\":\"a\",\"SecretID\":\"s\",\"Name\":\"ci\"" rest "}"

static void
tokens_are_read(void **state)
{
    static const struct {
        const char *body;
        bool good, is_management;
        int64_t expires_at_ms;
    } rows[] = {
        {TOKEN(",\"Type\":\"client\""), true, false, 0},
        {TOKEN(",\"Type\":\"management\""), true, true, 0},
        {TOKEN(",\"Type\":\"client\",\"ExpirationTime\":null"), true, false, 0},
        {TOKEN(",\"Type\":\"client\",\"ExpirationTime\":\"2026-01-31T00:00:00.5Z\""), true, false,
         1769817600000},
        {TOKEN(",\"Type\":\"client\",\"ExpirationTime\":\"0001-01-01T00:00:00Z\""), true, false, 0},
        {TOKEN(",\"Type\":\"client\",\"ExpirationTime\":\"soon\""), false, false, 0},
        {TOKEN(",\"Type\":\"client\",\"ExpirationTime\":7"), false, false, 0},
        {TOKEN(""), false, false, 0},
        {"{\"Type\":\"client\"}", false, false, 0},
        {"null", false, false, 0},
        {"", false, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = body_of(rows[i].body);
        struct nomad_token token = {.is_off = true};
        struct failure failure;

        assert_row(nomad_read_token(&body, &token, &failure) == rows[i].good, rows[i].body);
        assert_row(!token.is_off && token.is_management == rows[i].is_management, rows[i].body);
        assert_row(token.expires_at_ms == rows[i].expires_at_ms, rows[i].body);
        assert_row(strcmp(token.name, rows[i].good ? "ci" : "") == 0, rows[i].body);
        buffer_fini(&body);
    }
}

#define JOB(rest) "{\"ID\":\"" ID "\",\"Type\":\"batch\",\"Stop\":false" rest "}"
#define PARAMETERS(payload, required, optional)                                 \
    ",\"ParameterizedJob\":{\"Payload\":" payload ",\"MetaRequired\":" required \
    ",\"MetaOptional\":" optional "}"

static void
jobs_are_read(void **state)
{
    static const struct {
        const char *body;
        bool good, is_parameterized;
        enum nomad_payload payload;
        size_t required, optional;
    } rows[] = {
        {JOB(""), true, false, NOMAD_PAYLOAD_OPTIONAL, 0, 0},
        {JOB(",\"ParameterizedJob\":null"), true, false, NOMAD_PAYLOAD_OPTIONAL, 0, 0},
        {JOB(PARAMETERS("\"required\"", "[\"A\",\"B\"]", "null")), true, true,
         NOMAD_PAYLOAD_REQUIRED, 2, 0},
        {JOB(PARAMETERS("\"forbidden\"", "null", "[\"C\"]")), true, true, NOMAD_PAYLOAD_FORBIDDEN,
         0, 1},
        {JOB(PARAMETERS("\"optional\"", "[]", "[]")), true, true, NOMAD_PAYLOAD_OPTIONAL, 0, 0},
        {JOB(PARAMETERS("\"\"", "null", "null")), true, true, NOMAD_PAYLOAD_OPTIONAL, 0, 0},
        {JOB(PARAMETERS("\"maybe\"", "null", "null")), false, false, NOMAD_PAYLOAD_OPTIONAL, 0, 0},
        {JOB(PARAMETERS("null", "null", "null")), false, false, NOMAD_PAYLOAD_OPTIONAL, 0, 0},
        {JOB(PARAMETERS("\"\"", "[7]", "null")), false, false, NOMAD_PAYLOAD_OPTIONAL, 0, 0},
        {JOB(PARAMETERS("\"\"", "[\"A\"]", "\"A\"")), false, false, NOMAD_PAYLOAD_OPTIONAL, 0, 0},
        {JOB(",\"ParameterizedJob\":true"), false, false, NOMAD_PAYLOAD_OPTIONAL, 0, 0},
        {"{\"ID\":\"other\",\"Type\":\"batch\",\"Stop\":false}", false, false, 0, 0, 0},
        {"{\"ID\":\"" ID "\",\"Stop\":false}", false, false, 0, 0, 0},
        {"{\"ID\":\"" ID "\",\"Type\":\"batch\"}", false, false, 0, 0, 0},
        {"[]", false, false, 0, 0, 0},
        {"", false, false, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = body_of(rows[i].body);
        struct nomad_job job;
        struct failure failure = {0};

        assert_row(nomad_read_job(&body, ID, &job, &failure) == rows[i].good, rows[i].body);
        assert_row(rows[i].good || failure.kind == FAILURE_GARBAGE, rows[i].body);
        assert_row(job.is_batch == rows[i].good, rows[i].body);
        assert_row(job.is_parameterized == rows[i].is_parameterized, rows[i].body);
        assert_row(job.payload == rows[i].payload, rows[i].body);
        assert_row(job.meta_required.len == rows[i].required, rows[i].body);
        assert_row(job.meta_optional.len == rows[i].optional, rows[i].body);
        nomad_job_fini(&job);
        buffer_fini(&body);
    }
}

#define NEVER "\"RestartPolicy\":{\"Attempts\":0,\"Mode\":\"fail\"}"
#define GROUPS(fields) JOB(",\"TaskGroups\":[{\"Name\":\"g\"," fields "}]")

static void
what_starts_again_is_read(void **state)
{
    static const struct {
        const char *body;
        bool restarts, reschedules, replaces;
    } rows[] = {
        {GROUPS(NEVER), false, false, false},
        {GROUPS("\"RestartPolicy\":{\"Attempts\":3,\"Mode\":\"fail\"}"), true, false, false},
        {GROUPS("\"RestartPolicy\":{\"Attempts\":0,\"Mode\":\"delay\"}"), true, false, false},
        {GROUPS(NEVER ",\"Tasks\":[{\"RestartPolicy\":{\"Attempts\":1,\"Mode\":\"fail\"}}]"), true,
         false, false},
        {GROUPS(NEVER ",\"Tasks\":[{\"Lifecycle\":{\"Hook\":\"poststop\"},\"RestartPolicy\":"
                      "{\"Attempts\":1,\"Mode\":\"fail\"}}]"),
         false, false, false},
        {GROUPS("\"ReschedulePolicy\":{\"Attempts\":0,\"Unlimited\":false}"), false, false, false},
        {GROUPS("\"ReschedulePolicy\":{\"Attempts\":1,\"Unlimited\":false}"), false, true, false},
        {GROUPS("\"ReschedulePolicy\":{\"Attempts\":0,\"Unlimited\":true}"), false, true, false},
        {GROUPS("\"Disconnect\":null,\"PreventRescheduleOnLost\":false"), false, false, true},
        {GROUPS("\"Disconnect\":{\"Replace\":null},\"PreventRescheduleOnLost\":false"), false,
         false, true},
        {GROUPS("\"Disconnect\":{\"Replace\":false},\"PreventRescheduleOnLost\":false"), false,
         false, false},
        {GROUPS("\"PreventRescheduleOnLost\":true"), false, false, false},
        {GROUPS("\"PreventRescheduleOnLost\":false"), false, false, true},
        {JOB(",\"TaskGroups\":null"), false, false, false},
        {JOB(",\"TaskGroups\":[7,\"x\"]"), false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = body_of(rows[i].body);
        struct nomad_job job;
        struct failure failure;

        assert_row(nomad_read_job(&body, ID, &job, &failure), rows[i].body);
        assert_row(strcmp(job.again.restart, rows[i].restarts ? "g" : "") == 0, rows[i].body);
        assert_row(strcmp(job.again.reschedule, rows[i].reschedules ? "g" : "") == 0, rows[i].body);
        assert_row(strcmp(job.again.replace, rows[i].replaces ? "g" : "") == 0, rows[i].body);
        nomad_job_fini(&job);
        buffer_fini(&body);
    }
}

static void
what_refuses_a_token(void **state)
{
    static const struct {
        struct sample_answer answer;
        bool good, is_off;
        enum failure_kind kind;
    } rows[] = {
        {{400, "ACL support disabled", NULL}, true, true, 0},
        {{500, "ACL support disabled", NULL}, true, true, 0},
        {{404, "ACL token not found", NULL}, false, false, FAILURE_UNAUTHORIZED},
        {{403, "Permission denied", NULL}, false, false, FAILURE_FORBIDDEN},
        {{404, "404 page not found", NULL}, false, false, FAILURE_GARBAGE},
    };
    struct upstream_sample *sample = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct nomad_token token;
        struct failure failure = {0};

        upstream_sample_script(sample, &rows[i].answer, 1);
        assert_row(nomad_token(sample->nomad, &token, &failure) == rows[i].good,
                   rows[i].answer.body);
        assert_row(token.is_off == rows[i].is_off, rows[i].answer.body);
        assert_row(rows[i].good || failure.kind == rows[i].kind, rows[i].answer.body);
        upstream_sample_asked(sample, 0, "GET /v1/acl/token/self?namespace=ci");
    }
}

static void
a_dispatch_is_tried(void **state)
{
    static const struct {
        struct sample_answer answer;
        bool may;
        bool made;
    } rows[] = {
        {{500, "Dispatch request included unpermitted metadata keys: [" KEY "]", NULL},
         true,
         false},
        {{500, "Payload is not provided but required by parameterized job", NULL}, true, false},
        {{200, "{\"DispatchedJobID\":\"" ID "/dispatch-1-a\",\"EvalID\":\"e\"}", NULL}, true, true},
        {{403, "Permission denied", NULL}, false, false},
        {{500, "parameterized job not found", NULL}, false, false},
        {{500, "No cluster leader", NULL}, false, false},
        {{500, "something else", NULL}, false, false},
        {{200, "{}", NULL}, false, false},
        {{200, "{\"DispatchedJobID\":\"\"}", NULL}, false, false},
        {{200, "{\"DispatchedJobID\":\"" ID "/dispatch-1-\\u001b[2J\"}", NULL}, false, false},
        {{200, "{\"DispatchedJobID\":\"" ID "/dispatch-1-\xe2\x80\xae\"}", NULL}, false, false},
        {{200, "{\"DispatchedJobID\":\"" ID "/dispatch-1-a b\"}", NULL}, false, false},
    };
    struct upstream_sample *sample = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct nomad_dispatched made;
        struct failure failure;

        upstream_sample_script(sample, &rows[i].answer, 1);
        assert_row(nomad_may_dispatch(sample->nomad, ID, KEY, &made, &failure) == rows[i].may,
                   rows[i].answer.body);
        assert_row((made.child != NULL) == rows[i].made, rows[i].answer.body);
        assert_int_equal(upstream_sample_requests(sample), 1);
        upstream_sample_asked(sample, 0, "POST /v1/job/" ID "/dispatch?namespace=ci");
        nomad_dispatched_fini(&made);
    }
}

static void
no_leader_is_told_either_way(void **state)
{
    static const struct sample_answer answers[] = {{500, "No cluster leader", NULL},
                                                   {200, "\"\"", NULL}};
    static const struct sample_answer other = {500, "rpc error: EOF", NULL};
    struct upstream_sample *sample = *state;
    struct failure failure;
    bool has = true;

    for (size_t i = 0; i < COUNT(answers); i++) {
        upstream_sample_script(sample, &answers[i], 1);
        assert_true(nomad_has_leader(sample->nomad, &has, &failure));
        assert_false(has);
    }
    upstream_sample_script(sample, &other, 1);
    assert_false(nomad_has_leader(sample->nomad, &has, &failure));
}

/* Cloudflare Access, say: Nomad's own 403 is plain text. */
static void
a_proxy_is_told_from_nomad(void **state)
{
    static const struct sample_answer page = {403, "\n<!DOCTYPE html><html>Forbidden</html>", NULL};
    static const struct sample_answer nomads = {403, "Permission denied", NULL};
    struct upstream_sample *sample = *state;
    struct failure failure;
    struct nomad_job job;

    upstream_sample_script(sample, &page, 1);
    assert_false(nomad_job(sample->nomad, ID, &job, &failure));
    assert_int_equal(failure.kind, FAILURE_FORBIDDEN);
    assert_non_null(strstr(failure.text.text, "what stands before Nomad forbids it (403: an HTML"));
    assert_non_null(strstr(failure.text.text, "cf_access_client_id"));
    upstream_sample_script(sample, &nomads, 1);
    assert_false(nomad_job(sample->nomad, ID, &job, &failure));
    assert_int_equal(failure.kind, FAILURE_FORBIDDEN);
    assert_non_null(strstr(failure.text.text, "the token needs read-job on " ID));
}

int
main(void)
{
#define ASKS(test) \
    cmocka_unit_test_setup_teardown(test, upstream_sample_start, upstream_sample_stop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read), cmocka_unit_test(leaders_are_read),
        cmocka_unit_test(agents_are_read),    cmocka_unit_test(tokens_are_read),
        cmocka_unit_test(jobs_are_read),      cmocka_unit_test(what_starts_again_is_read),
        ASKS(what_refuses_a_token),           ASKS(a_dispatch_is_tried),
        ASKS(no_leader_is_told_either_way),   ASKS(a_proxy_is_told_from_nomad),
    };
#undef ASKS

    return cmocka_run_group_tests(tests, upstream_sample_group_start, upstream_sample_group_stop);
}
