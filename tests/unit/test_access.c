/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "config/access.h"

static void
patterns(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool matches;
    } rows[] = {
        {"octo/hello", "octo/hello", true},
        {"octo/hello", "Octo/HELLO", true},
        {"octo/*", "octo/hello", true},
        {"octo/*", "octopus/hello", false},
        {"octo*/*", "octopus/hello", true},
        {"*/infra", "octo/infra", true},
        {"*/infra", "octo/infra2", false},
        {"*/*", "octo/hello", true},
        {"octo/he*o", "octo/hello", true},
        {"octo/he*o", "octo/hell", false},
        {"octo/*-ci", "octo/a-b-ci", true},
        {"octo/hello", "octo/hello/x", false},
        {"octo/.*", "octo/.github", true},
        {"*", "octo", true},
        {"oct*", "octo", true},
        {"*", "octo/hello", false},
        {"octo", "octo2", false},
        {"o.to", "octo", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(access_matches(rows[i].pattern, rows[i].name) == rows[i].matches,
                   rows[i].pattern);
}

static char octo_any[] = "octo/*", other_one[] = "other/one", friend_owner[] = "friend-*";
static char *octo_items[] = {octo_any}, *other_items[] = {other_one}, *friends[] = {friend_owner};

static void
who_may_use_a_pool(void **state)
{
    static const struct names none = {0}, octo = {octo_items, 1}, other = {other_items, 1},
                              friendly = {friends, 1};
    const struct {
        const char *name;
        struct access_config all, own;
        const char *repository;
        bool is_private;
        const char *refused; /* a part of the reason; NULL where it may */
    } rows[] = {
        {"without lists everybody may",
         {.repositories = none, .owners = none},
         {.repositories = none, .owners = none},
         "x/y",
         true,
         NULL},
        {"a repository of the list",
         {.repositories = octo, .owners = none},
         {.repositories = none, .owners = none},
         "Octo/hello",
         true,
         NULL},
        {"another",
         {.repositories = octo, .owners = none},
         {.repositories = none, .owners = none},
         "x/y",
         true,
         "x/y is not among its"},
        {"an owner of the list",
         {.repositories = none, .owners = friendly},
         {.repositories = none, .owners = none},
         "friend-1/y",
         true,
         NULL},
        {"another owner",
         {.repositories = none, .owners = friendly},
         {.repositories = none, .owners = none},
         "x/friend-1",
         true,
         "is not among its"},
        {"either list will do",
         {.repositories = octo, .owners = friendly},
         {.repositories = none, .owners = none},
         "friend-1/y",
         true,
         NULL},
        {"of neither",
         {.repositories = octo, .owners = friendly},
         {.repositories = none, .owners = none},
         "x/y",
         true,
         "is not among its"},
        {"a pool's own list alone counts",
         {.repositories = octo, .owners = friendly},
         {.repositories = other, .owners = none},
         "octo/a",
         true,
         "is not among its"},
        {"and has it",
         {.repositories = octo, .owners = friendly},
         {.repositories = other, .owners = none},
         "other/one",
         true,
         NULL},
        {"a pool's owners stand for both",
         {.repositories = octo, .owners = none},
         {.repositories = none, .owners = friendly},
         "octo/a",
         true,
         "is not among its"},
        {"a public one",
         {.public_repositories = PERMIT_ALLOW},
         {.owners = none},
         "x/y",
         false,
         NULL},
        {"a public one that is denied",
         {.public_repositories = PERMIT_DENY},
         {.owners = none},
         "x/y",
         false,
         "x/y is public, and public_repositories = deny"},
        {"a private one where public ones are denied",
         {.public_repositories = PERMIT_DENY},
         {.owners = none},
         "x/y",
         true,
         NULL},
        {"denied by the pool alone",
         {.public_repositories = PERMIT_ALLOW},
         {.public_repositories = PERMIT_DENY},
         "x/y",
         false,
         "is public"},
        {"allowed by the pool",
         {.public_repositories = PERMIT_DENY},
         {.public_repositories = PERMIT_ALLOW},
         "x/y",
         false,
         NULL},
        {"a public one of the list",
         {.repositories = octo, .public_repositories = PERMIT_DENY},
         {.owners = none},
         "octo/a",
         false,
         "is public"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct config config = {.access = rows[i].all};
        const struct pool pool = {.access = rows[i].own};
        char words[256] = "";
        bool may = access_permits(&config, &pool, rows[i].repository, rows[i].is_private, words,
                                  sizeof words);

        assert_row(may == (rows[i].refused == NULL), rows[i].name);
        assert_row(may || strstr(words, rows[i].refused) != NULL, rows[i].name);
        assert_row(
            access_permits(&config, &pool, rows[i].repository, rows[i].is_private, NULL, 0) == may,
            rows[i].name);
    }
}

static void
a_pools_own_rule_for_forks_comes_first(void **state)
{
    static char forks[] = "forks";
    const struct config config = {.access.fork_pull_requests = {PERMIT_POOL, forks}};
    struct pool pool = {0};

    (void)state;
    assert_int_equal(access_forks(&config, &pool)->permit, PERMIT_POOL);
    assert_string_equal(access_forks(&config, &pool)->pool, "forks");
    pool.access.fork_pull_requests.permit = PERMIT_ALLOW;
    assert_int_equal(access_forks(&config, &pool)->permit, PERMIT_ALLOW);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),
        cmocka_unit_test(who_may_use_a_pool),
        cmocka_unit_test(a_pools_own_rule_for_forks_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
