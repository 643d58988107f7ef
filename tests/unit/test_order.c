/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/order.h"
#include "ledger/statement.h"
#include "ledger/upkeep.h"

#define LEASE_MS 60000
#define KEPT_MS (INT64_C(7) * 24 * 3600 * 1000)

static enum ledger_error
claim_at(struct ledger *ledger, int64_t now_ms, struct order *order)
{
    struct order_claim claim = {.owner = ledger_owner(ledger),
                                .receiver = ledger_receiver(ledger),
                                .prefix = "runhook",
                                .now_ms = now_ms,
                                .lease_until_ms = NOW_MS + LEASE_MS,
                                .out = order};

    return ledger_write(ledger, order_claim, &claim, NULL);
}

/* Takes up the next job, and gives its id; 0 where none is due. */
static int64_t
next_id(struct ledger *ledger)
{
    struct order order = {0};
    enum ledger_error error = claim_at(ledger, NOW_MS, &order);
    int64_t id = order.job.id;

    assert_true(error == LEDGER_OK || error == LEDGER_NOT_FOUND);
    if (error == LEDGER_OK)
        order_fini(&order);
    return error == LEDGER_OK ? id : 0;
}

static enum ledger_error
send(struct ledger *ledger, const struct order *order, bool *wanted)
{
    struct order_step step = {.order = order, .owner = ledger_owner(ledger), .now_ms = NOW_MS};
    enum ledger_error error = ledger_write(ledger, order_sent, &step, NULL);

    *wanted = step.wanted;
    return error;
}

static enum ledger_error
come_to_live(struct ledger *ledger, const struct order *order, const char *runner)
{
    struct order_step step = {.order = order,
                              .owner = ledger_owner(ledger),
                              .now_ms = NOW_MS,
                              .child = "parent/dispatch-1-abc",
                              .runner = runner};

    return ledger_write(ledger, order_live, &step, NULL);
}

static enum ledger_error
fail_order(struct ledger *ledger, const struct order *order, int64_t next_attempt_at_ms)
{
    struct order_failure failure = {.order = order,
                                    .owner = ledger_owner(ledger),
                                    .now_ms = NOW_MS,
                                    .next_attempt_at_ms = next_attempt_at_ms,
                                    .error = "Nomad has trouble (500)",
                                    .counts = true};

    return ledger_write(ledger, order_failed, &failure, NULL);
}

static struct upkeep
keep_up(struct ledger *ledger, int64_t now_ms)
{
    struct upkeep upkeep = {.ledger = ledger,
                            .now_ms = now_ms,
                            .boot_ms = now_ms,
                            .retention_ms = KEPT_MS,
                            .horizon_ms = KEPT_MS};

    assert_int_equal(ledger_write(ledger, upkeep_run, &upkeep, NULL), LEDGER_OK);
    return upkeep;
}

static struct text
job_row(struct ledger *ledger, int64_t id)
{
    char sql[256];

    (void)snprintf(sql, sizeof sql,
                   "SELECT j.state || ' ' || coalesce(r.state, '-') || ' ' || j.attempts || ' ' ||"
                   " iif(r.lease_owner IS NULL, 'free', 'leased') FROM job j"
                   " LEFT JOIN runner r ON r.name = j.runner WHERE j.id = %lld",
                   (long long)id);
    return text_of(ledger, sql);
}

static void
a_runners_name_is_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        int64_t job_id, n;
        const char *want;
    } rows[] = {
        {"runhook", 45678901234, 1, "runhook-0a1b2c3d-45678901234-1"},
        {"r", 1, 12, "r-0a1b2c3d-1-12"},
        {"123456789012345678901234", RH_ID_MAX, 9999999999,
         "123456789012345678901234-0a1b2c3d-9007199254740991-9999999999"},
        {"123456789012345678901234567", RH_ID_MAX, 9999999999,
         "123456789012345678901234567-0a1b2c3d-9007199254740991-9999999999"},
        {"1234567890123456789012345678", RH_ID_MAX, 9999999999, NULL},
        {"1234567890123456789012345678901234567890123456789012345678901234567890", 1, 1, NULL},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[RH_RUNNER_NAME_MAX + 1];
        bool fits = order_runner_name(rows[i].prefix, "0a1b2c3d", rows[i].job_id, rows[i].n, name);

        assert_row(fits == (rows[i].want != NULL), rows[i].prefix);
        if (fits)
            assert_string_equal(name, rows[i].want);
    }
}

static void
nothing_waits_nothing_is_claimed(void **state)
{
    struct order order;

    assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_NOT_FOUND);
    assert_int_equal(order.job.id, 0);
    order_fini(&order);
}

static void
a_claim_names_the_runner_before_anything_goes_out(void **state)
{
    struct ledger *ledger = *state;
    struct order order;
    char want[80];

    enter(ledger, 45678901234, "octo-org/hello-world", 10);
    assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
    (void)snprintf(want, sizeof want, "runhook-%s-45678901234-1", ledger_receiver(ledger));
    assert_string_equal(order.runner, want);
    assert_int_equal(order.n, 1);
    assert_int_equal(order.job.id, 45678901234);
    assert_int_equal(order.job.attempts, 1);
    assert_string_equal(order.job.repository, "octo-org/hello-world");
    assert_string_equal(order.job.labels, "[\"self-hosted\",\"linux\"]");
    assert_string_equal(text_of(ledger, "SELECT name FROM runner").bytes, want);
    assert_string_equal(job_row(ledger, 45678901234).bytes, "assigned minting 1 leased");
    assert_int_equal(number_of(ledger, "SELECT lease_owner FROM runner"), ledger_owner(ledger));
    assert_int_equal(number_of(ledger, "SELECT lease_until_ms FROM runner"), NOW_MS + LEASE_MS);
    assert_int_equal(next_id(ledger), 0);
    order_fini(&order);
}

static void
the_oldest_goes_first(void **state)
{
    enter(*state, 1, "o/r", 10);
    enter(*state, 2, "o/r", 30);
    enter(*state, 3, "o/r", 20);
    enter(*state, 4, "o/r", 20);
    assert_int_equal(next_id(*state), 2);
    assert_int_equal(next_id(*state), 3);
    assert_int_equal(next_id(*state), 4);
    assert_int_equal(next_id(*state), 1);
    assert_int_equal(next_id(*state), 0);
}

/* A matrix of jobs must not stand before another repository's one job. */
static void
repositories_take_turns(void **state)
{
    static const int64_t want[] = {100, 300, 200, 101, 201, 102, 103, 104};

    for (int64_t i = 0; i < 5; i++)
        enter(*state, 100 + i, "big/matrix", 1000 - i);
    enter(*state, 200, "o/two", 20);
    enter(*state, 201, "O/Two", 10); /* names compare without case */
    enter(*state, 300, "o/one", 5);
    for (size_t i = 0; i < COUNT(want); i++)
        assert_int_equal(next_id(*state), want[i]);
    assert_int_equal(next_id(*state), 0);
}

static void
a_new_repository_waits_no_longer_than_one_turn(void **state)
{
    for (int64_t i = 0; i < 10; i++)
        enter(*state, 100 + i, "big/matrix", 1000 - i);
    for (int64_t i = 0; i < 5; i++)
        assert_int_equal(next_id(*state), 100 + i);
    enter(*state, 200, "o/new", 1);
    int64_t first = next_id(*state), second = next_id(*state);
    assert_true(first == 200 || second == 200);
}

static void
a_job_is_not_due_before_its_time(void **state)
{
    struct order order;

    enter(*state, 1, "o/r", 10);
    enter(*state, 2, "o/r", 5);
    assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_OK);
    assert_int_equal(fail_order(*state, &order, NOW_MS + 1000), LEDGER_OK);
    order_fini(&order);
    assert_int_equal(next_id(*state), 2);
    assert_int_equal(next_id(*state), 0);
    assert_int_equal(claim_at(*state, NOW_MS + 999, &order), LEDGER_NOT_FOUND);
    assert_int_equal(claim_at(*state, NOW_MS + 1000, &order), LEDGER_OK);
    assert_int_equal(order.job.id, 1);
    order_fini(&order);
}

static void
the_way_of_an_order_that_comes_through(void **state)
{
    struct ledger *ledger = *state;
    struct order order;
    bool wanted;

    enter(ledger, 1, "o/r", 10);
    assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
    assert_int_equal(send(ledger, &order, &wanted), LEDGER_OK);
    assert_true(wanted);
    assert_string_equal(job_row(ledger, 1).bytes, "assigned sent 1 leased");
    assert_int_equal(number_of(ledger, "SELECT sent_at_ms FROM runner"), NOW_MS);
    assert_int_equal(come_to_live(ledger, &order, NULL), LEDGER_OK);
    assert_string_equal(job_row(ledger, 1).bytes, "assigned live 1 free");
    assert_string_equal(text_of(ledger, "SELECT child FROM runner").bytes, "parent/dispatch-1-abc");
    assert_int_equal(keep_up(ledger, NOW_MS + 2 * LEASE_MS).recovered, 0);
    assert_string_equal(job_row(ledger, 1).bytes, "assigned live 1 free");
    order_fini(&order);
}

/* What an earlier attempt may have sent is found by the same name and number: one child, not two.
 */
static void
a_failed_order_is_tried_again_with_the_same_runner(void **state)
{
    struct ledger *ledger = *state;
    char runner[RH_RUNNER_NAME_MAX + 1] = "";

    enter(ledger, 1, "o/r", 10);
    for (int attempt = 1; attempt <= 4; attempt++) {
        struct order order;
        bool wanted;

        assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
        if (attempt == 1)
            (void)snprintf(runner, sizeof runner, "%s", order.runner);
        assert_string_equal(order.runner, runner);
        assert_int_equal(order.n, 1);
        assert_int_equal(order.job.attempts, attempt);
        if (attempt > 1)
            assert_string_equal(order.job.last_error, "Nomad has trouble (500)");
        if (attempt % 2 == 0)
            assert_int_equal(send(ledger, &order, &wanted), LEDGER_OK);
        assert_int_equal(fail_order(ledger, &order, 0), LEDGER_OK);
        assert_string_equal(text_of(ledger, "SELECT state FROM job").bytes, "queued");
        order_fini(&order);
    }
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner"), 1);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner WHERE lease_owner NOT NULL"),
                     0);
}

static void
success_clears_the_last_error(void **state)
{
    struct order order;
    bool wanted;

    enter(*state, 1, "o/r", 10);
    assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_OK);
    assert_int_equal(fail_order(*state, &order, 0), LEDGER_OK);
    order_fini(&order);
    assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_OK);
    assert_int_equal(send(*state, &order, &wanted), LEDGER_OK);
    assert_int_equal(come_to_live(*state, &order, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT last_error IS NULL FROM job"), 1);
    order_fini(&order);
}

static void
an_attempt_that_we_broke_off_does_not_count(void **state)
{
    struct order order;
    struct order_failure failure = {
        .order = &order, .owner = ledger_owner(*state), .now_ms = NOW_MS, .counts = false};

    enter(*state, 1, "o/r", 10);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_OK);
        assert_int_equal(order.job.attempts, 1);
        assert_int_equal(ledger_write(*state, order_failed, &failure, NULL), LEDGER_OK);
        order_fini(&order);
    }
    assert_int_equal(number_of(*state, "SELECT attempts FROM job"), 0);
}

/* Between the claim and the dispatch a job can end, or get another runner. */
static void
nothing_is_sent_for_a_job_that_needs_it_no_more(void **state)
{
    struct ledger *ledger = *state;
    static const struct {
        const char *name;
        enum job_event event;
        const char *runner;
        bool was_sent;
    } rows[] = {
        {"cancelled", JOB_EVENT_COMPLETED, "", false},
        {"cancelled, sent once", JOB_EVENT_COMPLETED, "", true},
        {"runs elsewhere", JOB_EVENT_IN_PROGRESS, "another", false},
        {"runs elsewhere, sent once", JOB_EVENT_IN_PROGRESS, "another", true},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct job_sample sample;
        struct order order;
        int64_t id = (int64_t)i + 1;
        char sql[256];
        bool wanted;

        job_sample_init(&sample, id, "o/r", 10);
        assert_int_equal(tell(ledger, &sample, JOB_EVENT_QUEUED, NULL), LEDGER_OK);
        assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
        if (rows[i].was_sent) {
            assert_int_equal(send(ledger, &order, &wanted), LEDGER_OK);
            assert_int_equal(fail_order(ledger, &order, 0), LEDGER_OK);
            order_fini(&order);
            assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
        }
        (void)snprintf(sample.runner, sizeof sample.runner, "%s", rows[i].runner);
        assert_int_equal(tell(ledger, &sample, rows[i].event, NULL), LEDGER_OK);
        assert_int_equal(send(ledger, &order, &wanted), LEDGER_OK);
        assert_row(!wanted, rows[i].name);
        /* An audit says when it is gone: at once, where nothing was ever sent under its name. */
        (void)snprintf(sql, sizeof sql,
                       "SELECT state || iif(sent_at_ms > 0, ' sent', '') FROM runner"
                       " WHERE name = '%s'",
                       order.runner);
        assert_string_equal(text_of(ledger, sql).bytes,
                            rows[i].was_sent ? "retiring sent" : "retiring");
        assert_int_equal(
            number_of(ledger, "SELECT count(*) FROM runner WHERE lease_owner NOT NULL"), 0);
        assert_row(next_id(ledger) == 0, rows[i].name);
        order_fini(&order);
    }
}

/* An answer that comes after the job's end neither wakes the job nor loses the child. */
static void
late_answers_leave_an_ended_job_ended(void **state)
{
    struct ledger *ledger = *state;
    struct job_sample sample;
    struct order order;
    bool wanted;

    for (int64_t id = 1; id <= 2; id++) {
        job_sample_init(&sample, id, "o/r", 10);
        assert_int_equal(tell(ledger, &sample, JOB_EVENT_QUEUED, NULL), LEDGER_OK);
        assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
        assert_int_equal(send(ledger, &order, &wanted), LEDGER_OK);
        assert_true(wanted);
        assert_int_equal(tell(ledger, &sample, JOB_EVENT_COMPLETED, NULL), LEDGER_OK);
        assert_int_equal(id == 1 ? come_to_live(ledger, &order, NULL)
                                 : fail_order(ledger, &order, 0),
                         LEDGER_OK);
        assert_string_equal(job_row(ledger, id).bytes, "done - 1 free");
        assert_int_equal(
            number_of(ledger, "SELECT count(*) FROM runner WHERE lease_owner NOT NULL"), 0);
        order_fini(&order);
    }
    assert_string_equal(
        text_of(ledger, "SELECT state || ' ' || child FROM runner WHERE made_for = 1").bytes,
        "retiring parent/dispatch-1-abc");
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner WHERE made_for = 2 AND"
                                       " state = 'retiring' AND child IS NULL AND sent_at_ms > 0"),
                     1);
    assert_int_equal(next_id(ledger), 0);
}

static void
a_replacement_has_a_number_of_its_own(void **state)
{
    struct ledger *ledger = *state;
    struct order order;
    bool wanted;

    enter(ledger, 1, "o/r", 10);
    for (int64_t n = 1; n <= 3; n++) {
        char want[80];

        assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
        assert_int_equal(order.n, n);
        (void)snprintf(want, sizeof want, "runhook-%s-1-%d", ledger_receiver(ledger), (int)n);
        assert_string_equal(order.runner, want);
        assert_int_equal(send(ledger, &order, &wanted), LEDGER_OK);
        assert_int_equal(come_to_live(ledger, &order, NULL), LEDGER_OK);
        order_fini(&order);
        change(ledger, "UPDATE job SET state = 'queued'");
    }
}

/* The same idempotency token from two receivers is one child. */
static void
another_receivers_runner_is_adopted(void **state)
{
    struct ledger *ledger = *state;
    struct order order;
    bool wanted;

    enter(ledger, 1, "o/r", 10);
    assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
    assert_int_equal(send(ledger, &order, &wanted), LEDGER_OK);
    assert_int_equal(come_to_live(ledger, &order, "runhook-ffffffff-1-1"), LEDGER_OK);
    assert_string_equal(job_row(ledger, 1).bytes, "assigned live 1 free");
    assert_string_equal(text_of(ledger, "SELECT runner FROM job").bytes, "runhook-ffffffff-1-1");
    assert_string_equal(
        text_of(ledger, "SELECT child FROM runner WHERE name = 'runhook-ffffffff-1-1'").bytes,
        "parent/dispatch-1-abc");
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner WHERE state = 'gone'"), 1);
    order_fini(&order);
}

/* A child process takes a job up, and is gone without a word. */
static void
what_a_dead_process_had_in_hand_is_taken_up_again(void **state)
{
    struct ledger *ledger = *state;

    for (int sends = 0; sends < 2; sends++) {
        int64_t id = sends + 1;
        struct order order;
        struct text runner;
        int status;
        pid_t child;

        enter(ledger, id, "o/r", 10);
        child = fork();
        if (child == 0) {
            struct ledger *own = ledger_open_sample(LEDGER_SERVE);
            struct rh_reason reason;
            bool wanted = false;

            if (ledger_become_owner(own, &reason) != LEDGER_OK ||
                claim_at(own, NOW_MS, &order) != LEDGER_OK ||
                (sends && send(own, &order, &wanted) != LEDGER_OK) || wanted != (sends == 1))
                _exit(1);
            _exit(0);
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_string_equal(job_row(ledger, id).bytes,
                            sends ? "assigned sent 1 leased" : "assigned minting 1 leased");
        runner = text_of(ledger, "SELECT name FROM runner ORDER BY job_id DESC");

        struct upkeep upkeep = {.ledger = ledger,
                                .now_ms = NOW_MS,
                                .boot_ms = NOW_MS,
                                .retention_ms = KEPT_MS,
                                .horizon_ms = KEPT_MS};
        assert_int_equal(ledger_read(ledger, upkeep_due, &upkeep, NULL), LEDGER_OK);
        assert_int_equal(keep_up(ledger, NOW_MS).recovered, 1);
        assert_string_equal(job_row(ledger, id).bytes,
                            sends ? "queued sent 1 free" : "queued minting 1 free");
        assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
        assert_string_equal(order.runner, runner.bytes);
        assert_int_equal(order.n, 1);
        order_fini(&order);
        assert_int_equal(keep_up(ledger, NOW_MS).recovered, 0);
    }
}

/* As another process sees it. */
static int64_t
recovered_by(struct ledger *other, int64_t boot_ms)
{
    return keep_up(other, boot_ms).recovered;
}

static void
a_lease_ends_for_other_processes_though_its_own_lives(void **state)
{
    struct ledger *ledger = *state, *other = ledger_open_sample(LEDGER_SERVE);
    struct rh_reason reason;
    struct order order;

    assert_int_equal(ledger_become_owner(other, &reason), LEDGER_OK);
    enter(ledger, 1, "o/r", 10);
    assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
    order_fini(&order);
    assert_int_equal(recovered_by(other, NOW_MS + LEASE_MS), 0);
    assert_string_equal(job_row(ledger, 1).bytes, "assigned minting 1 leased");
    /* Its own workers end theirs in every case: from them it is never taken. */
    assert_int_equal(recovered_by(ledger, NOW_MS + LEASE_MS + 1), 0);
    assert_int_equal(recovered_by(other, NOW_MS + LEASE_MS + 1), 1);
    assert_string_equal(job_row(ledger, 1).bytes, "queued minting 1 free");
    ledger_close(other);
}

/* One whose lease another has by now changes nothing: it would send a live runner back, or queue a
 * job that has one, which would then get a second. */
static void
a_step_under_a_lost_lease_changes_nothing(void **state)
{
    struct ledger *ledger = *state, *other = ledger_open_sample(LEDGER_SERVE);
    struct rh_reason reason;
    struct order late, order;
    bool wanted;

    assert_int_equal(ledger_become_owner(other, &reason), LEDGER_OK);
    enter(ledger, 1, "o/r", 10);
    assert_int_equal(claim_at(ledger, NOW_MS, &late), LEDGER_OK);
    assert_int_equal(recovered_by(other, NOW_MS + LEASE_MS + 1), 1);
    assert_int_equal(claim_at(other, NOW_MS, &order), LEDGER_OK);
    assert_string_equal(order.runner, late.runner);
    assert_int_equal(send(ledger, &late, &wanted), LEDGER_OK);
    assert_false(wanted);
    assert_int_equal(send(other, &order, &wanted), LEDGER_OK);
    assert_true(wanted);
    assert_int_equal(come_to_live(other, &order, NULL), LEDGER_OK);
    assert_int_equal(fail_order(ledger, &late, NOW_MS), LEDGER_OK);
    assert_int_equal(come_to_live(ledger, &late, NULL), LEDGER_OK);
    assert_string_equal(job_row(ledger, 1).bytes, "assigned live 2 free");
    assert_int_equal(next_id(ledger), 0);
    order_fini(&late);
    order_fini(&order);
    ledger_close(other);
}

static void
recovery_does_not_wake_a_job_that_ended(void **state)
{
    struct ledger *ledger = *state, *other = ledger_open_sample(LEDGER_SERVE);
    struct rh_reason reason;
    struct job_sample sample;
    struct order order;

    assert_int_equal(ledger_become_owner(other, &reason), LEDGER_OK);
    job_sample_init(&sample, 1, "o/r", 10);
    assert_int_equal(tell(ledger, &sample, JOB_EVENT_QUEUED, NULL), LEDGER_OK);
    assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
    order_fini(&order);
    assert_int_equal(tell(ledger, &sample, JOB_EVENT_COMPLETED, NULL), LEDGER_OK);
    assert_int_equal(recovered_by(other, NOW_MS + LEASE_MS + 1), 0);
    assert_string_equal(job_row(ledger, 1).bytes, "done - 1 free");
    assert_string_equal(text_of(ledger, "SELECT state FROM runner").bytes, "retiring");
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner WHERE lease_owner NOT NULL"),
                     0);
    ledger_close(other);
}

static void
jobs_expire_a_day_after_they_were_made(void **state)
{
    struct ledger *ledger = *state;

    enter(ledger, 1, "o/r", 3600);
    enter(ledger, 2, "o/r", 10);
    assert_int_equal(keep_up(ledger, NOW_MS + JOB_LIFE_MS - 3600 * 1000).expired, 0);
    assert_int_equal(keep_up(ledger, NOW_MS + JOB_LIFE_MS - 3600 * 1000 + 1).expired, 1);
    assert_string_equal(text_of(ledger, "SELECT state FROM job WHERE id = 1").bytes, "expired");
    assert_string_equal(text_of(ledger, "SELECT last_error FROM job WHERE id = 1").bytes,
                        "GitHub cancelled it after 24 hours");
    assert_int_equal(next_id(ledger), 2);
    assert_int_equal(next_id(ledger), 0);
    /* One that has its runner is not given up on: it may be starting. */
    assert_int_equal(keep_up(ledger, NOW_MS + LEASE_MS / 2).expired, 0);
}

static void
an_expired_job_says_what_was_wrong_before(void **state)
{
    struct order order;

    enter(*state, 1, "o/r", 10);
    assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_OK);
    assert_int_equal(fail_order(*state, &order, 0), LEDGER_OK);
    order_fini(&order);
    assert_int_equal(keep_up(*state, NOW_MS + JOB_LIFE_MS).expired, 1);
    assert_string_equal(text_of(*state, "SELECT last_error FROM job").bytes,
                        "Nomad has trouble (500); then GitHub cancelled it after 24 hours");
}

static void
ended_jobs_are_kept_for_a_while(void **state)
{
    struct ledger *ledger = *state;
    struct order order;

    for (int64_t id = 1; id <= 6; id++)
        enter(ledger, id, "o/r", 100 - id);
    assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
    order_fini(&order);
    change(ledger, "UPDATE job SET state = 'done' WHERE id = 1;"
                   "UPDATE runner SET lease_owner = NULL;"
                   "UPDATE job SET state = 'failed' WHERE id = 2;"
                   "UPDATE job SET state = 'expired' WHERE id = 3;"
                   "UPDATE job SET state = 'running' WHERE id = 4;"
                   "UPDATE job SET state = 'assigned' WHERE id = 5;"
                   "UPDATE job SET created_at_ms = created_at_ms + 864000000 WHERE id = 6;");
    assert_int_equal(keep_up(ledger, NOW_MS + KEPT_MS).purged, 0);
    assert_int_equal(keep_up(ledger, NOW_MS + KEPT_MS + 1).purged, 3);
    assert_int_equal(number_of(ledger, "SELECT min(id) FROM job"), 4);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM job"), 3);
    /* No name that was ever minted is forgotten before it was seen gone. */
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner"), 1);
    change(ledger, "UPDATE runner SET state = 'gone'");
    assert_int_equal(keep_up(ledger, NOW_MS + KEPT_MS).purged, 0);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner"), 1);
    (void)keep_up(ledger, NOW_MS + KEPT_MS + 1);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner"), 0);
}

/* Looking must not write, and tells whether there is something to do and when to look again. */
static void
looking_ahead(void **state)
{
    struct ledger *ledger = *state;
    struct upkeep upkeep = {.ledger = ledger,
                            .now_ms = NOW_MS,
                            .boot_ms = NOW_MS,
                            .retention_ms = KEPT_MS,
                            .horizon_ms = KEPT_MS};
    struct order order;

    assert_int_equal(ledger_read(ledger, upkeep_due, &upkeep, NULL), LEDGER_NOT_FOUND);
    assert_true(upkeep.next_due_at_ms == INT64_MAX);
    enter(ledger, 1, "o/r", 10);
    assert_int_equal(ledger_read(ledger, upkeep_due, &upkeep, NULL), LEDGER_NOT_FOUND);
    assert_int_equal(upkeep.next_due_at_ms, 0);
    assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
    assert_int_equal(ledger_read(ledger, upkeep_due, &upkeep, NULL), LEDGER_NOT_FOUND);
    assert_true(upkeep.next_due_at_ms == INT64_MAX);
    assert_int_equal(fail_order(ledger, &order, NOW_MS + 4000), LEDGER_OK);
    order_fini(&order);
    assert_int_equal(ledger_read(ledger, upkeep_due, &upkeep, NULL), LEDGER_NOT_FOUND);
    assert_int_equal(upkeep.next_due_at_ms, NOW_MS + 4000);
    upkeep.now_ms = NOW_MS + JOB_LIFE_MS;
    assert_int_equal(ledger_read(ledger, upkeep_due, &upkeep, NULL), LEDGER_OK);
}

#define CLAIMERS 4
#define JOBS 80

struct claimer {
    struct ledger *ledger;
    pthread_t thread;
    int64_t ids[JOBS];
    size_t len;
    bool failed;
};

static void *
claim_all(void *arg)
{
    struct claimer *claimer = arg;
    struct order order;
    enum ledger_error error;

    while ((error = claim_at(claimer->ledger, NOW_MS, &order)) == LEDGER_OK &&
           claimer->len < JOBS) {
        claimer->ids[claimer->len++] = order.job.id;
        order_fini(&order);
    }
    claimer->failed = error != LEDGER_NOT_FOUND;
    return NULL;
}

static void
no_two_take_up_the_same_job(void **state)
{
    struct ledger *second = ledger_open_sample(LEDGER_SERVE);
    struct claimer claimers[CLAIMERS] = {0};
    bool seen[JOBS + 1] = {false};
    struct rh_reason reason;
    size_t total = 0;

    assert_int_equal(ledger_become_owner(second, &reason), LEDGER_OK);
    assert_int_not_equal(ledger_owner(second), ledger_owner(*state));
    for (int64_t id = 1; id <= JOBS; id++)
        enter(*state, id, id % 3 == 0 ? "o/a" : "o/b", 10);
    for (size_t i = 0; i < CLAIMERS; i++) {
        claimers[i].ledger = i % 2 == 0 ? *state : second;
        assert_int_equal(pthread_create(&claimers[i].thread, NULL, claim_all, &claimers[i]), 0);
    }
    for (size_t i = 0; i < CLAIMERS; i++) {
        assert_int_equal(pthread_join(claimers[i].thread, NULL), 0);
        assert_false(claimers[i].failed);
        for (size_t j = 0; j < claimers[i].len; j++) {
            assert_false(seen[claimers[i].ids[j]]);
            seen[claimers[i].ids[j]] = true;
            total++;
        }
    }
    assert_int_equal(total, JOBS);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM runner"), JOBS);
    ledger_close(second);
}

static void
a_live_process_keeps_its_orders(void **state)
{
    struct ledger *second = ledger_open_sample(LEDGER_SERVE);
    struct order order;
    struct rh_reason reason;

    assert_int_equal(ledger_become_owner(second, &reason), LEDGER_OK);
    enter(*state, 1, "o/r", 10);
    assert_int_equal(claim_at(second, NOW_MS, &order), LEDGER_OK);
    order_fini(&order);
    assert_true(ledger_owner_alive(*state, ledger_owner(second)));
    assert_int_equal(keep_up(*state, NOW_MS).recovered, 0);
    int64_t owner = ledger_owner(second);
    ledger_close(second);
    assert_false(ledger_owner_alive(*state, owner));
    assert_int_equal(keep_up(*state, NOW_MS).recovered, 1);
}

/* -- Limits of pools ----------------------------------------------------------------------------
 */

static void
limits_as_the_claim_takes_them(void **state)
{
    (void)state;
    static const struct order_limit limits[] = {
        {.pool = "linux", .max_runners = 8},
        {.pool = "a \"b\"", .max_runners = 100000, .max_pending = 7, .is_jit = true},
        {.pool = "e", .max_runners = 1, .asks_origin = true, .owner = "enterprises/e"}};
    char *text = order_limits(limits, COUNT(limits));

    assert_string_equal(text, "{\"linux\":{\"runners\":8,\"pending\":0},"
                              "\"a \\\"b\\\"\":{\"runners\":100000,\"pending\":7,\"jit\":true},"
                              "\"e\":{\"runners\":1,\"pending\":0,\"asks\":true,"
                              "\"owner\":\"enterprises/e\"}}");
    free(text);
    text = order_limits(NULL, 0);
    assert_string_equal(text, "{}");
    free(text);
}

/* Takes up the next job under limits of two pools, and gives its id; 0 where none may be. */
static int64_t
next_within(struct ledger *ledger, int64_t max_runners, int64_t max_pending)
{
    const struct order_limit limits[] = {
        {.pool = "linux", .max_runners = max_runners, .max_pending = max_pending},
        {.pool = "gpu", .max_runners = 1}};
    struct order order = {0};
    char *text = order_limits(limits, COUNT(limits));
    struct order_claim claim = {.owner = ledger_owner(ledger),
                                .receiver = ledger_receiver(ledger),
                                .prefix = "runhook",
                                .now_ms = NOW_MS,
                                .lease_until_ms = NOW_MS + LEASE_MS,
                                .limits = text,
                                .out = &order};
    enum ledger_error error = ledger_write(ledger, order_claim, &claim, NULL);
    int64_t id = order.job.id;

    assert_true(error == LEDGER_OK || error == LEDGER_NOT_FOUND);
    order_fini(&order);
    free(text);
    return error == LEDGER_OK ? id : 0;
}

/* A runner of the pool "linux" for no job. `sent` and `placed` say whether it was. */
static void
add_runner(struct ledger *ledger, const char *name, const char *runner_state, bool sent,
           bool placed)
{
    char sql[400];

    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO runner (name, made_for, n, pool, repository, state, created_at_ms,"
                   " sent_at_ms, placed_at_ms, changed_at_ms)"
                   " VALUES ('%s', 999, 1, 'linux', 'o/r', '%s', 1, %d, %d, 1)",
                   name, runner_state, sent, placed);
    change(ledger, sql);
}

static void
a_pool_has_so_many_runners_at_once(void **state)
{
    static const struct {
        const char *runner_state;
        bool sent, takes_room;
    } rows[] = {
        {"minting", false, false}, /* it was named, and never sent */
        {"minting", true, true},    {"sent", true, true},    {"live", true, true},
        {"busy", true, true},       {"leaving", true, true}, {"retiring", true, true},
        {"retiring", false, false}, {"gone", true, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        change(*state, "DELETE FROM runner; DELETE FROM job");
        enter(*state, 1, "o/r", 10);
        add_runner(*state, "one", "live", true, true);
        add_runner(*state, "two", rows[i].runner_state, rows[i].sent, true);
        assert_row(next_within(*state, 2, 0) == (rows[i].takes_room ? 0 : 1), rows[i].runner_state);
        if (rows[i].takes_room)
            assert_row(next_within(*state, 3, 0) == 1, rows[i].runner_state);
    }
    /* Its child is over, whatever GitHub still has of it. */
    change(*state, "DELETE FROM runner; DELETE FROM job");
    enter(*state, 1, "o/r", 10);
    add_runner(*state, "one", "leaving", true, true);
    assert_int_equal(next_within(*state, 1, 0), 0);
    change(*state, "UPDATE runner SET ended_at_ms = 5");
    assert_int_equal(next_within(*state, 1, 0), 1);
}

/* An order under way has its place, though nothing was sent yet. */
static void
orders_under_way_take_room(void **state)
{
    for (int64_t id = 1; id <= 4; id++)
        enter(*state, id, "o/r", 100 - id);
    for (int64_t id = 1; id <= 3; id++)
        assert_int_equal(next_within(*state, 3, 0), id);
    assert_int_equal(next_within(*state, 3, 0), 0);
    assert_int_equal(next_within(*state, 4, 0), 4);
}

/* A few jobs that cannot be dispatched do not stand in the way of all others. */
static void
what_was_never_sent_gives_its_room_back(void **state)
{
    struct order order;

    for (int64_t id = 1; id <= 3; id++) {
        enter(*state, id, "o/r", 100 - id);
        assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_OK);
        assert_int_equal(fail_order(*state, &order, NOW_MS + 99999), LEDGER_OK);
        order_fini(&order);
    }
    enter(*state, 4, "o/r", 10);
    assert_int_equal(next_within(*state, 1, 0), 4);
    assert_int_equal(next_within(*state, 1, 0), 0);
    /* They wait for room like any other, though their runners have names. */
    change(*state, "UPDATE job SET next_attempt_at_ms = 0");
    assert_int_equal(next_within(*state, 1, 0), 0);
    assert_int_equal(next_within(*state, 2, 0), 1);
}

/* It would be found again under its token, and counts anyhow. */
static void
one_that_may_have_been_sent_keeps_its_place(void **state)
{
    struct order order;
    bool wanted;

    enter(*state, 1, "o/r", 50);
    enter(*state, 2, "o/r", 100);
    change(*state, "UPDATE job SET next_attempt_at_ms = 1769903999001 WHERE id = 2");
    assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_OK);
    assert_int_equal(order.job.id, 1);
    assert_int_equal(send(*state, &order, &wanted), LEDGER_OK);
    assert_int_equal(fail_order(*state, &order, 0), LEDGER_OK);
    order_fini(&order);
    change(*state, "UPDATE job SET next_attempt_at_ms = 0");
    add_runner(*state, "another", "busy", true, true);
    assert_int_equal(next_within(*state, 1, 1), 1);
    assert_int_equal(next_within(*state, 1, 1), 0);
}

static void
a_pool_has_so_many_that_wait_for_placement(void **state)
{
    static const struct {
        const char *runner_state;
        bool placed, waits;
    } rows[] = {
        {"sent", false, true},  {"live", false, true},      {"minting", false, true},
        {"live", true, false},  {"busy", false, false},     {"leaving", false, false},
        {"gone", false, false}, {"retiring", false, false}, {"retiring", true, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        change(*state, "DELETE FROM runner; DELETE FROM job");
        enter(*state, 1, "o/r", 10);
        add_runner(*state, "one", "live", true, false);
        add_runner(*state, "two", rows[i].runner_state, true, rows[i].placed);
        assert_row(next_within(*state, 100, 2) == (rows[i].waits ? 0 : 1), rows[i].runner_state);
        if (rows[i].waits)
            assert_row(next_within(*state, 100, 0) == 1, rows[i].runner_state);
    }
}

static void
a_full_pool_holds_up_no_other(void **state)
{
    enter(*state, 1, "o/r", 40);
    enter(*state, 2, "o/r", 30);
    enter(*state, 3, "o/r", 20);
    enter(*state, 4, "o/r", 10);
    change(*state, "UPDATE job SET pool = 'gpu' WHERE id IN (2, 3);"
                   "UPDATE job SET pool = 'unlimited' WHERE id = 4");
    add_runner(*state, "one", "busy", true, true);
    assert_int_equal(next_within(*state, 1, 0), 2);
    assert_int_equal(next_within(*state, 1, 0), 4);
    assert_int_equal(next_within(*state, 1, 0), 0);
    /* Where there is room again, what has waited the longest. */
    change(*state, "UPDATE runner SET state = 'gone'");
    assert_int_equal(next_within(*state, 1, 0), 1);
    assert_int_equal(next_within(*state, 1, 0), 3);
}

/* One repository's hundred jobs do not take all the room that comes free. */
static void
room_goes_to_repositories_in_turn(void **state)
{
    static const int64_t want[] = {100, 200, 300, 101, 201, 102};
    int64_t got;

    for (int64_t i = 0; i < 3; i++)
        enter(*state, 100 + i, "o/big", 1000 - i);
    for (int64_t i = 0; i < 2; i++)
        enter(*state, 200 + i, "o/mid", 500 - i);
    enter(*state, 300, "o/one", 5);
    for (size_t i = 0; i < COUNT(want); i++) {
        got = next_within(*state, 1, 0);
        assert_int_equal(got, want[i]);
        assert_int_equal(next_within(*state, 1, 0), 0);
        change(*state, "UPDATE runner SET state = 'gone', lease_owner = NULL");
    }
}

/* Its runner may be waiting for it in Nomad: whose turn it is comes after. */
static void
what_may_have_been_sent_goes_first(void **state)
{
    struct order order;
    bool wanted;

    enter(*state, 1, "o/r", 50);
    enter(*state, 2, "o/r", 100);
    enter(*state, 3, "o/other", 200);
    change(*state, "UPDATE job SET next_attempt_at_ms = 1769903999001 WHERE id <> 1");
    assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_OK);
    assert_int_equal(send(*state, &order, &wanted), LEDGER_OK);
    assert_int_equal(fail_order(*state, &order, 0), LEDGER_OK);
    order_fini(&order);
    change(*state, "UPDATE job SET next_attempt_at_ms = 0");
    for (int64_t id = 1; id <= 3; id++)
        assert_int_equal(next_within(*state, 9, 0), id == 1 ? 1 : 5 - id);
}

/* What the statements of a claim that takes nothing, and of the look before it, cost SQLite. */
struct claim_cost {
    struct order_claim claim;
    struct order_look look;
    int steps;
};

static enum ledger_error
measure_claim(struct ledger_txn *txn, void *arg)
{
    struct claim_cost *cost = arg;
    enum ledger_error error = order_is_due(txn, &cost->look);

    assert_true(error == LEDGER_OK || error == LEDGER_NOT_FOUND);
    error = order_claim(txn, &cost->claim);
    assert_true(error == LEDGER_OK || error == LEDGER_NOT_FOUND);
    cost->steps = 0;
    for (size_t i = 0; i < txn->prepared_len; i++)
        cost->steps += sqlite3_stmt_status(txn->prepared[i].handle, SQLITE_STMTSTATUS_VM_STEP, 1);
    order_fini(cost->claim.out);
    return LEDGER_FAILED; /* it is undone */
}

static int
steps_of_claim(struct ledger *ledger, int64_t max_runners)
{
    const struct order_limit limit = {.pool = "linux", .max_runners = max_runners};
    char *limits = order_limits(&limit, 1);
    struct order order;
    struct claim_cost cost = {.claim = {.owner = ledger_owner(ledger),
                                        .receiver = ledger_receiver(ledger),
                                        .prefix = "runhook",
                                        .now_ms = NOW_MS,
                                        .lease_until_ms = NOW_MS + LEASE_MS,
                                        .limits = limits,
                                        .out = &order},
                              .look = {.now_ms = NOW_MS, .limits = limits}};

    /* Twice: the statements are prepared by the first. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(ledger_write(ledger, measure_claim, &cost, NULL), LEDGER_FAILED);
    free(limits);
    return cost.steps;
}

static void
what_waits_is_not_counted_through_by_a_claim(void **state)
{
    static const char more[] =
        "INSERT INTO job SELECT 1000 + n, j.repository, j.repository_short, j.repository_url, "
        "j.fork,"
        " j.private, j.run_id, j.run_attempt, j.name, j.workflow_name, j.head_branch, j.html_url,"
        " j.labels, j.installation_id, j.pool, j.delivery, j.state, j.conclusion, j.runner,"
        " j.attempts, j.lost, j.next_attempt_at_ms, j.held_by, j.last_error, j.origin,"
        " j.audit_at_ms, j.audits, j.created_at_ms, j.received_at_ms, j.changed_at_ms,"
        " j.started_at_ms FROM job j, (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL"
        " SELECT n + 1 FROM c WHERE n < 2000) SELECT n FROM c) WHERE j.id = 1";
    static const int64_t max_runners[] = {1, 100}; /* a full pool, and one with room */

    for (size_t i = 0; i < COUNT(max_runners); i++) {
        int few, many;

        change(*state, "DELETE FROM runner; DELETE FROM job");
        enter(*state, 1, "o/r", 10);
        add_runner(*state, "one", "busy", true, true);
        few = steps_of_claim(*state, max_runners[i]);
        change(*state, more);
        many = steps_of_claim(*state, max_runners[i]);
        if (many > few + few / 2)
            fail_msg("%d steps with one that waits, %d with 2,001", few, many);
    }
}

/* The runner is another job's by the time its order comes through: see ledger/report.h. */
static void
an_order_serves_the_job_that_its_runner_is_for_by_now(void **state)
{
    struct ledger *ledger = *state;
    struct order order;
    bool wanted;

    for (int fails = 0; fails < 2; fails++) {
        change(ledger, "DELETE FROM runner; DELETE FROM job");
        enter(ledger, 1, "o/r", 20);
        assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
        assert_int_equal(send(ledger, &order, &wanted), LEDGER_OK);
        enter(ledger, 2, "o/r", 10);
        change(ledger, "UPDATE runner SET job_id = 2;"
                       "UPDATE job SET state = 'running', runner = 'other' WHERE id = 1;"
                       "UPDATE job SET state = 'assigned', runner = (SELECT name FROM runner)"
                       " WHERE id = 2");
        assert_int_equal(fails ? fail_order(ledger, &order, 0) : come_to_live(ledger, &order, NULL),
                         LEDGER_OK);
        assert_string_equal(text_of(ledger, "SELECT state FROM job WHERE id = 1").bytes, "running");
        assert_string_equal(job_row(ledger, 2).bytes,
                            fails ? "queued sent 0 free" : "assigned live 0 free");
        order_fini(&order);
        if (fails) {
            /* Its token stays the one that it was sent under. */
            assert_int_equal(claim_at(ledger, NOW_MS, &order), LEDGER_OK);
            assert_int_equal(order.job.id, 2);
            assert_int_equal(order.made_for, 1);
            assert_int_equal(order.n, 1);
            order_fini(&order);
        }
    }
}

/* A dispatch that certainly left nothing takes back that it was sent; an uncertain one does not. */
static void
what_certainly_left_nothing_was_not_sent(void **state)
{
    for (int is_certain = 0; is_certain < 2; is_certain++) {
        struct order order;
        struct order_failure failure = {.order = &order,
                                        .owner = ledger_owner(*state),
                                        .now_ms = NOW_MS,
                                        .error = "no",
                                        .is_certain = is_certain != 0};
        bool wanted;

        change(*state, "DELETE FROM runner; DELETE FROM job");
        enter(*state, 1, "o/r", 20);
        assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_OK);
        assert_int_equal(send(*state, &order, &wanted), LEDGER_OK);
        assert_int_equal(ledger_write(*state, order_failed, &failure, NULL), LEDGER_OK);
        assert_int_equal(number_of(*state, "SELECT sent_at_ms FROM runner"),
                         is_certain ? 0 : NOW_MS);
        order_fini(&order);
        /* But not what is known of an earlier one. */
        change(*state, "UPDATE runner SET sent_at_ms = 5");
        assert_int_equal(claim_at(*state, NOW_MS, &order), LEDGER_OK);
        assert_int_equal(order.sent_before_ms, 5);
        assert_int_equal(send(*state, &order, &wanted), LEDGER_OK);
        assert_int_equal(ledger_write(*state, order_failed, &failure, NULL), LEDGER_OK);
        assert_int_equal(number_of(*state, "SELECT sent_at_ms FROM runner"),
                         is_certain ? 5 : NOW_MS);
        order_fini(&order);
    }
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runners_name_is_its_own),
        ON_LEDGER(nothing_waits_nothing_is_claimed),
        ON_LEDGER(a_claim_names_the_runner_before_anything_goes_out),
        ON_LEDGER(the_oldest_goes_first),
        ON_LEDGER(repositories_take_turns),
        ON_LEDGER(a_new_repository_waits_no_longer_than_one_turn),
        ON_LEDGER(a_job_is_not_due_before_its_time),
        ON_LEDGER(the_way_of_an_order_that_comes_through),
        ON_LEDGER(a_failed_order_is_tried_again_with_the_same_runner),
        ON_LEDGER(success_clears_the_last_error),
        ON_LEDGER(an_attempt_that_we_broke_off_does_not_count),
        ON_LEDGER(nothing_is_sent_for_a_job_that_needs_it_no_more),
        ON_LEDGER(late_answers_leave_an_ended_job_ended),
        ON_LEDGER(a_replacement_has_a_number_of_its_own),
        ON_LEDGER(another_receivers_runner_is_adopted),
        ON_LEDGER(what_a_dead_process_had_in_hand_is_taken_up_again),
        ON_LEDGER(a_lease_ends_for_other_processes_though_its_own_lives),
        ON_LEDGER(a_step_under_a_lost_lease_changes_nothing),
        ON_LEDGER(recovery_does_not_wake_a_job_that_ended),
        ON_LEDGER(jobs_expire_a_day_after_they_were_made),
        ON_LEDGER(an_expired_job_says_what_was_wrong_before),
        ON_LEDGER(ended_jobs_are_kept_for_a_while),
        ON_LEDGER(looking_ahead),
        ON_LEDGER(no_two_take_up_the_same_job),
        ON_LEDGER(a_live_process_keeps_its_orders),
        cmocka_unit_test(limits_as_the_claim_takes_them),
        ON_LEDGER(a_pool_has_so_many_runners_at_once),
        ON_LEDGER(orders_under_way_take_room),
        ON_LEDGER(what_was_never_sent_gives_its_room_back),
        ON_LEDGER(one_that_may_have_been_sent_keeps_its_place),
        ON_LEDGER(a_pool_has_so_many_that_wait_for_placement),
        ON_LEDGER(a_full_pool_holds_up_no_other),
        ON_LEDGER(room_goes_to_repositories_in_turn),
        ON_LEDGER(what_may_have_been_sent_goes_first),
        ON_LEDGER(what_waits_is_not_counted_through_by_a_claim),
        ON_LEDGER(an_order_serves_the_job_that_its_runner_is_for_by_now),
        ON_LEDGER(what_certainly_left_nothing_was_not_sent),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
