/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "hooks/hook_url.h"
#include "upstream/github_hook.h"

static void
what_github_can_deliver_to(void **state)
{
    static const struct {
        const char *url;
        bool may_be_http;
        const char *fault; /* words in the reason; NULL for none */
    } rows[] = {
        {"https://ci.example.org/webhook", false, NULL},
        {"https://ci.example.org", false, NULL},
        {"HTTPS://CI.example.org:8443/a/b?x=1&y=%20", false, NULL},
        {"https://[2001:db8::1]/webhook", false, NULL},
        {"http://10.0.0.1:8080/webhook", true, NULL},
        {"http://ci.example.org/webhook", false, "--insecure-url"},
        {"", false, "https://"},
        {"ci.example.org/webhook", false, "https://"},
        {"ftp://ci.example.org/", true, "https://"},
        {"file:///etc/passwd", true, "https://"},
        {"https:ci.example.org", false, "https://"},
        {"https://", false, "host"},
        {"https:///webhook", false, "host"},
        {"https://user@ci.example.org/", false, "user"},
        {"https://user:hunter2@ci.example.org/", false, "user"},
        {"https://ci.example.org/#top", false, "fragment"},
        {"https://ci.example.org/#", false, "fragment"},
        {"https://ci.example.org/a b", false, "printable"},
        {"https://ci.example.org/\x1b[2J", false, "printable"},
        {"https://ci.example.org/\n", false, "printable"},
        {"https://b\xc3\xbc"
         "cher.example/",
         false, "printable"},
        {"https://ci.example.org:99999/", false, "host"},
    };
    struct rh_reason reason;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        memset(&reason, 0, sizeof reason);
        assert_row(hook_url_check(rows[i].url, rows[i].may_be_http, &reason) ==
                       (rows[i].fault == NULL),
                   rows[i].url);
        assert_row(rows[i].fault == NULL || strstr(reason.text, rows[i].fault) != NULL,
                   rows[i].url);
        assert_row(strstr(reason.text, "hunter2") == NULL, rows[i].url);
    }
}

static void
one_that_is_too_long(void **state)
{
    char url[GITHUB_HOOK_URL_CAP + 1] = "https://ci.example.org/";
    struct rh_reason reason;

    (void)state;
    memset(url + strlen(url), 'x', sizeof url - 1 - strlen(url));
    url[GITHUB_HOOK_URL_CAP] = '\0';
    assert_false(hook_url_check(url, false, &reason));
    assert_non_null(strstr(reason.text, "long"));
    url[GITHUB_HOOK_URL_CAP - 1] = '\0';
    assert_true(hook_url_check(url, false, &reason));
}

static void
which_are_the_same(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"https://ci.example.org/webhook", "https://ci.example.org/webhook", true},
        {"https://ci.example.org/webhook", "HTTPS://CI.Example.ORG/webhook", true},
        {"https://ci.example.org/webhook", "https://ci.example.org:443/webhook", true},
        {"http://ci.example.org/webhook", "http://ci.example.org:80/webhook", true},
        {"https://ci.example.org", "https://ci.example.org/", true},
        {"https://ci.example.org/?a=b", "https://ci.example.org/?a=b", true},
        {"https://ci.example.org/webhook", "https://ci.example.org/Webhook", false},
        {"https://ci.example.org/webhook", "https://ci.example.org/webhook/", false},
        {"https://ci.example.org/webhook", "http://ci.example.org/webhook", false},
        {"https://ci.example.org/webhook", "https://ci.example.org:8443/webhook", false},
        {"https://ci.example.org/webhook", "https://ci.example.org.evil.example/webhook", false},
        {"https://ci.example.org/webhook", "https://example.org/webhook", false},
        {"https://ci.example.org/webhook", "https://ci.example.org/webhook?x", false},
        {"https://ci.example.org/webhook", "https://u@ci.example.org/webhook", false},
        {"https://ci.example.org/webhook", "", false},
        {"https://ci.example.org/webhook", "not an url", false},
        {"not an url", "not an url", true},
        {"not an url", "Not an url", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_row(hook_url_same(rows[i].a, rows[i].b) == rows[i].same, rows[i].b);
        assert_row(hook_url_same(rows[i].b, rows[i].a) == rows[i].same, rows[i].b);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_github_can_deliver_to),
        cmocka_unit_test(one_that_is_too_long),
        cmocka_unit_test(which_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
