/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/secret_path.h"

#define NOBODY 65534

/* Where the file of a row is to be found. */
enum place { NOWHERE, BESIDE, CREDENTIAL };

static struct secret_folders
make_folders(void)
{
    static struct path conf, credentials;

    conf = scratch_path("conf");
    credentials = scratch_path("credentials");
    assert_int_equal(chmod(scratch_path("").text, 0755), 0);
    assert_int_equal(mkdir(conf.text, 0755), 0);
    assert_int_equal(mkdir(credentials.text, 0755), 0);
    return (struct secret_folders){.beside = conf.text, .credentials = credentials.text};
}

/* As a user who may not read everything. */
static bool
find_as_user(const char *text, const struct secret_folders *folders, char **path, bool *newer,
             struct rh_reason *reason)
{
    uid_t user = geteuid();
    bool found;

    assert_true(user != 0 || seteuid(NOBODY) == 0);
    found = secret_path_find(text, folders, path, newer, reason);
    assert_true(user != 0 || seteuid(user) == 0);
    return found;
}

static void
set_time(const char *path, time_t at_s)
{
    const struct timespec times[2] = {{.tv_sec = at_s}, {.tv_sec = at_s}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
the_file_comes_before_systemds_copy(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        mode_t beside, credential; /* 0: there is none */
        time_t beside_at, credential_at;
        enum place want;
        bool newer;
    } rows[] = {
        {"file-alone", 0644, 0, 100, 0, BESIDE, false},
        {"copy-alone", 0, 0444, 0, 100, CREDENTIAL, false},
        {"both", 0644, 0444, 100, 200, BESIDE, false},
        {"both-file-newer", 0644, 0444, 200, 100, BESIDE, false},
        {"file-is-roots", 0200, 0444, 100, 200, CREDENTIAL, false},
        {"file-is-roots-same", 0200, 0444, 100, 100, CREDENTIAL, false},
        {"file-is-roots-newer", 0200, 0444, 200, 100, CREDENTIAL, true},
        {"file-is-roots-alone", 0200, 0, 100, 0, BESIDE, false},
        {"copy-cannot-be-read", 0, 0200, 0, 100, CREDENTIAL, false},
        {"neither", 0, 0, 0, 0, NOWHERE, false},
    };
    const struct secret_folders folders = make_folders();

    for (size_t i = 0; i < COUNT(rows); i++) {
        char conf[128], credential[128];
        const char *want = rows[i].want == BESIDE       ? conf
                           : rows[i].want == CREDENTIAL ? credential
                                                        : NULL;
        struct rh_reason reason = {""};
        bool newer = true;
        char *path = NULL;

        (void)snprintf(conf, sizeof conf, "conf/%s", rows[i].name);
        (void)snprintf(credential, sizeof credential, "credentials/%s", rows[i].name);
        if (rows[i].beside != 0)
            set_time(scratch_write(conf, "s", rows[i].beside).text, rows[i].beside_at);
        if (rows[i].credential != 0)
            set_time(scratch_write(credential, "s", rows[i].credential).text,
                     rows[i].credential_at);
        assert_row(find_as_user(rows[i].name, &folders, &path, &newer, &reason) == (want != NULL),
                   rows[i].name);
        assert_row(newer == rows[i].newer, rows[i].name);
        if (want == NULL) {
            assert_null(path);
            assert_non_null(strstr(reason.text, folders.beside));
            assert_null(strstr(reason.text, rows[i].name));
        } else {
            assert_string_equal(path, scratch_path(want).text);
        }
        free(path);
    }
}

static void
a_path_is_taken_as_it_is(void **state)
{
    (void)state;
    static const char *const rows[] = {"/", "/etc/runhook/token", "/no/such/../file", "/a b"};
    const struct secret_folders folders = {.beside = "/etc", .credentials = "/run"};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_reason reason;
        bool newer;
        char *path;

        assert_row(secret_path_find(rows[i], &folders, &path, &newer, &reason), rows[i]);
        assert_string_equal(path, rows[i]);
        assert_false(newer);
        free(path);
    }
}

/* A token that stands where its file's name should is not shown in the message about it. */
static void
what_names_no_file_is_not_shown(void **state)
{
    (void)state;
    static char long_name[SECRET_NAME_MAX + 2];
    static const char *const rows[] = {
        "ghp_0123456789", "secrets/token", "./token", "../token", "~/token", "%d/token", "a token",
        "t\xc3\xb6ken",   "token\n",       ".",       "..",       "",        long_name};
    const struct secret_folders folders[] = {make_folders(), {NULL, NULL}, {"conf", "credentials"}};

    memset(long_name, 'a', sizeof long_name - 1);
    for (size_t i = 0; i < COUNT(rows) * COUNT(folders); i++) {
        const char *row = rows[i % COUNT(rows)];
        struct rh_reason reason = {""};
        bool newer = true;
        char *path = long_name;

        assert_row(!secret_path_find(row, &folders[i / COUNT(rows)], &path, &newer, &reason), row);
        assert_null(path);
        assert_false(newer);
        assert_row(reason.text[0] != '\0', row);
        assert_row(strlen(row) < 3 || strstr(reason.text, row) == NULL, row);
    }
}

/* -- The configuration ------------------------------------------------------------------------ */

static char credentials_folder[256];

static char *
environment(const char *name)
{
    return strcmp(name, "CREDENTIALS_DIRECTORY") == 0 ? credentials_folder : NULL;
}

#define CONF                                                                                \
    "[github]\nwebhook_secret_file = webhook-secret\ntoken_file = github-token\n[pool p]\n" \
    "labels = self-hosted\nnomad_job = j\n"

static void
secrets_are_found_beside_the_configuration(void **state)
{
    (void)state;
    const struct secret_folders folders = make_folders();
    struct path conf = scratch_write("conf/runhook.conf", CONF, 0600);
    struct problems problems = {0};
    struct config *config;

    (void)scratch_write("conf/webhook-secret", "from-the-file\n", 0640);
    (void)scratch_write("credentials/webhook-secret", "from-systemd\n", 0440);
    (void)scratch_write("credentials/github-token", "token-from-systemd\n", 0440);
    (void)snprintf(credentials_folder, sizeof credentials_folder, "%s", folders.credentials);
    config = config_load(conf.text, environment, CONFIG_WHOLE, &problems);
    assert_non_null(config);
    assert_int_equal(problems.len, 0);
    assert_string_equal(rh_secret_bytes(config->github.webhook_secret), "from-the-file");
    assert_string_equal(rh_secret_bytes(config->github.account.token), "token-from-systemd");
    assert_string_equal(config->github.account.token_file,
                        scratch_path("credentials/github-token").text);
    config_free(config);
}

/* A configuration that is named from the folder one stands in. */
static void
the_folder_is_known_by_its_whole_path(void **state)
{
    (void)state;
    char before[512];
    struct problems problems = {0};
    struct config *config;

    (void)make_folders();
    (void)scratch_write("conf/runhook.conf", CONF, 0600);
    (void)scratch_write("conf/webhook-secret", "w\n", 0640);
    (void)scratch_write("conf/github-token", "t\n", 0640);
    credentials_folder[0] = '\0';
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(scratch_path("conf").text), 0);
    config = config_load("runhook.conf", environment, CONFIG_WHOLE, &problems);
    assert_int_equal(chdir(before), 0);
    assert_non_null(config);
    assert_string_equal(config->github.account.token_file, scratch_path("conf/github-token").text);
    config_free(config);
}

static void
a_stale_copy_is_told(void **state)
{
    (void)state;
    const struct secret_folders folders = make_folders();
    struct path conf = scratch_write("conf/runhook.conf", CONF, 0644);
    struct problems problems = {0};
    uid_t user = geteuid();
    struct config *config;

    (void)scratch_write("conf/webhook-secret", "w\n", 0640);
    set_time(scratch_write("conf/github-token", "t\n", 0200).text, 2000);
    assert_int_equal(chmod(scratch_path("conf/webhook-secret").text, 0000), 0);
    set_time(scratch_path("conf/webhook-secret").text, 1000);
    set_time(scratch_write("credentials/webhook-secret", "w\n", 0440).text, 1500);
    set_time(scratch_write("credentials/github-token", "old\n", 0440).text, 1500);
    (void)snprintf(credentials_folder, sizeof credentials_folder, "%s", folders.credentials);
    if (user == 0) {
        assert_int_equal(chown(scratch_path("credentials/webhook-secret").text, NOBODY, 0), 0);
        assert_int_equal(chown(scratch_path("credentials/github-token").text, NOBODY, 0), 0);
        assert_int_equal(seteuid(NOBODY), 0);
    }
    config = config_load(conf.text, environment, CONFIG_WHOLE, &problems);
    assert_true(user != 0 || seteuid(user) == 0);
    assert_non_null(config);
    assert_int_equal(problems.len, 1);
    assert_false(problems.items[0].is_error);
    assert_non_null(strstr(problems.items[0].text, "token_file"));
    assert_non_null(strstr(problems.items[0].text, "systemctl restart runhook"));
    problems_fini(&problems);
    config_free(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_file_comes_before_systemds_copy, scratch_clear),
        cmocka_unit_test(a_path_is_taken_as_it_is),
        cmocka_unit_test_setup(what_names_no_file_is_not_shown, scratch_clear),
        cmocka_unit_test_setup(secrets_are_found_beside_the_configuration, scratch_clear),
        cmocka_unit_test_setup(the_folder_is_known_by_its_whole_path, scratch_clear),
        cmocka_unit_test_setup(a_stale_copy_is_told, scratch_clear),
    };

    return cmocka_run_group_tests_name("secret_path", tests, scratch_make, scratch_remove);
}
