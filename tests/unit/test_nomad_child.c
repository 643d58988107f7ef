/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "upstream/nomad_child.h"
#include "upstream/nomad_read.h"
#include "upstream_sample.h"

#define ID "ci/runner/dispatch-1770000000-0a1b2c3d"
#define PATH_OF_ID "/v1/job/ci%2Frunner%2Fdispatch-1770000000-0a1b2c3d"

/* base64 of {"runner_name":"runhook-1"} */
#define PAYLOAD "eyJydW5uZXJfbmFtZSI6InJ1bmhvb2stMSJ9"

#define JOB(id, status, stop, more) "{\"ID\":" id ",\"Status\":" status ",\"Stop\":" stop more "}"
#define TOKEN(token) ",\"DispatchIdempotencyToken\":\"" token "\""
#define RUNNING JOB("\"" ID "\"", "\"running\"", "false", TOKEN("55.1"))

static struct buffer
body_of(const char *text)
{
    struct buffer body = BUFFER_INIT(1 << 20);

    assert_true(buffer_add_text(&body, text));
    return body;
}

static void
children_are_checked(void **state)
{
    static const struct {
        const char *body;
        enum nomad_status status;
        bool is_stopped;
        const char *runner_name;
        const char *idempotency_token;
    } good[] = {
        {RUNNING, NOMAD_RUNNING, false, NULL, "55.1"},
        {JOB("\"" ID "\"", "\"pending\"", "false", ""), NOMAD_PENDING, false, NULL, NULL},
        {JOB("\"" ID "\"", "\"dead\"", "true", ",\"Payload\":\"" PAYLOAD "\"" TOKEN("")),
         NOMAD_DEAD, true, "runhook-1", NULL},
        {JOB("\"" ID "\"", "\"dead\"", "true", ",\"Payload\":null"), NOMAD_DEAD, true, NULL, NULL},
        /* A payload of somebody else's. */
        {JOB("\"" ID "\"", "\"dead\"", "true", ",\"Payload\":\"\""), NOMAD_DEAD, true, NULL, NULL},
        {JOB("\"" ID "\"", "\"dead\"", "true", ",\"Payload\":\"e30\""), NOMAD_DEAD, true, NULL,
         NULL},
        {JOB("\"" ID "\"", "\"dead\"", "true", ",\"Payload\":\"e30=\""), NOMAD_DEAD, true, NULL,
         NULL},
        {JOB("\"" ID "\"", "\"dead\"", "true", ",\"Payload\":\"####\""), NOMAD_DEAD, true, NULL,
         NULL},
        {JOB("\"" ID "\"", "\"dead\"", "true", ",\"Payload\":[7]"), NOMAD_DEAD, true, NULL, NULL},
        {JOB("\"" ID "\"", "\"dead\"", "true", ",\"DispatchIdempotencyToken\":7"), NOMAD_DEAD, true,
         NULL, NULL},
    };
    static const char *const bad[] = {
        "",
        "<html>",
        "null",
        "[]",
        "{}",
        "[" RUNNING "]",
        RUNNING "x",
        JOB("\"other\"", "\"running\"", "false", ""),
        JOB("null", "\"running\"", "false", ""),
        JOB("\"" ID "\"", "null", "false", ""),
        JOB("\"" ID "\"", "7", "false", ""),
        JOB("\"" ID "\"", "\"\"", "false", ""),
        JOB("\"" ID "\"", "\"Running\"", "false", ""),
        JOB("\"" ID "\"", "\"gone\"", "false", ""),
        JOB("\"" ID "\"", "\"running\"", "null", ""),
        JOB("\"" ID "\"", "\"running\"", "0", ""),
        JOB("\"" ID "\"", "\"running\"", "\"false\"", ""),
        "{\"ID\":\"" ID "\",\"Status\":\"running\"}",
        "{\"ID\":\"" ID "\",\"Stop\":false}",
    };
    struct nomad_child child;
    struct failure failure;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct buffer body = body_of(good[i].body);

        assert_row(nomad_read_child(&body, ID, &child, &failure), good[i].body);
        assert_row(child.status == good[i].status, good[i].body);
        assert_row(child.is_stopped == good[i].is_stopped, good[i].body);
        assert_row((child.runner_name == NULL) == (good[i].runner_name == NULL), good[i].body);
        assert_row((child.idempotency_token == NULL) == (good[i].idempotency_token == NULL),
                   good[i].body);
        if (child.runner_name != NULL)
            assert_string_equal(child.runner_name, good[i].runner_name);
        if (child.idempotency_token != NULL)
            assert_string_equal(child.idempotency_token, good[i].idempotency_token);
        nomad_child_fini(&child);
        buffer_fini(&body);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct buffer body = body_of(bad[i]);

        assert_row(!nomad_read_child(&body, ID, &child, &failure), bad[i]);
        assert_row(failure.kind == FAILURE_GARBAGE, bad[i]);
        assert_row(child.runner_name == NULL && child.idempotency_token == NULL, bad[i]);
        buffer_fini(&body);
    }
}

#define STARTED(at) "\"TaskStates\":{\"runner\":{\"State\":\"x\",\"StartedAt\":" at "}}"
#define ALLOCATION(index, client, more)                                \
    "{\"ID\":\"a\",\"CreateIndex\":" index ",\"ClientStatus\":" client \
    ",\"DesiredStatus\":\"run\"," more "}"

static void
placements_are_counted(void **state)
{
    static const struct {
        const char *body;
        size_t allocations;
        int64_t started_at_ms;
    } good[] = {
        {"[]", 0, 0},
        {"[" ALLOCATION("5", "\"pending\"", "\"TaskStates\":null") "]", 1, 0},
        {"[" ALLOCATION("5", "\"pending\"", "\"TaskStates\":{}") "]", 1, 0},
        {"[" ALLOCATION("5", "\"running\"", STARTED("null")) "]", 1, 0},
        {"[" ALLOCATION("5", "\"running\"", STARTED("\"0001-01-01T00:00:00Z\"")) "]", 1, 0},
        {"[" ALLOCATION("5", "\"running\"", STARTED("\"2026-01-31T23:59:59.123456789Z\"")) "]", 1,
         1769903999000},
        {"[" ALLOCATION("5", "\"unknown\"", STARTED("\"2026-02-01T01:59:59+02:00\"")) "]", 1,
         1769903999000},
        {"[" ALLOCATION("5", "\"a new status\"", "\"TaskStates\":null") "]", 1, 0},
        {"[" ALLOCATION("5", "\"complete\"", STARTED("\"2026-01-31T23:59:59Z\"")) "]", 0, 0},
        {"[" ALLOCATION("5", "\"failed\"", STARTED("null")) "," ALLOCATION("6", "\"lost\"",
                                                                           STARTED("null")) "]",
         0, 0},
        /* The first of several tasks, and the last of several allocations, in any order. */
        {"[" ALLOCATION("5", "\"running\"",
                        "\"TaskStates\":{\"late\":{\"StartedAt\":\"2026-01-31T23:59:59Z\"},"
                        "\"first\":{\"StartedAt\":\"2026-01-31T23:59:50Z\"},"
                        "\"never\":{\"StartedAt\":null},\"odd\":{}}") "]",
         1, 1769903990000},
        {"[" ALLOCATION("9", "\"running\"", STARTED("\"2026-01-31T23:59:59Z\"")) "," ALLOCATION(
             "5", "\"unknown\"", STARTED("\"2026-01-31T20:00:00Z\"")) "]",
         2, 1769903999000},
        {"[" ALLOCATION("5", "\"unknown\"", STARTED("\"2026-01-31T20:00:00Z\"")) "," ALLOCATION(
             "9", "\"pending\"",
             STARTED("null")) "," ALLOCATION("10", "\"failed\"",
                                             STARTED("\"2026-01-31T22:00:00Z\"")) "]",
         2, 0},
        {"[{\"ClientStatus\":\"running\"}]", 1, 0},
        {"[" ALLOCATION("5", "\"running\"", "\"TaskStates\":7") "]", 1, 0},
    };
    static const char *const bad[] = {
        "",
        "<html>",
        "{}",
        "null",
        "[",
        "[] []",
        "[null]",
        "[7]",
        "[{}]",
        "[" ALLOCATION("5", "null", "\"TaskStates\":null") "]",
        "[" ALLOCATION("5", "7", "\"TaskStates\":null") "]",
        "[" ALLOCATION("5", "\"running\"", STARTED("\"soon\"")) "]",
        "[" ALLOCATION("5", "\"running\"", STARTED("\"\"")) "]",
        "[" ALLOCATION("5", "\"running\"", STARTED("7")) "]",
        "[" ALLOCATION("5", "\"running\"", STARTED("\"2026-01-31\"")) "]",
        "[" ALLOCATION("5", "\"running\"", STARTED("null")) ",{}]",
    };
    struct nomad_placement placement;
    struct failure failure;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct buffer body = body_of(good[i].body);

        assert_row(nomad_read_placement(&body, &placement, &failure), good[i].body);
        assert_row(placement.allocations == good[i].allocations, good[i].body);
        assert_row(placement.started_at_ms == good[i].started_at_ms, good[i].body);
        buffer_fini(&body);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct buffer body = body_of(bad[i]);

        assert_row(!nomad_read_placement(&body, &placement, &failure), bad[i]);
        assert_row(failure.kind == FAILURE_GARBAGE, bad[i]);
        assert_row(placement.allocations == 0 && placement.started_at_ms == 0, bad[i]);
        buffer_fini(&body);
    }
}

#define EVALUATION(index, status, failed)                                            \
    "{\"ID\":\"e\",\"CreateIndex\":5,\"ModifyIndex\":" index ",\"Status\":\"" status \
    "\",\"FailedTGAllocs\":" failed "}"
#define METRIC(metric) "[" EVALUATION("9", "complete", "{\"runner\":{" metric "}}") "]"
#define MEMORY "{\"runner\":{\"DimensionExhausted\":{\"memory\":2}}}"
#define DISK "{\"runner\":{\"DimensionExhausted\":{\"disk\":1}}}"

static void
reasons_of_no_placement(void **state)
{
    static const struct {
        const char *body;
        const char *want;
    } rows[] = {
        {"[]", ""},
        {"[" EVALUATION("9", "complete", "null") "]", ""},
        {"[" EVALUATION("9", "complete", "{}") "]", ""},
        {METRIC("\"NodesEvaluated\":2,\"NodesFiltered\":0,\"NodesAvailable\":{\"dc1\":2},"
                "\"ClassFiltered\":null,\"ConstraintFiltered\":null,\"NodesExhausted\":2,"
                "\"ClassExhausted\":{\"big\":2},\"DimensionExhausted\":{\"memory\":2},"
                "\"QuotaExhausted\":null,\"CoalescedFailures\":0"),
         "2 nodes: memory exhausted"},
        {METRIC("\"DimensionExhausted\":{\"cpu\":1,\"memory\":2}"),
         "1 node: cpu exhausted; 2 nodes: memory exhausted"},
        {METRIC("\"DimensionExhausted\":{\"memory exhausted\":1}"), "1 node: memory exhausted"},
        {METRIC("\"DimensionExhausted\":{\"network: reserved port collision http=80\":1}"),
         "1 node: network: reserved port collision http=80"},
        {METRIC("\"ConstraintFiltered\":{\"${attr.kernel.name} = linux\":3},"
                "\"NodesFiltered\":3,\"ClassFiltered\":{\"big\":3}"),
         "3 nodes: constraint ${attr.kernel.name} = linux filtered"},
        {METRIC("\"ConstraintFiltered\":{\"missing drivers\":2,\"computed class ineligible\":1}"),
         "2 nodes: missing drivers; 1 node: computed class ineligible"},
        {METRIC("\"ClassFiltered\":{\"big\":1},\"NodesFiltered\":1"), "1 node: class big filtered"},
        {METRIC("\"NodesFiltered\":4"), "4 nodes: filtered"},
        {METRIC("\"NodesExhausted\":2,\"ClassExhausted\":{\"big\":2}"),
         "2 nodes: resources exhausted in class big"},
        {METRIC("\"NodesExhausted\":2"), "2 nodes: resources exhausted"},
        {METRIC("\"NodesEvaluated\":0,\"NodesAvailable\":{\"dc1\":0}"), "no nodes in dc1"},
        {METRIC("\"NodesAvailable\":{},\"NodesInPool\":0,\"NodePool\":\"gpu\""),
         "no nodes in pool gpu"},
        {METRIC("\"NodesAvailable\":{\"dc1\":1},\"NodesInPool\":1,\"NodePool\":\"gpu\""),
         "no eligible nodes"},
        {METRIC(""), "no eligible nodes"},
        {METRIC("\"QuotaExhausted\":[\"memory exhausted (1 needed > 0 limit)\"]"),
         "quota: memory exhausted (1 needed > 0 limit)"},
        {"[" EVALUATION("9", "complete",
                        "{\"a\":{\"NodesExhausted\":1},\"b\":{\"NodesFiltered\":1}}") "]",
         "1 node: resources exhausted; 1 node: filtered"},
        /* The latest that came to a result, wherever it stands. */
        {"[" EVALUATION("9", "complete", MEMORY) "," EVALUATION("10", "complete", DISK) "]",
         "1 node: disk exhausted"},
        {"[" EVALUATION("10", "complete", DISK) "," EVALUATION("9", "complete", MEMORY) "]",
         "1 node: disk exhausted"},
        {"[" EVALUATION("9", "complete", MEMORY) "," EVALUATION("10", "complete", "null") "]", ""},
        {"[" EVALUATION("9", "complete", MEMORY) "," EVALUATION("10", "blocked", "null") "]",
         "2 nodes: memory exhausted"},
        {"[" EVALUATION("9", "complete", MEMORY) "," EVALUATION("10", "blocked", DISK) "]",
         "1 node: disk exhausted"},
        {"[" EVALUATION("9", "complete", MEMORY) "," EVALUATION("10", "pending", "null") "]",
         "2 nodes: memory exhausted"},
        {"[" EVALUATION("9", "complete", "null") "," EVALUATION("10", "canceled", MEMORY) "]", ""},
        {"[" EVALUATION("9", "failed", MEMORY) "]", "2 nodes: memory exhausted"},
        {"[" EVALUATION("9", "failed", "null") "]", ""},
        {"[" EVALUATION("9", "a new status", MEMORY) "]", ""},
        /* Texts that are not fit for a table, and numbers that are none. */
        {METRIC("\"DimensionExhausted\":{\"\\u001b[31mred\\n\\u202e\":1}"),
         "1 node: ?[31mred ? exhausted"},
        {METRIC("\"ConstraintFiltered\":{\"01234567890123456789012345678901234567890123456789"
                "01234567890123456789012345678901234567890123456789\":1}"),
         "1 node: constraint 01234567890123456789012345678901234567890123456789"
         "012345678901234567890123456789\xe2\x80\xa6 filtered"},
        {METRIC("\"DimensionExhausted\":{\"a\":0,\"b\":-1,\"c\":\"1\",\"d\":null,\"e\":1e300,"
                "\"f\":{}},\"NodesExhausted\":2"),
         "2 nodes: resources exhausted"},
        {METRIC("\"DimensionExhausted\":[1,2],\"ConstraintFiltered\":7,\"NodesAvailable\":[0],"
                "\"QuotaExhausted\":{\"a\":1},\"NodesExhausted\":\"2\",\"NodesFiltered\":1e99"),
         "no eligible nodes"},
        {"[" EVALUATION("9", "complete", "[7]") "]", ""},
        {"[" EVALUATION("9", "complete", "\"x\"") "]", ""},
        {"[" EVALUATION("9", "complete", "{\"runner\":null}") "]", ""},
    };
    static const char *const bad[] = {"",
                                      "<html>",
                                      "{}",
                                      "null",
                                      "[",
                                      "[null]",
                                      "[7]",
                                      "[{}]",
                                      "[{\"Status\":7}]",
                                      "[" EVALUATION("9", "complete", MEMORY) ",{}]"};
    char reason[NOMAD_REASON_CAP];
    struct failure failure;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = body_of(rows[i].body);

        assert_row(nomad_read_unplaced(&body, reason, &failure), rows[i].body);
        assert_string_equal(reason, rows[i].want);
        buffer_fini(&body);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct buffer body = body_of(bad[i]);

        assert_row(!nomad_read_unplaced(&body, reason, &failure), bad[i]);
        assert_row(failure.kind == FAILURE_GARBAGE, bad[i]);
        assert_string_equal(reason, "");
        buffer_fini(&body);
    }
}

/* However many words there are, what comes out is one short text, and whole characters. */
static void
long_reasons_are_cut(void **state)
{
    struct buffer body = BUFFER_INIT(1 << 20);
    char reason[NOMAD_REASON_CAP];
    struct failure failure;

    (void)state;
    (void)buffer_add_text(&body, "[{\"Status\":\"complete\",\"FailedTGAllocs\":{\"g\":{"
                                 "\"DimensionExhausted\":{");
    for (int i = 0; i < 1000; i++)
        (void)buffer_addf(&body, "%s\"%d\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\":1",
                          i == 0 ? "" : ",", i);
    assert_true(buffer_add_text(&body, "}}}}]"));
    assert_true(nomad_read_unplaced(&body, reason, &failure));
    assert_true(strlen(reason) >= NOMAD_REASON_CAP - 4 && strlen(reason) < NOMAD_REASON_CAP);
    assert_int_equal(
        strncmp(reason, "1 node: 0\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e exhausted; ", 30), 0);
    buffer_fini(&body);
}

static void
the_second_of_a_dispatch(void **state)
{
    static const struct {
        const char *id;
        int64_t want; /* -1: it is no child of ci/runner */
    } rows[] = {
        {ID, 1770000000},
        {"ci/runner/dispatch-1-x", 1},
        {"", -1},
        {"ci/runner", -1},
        {"ci/runner/", -1},
        {"ci/runner/dispatch-", -1},
        {"ci/runner/dispatch--x", -1},
        {"ci/runner/dispatch-1770000000", -1},
        {"ci/runner/dispatch-1770000000-", -1},
        {"ci/runner/dispatch-+1-x", -1},
        {"ci/runner/dispatch- 1-x", -1},
        {"ci/runner/dispatch-0x1-x", -1},
        {"ci/runner/dispatch-99999999999999999999999-x", -1},
        {"ci/runner/periodic-1770000000-x", -1},
        {"ci/runner2/dispatch-1770000000-x", -1},
        {"xci/runner/dispatch-1770000000-x", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t at_s = 7;

        assert_row(nomad_read_dispatched_at(rows[i].id, "ci/runner", &at_s) == (rows[i].want >= 0),
                   rows[i].id);
        assert_row(at_s == (rows[i].want >= 0 ? rows[i].want : 0), rows[i].id);
    }
}

static void
the_requests(void **state)
{
    static const struct sample_answer script[] = {
        {200, RUNNING, NULL},
        {200, "[" ALLOCATION("5", "\"pending\"", "\"TaskStates\":null") "]", NULL},
        {200, "[" EVALUATION("9", "complete", MEMORY) "]", NULL},
        {200, "{\"EvalID\":\"\",\"JobModifyIndex\":7}", NULL},
    };
    struct upstream_sample *sample = *state;
    struct nomad_placement placement;
    char reason[NOMAD_REASON_CAP];
    struct nomad_child child;
    struct failure failure;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(nomad_child(sample->nomad, ID, &child, &failure));
    assert_string_equal(child.idempotency_token, "55.1");
    nomad_child_fini(&child);
    nomad_child_fini(&child);
    assert_true(nomad_placement(sample->nomad, ID, &placement, &failure));
    assert_int_equal(placement.allocations, 1);
    assert_true(nomad_unplaced(sample->nomad, ID, reason, &failure));
    assert_string_equal(reason, "2 nodes: memory exhausted");
    assert_true(nomad_stop(sample->nomad, ID, &failure));
    upstream_sample_asked(sample, 0, "GET " PATH_OF_ID "?namespace=ci");
    upstream_sample_asked(sample, 1, "GET " PATH_OF_ID "/allocations?namespace=ci");
    upstream_sample_asked(sample, 2, "GET " PATH_OF_ID "/evaluations?namespace=ci");
    upstream_sample_asked(sample, 3, "DELETE " PATH_OF_ID "?namespace=ci");
    for (size_t i = 0; i < COUNT(script); i++) {
        assert_non_null(
            strstr(upstream_sample_request(sample, i), "\r\nX-Nomad-Token: nomad-secret\r\n"));
        assert_null(strstr(upstream_sample_request(sample, i), "Content-Type"));
    }
}

/* Each call once; false with `failure` set where it failed. */
static bool
call_child(struct nomad *nomad, struct failure *failure)
{
    struct nomad_child child;
    bool done = nomad_child(nomad, ID, &child, failure);

    assert_true(done || (child.runner_name == NULL && child.idempotency_token == NULL));
    nomad_child_fini(&child);
    return done;
}

static bool
call_placement(struct nomad *nomad, struct failure *failure)
{
    struct nomad_placement placement;

    return nomad_placement(nomad, ID, &placement, failure);
}

static bool
call_unplaced(struct nomad *nomad, struct failure *failure)
{
    char reason[NOMAD_REASON_CAP];

    return nomad_unplaced(nomad, ID, reason, failure);
}

static bool
call_stop(struct nomad *nomad, struct failure *failure)
{
    return nomad_stop(nomad, ID, failure);
}

static bool
call_find(struct nomad *nomad, struct failure *failure)
{
    char *child;
    bool done = nomad_find_child(nomad, "ci/runner", "55.1", "runhook-0a1b2c3d-55-1", 1770000000,
                                 1770000001, &child, failure);

    assert_null(child);
    return done;
}

static void
failures_are_told(void **state)
{
    static const struct {
        bool (*call)(struct nomad *nomad, struct failure *failure);
        const char *capability;
    } calls[] = {
        {call_child, "needs read-job on"},
        {call_placement, "needs read-job on"},
        {call_unplaced, "needs read-job on"},
        {call_stop, "needs submit-job (newest Nomad: deregister-job) on"},
        {call_find, "needs list-jobs on"},
    };
    static const struct {
        struct sample_answer answer;
        enum failure_kind want;
    } rows[] = {
        {{200, "", NULL}, FAILURE_GARBAGE},
        {{200, "<html>login</html>", NULL}, FAILURE_GARBAGE},
        {{200, "null", NULL}, FAILURE_GARBAGE},
        {{200, "7", NULL}, FAILURE_GARBAGE},
        {{200, "[{}]", NULL}, FAILURE_GARBAGE},
        {{200, "{}", NULL}, FAILURE_GARBAGE},
        {{204, "", NULL}, FAILURE_REJECTED},
        {{302, "", "Location: http://127.0.0.1:1/\r\n"}, FAILURE_REDIRECTED},
        {{400, "bad", NULL}, FAILURE_REJECTED},
        {{401, "", NULL}, FAILURE_UNAUTHORIZED},
        {{403, "Permission denied", NULL}, FAILURE_FORBIDDEN},
        {{404, "job not found", NULL}, FAILURE_NOT_FOUND},
        /* Not Nomad's words: it must not pass for a child's end. */
        {{404, "<html>nginx</html>", NULL}, FAILURE_GARBAGE},
        {{404, "", NULL}, FAILURE_GARBAGE},
        {{404, "default backend", NULL}, FAILURE_GARBAGE},
        {{429, "", NULL}, FAILURE_RATE_LIMITED},
        {{500, "No cluster leader", NULL}, FAILURE_SERVER},
        {{500, "parameterized job not found", NULL}, FAILURE_SERVER},
        {{500, "words", NULL}, FAILURE_SERVER},
        {{502, "<html>", NULL}, FAILURE_SERVER},
    };
    struct upstream_sample *sample = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t n = 0; n < COUNT(calls); n++) {
            struct failure failure = {0};

            upstream_sample_script(sample, &rows[i].answer, 1);
            assert_row(!calls[n].call(sample->nomad, &failure), rows[i].answer.body);
            if (failure.kind != rows[i].want)
                fail_msg("call %zu: %d %s: %s: %s", n, rows[i].answer.status, rows[i].answer.body,
                         failure_text(failure.kind), failure.text.text);
            assert_int_equal(failure.upstream, UPSTREAM_NOMAD);
            assert_null(strstr(failure.text.text, "nomad-secret"));
            if (rows[i].want == FAILURE_FORBIDDEN)
                assert_row(strstr(failure.text.text, calls[n].capability) != NULL,
                           failure.text.text);
            assert_int_equal(upstream_sample_requests(sample), 1);
        }
    }
}

#define STUB(second) "{\"ID\":\"ci/runner/dispatch-" second "-x\",\"ParentID\":\"ci/runner\"}"
/* base64 of {"runner_name":"runhook-0a1b2c3d-55-1"} */
#define OURS ",\"Payload\":\"eyJydW5uZXJfbmFtZSI6InJ1bmhvb2stMGExYjJjM2QtNTUtMSJ9\""
#define CHILD(second, token) \
    JOB("\"ci/runner/dispatch-" second "-x\"", "\"running\"", "false", TOKEN(token) OURS)
/* The same token of another receiver: its runner is not ours. */
#define OTHERS(second, token)                                          \
    JOB("\"ci/runner/dispatch-" second "-x\"", "\"running\"", "false", \
        TOKEN(token) ",\"Payload\":\"" PAYLOAD "\"")

static void
a_child_is_found_by_its_token(void **state)
{
    static const struct {
        const char *row;
        struct sample_answer script[5];
        size_t requests;
        enum failure_kind failure;
        const char *child;
    } rows[] = {
        {"none at all", {{200, "[]", NULL}}, 1, FAILURE_NONE, NULL},
        {"the first",
         {{200, "[" STUB("1769999999") "," STUB("1770000001") "]", NULL},
          {200, CHILD("1769999999", "55.1"), NULL}},
         2,
         FAILURE_NONE,
         "ci/runner/dispatch-1769999999-x"},
        {"the last",
         {{200, "[" STUB("1769999999") "," STUB("1770000001") "]", NULL},
          {200, CHILD("1769999999", "55.2"), NULL},
          {200, CHILD("1770000001", "55.1"), NULL}},
         3,
         FAILURE_NONE,
         "ci/runner/dispatch-1770000001-x"},
        {"another receiver's",
         {{200, "[" STUB("1769999999") "]", NULL}, {200, OTHERS("1769999999", "55.1"), NULL}},
         2,
         FAILURE_NONE,
         NULL},
        {"one without a runner",
         {{200, "[" STUB("1769999999") "]", NULL},
          {200, JOB("\"ci/runner/dispatch-1769999999-x\"", "\"running\"", "false", TOKEN("55.1")),
           NULL}},
         2,
         FAILURE_NONE,
         NULL},
        {"none of them",
         {{200, "[" STUB("1769999999") "," STUB("1770000001") "]", NULL},
          {200, CHILD("1769999999", "55.12"), NULL},
          {200, CHILD("1770000001", ""), NULL}},
         3,
         FAILURE_NONE,
         NULL},
        {"one is collected meanwhile",
         {{200, "[" STUB("1769999999") "," STUB("1770000001") "]", NULL},
          {404, "job not found", NULL},
          {200, CHILD("1770000001", "55.1"), NULL}},
         3,
         FAILURE_NONE,
         "ci/runner/dispatch-1770000001-x"},
        {"others are not asked for",
         {{200,
           "[" STUB("1769999998") "," STUB(
               "1770000002") ",{\"ID\":\"ci/runner\"},"
                             "{\"ID\":\"ci/runner2/dispatch-1770000000-x\"},{\"ID\":\"\"}]",
           NULL}},
         1,
         FAILURE_NONE,
         NULL},
        {"a nameless one", {{200, "[" STUB("1769999999") ",{}]", NULL}}, 1, FAILURE_GARBAGE, NULL},
        {"one cannot be read",
         {{200, "[" STUB("1769999999") "," STUB("1770000001") "]", NULL},
          {403, "Permission denied", NULL}},
         2,
         FAILURE_FORBIDDEN,
         NULL},
        {"one is garbage",
         {{200, "[" STUB("1769999999") "]", NULL}, {200, "{}", NULL}},
         2,
         FAILURE_GARBAGE,
         NULL},
    };
    struct upstream_sample *sample = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct failure failure = {0};
        char *child;
        bool done;

        upstream_sample_script(sample, rows[i].script, COUNT(rows[i].script));
        done = nomad_find_child(sample->nomad, "ci/runner", "55.1", "runhook-0a1b2c3d-55-1",
                                1769999999, 1770000001, &child, &failure);
        assert_row(done == (rows[i].failure == FAILURE_NONE), rows[i].row);
        assert_row(done || failure.kind == rows[i].failure, rows[i].row);
        assert_row((child == NULL) == (rows[i].child == NULL), rows[i].row);
        if (child != NULL)
            assert_string_equal(child, rows[i].child);
        free(child);
        assert_row(upstream_sample_requests(sample) == rows[i].requests, rows[i].row);
    }
}

/* The digits that all seconds of the time have in common narrow the list. */
static void
the_list_is_narrow(void **state)
{
    static const struct {
        int64_t from_s, to_s;
        const char *line;
    } rows[] = {
        {1770000000, 1770000059,
         "GET /v1/jobs?prefix=ci%2Frunner%2Fdispatch-17700000&namespace=ci"},
        {1770000000, 1770000000,
         "GET /v1/jobs?prefix=ci%2Frunner%2Fdispatch-1770000000&namespace=ci"},
        {1769999999, 1770000000, "GET /v1/jobs?prefix=ci%2Frunner%2Fdispatch-17&namespace=ci"},
        {999999999, 1000000000, "GET /v1/jobs?prefix=ci%2Frunner%2Fdispatch-&namespace=ci"},
        {0, 1770000000, "GET /v1/jobs?prefix=ci%2Frunner%2Fdispatch-&namespace=ci"},
    };
    static const struct sample_answer script[] = {{200, "[]", NULL}};
    struct upstream_sample *sample = *state;
    struct failure failure;
    char *child;

    for (size_t i = 0; i < COUNT(rows); i++) {
        upstream_sample_script(sample, script, COUNT(script));
        assert_true(nomad_find_child(sample->nomad, "ci/runner", "55.1", "runhook-0a1b2c3d-55-1",
                                     rows[i].from_s, rows[i].to_s, &child, &failure));
        assert_null(child);
        upstream_sample_asked(sample, 0, rows[i].line);
    }
}

static void
an_id_that_is_too_long(void **state)
{
    struct upstream_sample *sample = *state;
    struct nomad_child child;
    struct failure failure;
    char *id = calloc(1, 8192), *found;

    assert_non_null(id);
    memset(id, 'x', 8191);
    upstream_sample_script(sample, NULL, 0);
    assert_false(nomad_child(sample->nomad, id, &child, &failure));
    assert_int_equal(failure.kind, FAILURE_LOCAL);
    assert_false(nomad_stop(sample->nomad, id, &failure));
    assert_false(nomad_find_child(sample->nomad, id, "55.1", "r", 1, 2, &found, &failure));
    assert_int_equal(failure.kind, FAILURE_LOCAL);
    assert_int_equal(upstream_sample_requests(sample), 0);
    free(id);
}

/* -- What HTTP itself may hold ------------------------------------------------------------------
 */

static void
stop_fails(struct upstream_sample *sample, const struct sample_answer *answer,
           enum failure_kind kind, struct failure *failure)
{
    upstream_sample_script(sample, answer, 1);
    assert_false(nomad_stop(sample->nomad, ID, failure));
    assert_row(failure->kind == kind, failure->text.text);
}

/* libcurl calls it a bad argument, which was taken for our own failure. */
static void
a_header_that_is_none_is_the_upstreams_fault(void **state)
{
    static const struct sample_answer answer = {200, "{\"EvalID\":\"\"}", "no colon\rhere: x\r\n"};
    struct failure failure;

    stop_fails(*state, &answer, FAILURE_GARBAGE, &failure);
}

/* Milliseconds of such a time do not fit into 64 bits. */
static void
a_time_beyond_the_calendar_is_none(void **state)
{
    static const struct sample_answer answers[] = {
        {429, "", "Date: Sat, 31 Jan 2147483647 23:59:59 GMT\r\nRetry-After: 7\r\n"},
        {429, "",
         "X-RateLimit-Limit: 60\r\nX-RateLimit-Remaining: 0\r\n"
         "X-RateLimit-Reset: 9223372036854775\r\n"},
    };
    static const int64_t want_ms[] = {7000, -1};
    struct failure failure;

    for (size_t i = 0; i < COUNT(answers); i++) {
        stop_fails(*state, &answers[i], FAILURE_RATE_LIMITED, &failure);
        assert_int_equal(failure.retry_after_ms, want_ms[i]);
    }
}

/* The sanitizer saw libcurl read a header of the reply before, which was freed. */
static void
a_reply_that_begins_with_a_folded_line(void **state)
{
    static const struct sample_answer good = {200, "{\"EvalID\":\"\"}", NULL},
                                      folded = {200, "{\"EvalID\":\"\"}", " folded: x\r\n"};
    struct upstream_sample *sample = *state;
    struct failure failure;

    upstream_sample_script(sample, &good, 1);
    assert_true(nomad_stop(sample->nomad, ID, &failure));
    upstream_sample_script(sample, &folded, 1);
    (void)nomad_stop(sample->nomad, ID, &failure);
    upstream_sample_script(sample, &good, 1);
    assert_true(nomad_stop(sample->nomad, ID, &failure));
}

int
main(void)
{
#define ON_SERVER(test) \
    cmocka_unit_test_setup_teardown(test, upstream_sample_start, upstream_sample_stop)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_checked),
        cmocka_unit_test(placements_are_counted),
        cmocka_unit_test(reasons_of_no_placement),
        cmocka_unit_test(long_reasons_are_cut),
        cmocka_unit_test(the_second_of_a_dispatch),
        ON_SERVER(the_requests),
        ON_SERVER(a_header_that_is_none_is_the_upstreams_fault),
        ON_SERVER(a_time_beyond_the_calendar_is_none),
        ON_SERVER(a_reply_that_begins_with_a_folded_line),
        ON_SERVER(failures_are_told),
        ON_SERVER(a_child_is_found_by_its_token),
        ON_SERVER(the_list_is_narrow),
        ON_SERVER(an_id_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, upstream_sample_group_start, upstream_sample_group_stop);
}
