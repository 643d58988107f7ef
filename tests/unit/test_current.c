/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "setup/current.h"

static char *
no_environment(const char *name)
{
    (void)name;
    return NULL;
}

/* One whose pool has this name. */
static struct setup *
make_setup(const char *pool)
{
    struct problems problems = {0};
    char text[512];
    struct config *config;
    struct setup *setup;

    (void)snprintf(text, sizeof text,
                   "[github]\nwebhook_secret = s\ntoken = t\nrepositories = o/r\n"
                   "[pool %s]\nlabels = self-hosted, x64\nnomad_job = j\nmax_runners = 3\n",
                   pool);
    config = config_load(scratch_write("conf", text, 0600).text, no_environment, CONFIG_WHOLE,
                         &problems);
    assert_non_null(config);
    problems_fini(&problems);
    setup = setup_new(config, "0a1b2c3d");
    assert_non_null(setup);
    return setup;
}

static void
a_setup_has_what_is_derived(void **state)
{
    struct setup *setup = make_setup("linux");

    (void)state;
    assert_string_equal(setup->limits, "{\"linux\":{\"runners\":3,\"pending\":0}}");
    assert_string_equal(setup->repositories, "[\"o/r\"]");
    assert_string_equal(setup->pool_names, "[\"linux\"]");
    /* With who may use it, of the pool and of all: a change of that has jobs looked at anew. */
    assert_string_equal(setup->pool_labels, "{\"linux\":[\"self-hosted\",\"x64\",0,[],[]],"
                                            "\"\":[1,[],[]]}");
    setup_free(setup);
    setup_free(NULL);
}

static void
what_was_taken_outlives_what_replaces_it(void **state)
{
    struct current *current = current_new(make_setup("one"));
    struct setup *first = current_take(current), *again = current_take(current), *second;

    (void)state;
    assert_ptr_equal(first, again);
    assert_true(current_is(current, first));
    current_replace(current, make_setup("two"));
    assert_false(current_is(current, first));
    second = current_take(current);
    assert_string_equal(second->config->pools[0].name, "two");
    current_return(current, again);
    assert_string_equal(first->config->pools[0].name, "one"); /* a sanitizer tells */
    current_return(current, first);
    current_return(current, second);
    current_return(current, NULL);
    current_free(current);
}

static void
nothing_comes_of_nothing(void **state)
{
    (void)state;
    assert_null(current_new(NULL));
    current_free(NULL);
}

#define TAKERS 4
#define REPLACEMENTS 200

struct work {
    struct current *current;
    atomic_bool ends;
};

static void *
take_and_return(void *arg)
{
    struct work *work = arg;

    while (!atomic_load(&work->ends)) {
        struct setup *setup = current_take(work->current);

        /* All of one make. */
        if (strstr(setup->pool_names, setup->config->pools[0].name) == NULL ||
            strstr(setup->limits, setup->config->pools[0].name) == NULL)
            return work;
        current_return(work->current, setup);
    }
    return NULL;
}

static void
threads_take_while_it_is_replaced(void **state)
{
    struct work work = {.current = current_new(make_setup("first"))};
    pthread_t threads[TAKERS];
    char name[24];

    (void)state;
    for (size_t i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_return, &work), 0);
    for (int i = 0; i < REPLACEMENTS; i++) {
        (void)snprintf(name, sizeof name, "pool-%d", i);
        current_replace(work.current, make_setup(name));
    }
    atomic_store(&work.ends, true);
    for (size_t i = 0; i < TAKERS; i++) {
        void *wrong = NULL;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    current_free(work.current);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setup_has_what_is_derived),
        cmocka_unit_test(what_was_taken_outlives_what_replaces_it),
        cmocka_unit_test(nothing_comes_of_nothing),
        cmocka_unit_test(threads_take_while_it_is_replaced),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
