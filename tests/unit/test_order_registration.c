/*
 * Orders whose runners register elsewhere than in their repository, or just in time, and jobs whose
 * code has an owner. SPDX-License-Identifier: MIT
 */
#include "ledger_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/budget.h"
#include "ledger/order.h"

#define LEASE_MS 60000
#define PER_MINUTE 3

static char *limits;
static bool is_jit;
static const char *place;
static const char *provided; /* "POOL PLACE" */

static bool
registers(const void *config, const char *pool, const char *repository,
          struct order_registration *registration)
{
    (void)config;
    (void)repository;
    if (strcmp(pool, "linux") != 0)
        return false;
    (void)snprintf(registration->place, sizeof registration->place, "%s", place);
    registration->is_jit = is_jit;
    return true;
}

static bool
is_provided(const void *supplies, const char *pool, const char *where)
{
    char both[RUNNER_POOL_CAP + RUNNER_PLACE_CAP];

    (void)snprintf(both, sizeof both, "%s %s", pool, where);
    return strcmp(both, *(const char *const *)supplies) == 0;
}

static void
set_pool(const char *where, bool jit, bool asks)
{
    const struct order_limit limit = {
        .pool = "linux", .max_runners = 100, .is_jit = jit, .asks_origin = asks};

    free(limits);
    limits = order_limits(&limit, 1);
    place = where;
    is_jit = jit;
    provided = "";
}

static int
make(void **state)
{
    set_pool("orgs/o", true, false);
    return ledger_make(state);
}

static int
take_down(void **state)
{
    free(limits);
    limits = NULL;
    return ledger_remove(state);
}

static enum ledger_error
claim_at(struct ledger *ledger, int64_t now_ms, struct order *order)
{
    struct order_claim claim = {.owner = ledger_owner(ledger),
                                .receiver = ledger_receiver(ledger),
                                .prefix = "runhook",
                                .now_ms = now_ms,
                                .lease_until_ms = NOW_MS + LEASE_MS,
                                .limits = limits,
                                .content_per_minute = PER_MINUTE,
                                .registers = registers,
                                .is_provided = is_provided,
                                .supplies = &provided,
                                .out = order};
    struct order_look look = {.now_ms = now_ms, .limits = limits, .content_per_minute = PER_MINUTE};
    enum ledger_error due = ledger_read(ledger, order_is_due, &look, NULL);
    enum ledger_error error = ledger_write(ledger, order_claim, &claim, NULL);

    assert_int_equal(due, error);
    return error;
}

static struct order
claimed(struct ledger *ledger)
{
    struct order order;

    assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
    return order;
}

static struct text
runners(struct ledger *ledger)
{
    return text_of(ledger,
                   "SELECT group_concat(n || ' ' || state || ' ' || place || ' ' || jit || ' '"
                   " || github_id || ' ' || coalesce(job_id, '-') || ' ' || (sent_at_ms > 0),"
                   " ', ') FROM (SELECT * FROM runner ORDER BY made_for, n)");
}

static struct text
job(struct ledger *ledger, int64_t id)
{
    char sql[200];

    (void)snprintf(
        sql, sizeof sql,
        "SELECT state || ' ' || pool || ' ' || origin || ' ' || coalesce(last_error, '-')"
        " || ' ' || (runner IS NOT NULL) FROM job WHERE id = %lld",
        (long long)id);
    return text_of(ledger, sql);
}

static void
fail_order(struct ledger *ledger, const struct order *order, bool is_certain, bool is_spent,
           int64_t github_id)
{
    struct order_failure failure = {.order = order,
                                    .owner = ledger_owner(ledger),
                                    .now_ms = NOW_MS,
                                    .next_attempt_at_ms = NOW_MS,
                                    .error = "no",
                                    .counts = true,
                                    .is_certain = is_certain,
                                    .is_spent = is_spent,
                                    .github_id = github_id};

    assert_int_equal(ledger_write(ledger, order_failed, &failure, NULL), LEDGER_OK);
}

static bool
send(struct ledger *ledger, const struct order *order, int64_t github_id)
{
    struct order_step step = {
        .order = order, .owner = ledger_owner(ledger), .now_ms = NOW_MS, .github_id = github_id};

    assert_int_equal(ledger_write(ledger, order_sent, &step, NULL), LEDGER_OK);
    return step.wanted;
}

static void
where_and_how_it_registers_is_written_before_it_is_minted(void **state)
{
    struct order order;

    enter(*state, 1, "o/r", 10);
    order = claimed(*state);
    assert_string_equal(order.place, "orgs/o");
    assert_true(order.is_jit && order.is_new);
    assert_string_equal(runners(*state).bytes, "1 minting orgs/o 1 0 1 0");
    assert_true(send(*state, &order, 4711));
    assert_string_equal(runners(*state).bytes, "1 sent orgs/o 1 4711 1 1");
    order_fini(&order);
}

/* Nothing stands between such a claim and its dispatch, so one commit is enough for both. */
static void
one_whose_token_is_at_hand_is_claimed_as_sent(void **state)
{
    static const struct {
        const char *place;
        bool is_jit;
        const char *provided;
        bool is_sent;
    } rows[] = {
        {"repos/o/r", false, "linux repos/o/r", true},
        {"orgs/o", false, "linux orgs/o", true},
        {"orgs/o", false, "", false},
        {"orgs/o", false, "linux repos/o/r", false},
        {"orgs/o", false, "gpu orgs/o", false},
        {"orgs/o", true, "linux orgs/o", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct order order;

        set_pool(rows[i].place, rows[i].is_jit, false);
        provided = rows[i].provided;
        enter(*state, (int64_t)i + 1, "o/r", 10);
        order = claimed(*state);
        assert_row(order.is_sent == rows[i].is_sent, rows[i].provided);
        assert_row(number_of(*state, "SELECT state = 'sent' AND sent_at_ms > 0 FROM runner"
                                     " ORDER BY made_for DESC LIMIT 1") == rows[i].is_sent,
                   rows[i].provided);
        assert_int_equal(number_of(*state, "SELECT count(*) FROM runner WHERE lease_owner IS NULL"),
                         0);
        order_fini(&order);
    }
}

/* Where it did not go out after all, it is as if it had never been. */
static void
one_that_was_claimed_as_sent_and_was_not_is_no_more(void **state)
{
    struct order order;

    set_pool("orgs/o", false, false);
    provided = "linux orgs/o";
    enter(*state, 1, "o/r", 10);
    order = claimed(*state);
    fail_order(*state, &order, true, false, 0);
    order_fini(&order);
    assert_int_equal(number_of(*state, "SELECT sent_at_ms FROM runner"), 0);
    provided = "";
    order = claimed(*state);
    assert_int_equal(order.n, 1);
    assert_int_equal(order.sent_before_ms, 0);
    assert_false(order.is_sent);
    order_fini(&order);
}

/* Nor where it was not wanted any more by the time its token was there. */
static void
one_that_was_claimed_as_sent_and_is_not_wanted_was_not(void **state)
{
    struct job_sample sample;
    struct order order;

    set_pool("orgs/o", false, false);
    provided = "linux orgs/o";
    enter(*state, 1, "o/r", 10);
    order = claimed(*state);
    job_sample_init(&sample, 1, "o/r", 10);
    (void)snprintf(sample.conclusion, sizeof sample.conclusion, "cancelled");
    assert_int_equal(tell(*state, &sample, JOB_EVENT_COMPLETED, NULL), LEDGER_OK);
    assert_false(send(*state, &order, 0));
    assert_string_equal(runners(*state).bytes, "1 retiring orgs/o 0 0 - 0");
    order_fini(&order);
}

/* GitHub's gate stays for one that asks GitHub. */
static void
one_that_is_provided_for_does_not_probe_github(void **state)
{
    struct order order;

    set_pool("orgs/o", false, false);
    change(*state, "INSERT INTO upstream (name, failures, shut_until_ms) VALUES ('github', 3, 1)"
                   " ON CONFLICT (name) DO UPDATE SET failures = 3, shut_until_ms = 1");
    enter(*state, 1, "o/r", 20);
    enter(*state, 2, "o/r", 10);
    provided = "linux orgs/o";
    order = claimed(*state);
    order_fini(&order);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM upstream WHERE probe IS NOT NULL"), 0);
    provided = "";
    order = claimed(*state);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM upstream WHERE probe IS NOT NULL"), 1);
    order_fini(&order);
}

static void
a_pool_that_is_no_more_is_taken_for_a_repositorys(void **state)
{
    struct order order;

    enter(*state, 1, "o/r", 10);
    change(*state, "UPDATE job SET pool = 'gone'");
    order = claimed(*state);
    assert_string_equal(order.place, "repos/o/r");
    assert_false(order.is_jit);
    order_fini(&order);
}

/* Under a name that is registered no second configuration can be had. */
static void
a_name_that_is_spent_retires_and_the_next_is_taken(void **state)
{
    struct order order;

    enter(*state, 1, "o/r", 10);
    order = claimed(*state);
    fail_order(*state, &order, true, true, 4711);
    order_fini(&order);
    assert_string_equal(job(*state, 1).bytes, "queued linux  no 0");
    assert_string_equal(runners(*state).bytes, "1 retiring orgs/o 1 4711 - 0");
    assert_int_equal(number_of(*state, "SELECT audit_at_ms FROM runner"), NOW_MS);
    order = claimed(*state);
    assert_int_equal(order.n, 2);
    order_fini(&order);
}

static void
a_name_that_was_not_registered_is_used_again(void **state)
{
    struct order order;

    enter(*state, 1, "o/r", 10);
    order = claimed(*state);
    fail_order(*state, &order, true, false, 0);
    order_fini(&order);
    order = claimed(*state);
    assert_int_equal(order.n, 1);
    assert_false(order.is_new);
    order_fini(&order);
}

/* It may be in Nomad: whoever takes the order up looks for it first. */
static void
one_whose_dispatch_got_no_answer_keeps_its_name(void **state)
{
    struct order order;

    enter(*state, 1, "o/r", 10);
    order = claimed(*state);
    assert_true(send(*state, &order, 4711));
    fail_order(*state, &order, false, false, 4711);
    order_fini(&order);
    order = claimed(*state);
    assert_int_equal(order.n, 1);
    assert_int_equal(order.sent_before_ms, NOW_MS);
    fail_order(*state, &order, true, true, 0);
    order_fini(&order);
    assert_string_equal(runners(*state).bytes, "1 retiring orgs/o 1 4711 - 1");
}

/* Cancelled between the mint and the dispatch: the registration is known to whoever takes it away.
 */
static void
one_that_is_not_wanted_leaves_its_registration_known(void **state)
{
    struct job_sample sample;
    struct order order;

    enter(*state, 1, "o/r", 10);
    order = claimed(*state);
    job_sample_init(&sample, 1, "o/r", 10);
    (void)snprintf(sample.conclusion, sizeof sample.conclusion, "cancelled");
    assert_int_equal(tell(*state, &sample, JOB_EVENT_COMPLETED, NULL), LEDGER_OK);
    assert_false(send(*state, &order, 4711));
    assert_string_equal(runners(*state).bytes, "1 retiring orgs/o 1 4711 - 0");
    order_fini(&order);
}

static void
an_adopted_child_leaves_ones_own_registration_to_be_taken_away(void **state)
{
    struct order_step step;
    struct order order;

    for (int jit = 0; jit < 2; jit++) {
        change(*state, "DELETE FROM runner; DELETE FROM job");
        set_pool("orgs/o", jit != 0, false);
        enter(*state, 1, "o/r", 10);
        order = claimed(*state);
        assert_true(send(*state, &order, jit == 0 ? 0 : 4711));
        step = (struct order_step){.order = &order,
                                   .owner = ledger_owner(*state),
                                   .now_ms = NOW_MS,
                                   .child = "parent/dispatch-1-abc",
                                   .runner = "theirs"};
        assert_int_equal(ledger_write(*state, order_live, &step, NULL), LEDGER_OK);
        assert_string_equal(
            text_of(*state, "SELECT group_concat(state || ' ' || place || ' ' || github_id || ' '"
                            " || (sent_at_ms > 0) || ' ' || coalesce(child, '-'), ', ')"
                            " FROM (SELECT * FROM runner ORDER BY name)")
                .bytes,
            jit == 0 ? "gone orgs/o 0 1 -, live orgs/o 0 1 parent/dispatch-1-abc"
                     : "retiring orgs/o 4711 0 -, live orgs/o 0 1 parent/dispatch-1-abc");
        order_fini(&order);
    }
}

static void
a_pool_that_registers_otherwise_by_now_names_another(void **state)
{
    struct order order;

    enter(*state, 1, "o/r", 10);
    order = claimed(*state);
    fail_order(*state, &order, true, false, 0);
    order_fini(&order);
    set_pool("repos/o/r", true, false);
    order = claimed(*state);
    assert_int_equal(order.n, 2);
    assert_string_equal(runners(*state).bytes,
                        "1 retiring orgs/o 1 0 - 0, 2 minting repos/o/r 1 0 1 0");
    order_fini(&order);
}

/* -- How often GitHub is asked to make something ------------------------------------------------
 */

static void
no_more_are_minted_than_github_takes_in_a_minute(void **state)
{
    struct order order;

    for (int64_t id = 1; id <= 8; id++)
        enter(*state, id, "o/r", 10);
    for (int i = 0; i < PER_MINUTE; i++) {
        assert_int_equal(claim_at(*state, NOW_MS + i * 1000, &order), LEDGER_OK);
        order_fini(&order);
    }
    assert_int_equal(claim_at(*state, NOW_MS + 3000, &order), LEDGER_NOT_FOUND);
    assert_int_equal(claim_at(*state, NOW_MS + 60000, &order), LEDGER_NOT_FOUND);
    /* One of them is over a minute ago, and a moment for it to have reached GitHub. */
    assert_int_equal(claim_at(*state, NOW_MS + 62000, &order), LEDGER_OK);
    order_fini(&order);
    assert_int_equal(claim_at(*state, NOW_MS + 62000, &order), LEDGER_NOT_FOUND);
    /* A clock that was set back by hours does not hold them up for hours. */
    assert_int_equal(claim_at(*state, NOW_MS - 7200000, &order), LEDGER_OK);
    order_fini(&order);
}

static void
registration_tokens_need_no_turn_of_their_own(void **state)
{
    struct order order;

    set_pool("repos/o/r", false, false);
    for (int64_t id = 1; id <= PER_MINUTE + 2; id++) {
        enter(*state, id, "o/r", 10);
        order = claimed(*state);
        order_fini(&order);
    }
}

static enum ledger_error
read_left(struct ledger_txn *txn, void *arg)
{
    return content_left(txn, NOW_MS, PER_MINUTE, arg);
}

static void
what_is_made_beside_them_counts_too(void **state)
{
    struct order_step step;
    struct order order;
    int64_t left = 0;

    set_pool("repos/o/r", false, false);
    enter(*state, 1, "o/r", 10);
    order = claimed(*state);
    step = (struct order_step){
        .order = &order, .owner = ledger_owner(*state), .now_ms = NOW_MS, .made = 2};
    assert_int_equal(ledger_write(*state, order_sent, &step, NULL), LEDGER_OK);
    assert_int_equal(ledger_read(*state, read_left, &left, NULL), LEDGER_OK);
    assert_int_equal(left, PER_MINUTE - 2);
    order_fini(&order);
}

/* -- Whose code a job has -----------------------------------------------------------------------
 */

static struct order_origin
find_out(struct ledger *ledger, const struct order *order, enum job_origin origin,
         const char *refused, const char *pool)
{
    struct order_origin step = {.order = order,
                                .owner = ledger_owner(ledger),
                                .now_ms = NOW_MS,
                                .origin = origin,
                                .was_asked = true,
                                .refused = refused,
                                .pool = pool};

    assert_int_equal(ledger_write(ledger, order_origin, &step, NULL), LEDGER_OK);
    return step;
}

static void
one_order_of_a_run_finds_out_for_all_of_them(void **state)
{
    struct order order, second;

    set_pool("repos/o/r", false, true);
    enter(*state, 1, "o/r", 20);
    enter(*state, 2, "o/r", 10);
    enter(*state, 3, "x/other", 5);
    order = claimed(*state);
    assert_int_equal(order.job.id, 1);
    /* Every sample's run has the same id; another repository's is another run all the same. */
    second = claimed(*state);
    assert_int_equal(second.job.id, 3);
    order_fini(&second);
    assert_int_equal(claim_at(*state, NOW_MS, &second), LEDGER_NOT_FOUND);
    assert_true(find_out(*state, &order, JOB_ORIGIN_OWN, NULL, NULL).goes_on);
    assert_string_equal(job(*state, 1).bytes, "assigned linux own - 1");
    assert_string_equal(job(*state, 2).bytes, "queued linux own - 0");
    assert_string_equal(job(*state, 3).bytes, "assigned linux  - 1");
    second = claimed(*state);
    assert_int_equal(second.job.id, 2);
    assert_int_equal(second.job.origin, JOB_ORIGIN_OWN);
    order_fini(&second);
    order_fini(&order);
    /* And for those that come later. */
    enter(*state, 4, "O/R", 1);
    assert_string_equal(job(*state, 4).bytes, "queued linux own - 0");
}

static void
a_job_that_is_refused_is_over(void **state)
{
    struct job_request request = {.id = 1, .now_ms = NOW_MS};
    struct order order;

    set_pool("repos/o/r", false, true);
    enter(*state, 1, "o/r", 20);
    order = claimed(*state);
    assert_false(find_out(*state, &order, JOB_ORIGIN_FORK, "not for forks", NULL).goes_on);
    order_fini(&order);
    assert_string_equal(job(*state, 1).bytes, "refused linux fork not for forks 0");
    assert_string_equal(runners(*state).bytes, "1 gone repos/o/r 0 0 - 0");
    assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_NOT_FOUND);
    /* An operator who has changed the rule asks anew. */
    assert_int_equal(ledger_write(*state, job_retry, &request, NULL), LEDGER_OK);
    assert_true(request.done);
    assert_string_equal(job(*state, 1).bytes, "queued linux  not for forks 0");
}

static void
a_job_of_a_fork_goes_to_its_pool(void **state)
{
    struct order order;

    set_pool("repos/o/r", true, true);
    enter(*state, 1, "o/r", 20);
    order = claimed(*state);
    fail_order(*state, &order, true, false, 0); /* GitHub was away: an attempt has been before */
    order_fini(&order);
    order = claimed(*state);
    assert_false(find_out(*state, &order, JOB_ORIGIN_FORK, NULL, "guests").goes_on);
    order_fini(&order);
    assert_string_equal(job(*state, 1).bytes, "queued guests fork - 0");
    assert_string_equal(runners(*state).bytes, "1 retiring repos/o/r 1 0 - 0");
    order = claimed(*state);
    assert_string_equal(order.pool, "guests");
    assert_int_equal(order.n, 2);
    order_fini(&order);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, make, take_down)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(where_and_how_it_registers_is_written_before_it_is_minted),
        ON_LEDGER(one_whose_token_is_at_hand_is_claimed_as_sent),
        ON_LEDGER(one_that_was_claimed_as_sent_and_was_not_is_no_more),
        ON_LEDGER(one_that_was_claimed_as_sent_and_is_not_wanted_was_not),
        ON_LEDGER(one_that_is_provided_for_does_not_probe_github),
        ON_LEDGER(a_pool_that_is_no_more_is_taken_for_a_repositorys),
        ON_LEDGER(a_name_that_is_spent_retires_and_the_next_is_taken),
        ON_LEDGER(a_name_that_was_not_registered_is_used_again),
        ON_LEDGER(one_whose_dispatch_got_no_answer_keeps_its_name),
        ON_LEDGER(one_that_is_not_wanted_leaves_its_registration_known),
        ON_LEDGER(an_adopted_child_leaves_ones_own_registration_to_be_taken_away),
        ON_LEDGER(a_pool_that_registers_otherwise_by_now_names_another),
        ON_LEDGER(no_more_are_minted_than_github_takes_in_a_minute),
        ON_LEDGER(registration_tokens_need_no_turn_of_their_own),
        ON_LEDGER(what_is_made_beside_them_counts_too),
        ON_LEDGER(one_order_of_a_run_finds_out_for_all_of_them),
        ON_LEDGER(a_job_that_is_refused_is_over),
        ON_LEDGER(a_job_of_a_fork_goes_to_its_pool),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
