/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "config/pool.h"

static char big[] = "big", small[] = "small", open_name[] = "open";
static char self_hosted[] = "self-hosted", linux_label[] = "linux", gpu[] = "gpu", x64[] = "X64";
static char *big_labels[] = {self_hosted, linux_label, gpu}, *small_labels[] = {self_hosted, x64},
            *open_labels[] = {linux_label, x64};
static struct pool pools[] = {
    {.name = small, .labels = {small_labels, 2, 2}, .require_self_hosted = true},
    {.name = big, .labels = {big_labels, 3, 3}, .require_self_hosted = true},
    {.name = open_name, .labels = {open_labels, 2, 2}, .require_self_hosted = false},
};
static const struct config config = {.pools = pools, .pools_len = COUNT(pools)};
static const struct config no_pools;

static const struct row {
    const char *name;
    const char *labels;
    const char *serves; /* the pool that does; NULL for none */
    const char *covers; /* those whose runners GitHub may give it to */
} rows[] = {
    {"all have it", "[\"self-hosted\"]", "small", "small big"},
    {"the first in file order", "[\"self-hosted\",\"x64\"]", "small", "small"},
    {"the only one", "[\"self-hosted\",\"gpu\"]", "big", "big"},
    {"all of one", "[\"gpu\",\"linux\",\"self-hosted\"]", "big", "big"},
    {"in another case", "[\"Self-Hosted\",\"GPU\"]", "big", "big"},
    {"of two pools", "[\"self-hosted\",\"x64\",\"gpu\"]", NULL, ""},
    {"unknown", "[\"self-hosted\",\"arm64\"]", NULL, ""},
    {"without self-hosted", "[\"linux\"]", "open", "big open"},
    {"without self-hosted, of one that asks for it", "[\"gpu\"]", NULL, "big"},
    {"none", "[]", NULL, ""},
    {"empty label", "[\"\"]", NULL, ""},
    {"no array", "{\"self-hosted\":1}", NULL, ""},
    {"no text in it", "[\"self-hosted\",1]", NULL, ""},
    {"null in it", "[null]", NULL, ""},
    {"text", "\"self-hosted\"", NULL, ""},
    {"no JSON", "self-hosted", NULL, ""},
    {"cut off", "[\"self-hosted\"", NULL, ""},
    {"nothing", "", NULL, ""},
};

static const char *
name_of(const struct pool *pool)
{
    return pool == NULL ? "none" : pool->name;
}

static void
the_first_pool_that_serves_a_job(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *want = rows[i].serves == NULL ? "none" : rows[i].serves;

        assert_row(strcmp(name_of(pool_serving_json(&config, rows[i].labels, "o/r", true)), want) ==
                       0,
                   rows[i].name);
        assert_null(pool_serving_json(&no_pools, rows[i].labels, "o/r", true));
    }
}

/* Whatever else a pool asks for: GitHub goes by labels alone. */
static void
the_pools_whose_runners_could_run_it(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; j < COUNT(pools); j++)
            assert_row(pool_covers(&config, pools[j].name, rows[i].labels) ==
                           (strstr(rows[i].covers, pools[j].name) != NULL),
                       rows[i].name);
        assert_false(pool_covers(&config, "gone", rows[i].labels));
        assert_false(pool_covers(&no_pools, "big", rows[i].labels));
    }
}

static void
labels_as_a_delivery_has_them(void **state)
{
    (void)state;
    char *items[] = {self_hosted, gpu};
    struct rh_labels labels = {items, 2, 2};
    const struct pool_ask ask = {.labels = &labels, .repository = "o/r"};

    assert_ptr_equal(pool_serving(&config, &ask), &pools[1]);
    labels.len = 1;
    assert_ptr_equal(pool_serving(&config, &ask), &pools[0]);
    labels.len = 0;
    assert_null(pool_serving(&config, &ask));
}

static void
pools_by_name(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(pools); i++)
        assert_ptr_equal(pool_named(&config, pools[i].name), &pools[i]);
    assert_null(pool_named(&config, ""));
    assert_null(pool_named(&config, "Big"));
    assert_null(pool_named(&config, "bi"));
    assert_null(pool_named(&no_pools, "big"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_pool_that_serves_a_job),
        cmocka_unit_test(the_pools_whose_runners_could_run_it),
        cmocka_unit_test(labels_as_a_delivery_has_them),
        cmocka_unit_test(pools_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
