/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "hooks/hook_plan.h"

#define URL "https://ci.example.org/webhook"

/* One that is as it has to be. */
static struct github_hook
right(int64_t id)
{
    struct github_hook hook = {.id = id,
                               .is_active = true,
                               .is_json = true,
                               .has_secret = true,
                               .is_tls_verified = true,
                               .sends_workflow_jobs = true,
                               .last_code = 200};

    (void)snprintf(hook.url, sizeof hook.url, "%s", URL);
    return hook;
}

static struct github_hook
elsewhere(int64_t id)
{
    struct github_hook hook = right(id);

    (void)snprintf(hook.url, sizeof hook.url, "https://other.example.org/webhook");
    return hook;
}

static const struct hook_wish wish = {.url = URL};

static void
nothing_of_ours_is_created(void **state)
{
    const struct github_hook hooks[] = {elsewhere(1), {.id = 2}};
    struct hook_plan plan = hook_plan_make(NULL, 0, &wish);

    (void)state;
    assert_int_equal(plan.action, HOOK_CREATE);
    plan = hook_plan_make(hooks, COUNT(hooks), &wish);
    assert_int_equal(plan.action, HOOK_CREATE);
    assert_int_equal(plan.id, 0);
    assert_int_equal(plan.surplus, 0);
    assert_string_equal(plan.words, "");
    assert_false(hook_plan_removes(&plan, &hooks[0], &wish));
}

static void
what_is_right_is_left_alone(void **state)
{
    struct github_hook hook = right(7);
    struct hook_plan plan;

    (void)state;
    for (int code = 0; code < 600; code += 100) { /* 403 alone speaks of the secret */
        hook.last_code = code;
        plan = hook_plan_make(&hook, 1, &wish);
        assert_int_equal(plan.action, HOOK_OK);
        assert_int_equal(plan.id, 7);
        assert_string_equal(plan.words, "");
    }
}

static void
each_fault_is_named(void **state)
{
    static const struct {
        bool inactive, form, no_secret, unverified, no_jobs, others;
        int64_t code;
        bool rotates;
        const char *words;
    } rows[] = {
        {.inactive = true, .words = "not active"},
        {.form = true, .words = "content type not json"},
        {.no_secret = true, .words = "no secret"},
        {.unverified = true, .words = "TLS not verified"},
        {.no_jobs = true, .words = "without workflow_job"},
        {.others = true, .words = "other events too"},
        {.code = 403, .words = "last delivery answered 403"},
        {.rotates = true, .words = "secret set anew"},
        {true, true, true, true, true, true, 403, true,
         "not active, content type not json, TLS not verified, without workflow_job, other events "
         "too, no secret, last delivery answered 403, secret set anew"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct hook_wish row_wish = {.url = URL, .rotates = rows[i].rotates};
        struct github_hook hook = right(7);
        struct hook_plan plan;

        hook.is_active = !rows[i].inactive;
        hook.is_json = !rows[i].form;
        hook.has_secret = !rows[i].no_secret;
        hook.is_tls_verified = !rows[i].unverified;
        hook.sends_workflow_jobs = !rows[i].no_jobs;
        hook.sends_others = rows[i].others;
        hook.last_code = rows[i].code;
        plan = hook_plan_make(&hook, 1, &row_wish);
        assert_row(plan.action == HOOK_MEND, rows[i].words);
        assert_row(plan.id == 7, rows[i].words);
        assert_row(plan.was_refused == (rows[i].code == 403), rows[i].words);
        assert_string_equal(plan.words, rows[i].words);
    }
}

static void
of_several_one_stays(void **state)
{
    struct github_hook hooks[] = {elsewhere(1), right(2), right(3), right(4), elsewhere(5)};
    struct hook_plan plan = hook_plan_make(hooks, COUNT(hooks), &wish);

    (void)state;
    assert_int_equal(plan.action, HOOK_OK);
    assert_int_equal(plan.id, 2); /* the first */
    assert_int_equal(plan.surplus, 2);
    for (size_t i = 0; i < COUNT(hooks); i++)
        assert_int_equal(hook_plan_removes(&plan, &hooks[i], &wish), i == 2 || i == 3);
    hooks[1].is_json = hooks[3].is_active = false;
    plan = hook_plan_make(hooks, COUNT(hooks), &wish);
    assert_int_equal(plan.action, HOOK_OK);
    assert_int_equal(plan.id, 3); /* that which has nothing wrong, and no gap in its deliveries */
    assert_int_equal(plan.surplus, 2);
    hooks[2].has_secret = false;
    plan = hook_plan_make(hooks, COUNT(hooks), &wish);
    assert_int_equal(plan.action, HOOK_MEND);
    assert_int_equal(plan.id, 2);
    assert_string_equal(plan.words, "content type not json");
}

static void
an_app_has_one_of_another_url(void **state)
{
    static const struct {
        struct github_hook hook;
        enum hook_action action;
        const char *words;
    } rows[] = {
        {{.url = ""},
         HOOK_MEND,
         "no URL, not active, content type not json, TLS not verified, no "
         "secret"},
        {{.url = "https://other.example.org/",
          .is_active = true,
          .is_json = true,
          .has_secret = true,
          .is_tls_verified = true},
         HOOK_MEND,
         "another URL"},
        {{.url = URL, .is_active = true, .is_json = true, .is_tls_verified = true},
         HOOK_MEND,
         "no secret"},
        /* Its events are another's to set. */
        {{.url = URL,
          .is_active = true,
          .is_json = true,
          .has_secret = true,
          .is_tls_verified = true,
          .sends_others = true},
         HOOK_OK,
         ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct hook_plan plan = hook_plan_make_app(&rows[i].hook, &wish);

        assert_row(plan.action == rows[i].action, rows[i].words);
        assert_string_equal(plan.words, rows[i].words);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_ours_is_created),
        cmocka_unit_test(what_is_right_is_left_alone),
        cmocka_unit_test(each_fault_is_named),
        cmocka_unit_test(of_several_one_stays),
        cmocka_unit_test(an_app_has_one_of_another_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
