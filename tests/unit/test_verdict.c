/* SPDX-License-Identifier: MIT */
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/pool.h"
#include "serve/verdict.h"

/* The sample was made at 2026-01-31T23:59:59Z. */
#define MADE_S INT64_C(1769903999)
#define DAY_S (INT64_C(24) * 3600)

/* Pools of these labels, in file order. */
struct pools {
    struct pool items[4];
    struct config config;
};

static void
pool_add(struct pools *pools, char *name, const char *const *labels, bool require_self_hosted)
{
    struct pool *pool = &pools->items[pools->config.pools_len++];

    *pool = (struct pool){.name = name, .require_self_hosted = require_self_hosted};
    for (; *labels != NULL; labels++)
        assert_int_equal(rh_labels_add(&pool->labels, *labels, strlen(*labels)), RH_OK);
    pools->config.pools = pools->items;
}

static void
pools_fini(struct pools *pools)
{
    for (size_t i = 0; i < pools->config.pools_len; i++)
        rh_labels_fini(&pools->items[i].labels);
}

static char linux_name[] = "linux", gpu_name[] = "gpu", any_name[] = "any";
static const char *const linux_labels[] = {"self-hosted", "Linux", "x64", NULL};
static const char *const gpu_labels[] = {"self-hosted", "linux", "gpu", NULL};
static const char *const any_labels[] = {"self-hosted", "linux", "x64", "gpu", "ci", NULL};

static struct verdict
reach(const struct config *config, struct parsed *parsed, int64_t now_s)
{
    struct verdict verdict;

    assert_int_equal(parsed->error, RH_OK);
    memset(&verdict, '?', sizeof verdict);
    verdict_reach(config, parsed->delivery, now_s, &verdict);
    return verdict;
}

/* Each row changes one field of a queued job that the one pool serves. */
static void
every_case_of_a_delivery(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *path, *raw;
        int64_t now_s;
        enum outcome outcome;
        bool is_reported;
        enum job_event event;
        bool is_stale;
        const char *reason; /* in it */
    } rows[] = {
        {"queued", "action", "\"queued\"", MADE_S, OUTCOME_ACCEPTED, true, JOB_EVENT_QUEUED, false,
         ""},
        {"other case of labels", "workflow_job.labels", "[\"SELF-HOSTED\",\"X64\"]", MADE_S,
         OUTCOME_ACCEPTED, true, JOB_EVENT_QUEUED, false, ""},
        {"without its time", "workflow_job.created_at", NULL, MADE_S + 90 * DAY_S, OUTCOME_ACCEPTED,
         true, JOB_EVENT_QUEUED, false, ""},
        {"from a clock ahead of ours", "action", "\"queued\"", MADE_S - 600, OUTCOME_ACCEPTED, true,
         JOB_EVENT_QUEUED, false, ""},
        {"a day old to the second", "action", "\"queued\"", MADE_S + DAY_S, OUTCOME_ACCEPTED, true,
         JOB_EVENT_QUEUED, false, ""},
        {"over a day old", "action", "\"queued\"", MADE_S + DAY_S + 1, OUTCOME_IGNORED, false, 0,
         true, "over 24 hours old"},
        {"in progress", "action", "\"in_progress\"", MADE_S, OUTCOME_IGNORED, true,
         JOB_EVENT_IN_PROGRESS, false, "action in_progress starts no runner"},
        {"in progress, old", "action", "\"in_progress\"", MADE_S + 2 * DAY_S, OUTCOME_IGNORED, true,
         JOB_EVENT_IN_PROGRESS, false, "action in_progress starts no runner"},
        {"completed", "action", "\"completed\"", MADE_S, OUTCOME_IGNORED, true, JOB_EVENT_COMPLETED,
         false, "action completed starts no runner"},
        {"waiting", "action", "\"waiting\"", MADE_S, OUTCOME_IGNORED, false, 0, false,
         "waits for an approval"},
        {"queued, but waiting", "workflow_job.status", "\"waiting\"", MADE_S, OUTCOME_IGNORED,
         false, 0, false, "with status \"waiting\""},
        {"queued, but completed", "workflow_job.status", "\"completed\"", MADE_S, OUTCOME_IGNORED,
         false, 0, false, "with status \"completed\""},
        {"queued, but Queued", "workflow_job.status", "\"Queued\"", MADE_S, OUTCOME_IGNORED, false,
         0, false, "with status \"Queued\""},
        {"an action of another day", "action", "\"paused\\u001b\"", MADE_S, OUTCOME_IGNORED, false,
         0, false, "action \"paused?\" starts no runner"},
        {"QUEUED", "action", "\"QUEUED\"", MADE_S, OUTCOME_IGNORED, false, 0, false,
         "action \"QUEUED\" starts no runner"},
        {"a label that the pool lacks", "workflow_job.labels", "[\"self-hosted\",\"gpu\"]", MADE_S,
         OUTCOME_IGNORED, false, 0, false, "pool linux: has no label \"gpu\""},
        {"hosted by GitHub", "workflow_job.labels", "[\"ubuntu-latest\"]", MADE_S, OUTCOME_IGNORED,
         false, 0, false, "does not ask for \"self-hosted\""},
        {"self-hosted unasked", "workflow_job.labels", "[\"linux\",\"x64\"]", MADE_S,
         OUTCOME_IGNORED, false, 0, false, "does not ask for \"self-hosted\""},
        {"no labels", "workflow_job.labels", "[]", MADE_S, OUTCOME_IGNORED, false, 0, false,
         "asks for no label"},
        {"a label to trick a terminal", "workflow_job.labels",
         "[\"self-hosted\",\"\xe2\x80\xaegpu\"]", MADE_S, OUTCOME_IGNORED, false, 0, false,
         "has no label \"?gpu\""},
    };
    struct pools pools = {0};

    pool_add(&pools, linux_name, linux_labels, true);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed parsed = parse_with(rows[i].path, rows[i].raw);
        struct verdict verdict = reach(&pools.config, &parsed, rows[i].now_s);

        assert_row(verdict.outcome == rows[i].outcome, rows[i].name);
        assert_row(verdict.is_reported == rows[i].is_reported, rows[i].name);
        assert_row(!verdict.is_reported || verdict.event == rows[i].event, rows[i].name);
        assert_row(verdict.is_stale == rows[i].is_stale, rows[i].name);
        if (strstr(verdict.reason, rows[i].reason) == NULL)
            fail_msg("row \"%s\": %s", rows[i].name, verdict.reason);
        assert_row((verdict.reason[0] != '\0') == (rows[i].outcome == OUTCOME_IGNORED),
                   rows[i].name);
        /* Only what a pool serves is ever reported. */
        assert_row(!verdict.is_reported || verdict.pool == &pools.items[0], rows[i].name);
        rh_delivery_free(parsed.delivery);
    }
    pools_fini(&pools);
}

/* A job that no pool serves is no demand; but one that is known may have begun or ended. */
static void
an_unserved_job_is_never_queued(void **state)
{
    (void)state;
    static const char *const actions[] = {"queued", "waiting", "in_progress", "completed", "x"};
    struct pools pools = {0};

    pool_add(&pools, gpu_name, gpu_labels, true);
    for (size_t i = 0; i < COUNT(actions); i++) {
        char raw[32], *body, *changed;
        struct parsed parsed;
        struct verdict verdict;

        (void)snprintf(raw, sizeof raw, "\"%s\"", actions[i]);
        body = body_with("action", raw);
        changed = strstr(body, "\"linux\"");
        assert_non_null(changed);
        memcpy(changed, "\"linuz\"", 7);
        parsed = parse(body);
        verdict = reach(&pools.config, &parsed, MADE_S);
        assert_row(verdict.outcome == OUTCOME_IGNORED, actions[i]);
        assert_row(verdict.is_reported == (i == 2 || i == 3), actions[i]);
        assert_row(!verdict.is_reported || verdict.event != JOB_EVENT_QUEUED, actions[i]);
        assert_null(verdict.pool);
        rh_delivery_free(parsed.delivery);
        free(body);
    }
    pools_fini(&pools);
}

static void
other_events(void **state)
{
    (void)state;
    struct pools pools = {0};
    static const char ping_body[] = "{\"zen\":\"x\",\"hook_id\":7}";
    static const char push_body[] = "{\"ref\":\"refs/heads/main\"}";
    struct parsed ping = parse_as(ping_body, strlen(ping_body), JSON_TYPE, "ping");
    struct parsed push = parse_as(push_body, strlen(push_body), JSON_TYPE, "push");
    struct verdict verdict;

    pool_add(&pools, linux_name, linux_labels, true);
    verdict = reach(&pools.config, &ping, MADE_S);
    assert_int_equal(verdict.outcome, OUTCOME_PONG);
    assert_false(verdict.is_reported);
    assert_null(verdict.pool);
    verdict = reach(&pools.config, &push, MADE_S);
    assert_int_equal(verdict.outcome, OUTCOME_IGNORED);
    assert_false(verdict.is_reported);
    assert_non_null(strstr(verdict.reason, "not a workflow_job event"));
    rh_delivery_free(ping.delivery);
    rh_delivery_free(push.delivery);
    pools_fini(&pools);
}

static void
the_first_pool_in_file_order_serves(void **state)
{
    (void)state;
    static const struct {
        const char *labels;
        const char *want; /* NULL for none */
    } rows[] = {
        {"[\"self-hosted\"]", "linux"},
        {"[\"self-hosted\",\"linux\"]", "linux"},
        {"[\"self-hosted\",\"gpu\"]", "gpu"},
        {"[\"self-hosted\",\"gpu\",\"x64\"]", "any"},
        {"[\"gpu\",\"x64\"]", "any"}, /* which does not require self-hosted */
        {"[\"ci\"]", "any"},
        {"[\"ubuntu-latest\"]", NULL},
        {"[\"self-hosted\",\"arm64\"]", NULL},
        {"[]", NULL},
    };
    struct pools pools = {0};

    pool_add(&pools, linux_name, linux_labels, true);
    pool_add(&pools, gpu_name, gpu_labels, true);
    pool_add(&pools, any_name, any_labels, false);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed parsed = parse_with("workflow_job.labels", rows[i].labels);
        const struct pool *pool = pool_for_job(&pools.config, &parsed.delivery->job);
        struct verdict verdict = reach(&pools.config, &parsed, MADE_S);

        assert_row((pool == NULL) == (rows[i].want == NULL), rows[i].labels);
        assert_ptr_equal(pool, verdict.pool);
        if (pool != NULL)
            assert_string_equal(pool->name, rows[i].want);
        else
            assert_non_null(strstr(verdict.reason, "none of 3 pools has all of them"));
        rh_delivery_free(parsed.delivery);
    }
    pools_fini(&pools);
}

static void
labels_that_no_runner_can_have(void **state)
{
    (void)state;
    struct pools pools = {0};
    char *raw = calloc(1, 10000);
    size_t len = 0;
    struct parsed parsed;
    struct verdict verdict;
    char words[256];

    assert_non_null(raw);
    raw[len++] = '[';
    for (int i = 0; i < RH_LABELS_MAX + 1; i++)
        len += (size_t)snprintf(raw + len, 10000 - len, "%s\"label-%d\"", i == 0 ? "" : ",", i);
    raw[len] = ']';
    pool_add(&pools, linux_name, linux_labels, true);
    parsed = parse_with("workflow_job.labels", raw);
    verdict = reach(&pools.config, &parsed, MADE_S);
    assert_int_equal(verdict.outcome, OUTCOME_IGNORED);
    assert_non_null(strstr(verdict.reason, "labels that no runner can have"));
    assert_false(
        verdict_match(&pools.config, &pools.items[0], &parsed.delivery->job, words, sizeof words));
    rh_delivery_free(parsed.delivery);
    pools_fini(&pools);
    free(raw);
}

static void
a_match_in_words(void **state)
{
    (void)state;
    struct pools pools = {0};
    struct parsed parsed = parse(job_body);
    char words[256], few[8];

    pool_add(&pools, linux_name, linux_labels, true);
    assert_true(
        verdict_match(&pools.config, &pools.items[0], &parsed.delivery->job, words, sizeof words));
    assert_string_equal(words, "serves the job");
    assert_true(
        verdict_match(&pools.config, &pools.items[0], &parsed.delivery->job, few, sizeof few));
    assert_string_equal(few, "serves ");
    rh_delivery_free(parsed.delivery);
    pools_fini(&pools);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_a_delivery),
        cmocka_unit_test(an_unserved_job_is_never_queued),
        cmocka_unit_test(other_events),
        cmocka_unit_test(the_first_pool_in_file_order_serves),
        cmocka_unit_test(labels_that_no_runner_can_have),
        cmocka_unit_test(a_match_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
