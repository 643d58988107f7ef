/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "serve/answer.h"

static const struct {
    enum outcome outcome;
    int http_status;
    const char *status_line;
    const char *text;
} outcomes[] = {
    {OUTCOME_ACCEPTED, 202, "Status: 202 Accepted\r\n", "accepted"},
    {OUTCOME_DUPLICATE, 200, "Status: 200 OK\r\n", "duplicate"},
    {OUTCOME_IGNORED, 200, "Status: 200 OK\r\n", "ignored"},
    {OUTCOME_PONG, 200, "Status: 200 OK\r\n", "pong"},
    {OUTCOME_OK, 200, "Status: 200 OK\r\n", "ok"},
    {OUTCOME_REFUSED, 403, "Status: 403 Forbidden\r\n", "refused"},
    {OUTCOME_INVALID, 400, "Status: 400 Bad Request\r\n", "invalid"},
    {OUTCOME_TOO_LARGE, 413, "Status: 413 Content Too Large\r\n", "invalid"},
    {OUTCOME_UNSUPPORTED_TYPE, 415, "Status: 415 Unsupported Media Type\r\n", "invalid"},
    {OUTCOME_METHOD, 405, "Status: 405 Method Not Allowed\r\n", "invalid"},
    {OUTCOME_FORBIDDEN, 403, "Status: 403 Forbidden\r\n", "refused"},
    {OUTCOME_UNAVAILABLE, 503, "Status: 503 Service Unavailable\r\n", "unavailable"},
};

/* The body of a rendered answer, whose headers must be whole and say its length. */
static const char *
body_of(const struct buffer *out)
{
    const char *body = strstr(buffer_text(out), "\r\n\r\n");
    char length[64];

    assert_non_null(body);
    body += 4;
    (void)snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", strlen(body));
    assert_non_null(strstr(buffer_text(out), length));
    assert_non_null(strstr(buffer_text(out), "\r\nContent-Type: application/json\r\n"));
    assert_int_equal(body[strlen(body) - 1], '\n');
    return body;
}

static void
every_outcome(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(outcomes); i++) {
        struct answer answer = {.outcome = outcomes[i].outcome};
        struct buffer out = BUFFER_INIT(4096);
        char want[64];

        assert_int_equal(answer_http_status(outcomes[i].outcome), outcomes[i].http_status);
        assert_string_equal(answer_status_text(outcomes[i].outcome), outcomes[i].text);
        assert_true(answer_render(&answer, &out));
        assert_memory_equal(buffer_text(&out), outcomes[i].status_line,
                            strlen(outcomes[i].status_line));
        (void)snprintf(want, sizeof want, "{\"status\":\"%s\"}\n", outcomes[i].text);
        assert_string_equal(body_of(&out), want);
        assert_int_equal(strstr(buffer_text(&out), "\r\nAllow: POST\r\n") != NULL,
                         outcomes[i].http_status == 405);
        assert_int_equal(strstr(buffer_text(&out), "\r\nRetry-After: ") != NULL,
                         outcomes[i].http_status == 503);
        buffer_fini(&out);
    }
}

static void
members_in_order(void **state)
{
    (void)state;
    struct answer answer = {.job_id = (INT64_C(1) << 53) - 1, .pool = "linux"};
    struct buffer out = BUFFER_INIT(4096);

    answer_set(&answer, OUTCOME_DUPLICATE, "the job is known already: %s", "queued");
    assert_true(answer_render(&answer, &out));
    assert_string_equal(body_of(&out),
                        "{\"status\":\"duplicate\",\"reason\":\"the job is known already: queued\","
                        "\"job_id\":9007199254740991,\"pool\":\"linux\"}\n");
    buffer_fini(&out);
}

/* A reason may quote what somebody sent: it must neither end the JSON nor a header. */
static void
a_reason_is_data(void **state)
{
    (void)state;
    static const char *const reasons[] = {"\"}{\"", "a\r\nSet-Cookie: x\r\n\r\n", "\\", "日本",
                                          "<"};

    for (size_t i = 0; i < COUNT(reasons); i++) {
        struct answer answer = {0};
        struct buffer out = BUFFER_INIT(4096);
        cJSON *json;

        answer_set(&answer, OUTCOME_INVALID, "%s", reasons[i]);
        assert_true(answer_render(&answer, &out));
        json = cJSON_Parse(body_of(&out));
        assert_non_null(json);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "reason")),
                            reasons[i]);
        assert_null(strstr(buffer_text(&out), "\nSet-Cookie"));
        cJSON_Delete(json);
        buffer_fini(&out);
    }
}

static void
a_long_reason_is_cut(void **state)
{
    (void)state;
    char reason[2000];
    struct answer answer = {0};

    memset(reason, 'x', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    answer_set(&answer, OUTCOME_INVALID, "%s", reason);
    assert_int_equal(strlen(answer.reason), ANSWER_REASON_CAP - 1);
}

static void
a_long_reason_is_cut_between_characters(void **state)
{
    (void)state;
    char reason[601] = "";
    struct answer answer = {0};

    for (size_t i = 0; i + 1 < sizeof reason; i += 2)
        memcpy(reason + i, "é", 3);
    answer_set(&answer, OUTCOME_INVALID, "%s", reason);
    assert_int_equal(strlen(answer.reason), ANSWER_REASON_CAP - 2);
}

static void
a_page_stands_in_the_place_of_the_json(void **state)
{
    struct answer answer = {.outcome = OUTCOME_OK,
                            .page = {.content_type = "text/plain; charset=utf-8",
                                     .headers = "X-One: 1\r\nX-Two: 2\r\n",
                                     .body = BUFFER_INIT(ANSWER_PAGE_MAX)}};
    struct buffer out = BUFFER_INIT(ANSWER_RESPONSE_MAX);

    (void)state;
    assert_true(buffer_add(&answer.page.body, "a\0b", 3));
    assert_true(answer_render(&answer, &out));
    assert_non_null(strstr(buffer_text(&out), "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(buffer_text(&out), "\r\nContent-Length: 3\r\n"));
    assert_non_null(strstr(buffer_text(&out), "\r\nX-One: 1\r\nX-Two: 2\r\n\r\na"));
    assert_memory_equal(buffer_text(&out) + out.len - 4, "\na\0b", 4);
    buffer_fini(&out);

    answer.head_only = true;
    out = BUFFER_INIT(ANSWER_RESPONSE_MAX);
    assert_true(answer_render(&answer, &out));
    assert_non_null(strstr(buffer_text(&out), "\r\nContent-Length: 3\r\n"));
    assert_memory_equal(buffer_text(&out) + out.len - 4, "\r\n\r\n", 4);
    buffer_fini(&out);
    answer_fini(&answer);
}

/* Half a page would be taken for a whole one. */
static void
a_page_that_did_not_fit_is_not_sent(void **state)
{
    struct answer answer = {.outcome = OUTCOME_OK,
                            .page = {.content_type = "text/plain", .body = BUFFER_INIT(2)}};
    struct buffer out = BUFFER_INIT(ANSWER_RESPONSE_MAX);

    (void)state;
    assert_false(buffer_add_text(&answer.page.body, "abc"));
    assert_false(answer_render(&answer, &out));
    buffer_fini(&out);
    answer_fini(&answer);
}

static void
head_has_the_headers_alone(void **state)
{
    (void)state;
    struct answer get = {.outcome = OUTCOME_OK}, head = {.outcome = OUTCOME_OK, .head_only = true};
    struct buffer with_body = BUFFER_INIT(4096), without = BUFFER_INIT(4096);

    assert_true(answer_render(&get, &with_body));
    assert_true(answer_render(&head, &without));
    assert_memory_equal(buffer_text(&without), buffer_text(&with_body), without.len);
    assert_string_equal(buffer_text(&without) + without.len - 4, "\r\n\r\n");
    assert_int_equal(without.len + strlen(body_of(&with_body)), with_body.len);
    buffer_fini(&with_body);
    buffer_fini(&without);
}

static void
no_room_is_told(void **state)
{
    (void)state;
    struct answer answer = {.outcome = OUTCOME_OK};
    struct buffer out = BUFFER_INIT(40);

    assert_false(answer_render(&answer, &out));
    buffer_fini(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome),
        cmocka_unit_test(members_in_order),
        cmocka_unit_test(a_reason_is_data),
        cmocka_unit_test(a_long_reason_is_cut),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
        cmocka_unit_test(a_page_stands_in_the_place_of_the_json),
        cmocka_unit_test(a_page_that_did_not_fit_is_not_sent),
        cmocka_unit_test(head_has_the_headers_alone),
        cmocka_unit_test(no_room_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
