/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "hooks/hook_addresses.h"

static void
networks(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"192.30.252.0/22", "192.30.252.0/22\n"},
        {"10.0.0.0/8", "10.0.0.0/8\n"},
        {"10.1.2.3/32", "10.1.2.3/32\n"},
        {"2a0a:a440::/29", "2a0a:a440::/29\n"},
        {"2A0A:A440:0:0:0:0:0:0/29", "2a0a:a440::/29\n"},
        {"2001::/16", "2001::/16\n"},
        {"::1/128", "::1/128\n"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out = BUFFER_INIT(4096);
        struct hook_addresses addresses = {0};
        struct rh_reason reason;

        assert_row(hook_addresses_add(&addresses, rows[i].text, &reason), rows[i].text);
        assert_row(hook_addresses_write(&out, &addresses, HOOK_ADDRESSES_LINES), rows[i].text);
        assert_string_equal(buffer_text(&out), rows[i].want);
        buffer_fini(&out);
    }
}

static void
what_is_none(void **state)
{
    static const char notation[] = "CIDR", wide[] = "too wide", behind[] = "bits behind";
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", notation},
        {"/", notation},
        {"/22", notation},
        {"192.30.252.0", notation},
        {"192.30.252.0/", notation},
        {"192.30.252.0/33", notation},
        {"192.30.252.0/-1", notation},
        {"192.30.252.0/+22", notation},
        {"192.30.252.0/022", notation},
        {"192.30.252.0/0x16", notation},
        {"192.30.252.0/22 ", notation},
        {" 192.30.252.0/22", notation},
        {"192.30.252.0 /22", notation},
        {"192.30.252.0/22/22", notation},
        {"192.30.252.0/255.255.252.0", notation},
        {"192.30.252.0/4294967318", notation},
        {"192.30.252/22", notation},
        {"192.30.252.0.0/22", notation},
        {"192.30.256.0/22", notation},
        {"0300.30.252.0/22", notation},
        {"192.030.252.0/22", notation},
        {"3223256064/22", notation},
        {"github.com/22", notation},
        {"all", notation},
        {"192.30.252.0/22;", notation},
        {"192.30.252.0/22 1; } include /etc/passwd;", notation},
        {"192.30.252.0/22\n", notation},
        {"192.30.252.0/22\" { }", notation},
        {"2a0a:a440::/129", notation},
        {"2a0a:a440::", notation},
        {"2a0a:a440/29", notation},
        {"2a0a::a440::/29", notation},
        {"2a0a:a440::%eth0/29", notation},
        {"[2a0a:a440::]/29", notation},
        {"2a0a:a44g::/29", notation},
        {"1:2:3:4:5:6:7:8:9/29", notation},
        {"0000000000000000000000000000000000000000000000000000000000000:1/128", notation},
        {"0.0.0.0/0", wide},
        {"128.0.0.0/1", wide},
        {"192.0.0.0/7", wide},
        {"::/0", wide},
        {"2000::/3", wide},
        {"2a0a::/15", wide},
        {"192.30.252.1/22", behind},
        {"192.30.255.0/22", behind},
        {"192.30.252.1/31", behind},
        {"2a0a:a441::/29", behind},
        {"2a0a:a440::1/127", behind},
    };
    struct hook_addresses addresses = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_reason reason = {{0}};

        assert_row(!hook_addresses_add(&addresses, rows[i].text, &reason), rows[i].text);
        assert_row(strstr(reason.text, rows[i].want) != NULL, rows[i].text);
        assert_row(strchr(reason.text, '\n') == NULL, rows[i].text);
    }
    assert_int_equal(addresses.len, 0);
}

static void
many(void **state)
{
    struct hook_addresses addresses = {0};
    struct rh_reason reason;
    char text[32];

    (void)state;
    for (int round = 0; round < 2; round++) { /* the same ones again are none more */
        for (int i = 0; i < HOOK_ADDRESSES_MAX; i++) {
            (void)snprintf(text, sizeof text, "10.%d.%d.0/24", i / 200, i % 200);
            assert_row(hook_addresses_add(&addresses, text, &reason), text);
        }
    }
    assert_int_equal(addresses.len, HOOK_ADDRESSES_MAX);
    assert_false(hook_addresses_add(&addresses, "11.0.0.0/24", &reason));
    assert_string_equal(reason.text, "there are more than 256 networks");
}

static void
forms(void **state)
{
    static const char *const texts[] = {"2606:50c0::/32", "192.30.252.0/22", "140.82.112.0/20",
                                        "192.30.252.0/24", "192.30.252.0/22"};
    static const char *const wants[] = {
        [HOOK_ADDRESSES_LINES] =
            "140.82.112.0/20\n192.30.252.0/22\n192.30.252.0/24\n2606:50c0::/32\n",
        [HOOK_ADDRESSES_NGINX] =
            "# Made by `runhook hooks addresses --nginx`: where GitHub sends webhooks from.\n"
            "geo $runhook_is_github {\n"
            "    default 0;\n"
            "    140.82.112.0/20 1;\n"
            "    192.30.252.0/22 1;\n"
            "    192.30.252.0/24 1;\n"
            "    2606:50c0::/32 1;\n"
            "}\n",
        [HOOK_ADDRESSES_LIGHTTPD] =
            "# Made by `runhook hooks addresses --lighttpd`: where GitHub sends webhooks from.\n"
            "$HTTP[\"remoteip\"] == \"140.82.112.0/20\" { }\n"
            "else $HTTP[\"remoteip\"] == \"192.30.252.0/22\" { }\n"
            "else $HTTP[\"remoteip\"] == \"192.30.252.0/24\" { }\n"
            "else $HTTP[\"remoteip\"] == \"2606:50c0::/32\" { }\n"
            "else { url.access-deny = ( \"\" ) }\n",
    };
    struct hook_addresses addresses = {0};
    struct rh_reason reason;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_true(hook_addresses_add(&addresses, texts[i], &reason));
    hook_addresses_sort(&addresses);
    for (size_t form = 0; form < COUNT(wants); form++) {
        struct buffer out = BUFFER_INIT(4096), small = BUFFER_INIT(40);

        assert_true(hook_addresses_write(&out, &addresses, (enum hook_addresses_form)form));
        assert_string_equal(buffer_text(&out), wants[form]);
        assert_false(hook_addresses_write(&small, &addresses, (enum hook_addresses_form)form));
        buffer_fini(&out);
        buffer_fini(&small);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks),
        cmocka_unit_test(what_is_none),
        cmocka_unit_test(many),
        cmocka_unit_test(forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
