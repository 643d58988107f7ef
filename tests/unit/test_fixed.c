/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/fixed.h"
#include "config/keys.h"

static char *
no_environment(const char *name)
{
    (void)name;
    return NULL;
}

static struct config *
load(const char *server_keys)
{
    struct problems problems = {0};
    char text[2048];
    struct config *config;

    (void)snprintf(text, sizeof text,
                   "[server]\n%s[github]\nwebhook_secret = s\ntoken = t\n"
                   "[pool linux]\nlabels = self-hosted\nnomad_job = j\n",
                   server_keys);
    config = config_load(scratch_write("conf", text, 0600).text, no_environment, CONFIG_WHOLE,
                         &problems);
    if (config == NULL)
        fail_msg("%s", problems.len == 0 ? "no reason" : problems.items[0].text);
    problems_fini(&problems);
    return config;
}

struct told {
    char names[256];
};

static void
tell_of(const char *section, const char *name, void *arg)
{
    struct told *told = arg;
    size_t len = strlen(told->names);

    assert_string_equal(section, "server");
    (void)snprintf(told->names + len, sizeof told->names - len, "%s ", name);
}

static void
what_needs_a_restart_keeps_its_value(void **state)
{
    static const struct {
        const char *running, *read, *told;
    } rows[] = {
        {"ledger = /a\n", "ledger = /b\n", "ledger "},
        {"listen = unix:/a\n", "listen = unix:/b\n", "listen "},
        {"listen = unix:/a\n", "", "listen "},
        {"", "listen = unix:/b\n", "listen "},
        {"", "socket_mode = 0600\n", "socket_mode "},
        {"socket_group = a\n", "socket_group = b\n", "socket_group "},
        {"threads = 3\n", "threads = 5\n", "threads "},
        {"", "dispatchers = 5\n", "dispatchers "},
        {"", "syscall_filter = no\n", "syscall_filter "},
        {"syscall_filter = no\n", "syscall_filter = yes\n", "syscall_filter "},
        {"", "syscall_filter = yes\n", ""},
        {"ledger = /a\nthreads = 2\n", "ledger = /b\nthreads = 1\n", "ledger threads "},
        {"ledger = /a\nlisten = unix:/a\nsocket_group = a\nthreads = 7\n",
         "ledger = /a\nlisten = unix:/a\nsocket_group = a\nthreads = 7\n", ""},
        {"", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config *running = load(rows[i].running), *config = load(rows[i].read);
        struct told told = {0};

        assert_row(config_fix(config, running, tell_of, &told), rows[i].read);
        assert_string_equal(told.names, rows[i].told);
        /* By now the two are alike in what is fixed, each with texts of its own. */
        for (size_t k = 0; k < config_keys_len; k++) {
            if (config_keys[k].is_fixed)
                assert_row(key_same(&config_keys[k], config, running), rows[i].read);
        }
        config_free(running);
        config_free(config);
    }
}

static void
what_does_not_follows_the_file(void **state)
{
    struct config *running = load("max_body = 2048\nrunner_prefix = a\n");
    struct config *config = load("max_body = 4096\nrunner_prefix = b\nretry_max = 7\n"
                                 "log_file = /l\nretention = 30\n");
    struct told told = {0};

    (void)state;
    assert_true(config_fix(config, running, tell_of, &told));
    assert_string_equal(told.names, "");
    assert_int_equal(config->server.max_body, 4096);
    assert_string_equal(config->server.runner_prefix, "b");
    assert_int_equal(config->server.retry_max_s, 7);
    assert_string_equal(config->server.log_file, "/l");
    assert_int_equal(config->server.retention_d, 30);
    config_free(running);
    config_free(config);
}

/* key_same and key_copy know these kinds. */
static void
fixed_keys_are_texts_numbers_and_switches_of_the_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_keys_len; i++) {
        const struct key *key = &config_keys[i];

        if (!key->is_fixed)
            continue;
        assert_row(strcmp(key->section, "server") == 0, key->name);
        assert_row(key->kind == VALUE_NUMBER || key->kind == VALUE_MODE ||
                       key->kind == VALUE_PATH || key->kind == VALUE_LISTEN ||
                       key->kind == VALUE_NAME || key->kind == VALUE_BOOL,
                   key->name);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_needs_a_restart_keeps_its_value, scratch_clear),
        cmocka_unit_test_setup(what_does_not_follows_the_file, scratch_clear),
        cmocka_unit_test(fixed_keys_are_texts_numbers_and_switches_of_the_server),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
