/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "config/place.h"
#include "upstream/github_delivery.h"
#include "upstream_sample.h"

#define PLACE "repos/o/r"
#define LIST "/" PLACE "/hooks/488120366/deliveries"

/* 2026-01-31T23:59:59Z */
#define AT_MS INT64_C(1769903999000)

static const struct github_sender sender = {.place = PLACE, .id = 488120366};

/* An item of docs.github.com, "List deliveries for a repository webhook". */
#define ITEM(id, guid, at)                                                                   \
    "{\"id\":" id ",\"guid\":\"" guid "\",\"delivered_at\":\"" at "\",\"redelivery\":false," \
    "\"duration\":0.27,\"status\":\"issue\",\"status_code\":502,\"event\":\"workflow_job\"," \
    "\"action\":\"queued\",\"installation_id\":123,\"repository_id\":9007199254740991,"      \
    "\"throttled_at\":null}"
#define ONE ITEM("176001234567", "0b989ba4-242f-11e5-81e1-c7b6966d2516", "2026-01-31T23:59:59.123Z")

static bool
read_text(const char *text, struct github_delivery *delivery)
{
    cJSON *json = cJSON_Parse(text);
    bool done;

    assert_non_null(json);
    done = github_delivery_read(json, delivery);
    cJSON_Delete(json);
    return done;
}

static void
a_word_is_cut_between_characters(void **state)
{
    struct github_delivery delivery;
    char text[512];

    (void)state;
    (void)snprintf(text, sizeof text,
                   "{\"id\":1,\"guid\":\"a\",\"delivered_at\":\"2026-01-31T23:59:59Z\","
                   "\"event\":\"%046d\xc3\xa9\"}",
                   0);
    assert_true(read_text(text, &delivery));
    assert_int_equal(strlen(delivery.event), 46);
}

static void
an_item_is_read(void **state)
{
    struct github_delivery delivery;

    (void)state;
    assert_true(read_text(ONE, &delivery));
    assert_true(delivery.id == INT64_C(176001234567));
    assert_string_equal(delivery.guid, "0b989ba4-242f-11e5-81e1-c7b6966d2516");
    assert_true(delivery.delivered_at_ms == AT_MS + 123);
    assert_false(delivery.is_redelivery);
    assert_int_equal(delivery.status_code, 502);
    assert_string_equal(delivery.event, "workflow_job");
    assert_string_equal(delivery.action, "queued");
    assert_true(delivery.repository_id == INT64_C(9007199254740991));
    assert_int_equal(delivery.installation_id, 123);
}

static void
what_may_be_missing(void **state)
{
    static const struct {
        const char *text;
        int64_t at_ms;
        int64_t status;
    } rows[] = {
        {"{\"id\":1,\"guid\":\"a\",\"delivered_at\":\"2026-01-31T23:59:59Z\",\"redelivery\":true}",
         AT_MS, 0},
        {"{\"id\":1,\"guid\":\"a\",\"delivered_at\":\"2026-01-31T23:59:59.5Z\",\"redelivery\":true,"
         "\"status_code\":null,\"action\":null,\"event\":null,\"repository_id\":null}",
         AT_MS + 500, 0},
        {"{\"id\":1,\"guid\":\"a\",\"delivered_at\":\"2026-01-31T23:59:59.987654Z\","
         "\"redelivery\":true,\"status_code\":0}",
         AT_MS + 987, 0},
        {"{\"id\":1,\"guid\":\"a\",\"delivered_at\":\"2026-02-01T00:59:59.01+01:00\","
         "\"redelivery\":true,\"status_code\":999}",
         AT_MS + 10, 999},
    };
    struct github_delivery delivery;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_row(read_text(rows[i].text, &delivery), rows[i].text);
        assert_row(delivery.delivered_at_ms == rows[i].at_ms, rows[i].text);
        assert_row(delivery.status_code == rows[i].status, rows[i].text);
        assert_row(delivery.is_redelivery, rows[i].text);
        assert_row(delivery.event[0] == '\0' && delivery.action[0] == '\0', rows[i].text);
    }
}

static void
what_is_no_delivery(void **state)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        "{\"id\":0,\"guid\":\"a\",\"delivered_at\":\"2026-01-31T23:59:59Z\"}",
        "{\"id\":1.5,\"guid\":\"a\",\"delivered_at\":\"2026-01-31T23:59:59Z\"}",
        "{\"id\":\"1\",\"guid\":\"a\",\"delivered_at\":\"2026-01-31T23:59:59Z\"}",
        "{\"guid\":\"a\",\"delivered_at\":\"2026-01-31T23:59:59Z\"}",
        "{\"id\":1,\"delivered_at\":\"2026-01-31T23:59:59Z\"}",
        "{\"id\":1,\"guid\":\"\",\"delivered_at\":\"2026-01-31T23:59:59Z\"}",
        "{\"id\":1,\"guid\":\"a b\",\"delivered_at\":\"2026-01-31T23:59:59Z\"}",
        "{\"id\":1,\"guid\":\"a\\n\",\"delivered_at\":\"2026-01-31T23:59:59Z\"}",
        "{\"id\":1,\"guid\":7,\"delivered_at\":\"2026-01-31T23:59:59Z\"}",
        "{\"id\":1,\"guid\":\"a\"}",
        "{\"id\":1,\"guid\":\"a\",\"delivered_at\":\"yesterday\"}",
        "{\"id\":1,\"guid\":\"a\",\"delivered_at\":1769903999}",
        "{\"id\":1,\"guid\":\"01234567890123456789012345678901234567890123456789012345678901234\","
        "\"delivered_at\":\"2026-01-31T23:59:59Z\"}",
    };
    struct github_delivery delivery;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(!read_text(rows[i], &delivery), rows[i]);
}

/* What was visited. */
struct seen {
    int64_t ids[8];
    size_t len, enough;
};

static bool
visit(const struct github_delivery *delivery, void *arg)
{
    struct seen *seen = arg;

    assert_true(seen->len < COUNT(seen->ids));
    seen->ids[seen->len++] = delivery->id;
    return seen->len != seen->enough;
}

#define NEXT(query) "Link: <https://api.github.com/whatever?" query ">; rel=\"next\"\r\n"

static void
pages_are_followed_by_their_cursor(void **state)
{
    static const struct sample_answer script[] = {
        {200,
         "[" ITEM("3", "c", "2026-01-31T23:59:59Z") "," ITEM("2", "b", "2026-01-31T23:59:58Z") "]",
         NEXT("per_page=100&cursor=v1_2")},
        {200, "[" ITEM("1", "a", "2026-01-31T23:59:57Z") "]", NULL}};
    struct upstream_sample *sample = *state;
    struct seen seen = {.len = 0};
    struct failure failure;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_deliveries(sample->github, &sender, 0, visit, &seen, &failure));
    assert_int_equal(seen.len, 3);
    assert_int_equal(seen.ids[2], 1);
    upstream_sample_asked(sample, 0, "GET " LIST "?per_page=100");
    upstream_sample_asked(sample, 1, "GET " LIST "?per_page=100&cursor=v1_2");
    assert_int_equal(upstream_sample_requests(sample), 2);
}

static void
the_list_ends_at_a_time(void **state)
{
    static const struct sample_answer script[] = {
        {200,
         "[" ITEM("3", "c", "2026-01-31T23:59:59.000Z") "," ITEM("2", "b",
                                                                 "2026-01-31T23:59:58.999Z") "]",
         NEXT("per_page=100&cursor=v1_2")}};
    struct upstream_sample *sample = *state;
    struct seen seen = {.len = 0};
    struct failure failure;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_deliveries(sample->github, &sender, AT_MS, visit, &seen, &failure));
    assert_int_equal(seen.len, 1);
    assert_int_equal(upstream_sample_requests(sample), 1);
}

static void
a_visitor_has_enough(void **state)
{
    static const struct sample_answer script[] = {{200, "[" ONE "," ONE "]", NEXT("cursor=x")}};
    struct upstream_sample *sample = *state;
    struct seen seen = {.enough = 1};
    struct failure failure;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_deliveries(sample->github, &sender, 0, visit, &seen, &failure));
    assert_int_equal(seen.len, 1);
    assert_int_equal(upstream_sample_requests(sample), 1);
}

static const struct {
    struct sample_answer answer;
    enum failure_kind want;
    bool is_apis_word;
    const char *words;
} refusals[] = {
    {{404, "{\"message\":\"Not Found\"}", NULL}, FAILURE_NOT_FOUND, true, "o/r"},
    {{404, "<html>nginx</html>", NULL}, FAILURE_NOT_FOUND, false, "o/r"},
    {{403, "{\"message\":\"Resource not accessible by personal access token\"}", NULL},
     FAILURE_FORBIDDEN,
     true,
     "webhooks (write) of o/r"},
    {{401, "{\"message\":\"Bad credentials\"}", NULL}, FAILURE_UNAUTHORIZED, true, "token"},
    {{403, "{}", "X-RateLimit-Remaining: 0\r\n"}, FAILURE_RATE_LIMITED, false, "rate limit"},
    {{502, "<html>", NULL}, FAILURE_SERVER, false, "502"},
};

static void
check_refusal(const struct failure *failure, size_t i)
{
    if (failure->kind != refusals[i].want || failure->is_apis_word != refusals[i].is_apis_word ||
        strstr(failure->text.text, refusals[i].words) == NULL)
        fail_msg("row %zu: %s: %s", i, failure_text(failure->kind), failure->text.text);
    assert_null(strstr(failure->text.text, "ghp_secret"));
}

static void
a_list_that_fails(void **state)
{
    static const char *const garbage[] = {"", "{}", "[1]", "[{}]", "<html>"};
    struct upstream_sample *sample = *state;
    struct seen seen = {.len = 0};
    struct failure failure;

    for (size_t i = 0; i < COUNT(refusals); i++) {
        upstream_sample_script(sample, &refusals[i].answer, 1);
        assert_false(github_deliveries(sample->github, &sender, 0, visit, &seen, &failure));
        check_refusal(&failure, i);
    }
    for (size_t i = 0; i < COUNT(garbage); i++) {
        const struct sample_answer answer = {200, garbage[i], NULL};

        upstream_sample_script(sample, &answer, 1);
        assert_row(!github_deliveries(sample->github, &sender, 0, visit, &seen, &failure),
                   garbage[i]);
        assert_row(failure.kind == FAILURE_GARBAGE, garbage[i]);
    }
    assert_int_equal(seen.len, 0);
}

static void
one_is_asked_for_again(void **state)
{
    static const struct sample_answer accepted[] = {{202, "{}", NULL}};
    struct upstream_sample *sample = *state;
    struct failure failure;

    upstream_sample_script(sample, accepted, COUNT(accepted));
    assert_true(github_redeliver(sample->github, &sender, INT64_C(176001234567), &failure));
    upstream_sample_asked(sample, 0, "POST " LIST "/176001234567/attempts");
    for (size_t i = 0; i < COUNT(refusals); i++) {
        upstream_sample_script(sample, &refusals[i].answer, 1);
        assert_false(github_redeliver(sample->github, &sender, 1, &failure));
        check_refusal(&failure, i);
    }
}

static void
of_an_organization(void **state)
{
    static const struct sample_answer script[] = {{200, "[]", NULL}, {202, "{}", NULL}};
    static const struct github_sender organization = {.place = "orgs/octo-org", .id = 5};
    struct upstream_sample *sample = *state;
    struct seen seen = {.len = 0};
    struct failure failure;

    upstream_sample_script(sample, script, COUNT(script));
    assert_true(github_deliveries(sample->github, &organization, 0, visit, &seen, &failure));
    assert_true(github_redeliver(sample->github, &organization, 7, &failure));
    upstream_sample_asked(sample, 0, "GET /orgs/octo-org/hooks/5/deliveries?per_page=100");
    upstream_sample_asked(sample, 1, "POST /orgs/octo-org/hooks/5/deliveries/7/attempts");
}

static void
no_other_path_is_ever_asked_for(void **state)
{
    static const char *const places[] = {"", "o/r", "repos/o", "repos/o/..", "orgs/a/b", "apps/1"};
    struct upstream_sample *sample = *state;
    struct seen seen = {.len = 0};
    struct failure failure;

    upstream_sample_script(sample, NULL, 0);
    for (size_t i = 0; i < COUNT(places); i++) {
        const struct github_sender wrong = {.place = places[i], .id = 1};

        assert_false(github_deliveries(sample->github, &wrong, 0, visit, &seen, &failure));
        assert_int_equal(failure.kind, FAILURE_CONFIGURATION);
        assert_false(github_redeliver(sample->github, &wrong, 1, &failure));
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
        cmocka_unit_test(a_word_is_cut_between_characters),
        cmocka_unit_test(an_item_is_read),
        cmocka_unit_test(what_may_be_missing),
        cmocka_unit_test(what_is_no_delivery),
        ON_SERVER(pages_are_followed_by_their_cursor),
        ON_SERVER(the_list_ends_at_a_time),
        ON_SERVER(a_visitor_has_enough),
        ON_SERVER(a_list_that_fails),
        ON_SERVER(one_is_asked_for_again),
        ON_SERVER(of_an_organization),
        ON_SERVER(no_other_path_is_ever_asked_for),
    };

    return cmocka_run_group_tests_name("github_delivery", tests, upstream_sample_group_start,
                                       upstream_sample_group_stop);
}
