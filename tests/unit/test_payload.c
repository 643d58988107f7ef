/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <runhook/delivery.h>
#include <runhook/payload.h>
#include <runhook/secret.h>

static char label_texts[][16] = {"self-hosted", "linux", "x64"};
static char *label_items[] = {label_texts[0], label_texts[1], label_texts[2]};
static const struct rh_labels labels = {label_items, 3, 3};
static const struct rh_labels no_labels = {NULL, 0, 0};

static struct rh_dispatch
dispatch_new(void)
{
    return (struct rh_dispatch){
        .repository = "octo-org/hello-world",
        .repository_short = "hello-world",
        .fork = false,
        .job_name = "build (ubuntu, 18)",
        .run_id = 16245678901,
        .job_id = 45678901234,
        .labels = &labels,
        .url = "https://github.com/octo-org/hello-world",
        .runner_name = "runhook-0a1b2c3d-45678901234-1",
        .credential_kind = RH_CREDENTIAL_REGISTRATION_TOKEN,
        .credential = "AABF3JGZDX3P5PMEXLND6TS6FCWO6",
    };
}

static char *
payload_of(const struct rh_dispatch *dispatch)
{
    char *text = NULL;
    size_t text_len = 0;

    assert_int_equal(rh_payload_build(dispatch, &text, &text_len), RH_OK);
    assert_non_null(text);
    assert_int_equal(strlen(text), text_len);
    return text;
}

static cJSON *
body_of(const struct rh_dispatch *dispatch)
{
    char *text = NULL;
    size_t text_len = 0;

    assert_int_equal(rh_dispatch_body_build(dispatch, &text, &text_len), RH_OK);
    assert_int_equal(strlen(text), text_len);
    cJSON *json = cJSON_ParseWithOpts(text, NULL, true);
    assert_non_null(json);
    rh_wipe_free(text, text_len);
    return json;
}

static const char *
text_at(const cJSON *json, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
    assert_non_null(text);
    return text;
}

/* Decodes base64 with padding; the caller frees. */
static char *
base64_decode(const char *text)
{
    size_t len = strlen(text);
    char *out = calloc(1, len + 1);

    assert_non_null(out);
    assert_int_equal(len % 4, 0);
    int decoded_len = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
    assert_true(decoded_len > 0);
    for (size_t i = len; i > 0 && text[i - 1] == '='; i--)
        decoded_len--;
    out[decoded_len] = '\0';
    return out;
}

static void
payload_with_a_registration_token(void **state)
{
    (void)state;
    struct rh_dispatch dispatch = dispatch_new();
    char *text = payload_of(&dispatch);

    assert_string_equal(text, "{\"repo\":\"octo-org/hello-world\",\"fork\":false,"
                              "\"job\":\"build (ubuntu, 18)\",\"run_id\":16245678901,"
                              "\"job_id\":45678901234,"
                              "\"labels\":[\"self-hosted\",\"linux\",\"x64\"],"
                              "\"url\":\"https://github.com/octo-org/hello-world\","
                              "\"runner_name\":\"runhook-0a1b2c3d-45678901234-1\","
                              "\"token\":\"AABF3JGZDX3P5PMEXLND6TS6FCWO6\"}");
    rh_wipe_free(text, strlen(text));
}

static void
payload_with_a_jit_config(void **state)
{
    (void)state;
    struct rh_dispatch dispatch = dispatch_new();
    dispatch.fork = true;
    dispatch.labels = &no_labels;
    dispatch.credential_kind = RH_CREDENTIAL_JIT_CONFIG;
    dispatch.credential = "eyJhIjoiYiJ9+/==";
    char *text = payload_of(&dispatch);

    assert_string_equal(text, "{\"repo\":\"octo-org/hello-world\",\"fork\":true,"
                              "\"job\":\"build (ubuntu, 18)\",\"run_id\":16245678901,"
                              "\"job_id\":45678901234,\"labels\":[],"
                              "\"url\":\"https://github.com/octo-org/hello-world\","
                              "\"runner_name\":\"runhook-0a1b2c3d-45678901234-1\","
                              "\"jit_config\":\"eyJhIjoiYiJ9+/==\"}");
    rh_wipe_free(text, strlen(text));
}

static void
ids_are_exact(void **state)
{
    (void)state;
    static const struct {
        int64_t id;
        const char *want;
    } rows[] = {
        {1, "\"run_id\":1,\"job_id\":1,"},
        {2147483648, "\"run_id\":2147483648,\"job_id\":2147483648,"},
        {999999999999999, "\"run_id\":999999999999999,\"job_id\":999999999999999,"},
        {9007199254740989, "\"run_id\":9007199254740989,\"job_id\":9007199254740989,"},
        {RH_ID_MAX, "\"run_id\":9007199254740991,\"job_id\":9007199254740991,"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_dispatch dispatch = dispatch_new();
        dispatch.run_id = rows[i].id;
        dispatch.job_id = rows[i].id;
        char *text = payload_of(&dispatch);
        assert_row(strstr(text, rows[i].want) != NULL, rows[i].want);
        rh_wipe_free(text, strlen(text));
    }
}

/* The names that broke where base64 took text for Latin-1. */
static void
names_of_every_script_come_back_as_they_went(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "a",
        "ab",
        "abc",
        "\xe3\x83\x93\xe3\x83\xab\xe3\x83\x89 (\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e)",
        "test \xf0\x9f\x9a\x80 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",
        "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x80\xae\xd8\xb9\xd8\xb1\xd8\xa8\xd9\x8a",
        "quote \" backslash \\ slash / newline \n tab \t bell \a delete \x7f",
        "\",\"fork\":true,\"x\":\"",
        "</script> & ${IFS} $(id) `id` %s %n",
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_dispatch dispatch = dispatch_new();
        dispatch.job_name = rows[i];
        const struct rh_meta meta = {"JOB_NAME", rows[i]};
        dispatch.meta = &meta;
        dispatch.meta_len = 1;

        cJSON *body = body_of(&dispatch);
        char *payload = base64_decode(text_at(body, "Payload"));
        cJSON *json = cJSON_ParseWithOpts(payload, NULL, true);
        assert_row(json != NULL, rows[i]);
        assert_string_equal(text_at(json, "job"), rows[i]);
        assert_row(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "fork")), rows[i]);
        assert_int_equal(cJSON_GetArraySize(json), 9);
        assert_string_equal(text_at(cJSON_GetObjectItemCaseSensitive(body, "Meta"), "JOB_NAME"),
                            rows[i]);
        cJSON_Delete(json);
        cJSON_Delete(body);
        free(payload);
    }
}

static void
utf8_goes_out_unescaped(void **state)
{
    (void)state;
    struct rh_dispatch dispatch = dispatch_new();
    dispatch.job_name = "\xe6\x97\xa5\xf0\x9f\x9a\x80";
    char *text = payload_of(&dispatch);
    assert_non_null(strstr(text, "\"job\":\"\xe6\x97\xa5\xf0\x9f\x9a\x80\","));
    rh_wipe_free(text, strlen(text));
}

static void
refuses_arguments_out_of_range(void **state)
{
    (void)state;
    char name[RH_RUNNER_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    name[RH_RUNNER_NAME_MAX + 1] = '\0';
    const struct {
        const char *name;
        int64_t run_id;
        int64_t job_id;
        const char *runner_name;
        const char *job_name;
        enum rh_error want;
    } rows[] = {
        {"smallest ids", 1, 1, "n", "j", RH_OK},
        {"largest ids", RH_ID_MAX, RH_ID_MAX, "n", "j", RH_OK},
        {"longest name", 1, 1, name + 1, "j", RH_OK},
        {"name too long", 1, 1, name, "j", RH_ERR_ARGUMENT},
        {"name empty", 1, 1, "", "j", RH_ERR_ARGUMENT},
        {"run 0", 0, 1, "n", "j", RH_ERR_ARGUMENT},
        {"job 0", 1, 0, "n", "j", RH_ERR_ARGUMENT},
        {"run -1", -1, 1, "n", "j", RH_ERR_ARGUMENT},
        {"job least", 1, INT64_MIN, "n", "j", RH_ERR_ARGUMENT},
        {"run 2^53", RH_ID_MAX + 1, 1, "n", "j", RH_ERR_ARGUMENT},
        {"job 2^53", 1, RH_ID_MAX + 1, "n", "j", RH_ERR_ARGUMENT},
        {"run greatest", INT64_MAX, 1, "n", "j", RH_ERR_ARGUMENT},
        {"not UTF-8", 1, 1, "n", "Latin-1 \xe9", RH_ERR_ARGUMENT},
        {"a surrogate", 1, 1, "n", "\xed\xa0\x80", RH_ERR_ARGUMENT},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_dispatch dispatch = dispatch_new();
        dispatch.run_id = rows[i].run_id;
        dispatch.job_id = rows[i].job_id;
        dispatch.runner_name = rows[i].runner_name;
        dispatch.job_name = rows[i].job_name;
        char *text = name;
        size_t text_len = 99;

        assert_row(rh_payload_build(&dispatch, &text, &text_len) == rows[i].want, rows[i].name);
        assert_row((text == NULL) == (rows[i].want != RH_OK), rows[i].name);
        rh_wipe_free(text, text_len);
        text = name;
        text_len = 99;
        assert_row(rh_dispatch_body_build(&dispatch, &text, &text_len) == rows[i].want,
                   rows[i].name);
        assert_row((text == NULL) == (rows[i].want != RH_OK), rows[i].name);
        rh_wipe_free(text, text_len);
    }
}

/* Around Nomad's limit by every single byte, with what grows and shrinks at the end, in the middle,
 * and as text that needs escapes. */
static void
payload_limit_is_exact(void **state)
{
    (void)state;
    static char filler[RH_PAYLOAD_MAX + 1];
    enum { IN_CREDENTIAL, IN_NAME, IN_NAME_ESCAPED, PLACES };

    for (int place = 0; place < PLACES; place++) {
        struct rh_dispatch dispatch = dispatch_new();
        const char **field = place == IN_CREDENTIAL ? &dispatch.credential : &dispatch.job_name;
        *field = "";
        char *text = payload_of(&dispatch);
        size_t room = RH_PAYLOAD_MAX - strlen(text);
        rh_wipe_free(text, strlen(text));

        for (size_t over = 0; over <= 16; over++) {
            size_t len = room - 8 + over;
            memset(filler, 'x', len);
            filler[len] = '\0';
            if (place == IN_NAME_ESCAPED) {
                filler[len - 1] = '\0'; /* a quote takes two bytes */
                filler[0] = '"';
            }
            *field = filler;

            size_t text_len = 0;
            enum rh_error error = rh_payload_build(&dispatch, &text, &text_len);
            if (over <= 8) {
                assert_int_equal(error, RH_OK);
                assert_int_equal(text_len, RH_PAYLOAD_MAX - 8 + over);
            } else {
                assert_int_equal(error, RH_ERR_TOO_LARGE);
                assert_null(text);
            }
            rh_wipe_free(text, text_len);

            error = rh_dispatch_body_build(&dispatch, &text, &text_len);
            assert_int_equal(error, over <= 8 ? RH_OK : RH_ERR_TOO_LARGE);
            rh_wipe_free(text, text_len);
        }
    }
}

static void
body_has_the_payload_and_three_meta_keys(void **state)
{
    (void)state;
    struct rh_dispatch dispatch = dispatch_new();
    char *want = payload_of(&dispatch);
    cJSON *body = body_of(&dispatch);
    char *payload = base64_decode(text_at(body, "Payload"));
    const cJSON *meta = cJSON_GetObjectItemCaseSensitive(body, "Meta");

    assert_string_equal(payload, want);
    assert_int_equal(cJSON_GetArraySize(body), 2);
    assert_int_equal(cJSON_GetArraySize(meta), 3);
    assert_string_equal(text_at(meta, "REPO_FULL_NAME"), "octo-org/hello-world");
    assert_string_equal(text_at(meta, "REPO_SHORT_NAME"), "hello-world");
    assert_string_equal(text_at(meta, "WORKFLOW_RUN"), "16245678901");
    free(payload);
    cJSON_Delete(body);
    rh_wipe_free(want, strlen(want));
}

static void
more_meta_keys_follow(void **state)
{
    (void)state;
    static const struct rh_meta meta[] = {
        {"RUNNER_NAME", "runhook-1"},
        {"DELIVERY_ID", "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
        {"EMPTY", ""},
        {"repo_full_name", "keys have a case"},
    };
    struct rh_dispatch dispatch = dispatch_new();
    dispatch.meta = meta;
    dispatch.meta_len = COUNT(meta);
    cJSON *body = body_of(&dispatch);
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(body, "Meta");

    assert_int_equal(cJSON_GetArraySize(object), 3 + COUNT(meta));
    for (size_t i = 0; i < COUNT(meta); i++)
        assert_string_equal(text_at(object, meta[i].key), meta[i].value);
    cJSON_Delete(body);
}

static void
refuses_a_meta_key_twice(void **state)
{
    (void)state;
    static const struct rh_meta rows[][3] = {
        {{"REPO_FULL_NAME", "x"}, {"A", "x"}, {"B", "x"}},
        {{"A", "x"}, {"REPO_SHORT_NAME", "x"}, {"B", "x"}},
        {{"A", "x"}, {"B", "x"}, {"WORKFLOW_RUN", "16245678901"}},
        {{"A", "x"}, {"A", "y"}, {"B", "x"}},
        {{"A", "x"}, {"B", "x"}, {"A", "x"}},
        {{"B", "x"}, {"A", "x"}, {"A", "x"}},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct rh_dispatch dispatch = dispatch_new();
        char *text = label_texts[0];
        size_t text_len = 99;

        dispatch.meta = rows[i];
        dispatch.meta_len = 3;
        assert_int_equal(rh_dispatch_body_build(&dispatch, &text, &text_len), RH_ERR_ARGUMENT);
        assert_null(text);
        assert_int_equal(text_len, 0);
    }
}

static void
body_limit_holds(void **state)
{
    (void)state;
    char *value = malloc(RH_DISPATCH_BODY_MAX + 1);
    struct rh_dispatch dispatch = dispatch_new();
    const struct rh_meta meta = {"JOB_NAME", value};
    char *text = NULL;
    size_t text_len = 0;

    assert_non_null(value);
    dispatch.meta = &meta;
    dispatch.meta_len = 1;
    value[0] = '\0';
    assert_int_equal(rh_dispatch_body_build(&dispatch, &text, &text_len), RH_OK);
    size_t room = RH_DISPATCH_BODY_MAX - text_len;
    rh_wipe_free(text, text_len);

    memset(value, 'x', RH_DISPATCH_BODY_MAX);
    value[room] = '\0';
    assert_int_equal(rh_dispatch_body_build(&dispatch, &text, &text_len), RH_OK);
    assert_int_equal(text_len, RH_DISPATCH_BODY_MAX);
    rh_wipe_free(text, text_len);

    value[room] = 'x';
    value[room + 1] = '\0';
    assert_int_equal(rh_dispatch_body_build(&dispatch, &text, &text_len), RH_ERR_TOO_LARGE);
    assert_null(text);
    value[room + 1] = 'x';
    value[RH_DISPATCH_BODY_MAX] = '\0';
    assert_int_equal(rh_dispatch_body_build(&dispatch, &text, &text_len), RH_ERR_TOO_LARGE);
    assert_null(text);
    free(value);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_with_a_registration_token),
        cmocka_unit_test(payload_with_a_jit_config),
        cmocka_unit_test(ids_are_exact),
        cmocka_unit_test(names_of_every_script_come_back_as_they_went),
        cmocka_unit_test(utf8_goes_out_unescaped),
        cmocka_unit_test(refuses_arguments_out_of_range),
        cmocka_unit_test(payload_limit_is_exact),
        cmocka_unit_test(body_has_the_payload_and_three_meta_keys),
        cmocka_unit_test(more_meta_keys_follow),
        cmocka_unit_test(refuses_a_meta_key_twice),
        cmocka_unit_test(body_limit_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
