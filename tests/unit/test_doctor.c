/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/finding.h"
#include "doctor/judge_account.h"
#include "doctor/judge_hook.h"
#include "doctor/judge_nomad.h"
#include "doctor/scene.h"

#define NOW_MS INT64_C(1800000000000)
#define DAY_MS (INT64_C(86400) * 1000)
#define URL "https://hooks.example.com/runhook"

/* Fails unless there is one finding, of this level, with `needle` in its words; NULL for none at
 * all. Ends the findings. */
static void
assert_found(struct findings *findings, enum finding_level level, const char *needle,
             const char *row)
{
    if (needle == NULL) {
        assert_row(findings->len == 0, row);
    } else {
        assert_row(findings->len == 1, row);
        if (strstr(findings->items[0].words, needle) == NULL)
            fail_msg("row \"%s\": no \"%s\" in \"%s\"", row, needle, findings->items[0].words);
        assert_row(findings->items[0].level == level, row);
    }
    assert_false(findings->failed);
    findings_fini(findings);
}

static void
findings_are_plain(void **state)
{
    struct findings findings = {0};

    (void)state;
    findings_add(&findings, FINDING_OK, "a\x1b[2J", "%s", "one\ntwo \xff \xe2\x80\xae");
    findings_add(&findings, FINDING_ERROR, "", "%s", "");
    assert_int_equal(findings.len, 2);
    assert_string_equal(findings.items[0].subject, "a?[2J");
    assert_string_equal(findings.items[0].words, "one two ? ?");
    assert_string_equal(findings.items[1].words, "");
    assert_int_equal(findings_count(&findings, FINDING_OK), 1);
    assert_int_equal(findings_count(&findings, FINDING_WARNING), 0);
    assert_int_equal(findings_count(&findings, FINDING_ERROR), 1);
    findings_fini(&findings);
}

static void
clocks_may_differ_a_little(void **state)
{
    static const struct {
        const char *name;
        int64_t skew_s;
        bool has_app;
        enum finding_level level;
        const char *needle;
    } rows[] = {
        {"same", 0, true, FINDING_OK, "as GitHub's"},
        {"30 s", 30, true, FINDING_OK, "as GitHub's"},
        {"31 s", 31, true, FINDING_WARNING, "31 s ahead of GitHub's"},
        {"-31 s", -31, true, FINDING_WARNING, "31 s behind GitHub's"},
        {"60 s", 60, true, FINDING_WARNING, "60 s"},
        {"61 s", 61, true, FINDING_ERROR, "61 s ahead of"},
        {"-61 s", -61, true, FINDING_ERROR, "61 s behind"},
        {"without an App", -100000, false, FINDING_WARNING, "behind"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings findings = {0};

        judge_clock(&findings, NOW_MS + rows[i].skew_s * 1000, NOW_MS, rows[i].has_app);
        assert_found(&findings, rows[i].level, rows[i].needle, rows[i].name);
    }
}

static void
scopes_hold_others(void **state)
{
    static const struct {
        const char *scopes;
        enum github_permission permission;
        bool holds;
    } rows[] = {
        {"repo", GITHUB_ADMINISTRATION, true},
        {"workflow, repo", GITHUB_ADMINISTRATION, true},
        {"repo,workflow", GITHUB_ACTIONS, true},
        {"", GITHUB_ADMINISTRATION, false},
        {"public_repo", GITHUB_ADMINISTRATION, false},
        {"repo:status", GITHUB_ADMINISTRATION, false},
        {"rep, repos", GITHUB_ADMINISTRATION, false},
        {"admin:org", GITHUB_ORGANIZATION_RUNNERS, true},
        {"manage_runners:org", GITHUB_ORGANIZATION_RUNNERS, true},
        {"repo, read:org, write:org", GITHUB_ORGANIZATION_RUNNERS, false},
        {"admin:org", GITHUB_ORGANIZATION_HOOKS, false},
        {"admin:org_hook", GITHUB_ORGANIZATION_HOOKS, true},
        {"admin:org_hook", GITHUB_ORGANIZATION_RUNNERS, false},
        {"admin:enterprise", GITHUB_ENTERPRISE_RUNNERS, true},
        {"manage_runners:enterprise", GITHUB_ENTERPRISE_RUNNERS, true},
        {"read:enterprise", GITHUB_ENTERPRISE_RUNNERS, false},
        {"repo", GITHUB_REPOSITORY_HOOKS, true},
        {"write:repo_hook", GITHUB_REPOSITORY_HOOKS, true},
        {"read:repo_hook", GITHUB_REPOSITORY_HOOKS, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_row(judge_scopes_hold(rows[i].scopes, rows[i].permission) == rows[i].holds,
                   rows[i].scopes);
}

static void
tokens_are_judged(void **state)
{
    static const struct needs some = {.levels = {[GITHUB_ADMINISTRATION] = FINDING_ERROR,
                                                 [GITHUB_ACTIONS] = FINDING_WARNING,
                                                 [GITHUB_REPOSITORY_HOOKS] = FINDING_WARNING}};
    static const struct needs organizations = {
        .levels = {[GITHUB_ORGANIZATION_RUNNERS] = FINDING_ERROR}};
    static const struct needs actions = {.levels = {[GITHUB_ACTIONS] = FINDING_WARNING}};
    static const struct needs enterprises = {
        .levels = {[GITHUB_ENTERPRISE_RUNNERS] = FINDING_ERROR}};
    static const struct {
        const char *name;
        struct github_token token;
        const struct needs *needs;
        enum finding_level level;
        const char *needle;
    } rows[] = {
        {"classic",
         {.login = "mona", .is_classic = true, .scopes = "repo"},
         &some,
         FINDING_OK,
         "a classic token of mona, with repo"},
        {"classic, late",
         {.login = "mona",
          .is_classic = true,
          .scopes = "repo",
          .expires_at_ms = NOW_MS + 20 * DAY_MS},
         &some,
         FINDING_OK,
         "; it expires in 20d"},
        {"14 days",
         {.is_classic = true, .scopes = "repo", .expires_at_ms = NOW_MS + 14 * DAY_MS},
         &some,
         FINDING_OK,
         "14d"},
        {"under 14 days",
         {.is_classic = true, .scopes = "repo", .expires_at_ms = NOW_MS + 14 * DAY_MS - 1},
         &some,
         FINDING_WARNING,
         "expires in 13d"},
        {"past",
         {.is_classic = true, .scopes = "repo", .expires_at_ms = NOW_MS},
         &some,
         FINDING_ERROR,
         "has expired"},
        {"no scope",
         {.is_classic = true, .scopes = ""},
         &some,
         FINDING_ERROR,
         "lacks the scope repo (it has: none)"},
        {"no scope that matters much",
         {.is_classic = true, .scopes = "admin:org"},
         &actions,
         FINDING_WARNING,
         "lacks the scope repo (it has: admin:org)"},
        {"none of organizations",
         {.is_classic = true, .scopes = "repo"},
         &organizations,
         FINDING_ERROR,
         "lacks the scope admin:org "},
        {"fine-grained", {.login = "mona"}, &some, FINDING_OK, "a fine-grained token of mona"},
        {"fine-grained, of an enterprise",
         {.login = "mona"},
         &enterprises,
         FINDING_ERROR,
         "manage_runners:enterprise"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings findings = {0};

        judge_token(&findings, "[github]", &rows[i].token, rows[i].needs, NOW_MS);
        assert_found(&findings, rows[i].level, rows[i].needle, rows[i].name);
    }
}

static void
apps_are_judged(void **state)
{
    static const struct needs needs = {
        .levels = {[GITHUB_ADMINISTRATION] = FINDING_ERROR, [GITHUB_ACTIONS] = FINDING_WARNING}};
    static const struct {
        const char *name;
        enum github_level administration, actions;
        enum finding_level level;
        const char *needle;
    } rows[] = {
        {"all", GITHUB_WRITE, GITHUB_READ, FINDING_OK, "with what is needed"},
        {"more", GITHUB_WRITE, GITHUB_WRITE, FINDING_OK, "with what is needed"},
        {"read alone", GITHUB_READ, GITHUB_READ, FINDING_ERROR, "lacks administration (write): "},
        {"none", GITHUB_NO_ACCESS, GITHUB_NO_ACCESS, FINDING_ERROR,
         "lacks actions (read), administration (write): "},
        {"no actions", GITHUB_WRITE, GITHUB_NO_ACCESS, FINDING_WARNING, "lacks actions (read): "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct github_app app = {.name = "runhook"};
        struct findings findings = {0};

        app.grants.levels[GITHUB_ADMINISTRATION] = rows[i].administration;
        app.grants.levels[GITHUB_ACTIONS] = rows[i].actions;
        judge_app(&findings, "[github]", "7", &app, &needs);
        assert_found(&findings, rows[i].level, rows[i].needle, rows[i].name);
    }
}

static void
installations_are_judged(void **state)
{
    static const struct needs needs = {
        .levels = {[GITHUB_ADMINISTRATION] = FINDING_ERROR, [GITHUB_ACTIONS] = FINDING_WARNING}};
    static const struct {
        const char *name;
        bool is_ours, is_suspended, is_selected;
        enum github_level has, app_has;
        enum finding_level level;
        const char *needle;
    } rows[] = {
        {"good", true, false, false, GITHUB_WRITE, GITHUB_WRITE, FINDING_OK, "all repositories"},
        {"some", true, false, true, GITHUB_WRITE, GITHUB_WRITE, FINDING_OK, "selected"},
        {"another's", false, false, true, GITHUB_WRITE, GITHUB_WRITE, FINDING_OK, NULL},
        {"suspended", true, true, true, GITHUB_WRITE, GITHUB_WRITE, FINDING_ERROR, "unsuspend"},
        {"another's, suspended", false, true, true, GITHUB_WRITE, GITHUB_WRITE, FINDING_WARNING,
         "unsuspend"},
        {"not accepted", true, false, true, GITHUB_READ, GITHUB_WRITE, FINDING_ERROR,
         "has not accepted"},
        {"another's, not accepted", false, false, true, GITHUB_READ, GITHUB_WRITE, FINDING_WARNING,
         "has not accepted"},
        {"not asked for", true, false, false, GITHUB_READ, GITHUB_READ, FINDING_OK, "installed"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct github_app app = {.name = "runhook"};
        struct github_installation installation = {.owner = "octo",
                                                   .is_suspended = rows[i].is_suspended,
                                                   .is_selected = rows[i].is_selected};
        struct findings findings = {0};

        app.grants.levels[GITHUB_ADMINISTRATION] = rows[i].app_has;
        app.grants.levels[GITHUB_ACTIONS] = GITHUB_READ;
        installation.grants.levels[GITHUB_ADMINISTRATION] = rows[i].has;
        installation.grants.levels[GITHUB_ACTIONS] = GITHUB_READ;
        judge_installation(&findings, "[github]", &installation, &app, &needs, rows[i].is_ours);
        assert_found(&findings, rows[i].level, rows[i].needle, rows[i].name);
    }
}

static void
rates_are_judged(void **state)
{
    static const struct {
        const char *name;
        struct github_rate rate;
        int64_t calls;
        enum finding_level level;
        const char *needle;
    } rows[] = {
        {"fresh", {5000, 0, 5000, NOW_MS + 60000}, 1000, FINDING_OK, "0 of 5000"},
        {"10 %", {5000, 4500, 500, NOW_MS + 60000}, 1000, FINDING_OK, "4500 of 5000"},
        {"under", {5000, 4501, 499, NOW_MS + 60000}, 1000, FINDING_WARNING, "renews in 60s"},
        {"none", {5000, 5000, 0, NOW_MS - 1}, 1000, FINDING_WARNING, "renews in 0s"},
        {"small", {60, 0, 60, NOW_MS}, 61, FINDING_WARNING, "to 30 or less"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings findings = {0};

        judge_rate(&findings, "rate", &rows[i].rate, rows[i].calls, NOW_MS);
        assert_found(&findings, rows[i].level, rows[i].needle, rows[i].name);
    }
}

static void
hooks_are_judged(void **state)
{
    static const struct github_hook good = {.url = URL,
                                            .is_active = true,
                                            .is_json = true,
                                            .has_secret = true,
                                            .is_tls_verified = true,
                                            .sends_workflow_jobs = true};
    static const struct {
        int64_t code; /* -1: nothing was delivered */
        enum finding_level level;
        const char *needle;
    } rows[] = {
        {-1, FINDING_OK, "nothing delivered yet"},
        {202, FINDING_OK, "its last delivery taken"},
        {204, FINDING_OK, "its last delivery taken"},
        {403, FINDING_ERROR, "install o/r --secret --url " URL ", or put that secret into"},
        {404, FINDING_ERROR, "there is no webhook at " URL},
        {405, FINDING_ERROR, "there is no webhook at"},
        {301, FINDING_ERROR, "answered 301 (words)"},
        {413, FINDING_ERROR, "answered 413"},
        {500, FINDING_WARNING, "answered 500"},
        {502, FINDING_WARNING, "the web server did not reach runhook"},
        {503, FINDING_WARNING, "ledger"},
        {504, FINDING_WARNING, "the web server did not reach runhook"},
        {0, FINDING_ERROR, "GitHub did not reach " URL " (words)"},
    };
    struct findings findings = {0};
    struct github_last_delivery last = {.status = "words"};
    struct github_hook hook = good;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        last.was_there = rows[i].code >= 0;
        last.code = rows[i].code < 0 ? 0 : rows[i].code;
        judge_hook(&findings, "hook", "o/r", &good, &last);
        assert_found(&findings, rows[i].level, rows[i].needle, rows[i].needle);
    }
    last.was_there = false;
    hook.is_tls_verified = false;
    judge_hook(&findings, "hook", "o/r", &hook, &last);
    assert_found(&findings, FINDING_WARNING, "certificate", "TLS is not verified");
    (void)snprintf(hook.url, sizeof hook.url, "http://hooks.lan/");
    judge_hook(&findings, "hook", "o/r", &hook, &last);
    assert_found(&findings, FINDING_OK, "http://hooks.lan/", "there is no TLS to verify");
    hook.is_active = false;
    last = (struct github_last_delivery){.was_there = true, .code = 403};
    judge_hook(&findings, "hook", "--organization o", &hook, &last);
    assert_found(&findings, FINDING_ERROR, "install --organization o --url", "not active");
}

static void
covers_are_judged(void **state)
{
    static const struct {
        const char *name;
        struct hook_cover cover;
        enum finding_level level;
        const char *needle;
    } rows[] = {
        {"its own", {.is_covered = true}, FINDING_OK, NULL},
        {"the organization's", {.by_organization = true}, FINDING_OK, NULL},
        {"the App's", {.by_app = true}, FINDING_OK, NULL},
        {"two", {.is_covered = true, .by_organization = true}, FINDING_OK, "harmless"},
        {"two others", {.is_covered = true, .by_app = true}, FINDING_OK, "and the App's, which"},
        {"none", {0}, FINDING_WARNING, "runhook hooks install o/r --url " URL},
        {"not shown", {.is_unknown = true}, FINDING_OK, NULL},
        {"deleted", {.was_deleted = true}, FINDING_ERROR, "was deleted"},
        {"replaced", {.was_deleted = true, .is_covered = true}, FINDING_OK, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings findings = {0};

        judge_cover(&findings, "repos/o/r", &rows[i].cover, URL);
        assert_found(&findings, rows[i].level, rows[i].needle, rows[i].name);
    }
}

static void
nomad_tokens_are_judged(void **state)
{
    static const struct {
        const char *name;
        struct nomad_token token;
        enum finding_level level;
        const char *needle;
    } rows[] = {
        {"off", {.is_off = true}, FINDING_OK, "ACLs are off"},
        {"client", {.name = "ci"}, FINDING_OK, "\"ci\", a client token"},
        {"management",
         {.name = "root", .is_management = true},
         FINDING_WARNING,
         "may do everything"},
        {"soon", {.name = "ci", .expires_at_ms = NOW_MS + DAY_MS}, FINDING_WARNING, "in 24h"},
        {"late", {.name = "ci", .expires_at_ms = NOW_MS + 15 * DAY_MS}, FINDING_OK, "in 15d"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings findings = {0};

        judge_nomad_token(&findings, &rows[i].token, NOW_MS);
        assert_found(&findings, rows[i].level, rows[i].needle, rows[i].name);
    }
}

static void
collections_are_judged(void **state)
{
    static const struct nomad_agent unset = {.is_server = true, .job_gc_s = -1};
    static const struct nomad_agent early = {.is_server = true, .job_gc_s = 3599};
    static const struct nomad_agent late = {.is_server = true, .job_gc_s = 3600};
    static const struct nomad_agent client = {.job_gc_s = -1};
    static const struct {
        const struct nomad_agent *agent;
        enum finding_level level;
        const char *needle;
    } rows[] = {
        {&unset, FINDING_OK, "after 4h"},        {&early, FINDING_WARNING, "job_gc_threshold"},
        {&late, FINDING_OK, "after 60m"},        {&client, FINDING_OK, "the agent is no server"},
        {NULL, FINDING_OK, "has no agent:read"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct findings findings = {0};

        judge_nomad_collection(&findings, rows[i].agent);
        assert_found(&findings, rows[i].level, rows[i].needle, rows[i].needle);
    }
}

static void
nomad_jobs_are_judged(void **state)
{
    static char linux_name[] = "linux", runner[] = "github-runner";
    static char full[] = "REPO_FULL_NAME", brief[] = "REPO_SHORT_NAME", run[] = "WORKFLOW_RUN";
    static char labels[] = "LABELS", colour[] = "COLOUR";
    char *all[] = {full, brief, run}, *with_labels[] = {full, brief, run, labels};
    char *two[] = {full, brief}, *odd[] = {full, brief, run, colour}, *optional[] = {labels};
    const struct pool pool = {.name = linux_name, .nomad_job = runner};
    struct pool asks = pool;
    const struct nomad_job good = {
        .is_batch = true, .is_parameterized = true, .meta_required = {all, 3}};
    struct findings findings = {0};
    struct nomad_job job = good;

    (void)state;
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_OK, "github-runner", "good");
    job.payload = NOMAD_PAYLOAD_REQUIRED;
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_OK, "github-runner", "required payload");
    job.payload = NOMAD_PAYLOAD_FORBIDDEN;
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_ERROR, "payload = \"required\"", "forbidden payload");
    job = good;
    job.is_batch = false;
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_ERROR, "type = \"batch\"", "service");
    job.is_parameterized = false;
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_ERROR, "parameterized block", "not parameterized");
    job.is_stopped = true;
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_ERROR, "is stopped", "stopped");

    job = good;
    job.meta_required = (struct names){two, 2};
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_ERROR, "does not declare WORKFLOW_RUN", "one of the three");
    job = good;
    job.meta_optional = (struct names){optional, 1};
    asks.meta = (struct meta_keys){{META_POOL, META_LABELS, META_JOB_NAME}, 3};
    judge_nomad_job(&findings, &asks, &job);
    assert_found(&findings, FINDING_ERROR,
                 "does not declare POOL, JOB_NAME, which is sent: write meta_optional = "
                 "[\"LABELS\", \"POOL\", \"JOB_NAME\"]",
                 "undeclared");
    job = good;
    job.meta_required = (struct names){with_labels, 4};
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_ERROR, "requires LABELS, which is not sent: add it to `meta`",
                 "required");
    job.meta_required = (struct names){odd, 4};
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_ERROR, "requires COLOUR, which runhook does not know",
                 "of nobody");

    job = good;
    (void)snprintf(job.again.restart, sizeof job.again.restart, "g1");
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_WARNING, "group \"g1\"", "restart");
    job = good;
    (void)snprintf(job.again.reschedule, sizeof job.again.reschedule, "g2");
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_WARNING, "reschedule { attempts = 0", "reschedule");
    job = good;
    (void)snprintf(job.again.replace, sizeof job.again.replace, "g3");
    judge_nomad_job(&findings, &pool, &job);
    assert_found(&findings, FINDING_WARNING, "disconnect { replace = false }", "replace");
}

static void
rights_are_judged(void **state)
{
    struct findings findings = {0};
    struct failure failure;

    (void)state;
    judge_nomad_right(&findings, "read-job", "read jobs", FINDING_ERROR, NULL);
    assert_found(&findings, FINDING_OK, "may read jobs (read-job)", "there");
    (void)failure_set(&failure, UPSTREAM_NOMAD, FAILURE_FORBIDDEN,
                      "Nomad forbids it (403: Permission denied): …");
    judge_nomad_right(&findings, "submit-job", "stop runners", FINDING_WARNING, &failure);
    assert_found(&findings, FINDING_WARNING, "add \"submit-job\" to the capabilities", "missing");
    (void)failure_set(&failure, UPSTREAM_NOMAD, FAILURE_FORBIDDEN,
                      "Nomad forbids it (403: Job registration, dispatch, and scale are disabled "
                      "by the scheduler configuration)");
    judge_nomad_right(&findings, "dispatch-job", "dispatch", FINDING_ERROR, &failure);
    assert_found(&findings, FINDING_ERROR, "are disabled by the scheduler", "another 403");
    (void)failure_set(&failure, UPSTREAM_NOMAD, FAILURE_SERVER, "Nomad has trouble (500: x)");
    judge_nomad_right(&findings, "submit-job", "stop", FINDING_WARNING, &failure);
    assert_found(&findings, FINDING_ERROR, "Nomad has trouble", "another failure");
}

/* Where runners register is made of the pools and the repositories, each place once. */
static void
scenes_have_each_place_once(void **state)
{
    static char a[] = "a", b[] = "b", c[] = "c", fleet[] = "fleet", only[] = "octo/pier";
    char *lists[] = {only};
    struct pool pools[] = {
        {.name = a, .scope = POOL_SCOPE_REPOSITORY, .access.repositories = {lists, 1}},
        {.name = b, .scope = POOL_SCOPE_ORGANIZATION},
        {.name = c, .scope = POOL_SCOPE_ENTERPRISE, .enterprise = fleet},
    };
    const struct config config = {.pools = pools, .pools_len = 3};
    struct scene scene = {.config = &config};

    (void)state;
    scene_add_repository(&scene, "octo/pier");
    scene_add_repository(&scene, "Octo/Pier");
    scene_add_repository(&scene, "octo/lighthouse");
    scene_add_repository(&scene, "../x");
    assert_int_equal(scene.repositories.len, 2);
    assert_string_equal(scene.repositories.items[1], "repos/octo/lighthouse");
    assert_int_equal(scene.registers.len, 3);
    assert_string_equal(scene.registers.items[0], "repos/octo/pier");
    assert_string_equal(scene.registers.items[1], "orgs/octo");
    assert_string_equal(scene.registers.items[2], "enterprises/fleet");
    assert_true(scene_pool_registers(&scene, &pools[0], "repos/octo/pier"));
    assert_false(scene_pool_registers(&scene, &pools[0], "repos/octo/lighthouse"));
    assert_true(scene_pool_registers(&scene, &pools[1], "orgs/OCTO"));
    assert_true(scene_pool_registers(&scene, &pools[2], "enterprises/fleet"));
    assert_false(scene_pool_registers(&scene, &pools[2], "orgs/octo"));
    assert_false(scene.failed);
    for (int i = 0; i < 2 * SCENE_REPOSITORIES_MAX; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "octo/r%d", i);
        scene_add_repository(&scene, name);
    }
    assert_int_equal(scene.repositories.len, SCENE_REPOSITORIES_MAX);
    scene_fini(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_are_plain),     cmocka_unit_test(clocks_may_differ_a_little),
        cmocka_unit_test(scopes_hold_others),     cmocka_unit_test(tokens_are_judged),
        cmocka_unit_test(apps_are_judged),        cmocka_unit_test(installations_are_judged),
        cmocka_unit_test(rates_are_judged),       cmocka_unit_test(hooks_are_judged),
        cmocka_unit_test(covers_are_judged),      cmocka_unit_test(nomad_tokens_are_judged),
        cmocka_unit_test(collections_are_judged), cmocka_unit_test(nomad_jobs_are_judged),
        cmocka_unit_test(rights_are_judged),      cmocka_unit_test(scenes_have_each_place_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
