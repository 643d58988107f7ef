/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <runhook/delivery.h>

#include "config/values.h"

#define KEPT INT64_C(-77)

/* A parser of texts, and how it takes its bounds. */
typedef bool (*text_parser)(const char *text, char **out, struct rh_reason *reason);

/* What is true of every parser: a value or a reason, and on failure the output as it was. */
static void
assert_parses(text_parser parser, const char *text, const char *want)
{
    char *out = strdup("kept");
    struct rh_reason reason = {""};
    bool done = parser(text, &out, &reason);

    assert_row(done == (want != NULL), text);
    assert_row((reason.text[0] == '\0') == done, text);
    assert_string_equal(out, done ? want : "kept");
    free(out);
}

static void
numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t min, max;
        int64_t want; /* KEPT where it is refused */
    } rows[] = {
        {"1", 1, 64, 1},
        {"64", 1, 64, 64},
        {"007", 1, 64, 7},
        {"0", 0, 64, 0},
        {"9223372036854775807", 0, INT64_MAX, INT64_MAX},
        {"0", 1, 64, KEPT},
        {"65", 1, 64, KEPT},
        {"-1", -5, 64, KEPT},
        {"+1", 1, 64, KEPT},
        {"", 0, 64, KEPT},
        {" 1", 1, 64, KEPT},
        {"1 ", 1, 64, KEPT},
        {"1s", 1, 64, KEPT},
        {"1.5", 1, 64, KEPT},
        {"1e3", 1, 9999, KEPT},
        {"0x10", 0, 64, KEPT},
        {"four", 0, 64, KEPT},
        {"9223372036854775808", 0, INT64_MAX, KEPT},
        {"99999999999999999999999999", 0, INT64_MAX, KEPT},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t out = KEPT;
        struct rh_reason reason = {""};
        bool done = value_number(rows[i].text, rows[i].min, rows[i].max, &out, &reason);

        assert_row(done == (rows[i].want != KEPT), rows[i].text);
        assert_row(out == rows[i].want, rows[i].text);
        assert_row((reason.text[0] == '\0') == done, rows[i].text);
    }
}

/* A value is shown as far as some byte, whatever it holds. */
static void
a_refusal_is_plain_text(void **state)
{
    (void)state;
    char text[80], *out = NULL;
    struct rh_reason reason;
    struct rh_labels labels = {0};
    bool is_on;

    assert_false(value_bool("\x1b]0;x\x07\xe2\x80\xae\xff", &is_on, &reason));
    assert_string_equal(reason.text, "must be yes or no, not \"?]0;x???\"");
    memset(text, 'x', 63);
    memcpy(text + 63, "é", sizeof "é");
    assert_false(value_bool(text, &is_on, &reason));
    text[63] = '?';
    text[64] = '"';
    text[65] = '\0';
    assert_string_equal(strchr(reason.text, '"') + 1, text);
    assert_false(value_name("a\nb", 64, false, &out, &reason));
    assert_non_null(strstr(reason.text, "not \"a b\""));
    assert_false(value_labels("\xff", &labels, &reason));
    assert_non_null(strstr(reason.text, "\"?\" cannot be a label"));
    assert_null(out);
}

static void
a_number_out_of_range_is_told_the_range(void **state)
{
    (void)state;
    struct rh_reason reason;
    int64_t out;

    assert_false(value_number("65", 1, 64, &out, &reason));
    assert_string_equal(reason.text, "must be a whole number from 1 to 64, not \"65\"");
}

static void
modes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"0660", 0660},
        {"660", 0660},
        {"0", 0},
        {"0777", 0777},
        {"0000600", 0600},
        {"", KEPT},
        {"1000", KEPT},
        {"0888", KEPT},
        {"rw-", KEPT},
        {"0x1", KEPT},
        {"-1", KEPT},
        {"66 ", KEPT},
        {"7777777777777777777777777", KEPT},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t out = KEPT;
        struct rh_reason reason;
        assert_row(value_mode(rows[i].text, &out, &reason) == (rows[i].want != KEPT), rows[i].text);
        assert_row(out == rows[i].want, rows[i].text);
    }
}

static void
bools(void **state)
{
    (void)state;
    static const char *const yes[] = {"yes", "true", "on"};
    static const char *const no[] = {"no", "false", "off"};
    static const char *const bad[] = {"", "y", "n", "1", "0", "Yes", "yes ", "enabled", "nope"};
    struct rh_reason reason;
    bool out;

    for (size_t i = 0; i < COUNT(yes); i++) {
        out = false;
        assert_row(value_bool(yes[i], &out, &reason) && out, yes[i]);
        out = true;
        assert_row(value_bool(no[i], &out, &reason) && !out, no[i]);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        out = true;
        assert_row(!value_bool(bad[i], &out, &reason) && out, bad[i]);
        out = false;
        assert_row(!value_bool(bad[i], &out, &reason) && !out, bad[i]);
    }
}

static bool
text_of_8(const char *text, char **out, struct rh_reason *reason)
{
    return value_text(text, 8, out, reason);
}

static void
texts(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "12345678", "two it", "日本"};
    static const char *const bad[] = {"", "123456789", "日本語", "a\nb", "\t", "\x7f", "\x1b[2J"};

    for (size_t i = 0; i < COUNT(good); i++)
        assert_parses(text_of_8, good[i], good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_parses(text_of_8, bad[i], NULL);
}

static void
paths(void **state)
{
    (void)state;
    static const char *const good[] = {"/", "/var/lib/runhook/ledger.db", "/a b/c"};
    static const char *const bad[] = {"", "ledger.db", "./x", "~/x", " /x", "/a\nb", "/a\x7f"};

    for (size_t i = 0; i < COUNT(good); i++)
        assert_parses(value_path, good[i], good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_parses(value_path, bad[i], NULL);
}

static bool
url(const char *text, char **out, struct rh_reason *reason)
{
    return value_url(text, false, out, reason);
}

static bool
address(const char *text, char **out, struct rh_reason *reason)
{
    return value_url(text, true, out, reason);
}

static void
urls(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"https://api.github.com", "https://api.github.com"},
        {"https://api.github.com/", "https://api.github.com"},
        {"https://ghe.example/api/v3///", "https://ghe.example/api/v3"},
        {"http://127.0.0.1:4646", "http://127.0.0.1:4646"},
        {"http://[::1]:4646", "http://[::1]:4646"},
        {"", NULL},
        {"api.github.com", NULL},
        {"//api.github.com", NULL},
        {"http:", NULL},
        {"http://", NULL},
        {"https:///", NULL},
        {"http://:80", NULL},
        {"http://host:99999", NULL},
        {"http://host:port", NULL},
        {"http://[::1", NULL},
        {"http://a b", NULL},
        {"http://host/a b", NULL},
        {"http://host/\n", NULL},
        {"http://host/\x7f", NULL},
        {"ftp://host", NULL},
        {"file:///etc/passwd", NULL},
        {"javascript:alert(1)", NULL},
        {"HTTPS://host", NULL},
        {"http://user@host", NULL},
        {"http://user:hunter2@host", NULL},
        {"http://:hunter2@host", NULL},
        {"http://host/?token=hunter2", NULL},
        {"http://host/#hunter2", NULL},
        {"http://@host", NULL},
        {"http://host?", NULL},
        {"http://host/?", NULL},
        {"http://host#", NULL},
        {"http://host/#", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_reason reason = {""};
        char *out = NULL;

        assert_parses(url, rows[i].text, rows[i].want);
        assert_parses(address, rows[i].text, rows[i].want);
        (void)value_url(rows[i].text, true, &out, &reason);
        assert_row(strstr(reason.text, "hunter2") == NULL, rows[i].text);
        free(out);
    }
}

static void
unix_addresses(void **state)
{
    (void)state;
    char path[128];

    assert_parses(address, "unix:///secrets/api.sock", "unix:///secrets/api.sock");
    assert_parses(url, "unix:///secrets/api.sock", NULL);
    assert_parses(address, "unix:///secrets/a\nb.sock", NULL);
    assert_parses(address, "unix:///secrets/\x1b[2J", NULL);
    assert_parses(address, "unix://secrets/api.sock", NULL);
    assert_parses(address, "unix:/secrets/api.sock", NULL);
    assert_parses(address, "unix:", NULL);
    /* sun_path has 108 bytes, a NUL among them. */
    (void)snprintf(path, sizeof path, "unix://%0107d", 0);
    path[7] = '/';
    assert_parses(address, path, path);
    (void)snprintf(path, sizeof path, "unix://%0108d", 0);
    path[7] = '/';
    assert_parses(address, path, NULL);
}

static void
listen_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"unix:/run/runhook.sock", "127.0.0.1:9000", "localhost:0",
                                       "[::1]:65535", "0.0.0.0:1"};
    static const char *const bad[] = {"",
                                      "unix:",
                                      "unix:run/x.sock",
                                      "unix:x:80",
                                      "9000",
                                      ":9000",
                                      "localhost",
                                      "localhost:",
                                      "localhost:65536",
                                      "localhost:-1",
                                      "localhost:http",
                                      "localhost:80x",
                                      "localhost: 80",
                                      "local\x1b[2Jhost:80",
                                      "a\nb:80",
                                      "unix:/run/a\nb.sock"};
    char path[128];

    for (size_t i = 0; i < COUNT(good); i++)
        assert_parses(value_listen, good[i], good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_parses(value_listen, bad[i], NULL);
    (void)snprintf(path, sizeof path, "unix:%0107d", 0);
    path[5] = '/';
    assert_parses(value_listen, path, path);
    (void)snprintf(path, sizeof path, "unix:%0108d", 0);
    path[5] = '/';
    assert_parses(value_listen, path, NULL);
}

static bool
name_of_8(const char *text, char **out, struct rh_reason *reason)
{
    return value_name(text, 8, false, out, reason);
}

static bool
name_with_slashes(const char *text, char **out, struct rh_reason *reason)
{
    return value_name(text, 8, true, out, reason);
}

static void
names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "A-1_b.c", "12345678", "...", "-"};
    static const char *const bad[] = {"",   "123456789", "a b", "a:b", "a\n",
                                      "日", "a%2Fb",     "a?b", "a;b"};

    for (size_t i = 0; i < COUNT(good); i++)
        assert_parses(name_of_8, good[i], good[i]);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_parses(name_of_8, bad[i], NULL);
        assert_parses(name_with_slashes, bad[i], NULL);
    }
    assert_parses(name_of_8, "a/b", NULL);
    assert_parses(name_with_slashes, "a/b", "a/b");
}

static void
labels(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* joined by '|'; NULL where they are refused */
    } rows[] = {
        {"self-hosted", "self-hosted"},
        {"self-hosted, linux,x64", "self-hosted|linux|x64"},
        {" , a,, b ,", "a|b"},
        {"two words, c", "two words|c"},
        {"Linux, linux, LINUX", "Linux"},
        {"日本", "日本"},
        {"", NULL},
        {" , ,", NULL},
        {"a, b\x01, c", NULL},
        {"a, \xff", NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_labels out = {0};
        struct rh_reason reason = {""};
        char joined[128] = "";

        assert_int_equal(rh_labels_add(&out, "before", 6), RH_OK);
        assert_row(value_labels(rows[i].text, &out, &reason) == (rows[i].want != NULL),
                   rows[i].text);
        for (size_t j = 0; j < out.len; j++) {
            size_t len = strlen(joined);
            (void)snprintf(joined + len, sizeof joined - len, "%s%s", j == 0 ? "" : "|",
                           out.items[j]);
        }
        assert_string_equal(joined, rows[i].want == NULL ? "" : rows[i].want);
        assert_row((reason.text[0] != '\0') == (rows[i].want == NULL), rows[i].text);
        rh_labels_fini(&out);
    }
}

static void
a_label_that_is_too_long(void **state)
{
    (void)state;
    char text[RH_LABEL_LEN_MAX + 2] = "";
    struct rh_labels out = {0};
    struct rh_reason reason;

    memset(text, 'x', RH_LABEL_LEN_MAX);
    assert_true(value_labels(text, &out, &reason));
    text[RH_LABEL_LEN_MAX] = 'x';
    assert_false(value_labels(text, &out, &reason));
    assert_int_equal(out.len, 0);
    rh_labels_fini(&out);
}

static void
meta_keys(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int len; /* -1 where they are refused */
    } rows[] = {
        {"", 0},
        {" , ", 0},
        {"RUNNER_NAME", 1},
        {"RUNNER_NAME, DELIVERY_ID", 2},
        {"DELIVERY_ID,WORKFLOW_JOB,JOB_NAME,RUNNER_NAME,RUN_ATTEMPT,WORKFLOW_NAME,HEAD_BRANCH,"
         "LABELS,POOL",
         META_KEYS},
        {"runner_name", -1},
        {"RUNNER", -1},
        {"RUNNER_NAMES", -1},
        {"RUNNER NAME", -1},
        {"REPO_FULL_NAME", -1},
        {"POOL, POOL", -1},
        {"POOL; LABELS", -1},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct meta_keys out = {.len = 3};
        struct rh_reason reason;

        assert_row(value_meta(rows[i].text, &out, &reason) == (rows[i].len >= 0), rows[i].text);
        assert_row((int)out.len == (rows[i].len < 0 ? 0 : rows[i].len), rows[i].text);
    }
    for (int key = 0; key < META_KEYS; key++) {
        struct meta_keys out = {0};
        struct rh_reason reason;

        assert_true(value_meta(meta_key_names[key], &out, &reason));
        assert_int_equal(out.items[0], key);
    }
}

static void
repositories(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;   /* joined by '|'; NULL where they are refused */
        const char *reason; /* what the refusal says, at its start */
    } rows[] = {
        {"", "", NULL},
        {" , ", "", NULL},
        {"o/r", "o/r", NULL},
        {"octo-harbor/lighthouse,octo-harbor/.github", "octo-harbor/lighthouse|octo-harbor/.github",
         NULL},
        {" , o/r,\n o/q ,", "o/r|o/q", NULL},
        {"o/r, O/r2", "o/r|O/r2", NULL},
        {"o", NULL, "\"o\" is not a repository's owner/name"},
        {"o/", NULL, "\"o/\" is not"},
        {"/r", NULL, "\"/r\" is not"},
        {"/", NULL, "\"/\" is not"},
        {"o/r/s", NULL, "\"o/r/s\" is not"},
        {"o/..", NULL, "\"o/..\" is not"},
        {"./r", NULL, "\"./r\" is not"},
        {"o/*", NULL, "\"o/*\" is not"},
        {"o/r?x=y", NULL, "\"o/r?x=y\" is not"},
        {"o/r%2f", NULL, "\"o/r%2f\" is not"},
        {"o/r o/q", NULL, "\"o/r o/q\" is not"},
        {"o/r; o/q", NULL, "\"o/r; o/q\" is not"},
        {"o/r # mine", NULL, "\"o/r # mine\" is not"},
        {"\"o/r\"", NULL, "\"\"o/r\"\" is not"},
        {"https://github.com/o/r", NULL, "\"https://github.com/o/r\" is not"},
        {"o/r\x01", NULL, "\"o/r"},
        {"o/日本", NULL, "\"o/日本\" is not"},
        {"o/r, timeout = 5", NULL, "\"timeout = 5\" is not"},
        {"o/r, bad", NULL, "\"bad\" is not"},
        {"o/r, o/r", NULL, "o/r stands there twice"},
        {"o/r, o/q, O/R", NULL, "O/R stands there twice"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct names out = {0};
        struct rh_reason reason = {""};
        char joined[128] = "";

        assert_true(value_repositories("be/fore", &out, &reason));
        assert_row(value_repositories(rows[i].text, &out, &reason) == (rows[i].want != NULL),
                   rows[i].text);
        for (size_t j = 0; j < out.len; j++) {
            size_t len = strlen(joined);
            (void)snprintf(joined + len, sizeof joined - len, "%s%s", j == 0 ? "" : "|",
                           out.items[j]);
        }
        assert_string_equal(joined, rows[i].want == NULL ? "" : rows[i].want);
        if (rows[i].reason == NULL)
            assert_string_equal(reason.text, "");
        else
            assert_row(strncmp(reason.text, rows[i].reason, strlen(rows[i].reason)) == 0,
                       rows[i].text);
        names_fini(&out);
        assert_null(out.items);
        assert_int_equal(out.len, 0);
    }
}

static void
repositories_are_counted(void **state)
{
    (void)state;
    size_t cap = (CONFIG_REPOSITORIES_MAX + 1) * 8, len = 0;
    char *text = calloc(1, cap);
    struct names out = {0};
    struct rh_reason reason;

    assert_non_null(text);
    for (int i = 0; i < CONFIG_REPOSITORIES_MAX; i++)
        len += (size_t)snprintf(text + len, cap - len, "o/r%d,", i);
    assert_true(value_repositories(text, &out, &reason));
    assert_int_equal(out.len, CONFIG_REPOSITORIES_MAX);
    assert_string_equal(out.items[255], "o/r255");
    (void)snprintf(text + len, cap - len, "o/r256");
    assert_false(value_repositories(text, &out, &reason));
    assert_string_equal(reason.text, "at most 256 of them");
    assert_int_equal(out.len, 0);
    free(text);
}

static void
a_repository_that_is_too_long(void **state)
{
    (void)state;
    char text[RH_REPOSITORY_LEN_MAX + 2] = "o/";
    struct names out = {0};
    struct rh_reason reason;

    memset(text + 2, 'r', RH_REPOSITORY_LEN_MAX - 2);
    assert_true(value_repositories(text, &out, &reason));
    text[RH_REPOSITORY_LEN_MAX] = 'r';
    assert_false(value_repositories(text, &out, &reason));
    assert_non_null(strstr(reason.text, "at most 256 bytes"));
    assert_int_equal(out.len, 0);
}

static void
networks(void **state)
{
    static const struct {
        const char *text;
        size_t len; /* 0 where it is refused */
    } rows[] = {
        {"127.0.0.1", 1},
        {" 10.0.0.0/8 ,, ::1,", 2},
        {"10.0.0.0/8\n fd00::/8", 0},
        {"", 0},
        {",", 0},
        {"all", 0},
        {"10.0.0.1/8", 0},
        {"10.0.0.0/8 192.168.0.0/16", 0},
        {"2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct networks out = {0};
        struct rh_reason reason = {""};

        assert_row(value_networks(rows[i].text, &out, &reason) == (rows[i].len > 0), rows[i].text);
        assert_row(out.len == rows[i].len, rows[i].text);
        assert_row((reason.text[0] == '\0') == (rows[i].len > 0), rows[i].text);
        networks_fini(&out);
    }
}

static void
networks_are_counted(void **state)
{
    char text[(CONFIG_NETWORKS_MAX + 1) * 12] = "";
    struct networks out = {0};
    struct rh_reason reason;
    size_t len = 0;

    (void)state;
    for (int i = 0; i < CONFIG_NETWORKS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "10.0.0.%d,", i);
    assert_true(value_networks(text, &out, &reason));
    assert_int_equal(out.len, CONFIG_NETWORKS_MAX);
    (void)snprintf(text + len, sizeof text - len, "::1");
    assert_false(value_networks(text, &out, &reason));
    assert_int_equal(out.len, 0);
}

static void
secrets_in_place(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "hunter2\n", "hunter2\thunter2", "\x01hunter2",
                                      "hunter2\x7f"};
    struct rh_secret *out = NULL;
    struct rh_reason reason;
    char *text = calloc(1, RH_SECRET_MAX + 2);

    assert_non_null(text);
    assert_true(value_secret("It's a Secret to Everybody", &out, &reason));
    assert_string_equal(rh_secret_bytes(out), "It's a Secret to Everybody");
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_row(!value_secret(bad[i], &out, &reason), bad[i]);
        assert_row(strstr(reason.text, "hunter2") == NULL, bad[i]);
        assert_string_equal(rh_secret_bytes(out), "It's a Secret to Everybody");
    }
    memset(text, 'x', RH_SECRET_MAX);
    assert_true(value_secret(text, &out, &reason));
    text[RH_SECRET_MAX] = 'x';
    assert_false(value_secret(text, &out, &reason));
    rh_secret_free(out);
    free(text);
}

static void
secret_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *bytes;
        size_t len;
        const char *want; /* NULL where it is refused */
    } rows[] = {
        {"plain", "hunter2", 7, "hunter2"},
        {"newline", "hunter2\n", 8, "hunter2"},
        {"DOS newline", "hunter2\r\n", 9, "hunter2"},
        {"blanks belong to it", " hunter 2 ", 10, " hunter 2 "},
        {"not ASCII", "h\xc3\xbcnter", 7, "h\xc3\xbcnter"},
        {"empty", "", 0, NULL},
        {"newline alone", "\n", 1, NULL},
        {"DOS newline alone", "\r\n", 2, NULL},
        {"two newlines", "hunter2\n\n", 9, NULL},
        {"two lines", "hunter2\nhunter2\n", 16, NULL},
        {"a header smuggled in", "hunter2\r\nX-Evil: 1", 18, NULL},
        {"NUL", "hunter2\0x", 9, NULL},
        {"tab", "hunter2\t", 8, NULL},
        {"escape", "\x1bhunter2", 8, NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct path path = scratch_write_len("secret", rows[i].bytes, rows[i].len, 0600);
        struct rh_secret *out = NULL;
        struct rh_reason reason = {""};

        assert_row(value_secret_file(path.text, &out, &reason) == (rows[i].want != NULL),
                   rows[i].name);
        assert_row((out != NULL) == (rows[i].want != NULL), rows[i].name);
        if (out != NULL)
            assert_string_equal(rh_secret_bytes(out), rows[i].want);
        else
            assert_row(strstr(reason.text, path.text) != NULL, rows[i].name);
        assert_row(strstr(reason.text, "hunter2") == NULL, rows[i].name);
        rh_secret_free(out);
    }
}

static void
a_secret_file_has_a_longest_size(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        const char *end;
        bool want;
    } rows[] = {
        {RH_SECRET_MAX, "", true},        {RH_SECRET_MAX, "\n", true},
        {RH_SECRET_MAX, "\r\n", true},    {RH_SECRET_MAX + 1, "", false},
        {RH_SECRET_MAX + 1, "\n", false}, {RH_SECRET_MAX * 100, "", false},
    };
    char *text = calloc(1, RH_SECRET_MAX * 100 + 8);

    assert_non_null(text);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_secret *out = NULL;
        struct rh_reason reason;

        memset(text, 'x', rows[i].len);
        memcpy(text + rows[i].len, rows[i].end, strlen(rows[i].end) + 1);
        struct path path = scratch_write("secret", text, 0600);
        assert_int_equal(value_secret_file(path.text, &out, &reason), rows[i].want);
        rh_secret_free(out);
    }
    free(text);
}

static void
others_must_have_no_access_to_a_secret_file(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        bool want;
    } rows[] = {{0600, true},  {0400, true},  {0640, true},  {0660, true},
                {0604, false}, {0602, false}, {0601, false}, {0644, false},
                {0666, false}, {0777, false}, {0606, false}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct path path = scratch_write("secret", "hunter2\n", rows[i].mode);
        struct rh_secret *out = NULL;
        struct rh_reason reason = {""};
        char mode[8];

        assert_int_equal(value_secret_file(path.text, &out, &reason), rows[i].want);
        (void)snprintf(mode, sizeof mode, "%04o", (unsigned)rows[i].mode);
        if (!rows[i].want) {
            assert_non_null(strstr(reason.text, mode));
            assert_non_null(strstr(reason.text, "chmod o="));
        }
        rh_secret_free(out);
    }
}

/* A token that stands where its file's name should is not shown in the message about it. */
static void
what_is_no_path_is_not_shown(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "ghp_0123456789", "secrets/token", "./token", "~/token"};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_secret *out = NULL;
        struct rh_reason reason = {""};

        assert_row(!value_secret_file(rows[i], &out, &reason), rows[i]);
        assert_null(out);
        assert_string_equal(reason.text, "must be the path of a file, beginning with /");
    }
}

/* Opening what is not a file must neither hang nor give a secret. */
static void
only_a_regular_file_holds_a_secret(void **state)
{
    (void)state;
    struct path fifo = scratch_path("fifo"), folder = scratch_path("folder"),
                link_to_fifo = scratch_path("link-to-fifo"), dangling = scratch_path("dangling"),
                missing = scratch_path("missing"), bound = scratch_path("socket");
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(mkfifo(fifo.text, 0600), 0);
    assert_int_equal(mkdir(folder.text, 0700), 0);
    assert_int_equal(symlink(fifo.text, link_to_fifo.text), 0);
    assert_int_equal(symlink(missing.text, dangling.text), 0);
    assert_true(strlen(bound.text) < sizeof name.sun_path);
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%.100s", bound.text);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    const char *const paths_[] = {fifo.text,     folder.text,  link_to_fifo.text,
                                  dangling.text, missing.text, bound.text,
                                  "/dev/null",   "/dev/zero",  "/proc/self/fd"};
    for (size_t i = 0; i < COUNT(paths_); i++) {
        struct rh_secret *out = NULL;
        struct rh_reason reason = {""};

        assert_row(!value_secret_file(paths_[i], &out, &reason), paths_[i]);
        assert_null(out);
        assert_row(strstr(reason.text, "secret file") != NULL, paths_[i]);
        assert_row(strstr(reason.text, paths_[i]) != NULL, paths_[i]);
    }
    assert_int_equal(close(fd), 0);
}

/* Kubernetes and systemd mount secrets as links. */
static void
a_link_to_a_secret_file_is_followed(void **state)
{
    (void)state;
    struct path target = scratch_write("target", "hunter2", 0600), link = scratch_path("link");
    struct rh_secret *out = NULL;
    struct rh_reason reason;

    assert_int_equal(symlink(target.text, link.text), 0);
    assert_true(value_secret_file(link.text, &out, &reason));
    assert_string_equal(rh_secret_bytes(out), "hunter2");
    assert_int_equal(chmod(target.text, 0644), 0);
    assert_false(value_secret_file(link.text, &out, &reason));
    assert_string_equal(rh_secret_bytes(out), "hunter2");
    rh_secret_free(out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(a_refusal_is_plain_text),
        cmocka_unit_test(a_number_out_of_range_is_told_the_range),
        cmocka_unit_test(modes),
        cmocka_unit_test(bools),
        cmocka_unit_test(texts),
        cmocka_unit_test(paths),
        cmocka_unit_test(urls),
        cmocka_unit_test(unix_addresses),
        cmocka_unit_test(listen_addresses),
        cmocka_unit_test(names),
        cmocka_unit_test(labels),
        cmocka_unit_test(a_label_that_is_too_long),
        cmocka_unit_test(meta_keys),
        cmocka_unit_test(repositories),
        cmocka_unit_test(repositories_are_counted),
        cmocka_unit_test(a_repository_that_is_too_long),
        cmocka_unit_test(networks),
        cmocka_unit_test(networks_are_counted),
        cmocka_unit_test(secrets_in_place),
        cmocka_unit_test_setup(secret_files, scratch_clear),
        cmocka_unit_test_setup(a_secret_file_has_a_longest_size, scratch_clear),
        cmocka_unit_test_setup(others_must_have_no_access_to_a_secret_file, scratch_clear),
        cmocka_unit_test_setup(what_is_no_path_is_not_shown, scratch_clear),
        cmocka_unit_test_setup(only_a_regular_file_holds_a_secret, scratch_clear),
        cmocka_unit_test_setup(a_link_to_a_secret_file_is_followed, scratch_clear),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
