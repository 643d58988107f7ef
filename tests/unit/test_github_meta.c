/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "upstream/github_meta.h"
#include "upstream_sample.h"

#define GOOD "{\"verifiable_password_authentication\":false,\"hooks\":[\"192.30.252.0/22\"]}"

static void
is_asked_with_the_token(void **state)
{
    static const struct sample_answer script[] = {
        {200, "{\"web\":[\"x\"],\"hooks\":[\"2606:50c0::/32\",\"192.30.252.0/22\"]}", NULL}};
    struct upstream_sample *sample = *state;
    struct hook_addresses addresses;
    struct failure failure;

    upstream_sample_script(sample, script, 1);
    assert_true(github_hook_addresses(sample->github, &addresses, &failure));
    assert_int_equal(addresses.len, 2);
    assert_false(addresses.items[0].is_ipv6);
    upstream_sample_asked(sample, 0, "GET /meta");
    assert_non_null(strstr(upstream_sample_request(sample, 0), "\r\nAuthorization: Bearer "));
    assert_int_equal(upstream_sample_requests(sample), 1);
}

static void
is_asked_again_without(void **state)
{
    static const struct sample_answer scripts[][2] = {
        {{401, "{\"message\":\"Bad credentials\"}", NULL}, {200, GOOD, NULL}},
        {{403, "{}", "x-ratelimit-remaining: 0\r\n"}, {200, GOOD, NULL}},
        {{403, "{\"message\":\"SAML\"}", NULL}, {200, GOOD, NULL}},
    };
    struct upstream_sample *sample = *state;
    struct hook_addresses addresses;
    struct failure failure;

    for (size_t i = 0; i < COUNT(scripts); i++) {
        upstream_sample_script(sample, scripts[i], 2);
        if (!github_hook_addresses(sample->github, &addresses, &failure))
            fail_msg("row %zu: %s", i, failure.text.text);
        assert_int_equal(addresses.len, 1);
        assert_int_equal(upstream_sample_requests(sample), 2);
        assert_null(strstr(upstream_sample_request(sample, 1), "Authorization"));
    }
}

static void
what_goes_wrong(void **state)
{
    static const struct {
        struct sample_answer last;
        enum failure_kind want;
        const char *words;
    } rows[] = {
        {{401, "{}", NULL}, FAILURE_FORBIDDEN, "without a token (401): give [github] one"},
        {{403, "{}", NULL}, FAILURE_FORBIDDEN, "without a token (403)"},
        {{403, "{}", "x-ratelimit-remaining: 0\r\n"}, FAILURE_RATE_LIMITED, "is used up (403)"},
        {{429, "{}", NULL}, FAILURE_RATE_LIMITED, "is used up (429)"},
        {{404, "{}", NULL}, FAILURE_REJECTED, "answered 404"},
        {{302, "", "Location: /x\r\n"}, FAILURE_REJECTED, "answered 302"},
        {{502, "", NULL}, FAILURE_SERVER, "has trouble (502)"},
        {{200, "", NULL}, FAILURE_GARBAGE, "no JSON object"},
        {{200, "<html>", NULL}, FAILURE_GARBAGE, "no JSON object"},
        {{200, "[]", NULL}, FAILURE_GARBAGE, "no JSON object"},
        {{200, "{\"hooks\":[\"192.30.252.0/22\"]", NULL}, FAILURE_GARBAGE, "no JSON object"},
        {{200, "{}", NULL}, FAILURE_GARBAGE, "has no hooks"},
        {{200, "{\"hooks\":null}", NULL}, FAILURE_GARBAGE, "has no hooks"},
        {{200, "{\"hooks\":\"192.30.252.0/22\"}", NULL}, FAILURE_GARBAGE, "has no hooks"},
        {{200, "{\"hooks\":[]}", NULL}, FAILURE_GARBAGE, "has no hooks"},
        {{200, "{\"Hooks\":[\"192.30.252.0/22\"]}", NULL}, FAILURE_GARBAGE, "has no hooks"},
        {{200, "{\"hooks\":[\"192.30.252.0/22\",7]}", NULL}, FAILURE_GARBAGE, "no text"},
        {{200, "{\"hooks\":[[\"192.30.252.0/22\"]]}", NULL}, FAILURE_GARBAGE, "no text"},
        {{200, "{\"hooks\":[\"192.30.252.0/22\",\"0.0.0.0/0\"]}", NULL},
         FAILURE_GARBAGE,
         "not to be used: \"0.0.0.0/0\" is too wide"},
        {{200, "{\"hooks\":[\"1.2.3.0/24\",\"1; }\\n\"]}", NULL},
         FAILURE_GARBAGE,
         "not to be used: \"1; }\\n\" is no network"},
        {{200, "{\"hooks\":[\"p_secret\"]}", NULL}, FAILURE_GARBAGE, "it repeats our token"},
        {{200, "{\"hooks\":[\"_secret\"]}", NULL}, FAILURE_GARBAGE, "\"_secret\" is no network"},
    };
    struct upstream_sample *sample = *state;
    struct hook_addresses addresses;
    struct failure failure;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct sample_answer script[] = {rows[i].last, rows[i].last};

        upstream_sample_script(sample, script, 2);
        assert_false(github_hook_addresses(sample->github, &addresses, &failure));
        if (failure.kind != rows[i].want || strstr(failure.text.text, rows[i].words) == NULL)
            fail_msg("row %zu: %s: %s", i, failure_text(failure.kind), failure.text.text);
    }
}

/* Whoever answers at api_url was sent the token before. */
static void
the_second_answer_cannot_show_the_token_either(void **state)
{
    static const struct sample_answer script[] = {{401, "{}", NULL},
                                                  {200, "{\"hooks\":[\"ghp_secret\"]}", NULL}};
    struct hook_addresses addresses;
    struct failure failure;
    struct upstream_sample *sample = *state;

    upstream_sample_script(sample, script, 2);
    assert_false(github_hook_addresses(sample->github, &addresses, &failure));
    assert_non_null(strstr(failure.text.text, "it repeats our token"));
    assert_null(strstr(failure.text.text, "ghp_secret"));
}

int
main(void)
{
#define ON_SERVER(test) \
    cmocka_unit_test_setup_teardown(test, upstream_sample_start, upstream_sample_stop)
    const struct CMUnitTest tests[] = {
        ON_SERVER(is_asked_with_the_token),
        ON_SERVER(is_asked_again_without),
        ON_SERVER(what_goes_wrong),
        ON_SERVER(the_second_answer_cannot_show_the_token_either),
    };
    return cmocka_run_group_tests(tests, upstream_sample_group_start, upstream_sample_group_stop);
}
