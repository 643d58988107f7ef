/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "config/place.h"

static void
places_and_what_they_stand_for(void **state)
{
    static const struct {
        const char *place;
        bool valid;
        const char *owner;
        const char *words;
    } rows[] = {
        {"repos/octo/hello.world", true, "octo", "octo/hello.world"},
        {"orgs/octo", true, "octo", "the organization octo"},
        {"enterprises/octo-corp", true, "enterprises/octo-corp", "the enterprise octo-corp"},
        {"repos/octo", false, "octo", "octo"},
        {"repos/octo/a/b", false, "octo", "octo/a/b"},
        {"repos/../x", false, "..", "../x"},
        {"repos/octo/..", false, "octo", "octo/.."},
        {"repos/octo/a b", false, "octo", "octo/a b"},
        {"orgs/", false, "", "the organization "},
        {"orgs/..", false, "..", "the organization .."},
        {"orgs/octo/x", false, "octo", "the organization octo/x"},
        {"orgs/octo?x", false, "octo?x", "the organization octo?x"},
        {"enterprises/", false, "enterprises/", "the enterprise "},
        {"enterprises/a/b", false, "enterprises/a/b", "the enterprise a/b"},
        {"users/octo", false, "octo", "octo"},
        {"app", true, "app", "the GitHub App"},
        {"apps", false, "apps", "apps"},
        {"octo", false, "octo", "octo"},
        {"", false, "", ""},
    };
    char owner[PLACE_CAP], words[PLACE_WORDS_CAP];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_row(place_valid(rows[i].place) == rows[i].valid, rows[i].place);
        place_owner(rows[i].place, owner);
        assert_row(strcmp(owner, rows[i].owner) == 0, rows[i].place);
        assert_row(strcmp(place_words(rows[i].place, words), rows[i].words) == 0, rows[i].place);
    }
}

static void
where_a_pools_runners_register(void **state)
{
    static char slug[] = "octo-corp";
    static const struct {
        struct pool pool;
        const char *want;
    } rows[] = {
        {{.scope = POOL_SCOPE_REPOSITORY}, "repos/octo/hello"},
        {{.scope = POOL_SCOPE_ORGANIZATION}, "orgs/octo"},
        {{.scope = POOL_SCOPE_ENTERPRISE, .enterprise = slug}, "enterprises/octo-corp"},
    };
    char place[PLACE_CAP], longest[RH_REPOSITORY_LEN_MAX + 2];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(place_of_runner(&rows[i].pool, "octo/hello", place));
        assert_string_equal(place, rows[i].want);
        assert_true(place_valid(place));
    }
    memset(longest, 'a', RH_REPOSITORY_LEN_MAX);
    longest[RH_REPOSITORY_LEN_MAX] = '\0';
    longest[1] = '/';
    assert_true(place_of_repository(longest, place));
    assert_true(place_valid(place));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_and_what_they_stand_for),
        cmocka_unit_test(where_a_pools_runners_register),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
