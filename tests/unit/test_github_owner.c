/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "text/buffer.h"
#include "upstream/github_owner.h"
#include "upstream_sample.h"

#define REPOSITORY(name, more) "{\"full_name\":\"" name "\"" more "}"
#define ORGANIZATION                                                \
    {                                                               \
        200, "{\"login\":\"octo\",\"type\":\"Organization\"}", NULL \
    }
#define USER                                                \
    {                                                       \
        200, "{\"login\":\"mona\",\"type\":\"User\"}", NULL \
    }

static bool
note(const struct github_repository *repository, void *arg)
{
    struct buffer *seen = arg;

    return buffer_addf(seen, "%s%s%s%s%s%s ", repository->name, repository->is_private ? "+p" : "",
                       repository->is_fork ? "+f" : "", repository->is_archived ? "+a" : "",
                       repository->lacks_admin ? "+l" : "",
                       github_repository_has_topic(repository, "CI") ? "+t" : "");
}

static void
where_they_are_asked_for(void **state)
{
    static const struct {
        const char *owner;
        struct sample_answer script[4];
        const char *last, *seen;
    } rows[] = {
        {"octo",
         {ORGANIZATION,
          {200,
           "[" REPOSITORY("octo/a", ",\"private\":true,\"topics\":[\"ci\"]") "," REPOSITORY(
               "octo/b", ",\"fork\":true,\"permissions\":{\"admin\":false}") "]",
           "Link: <https://api.github.com/organizations/1/repos?per_page=100&page=2>; "
           "rel=\"next\"\r\n"},
          {200, "[" REPOSITORY("Octo/c", ",\"archived\":true,\"topics\":null") "]", NULL}},
         "GET /orgs/octo/repos?per_page=100&page=2",
         "octo/a+p+t octo/b+f+l Octo/c+a "},
        {"mona",
         {USER, USER, {200, "[" REPOSITORY("mona/a", "") "," REPOSITORY("other/b", "") "]", NULL}},
         "GET /user/repos?affiliation=owner&sort=full_name&per_page=100",
         "mona/a "},
        {"hubot",
         {{200, "{\"login\":\"hubot\",\"type\":\"User\"}", NULL},
          USER,
          {200, "[" REPOSITORY("hubot/a", ",\"permissions\":{\"admin\":true}") "]", NULL}},
         "GET /users/hubot/repos?type=owner&sort=full_name&per_page=100",
         "hubot/a "},
    };
    struct upstream_sample *sample = *state;
    struct failure failure;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer seen = BUFFER_INIT(4096);

        upstream_sample_script(sample, rows[i].script, 3);
        if (!github_owner_repositories(sample->github, rows[i].owner, note, &seen, &failure))
            fail_msg("%s: %s", rows[i].owner, failure.text.text);
        upstream_sample_asked(sample, upstream_sample_requests(sample) - 1, rows[i].last);
        assert_string_equal(buffer_text(&seen), rows[i].seen);
        buffer_fini(&seen);
    }
}

static void
what_goes_wrong(void **state)
{
    static const struct {
        struct sample_answer script[2];
        enum failure_kind want;
    } rows[] = {
        {{{404, "{\"message\":\"Not Found\"}", NULL}}, FAILURE_NOT_FOUND},
        {{{401, "{}", NULL}}, FAILURE_UNAUTHORIZED},
        {{{200, "[]", NULL}}, FAILURE_GARBAGE},
        {{ORGANIZATION, {200, "{}", NULL}}, FAILURE_GARBAGE},
        {{ORGANIZATION, {200, "[{}]", NULL}}, FAILURE_GARBAGE},
        {{ORGANIZATION, {200, "[" REPOSITORY("octo/../x", "") "]", NULL}}, FAILURE_GARBAGE},
        {{ORGANIZATION, {403, "{}", "Retry-After: 1\r\n"}}, FAILURE_RATE_LIMITED},
    };
    struct upstream_sample *sample = *state;
    struct buffer seen = BUFFER_INIT(4096);
    struct failure failure;

    for (size_t i = 0; i < COUNT(rows); i++) {
        upstream_sample_script(sample, rows[i].script, 2);
        assert_false(github_owner_repositories(sample->github, "octo", note, &seen, &failure));
        if (failure.kind != rows[i].want)
            fail_msg("row %zu: %s: %s", i, failure_text(failure.kind), failure.text.text);
    }
    assert_string_equal(buffer_text(&seen), "");
    buffer_fini(&seen);
    upstream_sample_script(sample, NULL, 0);
    assert_false(github_owner_repositories(sample->github, "octo/r", note, &seen, &failure));
    assert_int_equal(failure.kind, FAILURE_CONFIGURATION);
    assert_int_equal(upstream_sample_requests(sample), 0);
}

int
main(void)
{
#define ON_SERVER(test) \
    cmocka_unit_test_setup_teardown(test, upstream_sample_start, upstream_sample_stop)
    const struct CMUnitTest tests[] = {
        ON_SERVER(where_they_are_asked_for),
        ON_SERVER(what_goes_wrong),
    };
    return cmocka_run_group_tests(tests, upstream_sample_group_start, upstream_sample_group_stop);
}
