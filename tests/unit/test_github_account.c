/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "upstream/github_account.h"
#include "upstream/github_account_read.h"
#include "upstream_sample.h"

static struct buffer
body_of(const char *text)
{
    struct buffer body = BUFFER_INIT(1 << 16);

    assert_true(buffer_add_text(&body, text));
    return body;
}

static void
expiries_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t at_ms; /* 0: it is none */
    } rows[] = {
        {"2026-01-31 00:00:00 UTC", 1769817600000},
        {"2026-01-31 00:00:00 +0000", 1769817600000},
        {"2026-01-31 02:00:00 +0200", 1769817600000},
        {"2026-01-30 17:00:00 -0700", 1769817600000},
        {"2026-01-31 00:00:00", 0},
        {"2026-01-31T00:00:00Z", 0},
        {"2026-01-31 00:00:00 PST", 0},
        {"2026-01-31 00:00:00 UTC x", 0},
        {"2026-01-31 00:00:00 +02:00", 0},
        {"2026-13-31 00:00:00 UTC", 0},
        {"2026-01-31 25:00:00 UTC", 0},
        {"soon", 0},
        {"", 0},
        {"2026-01-31 00:00:00 UTC                                                   ", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t at_ms = 7;

        assert_row(github_read_expiry(rows[i].text, &at_ms) == (rows[i].at_ms != 0), rows[i].text);
        assert_row(at_ms == rows[i].at_ms, rows[i].text);
    }
}

static void
tokens_are_read(void **state)
{
    static const struct {
        const char *body, *scopes, *expires;
        bool good, is_classic;
    } rows[] = {
        {"{\"login\":\"mona\"}", "repo, admin:org", NULL, true, true},
        {"{\"login\":\"mona\"}", "", "2026-01-31 00:00:00 UTC", true, true},
        {"{\"login\":\"mona\"}", NULL, NULL, true, false},
        {"{\"login\":\"mona\"}", NULL, "tomorrow", false, false},
        {"{\"login\":\"\"}", NULL, NULL, false, false},
        {"{\"login\":7}", NULL, NULL, false, false},
        {"{}", NULL, NULL, false, false},
        {"[]", NULL, NULL, false, false},
        {"", NULL, NULL, false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = body_of(rows[i].body);
        struct github_token token = {0};

        assert_row(github_read_token_self(&body, rows[i].scopes, rows[i].expires, &token) ==
                       rows[i].good,
                   rows[i].body);
        assert_row(token.is_classic == rows[i].is_classic, rows[i].body);
        assert_row(!rows[i].good || strcmp(token.login, "mona") == 0, rows[i].body);
        buffer_fini(&body);
    }
}

static void
apps_are_read(void **state)
{
    static const struct {
        const char *body;
        bool good, sends, may_administer, may_read;
    } rows[] = {
        {"{\"name\":\"x\",\"events\":[\"push\",\"workflow_job\"],\"permissions\":"
         "{\"administration\":\"write\",\"actions\":\"read\"}}",
         true, true, true, true},
        {"{\"name\":\"x\",\"events\":[],\"permissions\":{\"administration\":\"read\"}}", true,
         false, false, false},
        {"{\"name\":\"x\",\"events\":[7],\"permissions\":{\"actions\":\"write\"}}", true, false,
         false, true},
        {"{\"name\":\"x\",\"events\":[],\"permissions\":{\"administration\":\"admin\"}}", true,
         false, true, false},
        {"{\"name\":\"x\",\"events\":[],\"permissions\":{\"administration\":7}}", true, false,
         false, false},
        {"{\"name\":\"x\",\"events\":[]}", false, false, false, false},
        {"{\"name\":\"x\",\"permissions\":{}}", false, false, false, false},
        {"{\"events\":[],\"permissions\":{}}", false, false, false, false},
        {"null", false, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = body_of(rows[i].body);
        struct github_app app = {0};

        assert_row(github_read_app(&body, &app) == rows[i].good, rows[i].body);
        assert_row(app.sends_workflow_jobs == rows[i].sends, rows[i].body);
        assert_row(github_grants_allow(&app.grants, GITHUB_ADMINISTRATION) ==
                       rows[i].may_administer,
                   rows[i].body);
        assert_row(github_grants_allow(&app.grants, GITHUB_ACTIONS) == rows[i].may_read,
                   rows[i].body);
        buffer_fini(&body);
    }
}

static void
installations_are_read(void **state)
{
#define REST ",\"repository_selection\":\"all\",\"permissions\":{},\"suspended_at\":null}"
    static const struct {
        const char *text, *owner; /* NULL: it is none */
        bool is_suspended, is_selected;
    } rows[] = {
        {"{\"id\":5,\"account\":{\"login\":\"octo\"}" REST, "octo", false, false},
        {"{\"id\":5,\"account\":{\"slug\":\"fleet\"}" REST, "enterprises/fleet", false, false},
        {"{\"id\":5,\"account\":{\"login\":\"octo\"},\"repository_selection\":\"selected\","
         "\"permissions\":{},\"suspended_at\":\"2026-01-31T00:00:00Z\"}",
         "octo", true, true},
        {"{\"id\":5,\"account\":null" REST, NULL, false, false},
        {"{\"id\":0,\"account\":{\"login\":\"octo\"}" REST, NULL, false, false},
        {"{\"account\":{\"login\":\"octo\"}" REST, NULL, false, false},
        {"{\"id\":5,\"account\":{\"login\":\"octo\"},\"permissions\":{}}", NULL, false, false},
        {"{\"id\":5,\"account\":{\"login\":\"octo\"},\"repository_selection\":\"all\"}", NULL,
         false, false},
    };
#undef REST

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        cJSON *json = cJSON_Parse(rows[i].text);
        struct github_installation installation;
        bool good = github_read_installation(json, &installation);

        assert_row(json != NULL && good == (rows[i].owner != NULL), rows[i].text);
        if (good) {
            assert_row(strcmp(installation.owner, rows[i].owner) == 0, rows[i].text);
            assert_row(installation.is_suspended == rows[i].is_suspended, rows[i].text);
            assert_row(installation.is_selected == rows[i].is_selected, rows[i].text);
        }
        cJSON_Delete(json);
    }
}

static void
rates_are_read(void **state)
{
#define CORE(text) "{\"resources\":{\"core\":" text "}}"
    static const struct {
        const char *body;
        bool good;
        int64_t used;
    } rows[] = {
        {CORE("{\"limit\":5000,\"used\":3,\"remaining\":4997,\"reset\":1800000000}"), true, 3},
        {CORE("{\"limit\":5000,\"remaining\":0,\"reset\":1800000000}"), true, 5000},
        {CORE("{\"limit\":60,\"remaining\":61,\"reset\":1800000000}"), true, 0},
        {CORE("{\"limit\":0,\"remaining\":0,\"reset\":1800000000}"), false, 0},
        {CORE("{\"remaining\":0,\"reset\":1800000000}"), false, 0},
        {CORE("{\"limit\":5000,\"reset\":1800000000}"), false, 0},
        {CORE("{\"limit\":5000,\"remaining\":7}"), false, 0},
        {CORE("{\"limit\":5000,\"remaining\":-1,\"reset\":1800000000}"), false, 0},
        {CORE("null"), false, 0},
        {"{}", false, 0},
        {"", false, 0},
    };
#undef CORE

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer body = body_of(rows[i].body);
        struct github_rate rate = {.used = 7};

        assert_row(github_read_rate(&body, &rate) == rows[i].good, rows[i].body);
        assert_row(rate.used == rows[i].used, rows[i].body);
        assert_row(rate.renews_at_ms == (rows[i].good ? 1800000000000 : 0), rows[i].body);
        buffer_fini(&body);
    }
}

static void
deliveries_are_read(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t code;
    } rows[] = {
        {"{\"status\":\"OK\",\"status_code\":202}", true, 202},
        {"{\"status\":\"failed to connect to host\",\"status_code\":0}", true, 0},
        {"{\"status\":\"OK\"}", false, 0},
        {"{\"status_code\":202}", false, 0},
        {"{\"status\":\"OK\",\"status_code\":1000}", false, 0},
        {"{}", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        cJSON *json = cJSON_Parse(rows[i].text);
        struct github_last_delivery last = {.was_there = true};

        assert_row(github_read_last_delivery(json, &last) == rows[i].good, rows[i].text);
        assert_row(last.was_there == rows[i].good && last.code == rows[i].code, rows[i].text);
        cJSON_Delete(json);
    }
}

static void
the_last_delivery_is_the_first_of_the_list(void **state)
{
    static const struct sample_answer some = {
        200, "[{\"status\":\"x\",\"status_code\":403},{\"status\":\"OK\",\"status_code\":202}]",
        NULL};
    static const struct sample_answer none = {200, "[]", NULL};
    struct upstream_sample *sample = *state;
    struct github_last_delivery last;
    struct failure failure;

    upstream_sample_script(sample, &some, 1);
    assert_true(github_last_delivery(sample->github, NULL, "repos/o/r", 9, &last, &failure));
    assert_true(last.was_there);
    assert_int_equal(last.code, 403);
    upstream_sample_asked(sample, 0, "GET /repos/o/r/hooks/9/deliveries?per_page=1");
    upstream_sample_script(sample, &none, 1);
    assert_true(github_last_delivery(sample->github, NULL, "repos/o/r", 9, &last, &failure));
    assert_false(last.was_there);
}

static void
an_owner_is_cut_between_characters(void **state)
{
    struct github_installation installation;
    char text[1024], login[601] = "";
    cJSON *json;

    (void)state;
    for (size_t i = 0; i + 1 < sizeof login; i += 2)
        memcpy(login + i, "é", 3);
    (void)snprintf(text, sizeof text,
                   "{\"id\":1,\"account\":{\"login\":\"x%s\"},\"repository_selection\":\"all\","
                   "\"permissions\":{}}",
                   login);
    json = cJSON_Parse(text);
    assert_non_null(json);
    assert_true(github_read_installation(json, &installation));
    assert_int_equal(strlen(installation.owner) % 2, 1);
    (void)snprintf(text, sizeof text,
                   "{\"id\":1,\"account\":{\"login\":\"%s\"},\"repository_selection\":\"all\","
                   "\"permissions\":{}}",
                   login);
    cJSON_Delete(json);
    json = cJSON_Parse(text);
    assert_true(github_read_installation(json, &installation));
    assert_int_equal(strlen(installation.owner) % 2, 0);
    cJSON_Delete(json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expiries_are_read),
        cmocka_unit_test(tokens_are_read),
        cmocka_unit_test(apps_are_read),
        cmocka_unit_test(installations_are_read),
        cmocka_unit_test(rates_are_read),
        cmocka_unit_test(an_owner_is_cut_between_characters),
        cmocka_unit_test(deliveries_are_read),
        cmocka_unit_test_setup_teardown(the_last_delivery_is_the_first_of_the_list,
                                        upstream_sample_start, upstream_sample_stop),
    };

    return cmocka_run_group_tests(tests, upstream_sample_group_start, upstream_sample_group_stop);
}
