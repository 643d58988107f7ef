/*
 * What the program makes of what there is no memory to read: each allocation is made to fail in
 * turn. Found by tests/fuzz/failure.c. SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "config/pool.h"
#include "config/values.h"
#include "text/json.h"
#include "upstream/github_page.h"
#include "upstream/github_request.h"
#include "upstream/nomad_read.h"

/* The allocation that fails, counted from 1; 0 is none. */
static size_t failing;
static size_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);

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

char *
__wrap_strdup(const char *text)
{
    return must_fail() ? NULL : __real_strdup(text);
}

/* Puts cJSON under it. */
static void
hook(bool on)
{
    cJSON_Hooks hooks = {__wrap_malloc, free};

    cJSON_InitHooks(on ? &hooks : NULL);
}

/* Runs an attempt with its first, second, … allocation failing, until it comes through. Until then
 * it is our own memory that was missing, and not the upstream that sent garbage. */
static void
fail_each_allocation(bool (*attempt)(struct failure *failure))
{
    struct failure failure;
    bool done = false;

    hook(true);
    for (failing = 1; !done; failing++) {
        failure = (struct failure){0};
        allocations = 0;
        errno = 0;
        done = attempt(&failure);
        if (!done)
            assert_int_equal(failure.kind, FAILURE_LOCAL);
        assert_true(failing < 200);
    }
    assert_true(failing > 2); /* there was something to fail */
    failing = 0;
    hook(false);
}

/* A body in memory of its own, which is there before anything fails. */
static struct buffer
body_of(const char *text)
{
    return (struct buffer){.bytes = (char *)(uintptr_t)text, .len = strlen(text), .max = 4096};
}

/* {"runner_name":"rival-1"} */
#define PAYLOAD "eyJydW5uZXJfbmFtZSI6InJpdmFsLTEifQ=="

/* The name was left out where there was no memory for it, and so the child of another receiver was
 * taken for our own. */
static bool
read_child(struct failure *failure)
{
    const struct buffer body =
        body_of("{\"ID\":\"r/dispatch-1-0000000a\",\"Status\":\"running\",\"Stop\":false,"
                "\"DispatchIdempotencyToken\":\"7.1\",\"Payload\":\"" PAYLOAD "\"}");
    struct nomad_child child;
    bool done = nomad_read_child(&body, "r/dispatch-1-0000000a", &child, failure);

    if (done) {
        assert_non_null(child.runner_name);
        assert_string_equal(child.runner_name, "rival-1");
        assert_string_equal(child.idempotency_token, "7.1");
    } else {
        assert_null(child.runner_name);
        assert_null(child.idempotency_token);
    }
    nomad_child_fini(&child);
    return done;
}

static bool
read_token(struct failure *failure)
{
    const struct http_reply reply = {
        .body = body_of("{\"token\":\"AAA\",\"expires_at\":\"2026-01-31T23:59:59Z\"}")};
    struct rh_secret *token = NULL;
    int64_t expires_at_ms;
    bool done = github_read_token(&reply, &token, &expires_at_ms, failure);

    assert_int_equal(done, token != NULL);
    rh_secret_free(token);
    return done;
}

static bool
read_placement(struct failure *failure)
{
    const struct buffer body = body_of("[{\"ClientStatus\":\"running\",\"CreateIndex\":1}]");
    struct nomad_placement placement;

    return nomad_read_placement(&body, &placement, failure);
}

static void
an_answer_that_there_is_no_memory_for_is_no_garbage(void **state)
{
    (void)state;
    fail_each_allocation(read_child);
    fail_each_allocation(read_token);
    fail_each_allocation(read_placement);
}

/* A job of a fork's was refused for good, since "the pool has not all of its labels". */
static bool
has_labels(struct failure *failure)
{
    static char self_hosted[] = "self-hosted", linux_label[] = "linux";
    static char *items[] = {self_hosted, linux_label};
    static const struct pool pool = {.labels = {items, 2, 2}};
    bool has = true;
    bool done = pool_has_labels(&pool, "[\"self-hosted\",\"Linux\"]", &has);

    assert_int_equal(has, done);
    failure->kind = FAILURE_LOCAL;
    return done;
}

static void
labels_that_there_is_no_memory_for_are_not_missing(void **state)
{
    (void)state;
    bool has = true;
    const struct pool empty = {0};

    fail_each_allocation(has_labels);
    assert_true(pool_has_labels(&empty, "[\"linux\"]", &has));
    assert_false(has);
}

/* A secret that was right was said to be too long, or to have control characters. */
static bool
read_secret(struct failure *failure)
{
    struct rh_secret *secret = NULL;
    struct rh_reason reason;
    bool done = value_secret("AAAA", &secret, &reason);

    assert_int_equal(done, secret != NULL);
    if (!done)
        assert_string_equal(reason.text, "out of memory");
    rh_secret_free(secret);
    failure->kind = FAILURE_LOCAL;
    return done;
}

static void
a_secret_that_there_is_no_memory_for_is_not_wrong(void **state)
{
    (void)state;
    fail_each_allocation(read_secret);
}

/* What is no JSON is garbage still, also after memory was short. */
static void
garbage_is_garbage(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "{", "[]", "<html>", "{\"token\":7}"};

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct http_reply reply = {.body = body_of(rows[i])};
        struct rh_secret *token = NULL;
        struct failure failure;
        int64_t expires_at_ms;

        errno = ENOMEM;
        assert_false(github_read_token(&reply, &token, &expires_at_ms, &failure));
        assert_row(failure.kind == FAILURE_GARBAGE, rows[i]);
        assert_row(strstr(failure.text.text, "api_url") != NULL, rows[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_there_is_no_memory_for_is_no_garbage),
        cmocka_unit_test(labels_that_there_is_no_memory_for_are_not_missing),
        cmocka_unit_test(a_secret_that_there_is_no_memory_for_is_not_wrong),
        cmocka_unit_test(garbage_is_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
