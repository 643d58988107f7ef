/*
 * What the library does with memory: every allocation made to fail in turn, and every freed block
 * searched for what a secret left in it. cJSON allocates through the same functions by its hooks.
 * Leaks are the address sanitizer's to find.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <runhook/app.h>
#include <runhook/runhook.h>

/* A credential of one letter looks the same in base64 wherever it begins. */
#define CREDENTIAL "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define TRACE "AAAAAAAAAAAA"
#define TRACE_BASE64 "QUFBQUFBQUFB"

/* The allocation that fails, counted from 1; 0 is none. */
static size_t failing;
static size_t allocations;
static size_t traces;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static bool
must_fail(void)
{
    if (++allocations != failing)
        return false;
    errno = ENOMEM;
    return true;
}

void *
__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *block, size_t size)
{
    return must_fail() ? NULL : __real_realloc(block, size);
}

void
__wrap_free(void *block)
{
    size_t size = malloc_usable_size(block);
    if (size > 0 && (memmem(block, size, TRACE, strlen(TRACE)) != NULL ||
                     memmem(block, size, TRACE_BASE64, strlen(TRACE_BASE64)) != NULL))
        traces++;
    __real_free(block);
}

/* Runs `attempt` with its first, second, … allocation failing until it comes through. */
static void fail_each_allocation(enum rh_error (*attempt)(void))
{
    cJSON_Hooks hooks = {__wrap_malloc, __wrap_free};
    enum rh_error error = RH_ERR_NO_MEMORY;

    cJSON_InitHooks(&hooks);
    traces = 0;
    for (failing = 1; error != RH_OK; failing++) {
        allocations = 0;
        error = attempt();
        if (error != RH_OK)
            assert_int_equal(error, RH_ERR_NO_MEMORY);
        assert_true(failing < 1000);
    }
    assert_true(failing > 2); /* there was something to fail */
    failing = 0;
    cJSON_InitHooks(NULL);
}

static enum rh_error
secret_attempt(void)
{
    struct rh_secret *secret = NULL;
    enum rh_error error = rh_secret_new(CREDENTIAL, strlen(CREDENTIAL), &secret);

    assert_int_equal(secret == NULL, error != RH_OK);
    rh_secret_free(secret);
    return error;
}

static void
secrets(void **state)
{
    (void)state;
    fail_each_allocation(secret_attempt);
    assert_int_equal(traces, 0);
}

static enum rh_error
labels_attempt(void)
{
    struct rh_labels labels = {0};
    enum rh_error error = RH_OK;
    char text[] = "label-a";

    for (char letter = 'a'; letter <= 'z' && error == RH_OK; letter++) {
        size_t len = labels.len;
        text[6] = letter;
        error = rh_labels_add(&labels, text, strlen(text));
        assert_int_equal(labels.len, error == RH_OK ? len + 1 : len);
        assert_int_equal(rh_labels_has(&labels, text), error == RH_OK);
    }
    rh_labels_fini(&labels);
    return error;
}

static void
labels(void **state)
{
    (void)state;
    fail_each_allocation(labels_attempt);
}

static const char job_body[] =
    "{\"action\":\"queued\",\"workflow_job\":{\"id\":1,\"run_id\":2,\"status\":\"queued\","
    "\"labels\":[\"self-hosted\",\"linux\"],\"name\":\"build\",\"workflow_name\":\"CI\"},"
    "\"repository\":{\"full_name\":\"o/r\",\"html_url\":\"https://github.com/o/r\"}}";

static enum rh_error
delivery_attempt_as(const char *body, const char *content_type)
{
    struct rh_delivery *delivery = (struct rh_delivery *)&failing;
    struct rh_reason reason;
    enum rh_error error =
        rh_delivery_parse(body, strlen(body), content_type, NULL, &delivery, &reason);

    assert_int_equal(delivery == NULL, error != RH_OK);
    assert_string_equal(reason.text, error == RH_OK ? "" : "out of memory");
    rh_delivery_free(delivery);
    return error;
}

static enum rh_error
json_attempt(void)
{
    return delivery_attempt_as(job_body, "application/json");
}

static enum rh_error
form_attempt(void)
{
    return delivery_attempt_as("a=b&payload=%7B%22zen%22%3A%22x%22%2C%22hook_id%22%3A1%7D",
                               "application/x-www-form-urlencoded");
}

static void
deliveries(void **state)
{
    (void)state;
    fail_each_allocation(json_attempt);
    fail_each_allocation(form_attempt);
}

static struct rh_dispatch
dispatch_new(void)
{
    static char label[] = "self-hosted";
    static char *items[] = {label};
    static const struct rh_labels one_label = {items, 1, 1};
    static const struct rh_meta meta = {"RUNNER_NAME", "runhook-1"};

    return (struct rh_dispatch){
        .repository = "o/r",
        .repository_short = "r",
        .job_name = "build",
        .run_id = 2,
        .job_id = 1,
        .labels = &one_label,
        .url = "https://github.com/o/r",
        .runner_name = "runhook-1",
        .credential_kind = RH_CREDENTIAL_JIT_CONFIG,
        .credential = CREDENTIAL,
        .meta = &meta,
        .meta_len = 1,
    };
}

static enum rh_error build_attempt(enum rh_error (*build)(const struct rh_dispatch *, char **,
                                                          size_t *))
{
    struct rh_dispatch dispatch = dispatch_new();
    char *text = NULL;
    size_t text_len = 0;
    enum rh_error error = build(&dispatch, &text, &text_len);

    assert_int_equal(text == NULL, error != RH_OK);
    rh_wipe_free(text, text_len);
    return error;
}

static enum rh_error
payload_attempt(void)
{
    return build_attempt(rh_payload_build);
}

static enum rh_error
body_attempt(void)
{
    return build_attempt(rh_dispatch_body_build);
}

static void
payloads(void **state)
{
    (void)state;
    fail_each_allocation(payload_attempt);
    assert_int_equal(traces, 0);
    fail_each_allocation(body_attempt);
    assert_int_equal(traces, 0);
}

/* What fails after the credential was printed must wipe it as well. */
static void
payloads_that_fail_late(void **state)
{
    (void)state;
    static char value[RH_DISPATCH_BODY_MAX + 1];
    const struct rh_meta large = {"JOB_NAME", value};
    const struct rh_meta malformed = {"JOB_NAME", "\xff"};
    struct rh_dispatch dispatch = dispatch_new();
    char *text = NULL;
    size_t text_len = 0;

    memset(value, 'x', sizeof value - 1);
    traces = 0;
    dispatch.meta = &large;
    assert_int_equal(rh_dispatch_body_build(&dispatch, &text, &text_len), RH_ERR_TOO_LARGE);
    dispatch.meta = &malformed;
    assert_int_equal(rh_dispatch_body_build(&dispatch, &text, &text_len), RH_ERR_ARGUMENT);
    dispatch.job_name = "\xff";
    assert_int_equal(rh_payload_build(&dispatch, &text, &text_len), RH_ERR_ARGUMENT);
    value[RH_PAYLOAD_MAX] = '\0';
    memset(value, 'A', RH_PAYLOAD_MAX);
    dispatch.credential = value;
    dispatch.job_name = "build";
    assert_int_equal(rh_payload_build(&dispatch, &text, &text_len), RH_ERR_TOO_LARGE);
    assert_int_equal(traces, 0);
}

/* OpenSSL has an allocator of its own, so that it is short of memory is said by it here. */
static bool is_openssl_short;

EVP_PKEY *__real_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *arg);
EVP_PKEY *__wrap_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *arg);

EVP_PKEY *
__wrap_PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *arg)
{
    if (!is_openssl_short)
        return __real_PEM_read_bio_PrivateKey(bio, out, ask, arg);
    ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
    ERR_raise(ERR_LIB_PEM, ERR_R_ASN1_LIB); /* what came of it, further up */
    return NULL;
}

/* A key that was read before was said to be none. */
static void
a_key_that_there_is_no_memory_for_is_not_wrong(void **state)
{
    (void)state;
    struct rh_secret *key = NULL, *token = NULL;
    struct rh_reason reason;

    assert_int_equal(rh_secret_new("no key", 6, &key), RH_OK);
    is_openssl_short = true;
    assert_int_equal(rh_app_key_check(key, &reason), RH_ERR_NO_MEMORY);
    assert_string_equal(reason.text, "cannot be read: out of memory");
    assert_int_equal(rh_app_jwt(key, "1", 1, &token), RH_ERR_NO_MEMORY);
    assert_null(token);
    is_openssl_short = false;
    assert_int_equal(rh_app_key_check(key, &reason), RH_ERR_ARGUMENT);
    assert_int_equal(ERR_peek_error(), 0);
    rh_secret_free(key);
}

/* Without this the zeros above would prove nothing. The allocator is called by its own name,
 * because a compiler may drop what is written just before it is freed. */
static void
traces_are_found(void **state)
{
    (void)state;
    static const char *const texts[] = {CREDENTIAL, "{\"Payload\":\"Ijoi" TRACE_BASE64 "In0=\"}"};

    traces = 0;
    for (size_t i = 0; i < COUNT(texts); i++) {
        char *copy = __wrap_malloc(100);
        assert_non_null(copy);
        memcpy(copy, texts[i], strlen(texts[i]));
        __wrap_free(copy);
        assert_int_equal(traces, i + 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets),
        cmocka_unit_test(labels),
        cmocka_unit_test(deliveries),
        cmocka_unit_test(payloads),
        cmocka_unit_test(payloads_that_fail_late),
        cmocka_unit_test(a_key_that_there_is_no_memory_for_is_not_wrong),
        cmocka_unit_test(traces_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
