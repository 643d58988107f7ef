/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

#include "ledger/gate.h"
#include "ledger/order.h"

#define INITIAL_MS 2000
#define MAX_MS 30000
#define LEASE_MS 60000

struct ask {
    const char *upstream;
    int64_t now_ms;
    struct gate gate;
    struct gate_failure failure;
    int64_t shut_until_ms;
};

static enum ledger_error
do_read(struct ledger_txn *txn, void *arg)
{
    struct ask *ask = arg;

    return gate_read(txn, ask->upstream, ask->now_ms, &ask->gate);
}

static enum ledger_error
do_fail(struct ledger_txn *txn, void *arg)
{
    struct ask *ask = arg;

    return gate_failed(txn, &ask->failure, ask->now_ms, &ask->shut_until_ms);
}

static enum ledger_error
do_pass(struct ledger_txn *txn, void *arg)
{
    struct ask *ask = arg;

    return gate_passed(txn, ask->upstream, ask->now_ms);
}

static struct gate
gate_at(struct ledger *ledger, const char *upstream, int64_t now_ms)
{
    struct ask ask = {.upstream = upstream, .now_ms = now_ms};

    assert_int_equal(ledger_read(ledger, do_read, &ask, NULL), LEDGER_OK);
    return ask.gate;
}

static void
fail_at(struct ledger *ledger, const char *upstream, int64_t now_ms, int64_t shut_ms)
{
    struct ask ask = {.now_ms = now_ms,
                      .failure = {.error = "nothing listens there",
                                  .asked_ms = shut_ms,
                                  .initial_ms = INITIAL_MS,
                                  .max_ms = MAX_MS}};

    (void)snprintf(ask.failure.upstream, sizeof ask.failure.upstream, "%s", upstream);
    assert_int_equal(ledger_write(ledger, do_fail, &ask, NULL), LEDGER_OK);
}

static void
pass(struct ledger *ledger, const char *upstream)
{
    struct ask ask = {.upstream = upstream};

    assert_int_equal(ledger_write(ledger, do_pass, &ask, NULL), LEDGER_OK);
}

static char *
copy(const void *supplies)
{
    return strdup(supplies);
}

static enum ledger_error
claim_at(struct ledger *ledger, int64_t now_ms, const char *tokens, struct order *order)
{
    struct order_claim claim = {.owner = ledger_owner(ledger),
                                .receiver = ledger_receiver(ledger),
                                .prefix = "runhook",
                                .now_ms = now_ms,
                                .lease_until_ms = LEASE_MS,
                                .provided = copy,
                                .supplies = tokens,
                                .out = order};

    return ledger_write(ledger, order_claim, &claim, NULL);
}

static void
a_new_ledgers_gates_are_open(void **state)
{
    static const char *const upstreams[] = {"github", "nomad"};

    for (size_t i = 0; i < COUNT(upstreams); i++) {
        struct gate gate = gate_at(*state, upstreams[i], NOW_MS);
        assert_int_equal(gate.state, GATE_OPEN);
        assert_string_equal(gate.upstream, upstreams[i]);
        assert_int_equal(gate.failures, 0);
        assert_int_equal(gate.shut_until_ms, 0);
        assert_string_equal(gate.error, "");
    }
}

static void
failures_in_a_row_shut_it(void **state)
{
    for (int i = 1; i < GATE_FAILURES; i++) {
        fail_at(*state, "nomad", NOW_MS, -1);
        assert_int_equal(gate_at(*state, "nomad", NOW_MS).state, GATE_OPEN);
        assert_int_equal(gate_at(*state, "nomad", NOW_MS).failures, i);
    }
    fail_at(*state, "nomad", NOW_MS, -1);
    struct gate gate = gate_at(*state, "nomad", NOW_MS);
    assert_int_equal(gate.state, GATE_SHUT);
    assert_int_equal(gate.shut_until_ms, NOW_MS + INITIAL_MS);
    assert_string_equal(gate.error, "nothing listens there");
    assert_int_equal(gate_at(*state, "nomad", NOW_MS + INITIAL_MS - 1).state, GATE_SHUT);
    assert_int_equal(gate_at(*state, "nomad", NOW_MS + INITIAL_MS).state, GATE_PROBE);
    assert_int_equal(gate_at(*state, "github", NOW_MS).state, GATE_OPEN);
}

static void
one_that_comes_through_forgets_the_failures_before(void **state)
{
    fail_at(*state, "nomad", NOW_MS, -1);
    fail_at(*state, "nomad", NOW_MS, -1);
    pass(*state, "nomad");
    assert_int_equal(gate_at(*state, "nomad", NOW_MS).failures, 0);
    fail_at(*state, "nomad", NOW_MS, -1);
    assert_int_equal(gate_at(*state, "nomad", NOW_MS).state, GATE_OPEN);
}

static void
one_that_is_certain_shuts_it_at_once(void **state)
{
    fail_at(*state, "github", NOW_MS, 77000);
    assert_int_equal(gate_at(*state, "github", NOW_MS).state, GATE_SHUT);
    assert_int_equal(gate_at(*state, "github", NOW_MS).shut_until_ms, NOW_MS + 77000);
    assert_int_equal(gate_at(*state, "github", NOW_MS + 77000).state, GATE_PROBE);
    pass(*state, "github");
    assert_int_equal(gate_at(*state, "github", NOW_MS).state, GATE_OPEN);
}

static void
what_was_under_way_when_it_shut_is_no_news(void **state)
{
    for (int i = 0; i < GATE_FAILURES; i++)
        fail_at(*state, "nomad", NOW_MS, -1);
    for (int i = 0; i < 10; i++)
        fail_at(*state, "nomad", NOW_MS + 1, -1);
    assert_int_equal(gate_at(*state, "nomad", NOW_MS).shut_until_ms, NOW_MS + INITIAL_MS);
}

static void
probes_that_fail_shut_it_for_longer(void **state)
{
    static const int64_t want_ms[] = {2000, 4000, 8000, 16000, 30000, 30000};
    int64_t now_ms = NOW_MS;

    for (int i = 1; i < GATE_FAILURES; i++)
        fail_at(*state, "nomad", now_ms, -1);
    for (size_t i = 0; i < COUNT(want_ms); i++) {
        fail_at(*state, "nomad", now_ms, -1);
        assert_int_equal(gate_at(*state, "nomad", now_ms).shut_until_ms, now_ms + want_ms[i]);
        now_ms += want_ms[i];
        assert_int_equal(gate_at(*state, "nomad", now_ms).state, GATE_PROBE);
    }
}

static void
nothing_is_taken_up_for_a_nomad_that_is_away(void **state)
{
    struct order order;

    enter(*state, 1, "o/r", 10);
    fail_at(*state, "nomad", NOW_MS, 5000);
    assert_int_equal(claim_at(*state, NOW_MS, "[]", &order), LEDGER_NOT_FOUND);
    assert_int_equal(claim_at(*state, NOW_MS + 5000, "[]", &order), LEDGER_OK);
    order_fini(&order);
}

/* A token of an organization or an enterprise serves the jobs of all that it has. */
static void
without_github_a_token_of_the_owner_will_do(void **state)
{
    static const char *const at_hand[] = {
        "[{\"pool\":\"linux\",\"place\":\"orgs/O\"}]",
        "[{\"pool\":\"linux\",\"place\":\"enterprises/e\"}]",
    };
    struct order order;

    enter(*state, 1, "o/a", 20);
    enter(*state, 2, "o/b", 10);
    fail_at(*state, "github", NOW_MS, 5000);
    for (size_t i = 0; i < COUNT(at_hand); i++) {
        assert_int_equal(claim_at(*state, NOW_MS, at_hand[i], &order), LEDGER_OK);
        order_fini(&order);
    }
}

/* An owner whose account alone is in trouble is left alone, alone. */
static void
an_owner_has_a_gate_of_its_own(void **state)
{
    struct order order;

    enter(*state, 1, "o/r", 20);
    enter(*state, 2, "other/r", 10);
    fail_at(*state, "github/O", NOW_MS, 5000);
    assert_int_equal(gate_at(*state, "github", NOW_MS).state, GATE_OPEN);
    assert_int_equal(gate_at(*state, "github/O", NOW_MS).state, GATE_SHUT);
    assert_int_equal(claim_at(*state, NOW_MS, "[]", &order), LEDGER_OK);
    assert_int_equal(order.job.id, 2);
    order_fini(&order);
    assert_int_equal(claim_at(*state, NOW_MS, "[]", &order), LEDGER_NOT_FOUND);
    assert_int_equal(claim_at(*state, NOW_MS + 5000, "[]", &order), LEDGER_OK);
    assert_int_equal(order.job.id, 1);
    order_fini(&order);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM upstream WHERE name LIKE 'github/%'"),
                     1);
}

static enum ledger_error
pass_place(struct ledger_txn *txn, void *arg)
{
    return gate_github_passed(txn, arg, NOW_MS);
}

static void
a_request_that_comes_through_opens_its_owners_gate(void **state)
{
    static char other[] = "orgs/other", enterprise[] = "enterprises/o", own[] = "repos/o/r";
    char *const closed[] = {other, enterprise};

    fail_at(*state, "github/O", NOW_MS, 5000);
    for (size_t i = 0; i < COUNT(closed); i++) {
        assert_int_equal(ledger_write(*state, pass_place, closed[i], NULL), LEDGER_OK);
        assert_int_equal(gate_at(*state, "github/O", NOW_MS).state, GATE_SHUT);
    }
    assert_int_equal(ledger_write(*state, pass_place, own, NULL), LEDGER_OK);
    assert_int_equal(gate_at(*state, "github/O", NOW_MS).state, GATE_OPEN);
    fail_at(*state, "github/enterprises/e", NOW_MS, 5000);
    assert_int_equal(gate_at(*state, "github/enterprises/e", NOW_MS).state, GATE_SHUT);
}

static int64_t
passed_after(struct ledger *ledger, int64_t now_ms)
{
    struct ask ask = {.upstream = "nomad", .now_ms = now_ms};

    assert_int_equal(ledger_write(ledger, do_pass, &ask, NULL), LEDGER_OK);
    return gate_at(ledger, "nomad", now_ms).passed_at_ms;
}

/* Not each of many is written, and a clock that is set back is no reason to be wrong for long. */
static void
when_a_request_came_through_is_noted(void **state)
{
    struct ledger *ledger = *state;

    assert_int_equal(gate_at(ledger, "nomad", NOW_MS).passed_at_ms, 0);
    assert_int_equal(passed_after(ledger, NOW_MS), NOW_MS);
    assert_int_equal(passed_after(ledger, NOW_MS + GATE_PASSED_MS - 1), NOW_MS);
    assert_int_equal(passed_after(ledger, NOW_MS + GATE_PASSED_MS), NOW_MS + GATE_PASSED_MS);
    assert_int_equal(passed_after(ledger, NOW_MS - 5000), NOW_MS - 5000);
    fail_at(ledger, "nomad", NOW_MS, 5000);
    assert_int_equal(gate_at(ledger, "nomad", NOW_MS).passed_at_ms, NOW_MS - 5000);
    assert_int_equal(gate_at(ledger, "github", NOW_MS).passed_at_ms, 0);
}

static void
without_github_only_jobs_with_a_token_at_hand_go(void **state)
{
    static const char at_hand[] = "[{\"pool\":\"gpu\",\"place\":\"enterprises/e\"},"
                                  "{\"pool\":\"linux\",\"place\":\"repos/O/with\"}]";
    static const char *const others[] = {
        "[{\"pool\":\"linux\",\"place\":\"repos/o/other\"}]",
        "[{\"pool\":\"gpu\",\"place\":\"repos/o/With\"}]",
        "[{\"pool\":\"linux\",\"place\":\"orgs/octo\"}]",
    };
    struct order order;

    enter(*state, 1, "o/without", 20);
    enter(*state, 2, "o/With", 10);
    fail_at(*state, "github", NOW_MS, 5000);
    assert_int_equal(claim_at(*state, NOW_MS, "[]", &order), LEDGER_NOT_FOUND);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(claim_at(*state, NOW_MS, others[i], &order), LEDGER_NOT_FOUND);
    assert_int_equal(claim_at(*state, NOW_MS, at_hand, &order), LEDGER_OK);
    assert_int_equal(order.job.id, 2);
    order_fini(&order);
    assert_int_equal(claim_at(*state, NOW_MS, at_hand, &order), LEDGER_NOT_FOUND);
    assert_int_equal(claim_at(*state, NOW_MS + 5000, "[]", &order), LEDGER_OK);
    assert_int_equal(order.job.id, 1);
    order_fini(&order);
}

static void
one_order_at_a_time_probes(void **state)
{
    struct order probe, other;
    struct order_failure failure = {
        .order = &probe, .owner = ledger_owner(*state), .now_ms = NOW_MS + 5000, .counts = true};

    enter(*state, 1, "o/r", 20);
    enter(*state, 2, "o/r", 10);
    fail_at(*state, "nomad", NOW_MS, 5000);
    assert_int_equal(claim_at(*state, NOW_MS + 5000, "[]", &probe), LEDGER_OK);
    assert_int_equal(gate_at(*state, "nomad", NOW_MS + 5000).state, GATE_SHUT);
    assert_int_equal(claim_at(*state, NOW_MS + 5000, "[]", &other), LEDGER_NOT_FOUND);
    /* One that ends without having asked leaves the probe to the next. */
    assert_int_equal(ledger_write(*state, order_failed, &failure, NULL), LEDGER_OK);
    order_fini(&probe);
    assert_int_equal(gate_at(*state, "nomad", NOW_MS + 5000).state, GATE_PROBE);
    assert_int_equal(claim_at(*state, NOW_MS + 5000, "[]", &other), LEDGER_OK);
    order_fini(&other);
}

static void
what_waited_for_it_goes_out_when_it_opens(void **state)
{
    struct ledger *ledger = *state;
    struct gate_failure gate = {.upstream = "nomad",
                                .error = "away",
                                .asked_ms = -1,
                                .initial_ms = INITIAL_MS,
                                .max_ms = MAX_MS};

    for (int64_t id = 1; id <= 3; id++) {
        struct order order;
        struct order_failure failure = {.order = &order,
                                        .owner = ledger_owner(ledger),
                                        .now_ms = NOW_MS,
                                        .next_attempt_at_ms = NOW_MS + 99999,
                                        .error = "away",
                                        .counts = true,
                                        .gate = id == 1 ? NULL : &gate};

        enter(ledger, id, "o/r", 10);
        assert_int_equal(claim_at(ledger, NOW_MS, "[]", &order), LEDGER_OK);
        assert_int_equal(ledger_write(ledger, order_failed, &failure, NULL), LEDGER_OK);
        order_fini(&order);
    }
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM job WHERE held_by = 'nomad'"), 2);
    pass(ledger, "github");
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM job WHERE next_attempt_at_ms = 0"), 0);
    pass(ledger, "nomad");
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM job WHERE next_attempt_at_ms = 0"), 2);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM job WHERE held_by NOT NULL"), 0);
    /* What failed for a reason of its own keeps its time. */
    assert_int_equal(number_of(ledger, "SELECT next_attempt_at_ms FROM job WHERE id = 1"),
                     NOW_MS + 99999);
}

static void
asking_anew_lets_a_probe_go_at_once(void **state)
{
    fail_at(*state, "nomad", NOW_MS, 86400000);
    assert_int_equal(gate_at(*state, "nomad", NOW_MS).state, GATE_SHUT);
    assert_int_equal(ledger_write(*state, gate_ask_anew, NULL, NULL), LEDGER_OK);
    assert_int_equal(gate_at(*state, "nomad", NOW_MS).state, GATE_PROBE);
    assert_int_equal(gate_at(*state, "github", NOW_MS).state, GATE_OPEN);
}

static void
asking_anew_makes_what_waits_for_it_due(void **state)
{
    struct ledger *ledger = *state;

    for (int64_t id = 1; id <= 3; id++)
        enter(ledger, id, "o/r", 10);
    fail_at(ledger, "nomad", NOW_MS, 86400000);
    change(ledger, "UPDATE job SET next_attempt_at_ms = 99;"
                   "UPDATE job SET held_by = 'nomad' WHERE id = 1;"
                   "UPDATE job SET held_by = 'github' WHERE id = 2"); /* whose gate is open */
    assert_int_equal(ledger_write(ledger, gate_ask_anew, NULL, NULL), LEDGER_OK);
    assert_string_equal(text_of(ledger, "SELECT group_concat(next_attempt_at_ms, ' ') FROM"
                                        " (SELECT next_attempt_at_ms FROM job ORDER BY id)")
                            .bytes,
                        "0 99 99");
    assert_string_equal(text_of(ledger, "SELECT held_by FROM job WHERE id = 1").bytes, "nomad");
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(a_new_ledgers_gates_are_open),
        ON_LEDGER(failures_in_a_row_shut_it),
        ON_LEDGER(one_that_comes_through_forgets_the_failures_before),
        ON_LEDGER(one_that_is_certain_shuts_it_at_once),
        ON_LEDGER(what_was_under_way_when_it_shut_is_no_news),
        ON_LEDGER(probes_that_fail_shut_it_for_longer),
        ON_LEDGER(nothing_is_taken_up_for_a_nomad_that_is_away),
        ON_LEDGER(without_github_only_jobs_with_a_token_at_hand_go),
        ON_LEDGER(without_github_a_token_of_the_owner_will_do),
        ON_LEDGER(an_owner_has_a_gate_of_its_own),
        ON_LEDGER(a_request_that_comes_through_opens_its_owners_gate),
        ON_LEDGER(when_a_request_came_through_is_noted),
        ON_LEDGER(one_order_at_a_time_probes),
        ON_LEDGER(what_waited_for_it_goes_out_when_it_opens),
        ON_LEDGER(asking_anew_lets_a_probe_go_at_once),
        ON_LEDGER(asking_anew_makes_what_waits_for_it_due),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
