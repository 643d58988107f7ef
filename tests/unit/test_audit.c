/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

#include "ledger/audit.h"
#include "ledger/budget.h"
#include "ledger/history.h"

#define LEASE_MS 60000
#define INTERVAL_MS 30000
/* Requests an hour, which are given out by the minute. */
#define CALLS 6000
#define CALLS_A_MINUTE 100
#define MINUTE_MS 60000

/* A job 1 that counts on a live runner r1, due for a look. */
static const char one_of_each[] =
    "UPDATE job SET state = 'assigned', runner = 'r1', lost = 2 WHERE id = 1;"
    "INSERT INTO runner (name, made_for, n, job_id, pool, repository, state, child, github_id,"
    " audit_at_ms, audits, note, created_at_ms, sent_at_ms, changed_at_ms) VALUES ('r1', 1, 1, 1,"
    " 'linux', 'o/r', 'live', 'parent/dispatch-1-abc', 7, 5, 3, 'old', 1, 2, 3)";

static int
make_one_of_each(void **state)
{
    if (ledger_make(state) != 0)
        return -1;
    enter(*state, 1, "o/r", 10);
    change(*state, one_of_each);
    return 0;
}

/* Adds a runner for no job; `at_ms` after NOW_MS. */
static void
add_runner(struct ledger *ledger, const char *name, const char *runner_state, int64_t at_ms)
{
    char sql[512];

    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO runner (name, made_for, n, pool, repository, state, audit_at_ms,"
                   " created_at_ms, sent_at_ms, changed_at_ms)"
                   " VALUES ('%s', 9, 1, 'linux', 'o/r', '%s', %lld, 1, 1, 1)",
                   name, runner_state, (long long)(NOW_MS + at_ms));
    change(ledger, sql);
}

static enum ledger_error
claim_at(struct ledger *ledger, int64_t now_ms, struct audit *audit)
{
    struct audit_claim claim = {.owner = ledger_owner(ledger),
                                .now_ms = now_ms,
                                .lease_until_ms = LEASE_MS,
                                .calls_per_hour = CALLS,
                                .out = audit};

    return ledger_write(ledger, audit_claim, &claim, NULL);
}

static struct audit
claimed(struct ledger *ledger)
{
    struct audit audit;

    assert_int_equal(claim_at(ledger, NOW_MS, &audit), LEDGER_OK);
    return audit;
}

static struct audit_step
step_of(struct ledger *ledger, const struct audit *audit)
{
    return (struct audit_step){.audit = audit,
                               .owner = ledger_owner(ledger),
                               .now_ms = NOW_MS,
                               .next_look_ms = NOW_MS + 77000,
                               .github_id = audit->runner.github_id};
}

/* All of a runner that a look may change. */
static struct text
runner_row(struct ledger *ledger, const char *name)
{
    char sql[512];

    (void)snprintf(sql, sizeof sql,
                   "SELECT state || ' ' || coalesce(job_id, '-') || iif(lease_owner IS NULL, '',"
                   " ' leased') || ' at ' || (audit_at_ms - %lld) || ' audits ' || audits ||"
                   " ' id ' || github_id || ' ' || coalesce(note, '-') FROM runner"
                   " WHERE name = '%s'",
                   (long long)NOW_MS, name);
    return text_of(ledger, sql);
}

static struct text
job_row(struct ledger *ledger)
{
    return text_of(ledger, "SELECT state || ' ' || coalesce(runner, '-') || ' lost ' || lost"
                           " || ' ' || coalesce(last_error, '-') FROM job WHERE id = 1");
}

static struct text
history(struct ledger *ledger)
{
    return text_of(ledger, "SELECT coalesce(group_concat(job_id || ' ' || what || ' ' ||"
                           " coalesce(runner, '-') || ' ' || coalesce(detail, '-'), '; '), '')"
                           " FROM history WHERE what <> 'queued'");
}

static void
report(struct ledger *ledger, enum job_event event, const char *runner)
{
    struct job_sample sample;
    struct job_report told = {.job = &sample.job,
                              .event = event,
                              .pool = "linux",
                              .delivery = "guid",
                              .now_ms = NOW_MS,
                              .audit_interval_ms = INTERVAL_MS};

    job_sample_init(&sample, 1, "o/r", 10);
    (void)snprintf(sample.runner, sizeof sample.runner, "%s", runner);
    sample.job.runner_id = runner[0] == '\0' ? 0 : 4711;
    assert_int_equal(ledger_write(ledger, report_apply, &told, NULL), LEDGER_OK);
}

static int64_t
calls_of_minute(struct ledger *ledger)
{
    return number_of(ledger, "SELECT minute_calls FROM upstream WHERE name = 'github'");
}

/* -- Which row is looked at ---------------------------------------------------------------------
 */

static void
nothing_is_due(void **state)
{
    struct audit audit;

    assert_int_equal(claim_at(*state, NOW_MS, &audit), LEDGER_NOT_FOUND);
    add_runner(*state, "later", "live", 1);
    assert_int_equal(claim_at(*state, NOW_MS, &audit), LEDGER_NOT_FOUND);
    assert_int_equal(claim_at(*state, NOW_MS + 1, &audit), LEDGER_OK);
    assert_string_equal(audit.runner.name, "later");
}

static void
what_is_due_for_longest_goes_first(void **state)
{
    static const char *const want[] = {"b", "d", "a", "c"};
    struct audit audit;

    add_runner(*state, "a", "live", -10);
    add_runner(*state, "b", "busy", -40);
    add_runner(*state, "c", "leaving", 0);
    add_runner(*state, "d", "retiring", -30);
    /* An order's, and what is over. */
    add_runner(*state, "e", "minting", -99);
    add_runner(*state, "f", "sent", -99);
    add_runner(*state, "g", "gone", -99);
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_int_equal(claim_at(*state, NOW_MS, &audit), LEDGER_OK);
        assert_string_equal(audit.runner.name, want[i]);
    }
    assert_int_equal(claim_at(*state, NOW_MS, &audit), LEDGER_NOT_FOUND);
}

static void
a_claim_has_the_row_and_its_job(void **state)
{
    struct audit audit = claimed(*state);

    assert_string_equal(audit.runner.name, "r1");
    assert_int_equal(audit.runner.job_id, 1);
    assert_int_equal(audit.runner.made_for, 1);
    assert_int_equal(audit.runner.state, RUNNER_LIVE);
    assert_string_equal(audit.runner.child, "parent/dispatch-1-abc");
    assert_int_equal(audit.runner.github_id, 7);
    assert_int_equal(audit.runner.audits, 3);
    assert_string_equal(audit.runner.note, "old");
    assert_int_equal(audit.job, JOB_ASSIGNED);
    assert_true(audit.is_counted_on);
    assert_int_equal(audit.job_lost, 2);
    assert_int_equal(audit.calls_left, CALLS_A_MINUTE);
    assert_int_equal(number_of(*state, "SELECT lease_owner FROM runner"), ledger_owner(*state));
    assert_int_equal(number_of(*state, "SELECT lease_until_ms FROM runner"), LEASE_MS);
}

static void
a_claim_tells_whether_the_job_counts_on_it(void **state)
{
    static const struct {
        const char *name, *sql;
        enum job_state job;
        bool is_counted_on;
    } rows[] = {
        {"another has it", "UPDATE job SET runner = 'r2'", JOB_ASSIGNED, false},
        {"it has none", "UPDATE job SET runner = NULL, state = 'queued'", JOB_QUEUED, false},
        {"for no job", "UPDATE runner SET job_id = NULL", JOB_NONE, false},
        {"the job is forgotten", "DELETE FROM job", JOB_NONE, false},
        {"it runs", "UPDATE job SET state = 'running'", JOB_RUNNING, true},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct audit audit;

        change(*state, "DELETE FROM job; DELETE FROM runner");
        enter(*state, 1, "o/r", 10);
        change(*state, one_of_each);
        change(*state, rows[i].sql);
        audit = claimed(*state);
        assert_row(audit.job == rows[i].job, rows[i].name);
        assert_row(audit.is_counted_on == rows[i].is_counted_on, rows[i].name);
    }
}

static void
what_somebody_works_on_is_left_alone(void **state)
{
    struct audit audit = claimed(*state);

    assert_int_equal(claim_at(*state, NOW_MS + INTERVAL_MS, &audit), LEDGER_NOT_FOUND);
}

static enum ledger_error
shut(struct ledger_txn *txn, void *arg)
{
    struct gate_failure failure = {.error = "away", .at_once = true, .asked_ms = 5000};
    int64_t until_ms;

    (void)snprintf(failure.upstream, sizeof failure.upstream, "%s", (const char *)arg);
    return gate_failed(txn, &failure, NOW_MS, &until_ms);
}

/* Every look begins with Nomad, and goes as far as it can without GitHub. */
static void
nobody_is_asked_while_nomads_gate_is_shut(void **state)
{
    static char nomad[] = "nomad";
    struct audit audit;

    add_runner(*state, "r2", "live", 0);
    assert_int_equal(ledger_write(*state, shut, nomad, NULL), LEDGER_OK);
    assert_int_equal(claim_at(*state, NOW_MS, &audit), LEDGER_NOT_FOUND);
    /* Then one look at a time probes. */
    assert_int_equal(claim_at(*state, NOW_MS + 5000, &audit), LEDGER_OK);
    assert_false(audit.github_is_shut);
    assert_int_equal(claim_at(*state, NOW_MS + 5000, &audit), LEDGER_NOT_FOUND);
}

static void
a_look_is_told_that_githubs_gate_is_shut(void **state)
{
    static char github[] = "github";
    struct audit audit;

    add_runner(*state, "r2", "live", 0);
    add_runner(*state, "r3", "live", 0);
    assert_int_equal(ledger_write(*state, shut, github, NULL), LEDGER_OK);
    assert_int_equal(claim_at(*state, NOW_MS, &audit), LEDGER_OK);
    assert_true(audit.github_is_shut);
    /* Then one look at a time probes; the others go on without. */
    assert_int_equal(claim_at(*state, NOW_MS + 5000, &audit), LEDGER_OK);
    assert_false(audit.github_is_shut);
    assert_int_equal(claim_at(*state, NOW_MS + 5000, &audit), LEDGER_OK);
    assert_true(audit.github_is_shut);
}

struct listed {
    char names[256];
    int64_t calls_left;
};

static void
note_audit(const struct audit *audit, void *arg)
{
    struct listed *listed = arg;
    size_t len = strlen(listed->names);

    (void)snprintf(listed->names + len, sizeof listed->names - len, "%s%s:%s ", audit->runner.name,
                   audit->is_counted_on ? "+" : "", job_state_text(audit->job));
    listed->calls_left = audit->calls_left;
}

static struct listed
list_due(struct ledger *ledger, int64_t now_ms, int64_t most)
{
    struct listed listed = {0};
    struct audit_list list = {.now_ms = now_ms,
                              .calls_per_hour = CALLS,
                              .most = most,
                              .visit = note_audit,
                              .arg = &listed};
    enum ledger_error error = ledger_read(ledger, audit_list_due, &list, NULL);

    assert_true(error == LEDGER_OK || error == LEDGER_NOT_FOUND);
    return listed;
}

static void
a_roll_lists_what_a_claim_would_take(void **state)
{
    static char nomad[] = "nomad";

    add_runner(*state, "a", "leaving", -10);
    add_runner(*state, "b", "busy", 1);
    add_runner(*state, "c", "sent", -10);
    add_runner(*state, "d", "gone", -10);
    add_runner(*state, "e", "retiring", -20);
    add_runner(*state, "f", "live", -30);
    change(*state, "UPDATE runner SET lease_owner = 99 WHERE name = 'f'");
    assert_string_equal(list_due(*state, NOW_MS, 10).names, "r1+:assigned e:none a:none ");
    assert_string_equal(list_due(*state, NOW_MS, 2).names, "r1+:assigned e:none ");
    assert_string_equal(list_due(*state, NOW_MS + 1, 9).names,
                        "r1+:assigned e:none a:none b:none ");
    assert_int_equal(list_due(*state, NOW_MS, 2).calls_left, CALLS_A_MINUTE);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM runner WHERE lease_owner NOT NULL"),
                     1);
    assert_int_equal(ledger_write(*state, shut, nomad, NULL), LEDGER_OK);
    assert_string_equal(list_due(*state, NOW_MS, 10).names, "");
}

static void
many_rest_at_once_but_what_has_changed(void **state)
{
    static const struct {
        const char *name, *sql, *want;
    } rows[] = {
        {"as it was read", "SELECT 1", "live 1 at 77000 audits 4 id 7 old"},
        {"another state", "UPDATE runner SET state = 'busy'",
         "busy 1 at -1769903998995 audits 3 id 7 old"},
        {"moved in its state", "UPDATE runner SET audit_at_ms = 1769903999000, job_id = 2",
         "live 2 at 0 audits 3 id 7 old"},
        {"in work", "UPDATE runner SET lease_owner = 99",
         "live 1 leased at -1769903998995 audits 3 id 7 old"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct audit_rested rested = {.name = "r1",
                                      .state = RUNNER_LIVE,
                                      .audit_at_ms = 5,
                                      .next_look_ms = NOW_MS + 77000,
                                      .is_placed = true};
        struct audit_roll roll = {.items = &rested, .len = 1, .now_ms = NOW_MS};

        change(*state, "DELETE FROM job; DELETE FROM runner");
        enter(*state, 1, "o/r", 10);
        change(*state, one_of_each);
        change(*state, rows[i].sql);
        assert_int_equal(ledger_write(*state, audit_rest_many, &roll, NULL), LEDGER_OK);
        if (strcmp(runner_row(*state, "r1").bytes, rows[i].want) != 0)
            fail_msg("row \"%s\": \"%s\"", rows[i].name, runner_row(*state, "r1").bytes);
        assert_int_equal(number_of(*state, "SELECT placed_at_ms FROM runner"), i == 0 ? NOW_MS : 0);
        roll.now_ms = NOW_MS + 5;
        assert_int_equal(ledger_write(*state, audit_rest_many, &roll, NULL), LEDGER_OK);
        assert_int_equal(number_of(*state, "SELECT placed_at_ms FROM runner"), i == 0 ? NOW_MS : 0);
    }
}

/* -- What a look comes to -----------------------------------------------------------------------
 */

static void
a_rest_writes_down_what_was_learned(void **state)
{
    struct audit audit;
    struct audit_step step;

    change(*state, "UPDATE runner SET child = NULL");
    audit = claimed(*state);
    step = step_of(*state, &audit);
    step.github_id = 42;
    step.child = "parent/dispatch-1-found";
    step.note = "Nomad cannot place it: 2 nodes: memory exhausted";
    assert_int_equal(ledger_write(*state, audit_rest, &step, NULL), LEDGER_OK);
    assert_string_equal(runner_row(*state, "r1").bytes,
                        "live 1 at 77000 audits 4 id 42"
                        " Nomad cannot place it: 2 nodes: memory exhausted");
    assert_string_equal(text_of(*state, "SELECT child FROM runner").bytes,
                        "parent/dispatch-1-found");
    assert_int_equal(number_of(*state, "SELECT placed_at_ms FROM runner"), 0);
    assert_string_equal(history(*state).bytes,
                        "1 seen r1 Nomad cannot place it: 2 nodes: memory exhausted");
    /* The same again is no news; what is not told stays. */
    audit = (struct audit){0};
    assert_int_equal(claim_at(*state, NOW_MS + 77000, &audit), LEDGER_OK);
    step.audit = &audit;
    step.child = NULL;
    assert_int_equal(ledger_write(*state, audit_rest, &step, NULL), LEDGER_OK);
    assert_string_equal(history(*state).bytes,
                        "1 seen r1 Nomad cannot place it: 2 nodes: memory exhausted");
    assert_string_equal(text_of(*state, "SELECT child FROM runner").bytes,
                        "parent/dispatch-1-found");
    assert_int_equal(number_of(*state, "SELECT audits FROM runner"), 5);
}

static void
the_first_time_on_a_node_counts(void **state)
{
    struct audit audit = claimed(*state);
    struct audit_step step = step_of(*state, &audit);

    step.is_placed = true;
    assert_int_equal(ledger_write(*state, audit_rest, &step, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT placed_at_ms FROM runner"), NOW_MS);
    assert_string_equal(history(*state).bytes, "1 placed r1 -");
    assert_int_equal(claim_at(*state, NOW_MS + 77000, &audit), LEDGER_OK);
    step = step_of(*state, &audit);
    step.now_ms = NOW_MS + 77000;
    step.is_placed = true;
    assert_int_equal(ledger_write(*state, audit_rest, &step, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT placed_at_ms FROM runner"), NOW_MS);
    assert_string_equal(history(*state).bytes, "1 placed r1 -");
}

static enum job_state
lose(struct ledger *ledger, const struct audit *audit, bool is_taken, bool counts, int64_t max_lost)
{
    struct audit_loss loss = {.step = step_of(ledger, audit),
                              .is_taken = is_taken,
                              .counts = counts,
                              .max_lost = max_lost,
                              .next_attempt_at_ms = NOW_MS + 8000,
                              .reason = "it ended"};

    assert_int_equal(ledger_write(ledger, audit_lose, &loss, NULL), LEDGER_OK);
    return loss.after;
}

static void
a_lost_runner_is_retired_and_its_job_waits(void **state)
{
    struct audit audit = claimed(*state);

    assert_int_equal(lose(*state, &audit, false, true, 5), JOB_QUEUED);
    assert_string_equal(job_row(*state).bytes, "queued - lost 3 it ended");
    assert_int_equal(number_of(*state, "SELECT next_attempt_at_ms FROM job"), NOW_MS + 8000);
    assert_string_equal(runner_row(*state, "r1").bytes, "retiring - at 0 audits 0 id 7 -");
    assert_string_equal(history(*state).bytes, "1 lost r1 it ended");
}

static void
a_job_fails_when_it_has_lost_too_many(void **state)
{
    static const struct {
        int64_t lost, max;
        bool counts;
        const char *want;
    } rows[] = {
        {0, 0, true, "failed - lost 1 it ended"},    {0, 1, true, "queued - lost 1 it ended"},
        {1, 1, true, "failed - lost 2 it ended"},    {4, 5, true, "queued - lost 5 it ended"},
        {5, 5, true, "failed - lost 6 it ended"},    {5, 5, false, "queued - lost 5 it ended"},
        {99, 0, false, "queued - lost 99 it ended"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct audit audit;
        char sql[64];

        change(*state, "DELETE FROM job; DELETE FROM runner; DELETE FROM history");
        enter(*state, 1, "o/r", 10);
        change(*state, one_of_each);
        (void)snprintf(sql, sizeof sql, "UPDATE job SET lost = %d", (int)rows[i].lost);
        change(*state, sql);
        audit = claimed(*state);
        assert_int_equal(lose(*state, &audit, false, rows[i].counts, rows[i].max),
                         rows[i].want[0] == 'f' ? JOB_FAILED : JOB_QUEUED);
        assert_string_equal(job_row(*state).bytes, rows[i].want);
        assert_string_equal(runner_row(*state, "r1").bytes, "retiring - at 0 audits 0 id 7 -");
        assert_string_equal(history(*state).bytes,
                            rows[i].want[0] == 'f' ? "1 failed r1 it ended" : "1 lost r1 it ended");
    }
}

static void
a_runner_that_another_job_took_is_busy(void **state)
{
    struct audit audit = claimed(*state);

    assert_int_equal(lose(*state, &audit, true, false, 5), JOB_QUEUED);
    assert_string_equal(job_row(*state).bytes, "queued - lost 2 it ended");
    assert_string_equal(runner_row(*state, "r1").bytes, "busy - at 77000 audits 0 id 7 -");
}

/* The job was taken back from it: whatever it runs now, it runs. */
static void
a_busy_runner_that_another_job_took_stays_busy(void **state)
{
    struct audit audit;

    change(*state, "UPDATE job SET state = 'running'; UPDATE runner SET state = 'busy'");
    audit = claimed(*state);
    assert_int_equal(lose(*state, &audit, true, false, 5), JOB_QUEUED);
    assert_string_equal(runner_row(*state, "r1").bytes, "busy - at 77000 audits 0 id 7 -");
}

/* What a job runs on that no runner here can be told from. */
static void
strangers_are_jobs_on_runners_of_nobody(void **state)
{
    static const struct {
        const char *name, *sql;
        bool want;
    } rows[] = {
        {"on a runner of nobody", "SELECT 1", true},
        {"in another case", "UPDATE job SET repository = 'O/R'", true},
        {"on ours", "UPDATE job SET runner = 'r1'", false},
        {"over", "UPDATE job SET state = 'done'", false},
        {"of another repository", "UPDATE job SET repository = 'o/other'", false},
        {"since before", "UPDATE job SET changed_at_ms = 999", false},
        {"since then", "UPDATE job SET changed_at_ms = 1000", true},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct audit_strangers strangers = {.place = "repos/o/r", .since_ms = 1000, .job_id = 9};

        change(*state, "DELETE FROM job; DELETE FROM runner");
        enter(*state, 1, "o/r", 10);
        change(*state, one_of_each);
        report(*state, JOB_EVENT_IN_PROGRESS, "theirs");
        change(*state, rows[i].sql);
        assert_int_equal(ledger_read(*state, audit_find_strangers, &strangers, NULL), LEDGER_OK);
        assert_row(strangers.job_id == rows[i].want, rows[i].name);
        if (rows[i].want)
            assert_string_equal(strangers.runner, "theirs");
    }
}

/* Since when its child was over, with all that it had: it takes no room any more. */
static void
the_end_of_a_child_is_noted(void **state)
{
    struct audit audit = claimed(*state);
    struct audit_step step = step_of(*state, &audit);

    for (int i = 0; i < 3; i++) {
        change(*state, "UPDATE runner SET audit_at_ms = 0, lease_owner = NULL");
        audit = claimed(*state);
        step.is_ended = i < 2;
        step.now_ms = NOW_MS + i;
        assert_int_equal(ledger_write(*state, audit_rest, &step, NULL), LEDGER_OK);
        /* The first time; and not at all where Nomad replaced what it had lost. */
        assert_int_equal(number_of(*state, "SELECT ended_at_ms FROM runner"),
                         step.is_ended ? NOW_MS : 0);
    }
}

static void
a_surplus_runner_takes_no_job_with_it(void **state)
{
    static const char *const sqls[] = {"UPDATE runner SET job_id = NULL",
                                       "UPDATE job SET runner = 'r2'"};

    for (size_t i = 0; i < COUNT(sqls); i++) {
        struct audit audit;
        struct text before;

        change(*state, "DELETE FROM job; DELETE FROM runner; DELETE FROM history");
        enter(*state, 1, "o/r", 10);
        change(*state, one_of_each);
        change(*state, sqls[i]);
        before = job_row(*state);
        audit = claimed(*state);
        assert_int_equal(lose(*state, &audit, false, false, 5), JOB_NONE);
        assert_string_equal(job_row(*state).bytes, before.bytes);
        assert_string_equal(runner_row(*state, "r1").bytes, "retiring - at 0 audits 0 id 7 -");
        assert_string_equal(history(*state).bytes, "");
    }
}

static void
a_job_that_ran_waits_again_where_github_says_so(void **state)
{
    struct audit audit;

    change(*state, "UPDATE job SET state = 'running'; UPDATE runner SET state = 'busy'");
    audit = claimed(*state);
    assert_int_equal(lose(*state, &audit, false, true, 5), JOB_QUEUED);
    assert_string_equal(job_row(*state).bytes, "queued - lost 3 it ended");
    /* Runners move forward only. */
    assert_string_equal(runner_row(*state, "r1").bytes, "leaving - at 0 audits 0 id 7 -");
}

static void
gone_is_the_end_of_a_runner(void **state)
{
    struct audit audit;
    struct audit_step step;
    struct audit again;

    change(*state, "UPDATE job SET state = 'done'; UPDATE runner SET state = 'leaving'");
    audit = claimed(*state);
    step = step_of(*state, &audit);
    assert_int_equal(ledger_write(*state, audit_gone, &step, NULL), LEDGER_OK);
    assert_string_equal(text_of(*state, "SELECT state || ' ' || job_id FROM runner").bytes,
                        "gone 1");
    assert_int_equal(number_of(*state, "SELECT lease_owner IS NULL FROM runner"), 1);
    assert_string_equal(history(*state).bytes, "1 gone r1 -");
    assert_int_equal(claim_at(*state, NOW_MS + 864000000, &again), LEDGER_NOT_FOUND);
}

static void
a_missed_event_is_applied(void **state)
{
    struct audit audit = claimed(*state);
    struct job_sample sample;
    struct job_report missed = {.job = &sample.job,
                                .event = JOB_EVENT_COMPLETED,
                                .delivery = "audit",
                                .now_ms = NOW_MS,
                                .audit_interval_ms = INTERVAL_MS};
    struct audit_news news = {.step = step_of(*state, &audit), .report = &missed};

    job_sample_init(&sample, 1, "o/r", 10);
    (void)snprintf(sample.runner, sizeof sample.runner, "r1");
    assert_int_equal(ledger_write(*state, audit_apply, &news, NULL), LEDGER_OK);
    assert_int_equal(missed.after, JOB_DONE);
    assert_string_equal(runner_row(*state, "r1").bytes, "leaving 1 at 2000 audits 0 id 7 -");
    assert_string_equal(job_row(*state).bytes, "done r1 lost 2 -");
}

static void
a_look_that_failed_comes_again(void **state)
{
    struct audit audit = claimed(*state);
    struct gate_failure gate = {
        .upstream = "nomad", .error = "away", .asked_ms = 200000, .initial_ms = 1, .max_ms = 2};
    struct audit_failure failure = {.step = step_of(*state, &audit)};

    failure.step.note = "Nomad has trouble (500)";
    failure.step.github_calls = 2;
    assert_int_equal(ledger_write(*state, audit_failed, &failure, NULL), LEDGER_OK);
    assert_string_equal(runner_row(*state, "r1").bytes,
                        "live 1 at 77000 audits 4 id 7 Nomad has trouble (500)");
    assert_int_equal(calls_of_minute(*state), 2);
    /* Where the upstream is in trouble, not before it is tried again. */
    assert_int_equal(claim_at(*state, NOW_MS + 77000, &audit), LEDGER_OK);
    failure.step.github_calls = 0;
    failure.gate = &gate;
    assert_int_equal(ledger_write(*state, audit_failed, &failure, NULL), LEDGER_OK);
    assert_string_equal(runner_row(*state, "r1").bytes,
                        "live 1 at 200000 audits 5 id 7 Nomad has trouble (500)");
    assert_string_equal(job_row(*state).bytes, "assigned r1 lost 2 -");
}

/* A look asks more than once: what came through before the failure does not open the gate that the
 * failure shut. */
static void
a_failure_is_the_gates_last_word(void **state)
{
    struct audit audit = claimed(*state);
    struct gate_failure gate = {.upstream = "nomad",
                                .error = "slow down",
                                .asked_ms = 200000,
                                .initial_ms = 1,
                                .max_ms = 2};
    struct audit_failure failure = {.step = step_of(*state, &audit), .gate = &gate};

    failure.step.nomad_passed = true;
    assert_int_equal(ledger_write(*state, audit_failed, &failure, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT shut_until_ms FROM upstream WHERE name = 'nomad'"),
                     NOW_MS + 200000);
}

static void
what_came_through_opens_the_gates(void **state)
{
    struct audit audit = claimed(*state);
    struct audit_step step = step_of(*state, &audit);

    change(*state, "UPDATE upstream SET failures = 2");
    assert_int_equal(ledger_write(*state, audit_rest, &step, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT sum(failures) FROM upstream"), 4);
    step.nomad_passed = true;
    change(*state, "UPDATE runner SET audit_at_ms = 0");
    audit = claimed(*state);
    assert_int_equal(ledger_write(*state, audit_rest, &step, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT failures FROM upstream WHERE name = 'nomad'"), 0);
    step.github_calls = 1;
    step.github_passed = true;
    change(*state, "UPDATE runner SET audit_at_ms = 0");
    audit = claimed(*state);
    assert_int_equal(ledger_write(*state, audit_rest, &step, NULL), LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT sum(failures) FROM upstream"), 0);
}

/* -- What happens while a look is under way -----------------------------------------------------
 */

static enum ledger_error
end_with(struct ledger *ledger, const struct audit *audit, int how)
{
    struct audit_step step = step_of(ledger, audit);
    struct audit_loss loss = {.step = step, .counts = true, .reason = "it ended"};
    struct audit_failure failure = {.step = step};

    switch (how) {
    case 0:
        return ledger_write(ledger, audit_rest, &step, NULL);
    case 1:
        return ledger_write(ledger, audit_lose, &loss, NULL);
    case 2:
        return ledger_write(ledger, audit_gone, &step, NULL);
    default:
        return ledger_write(ledger, audit_failed, &failure, NULL);
    }
}
#define ENDS 4

/* Whoever has the lease by now is told nothing. */
static void
a_look_under_a_lost_lease_changes_nothing(void **state)
{
    struct audit audit = claimed(*state);
    struct text runner, job, told;

    change(*state, "UPDATE runner SET lease_owner = lease_owner + 1");
    runner = runner_row(*state, "r1");
    job = job_row(*state);
    told = history(*state);
    for (int how = 0; how < ENDS; how++) {
        assert_int_equal(end_with(*state, &audit, how), LEDGER_OK);
        assert_string_equal(runner_row(*state, "r1").bytes, runner.bytes);
        assert_string_equal(job_row(*state).bytes, job.bytes);
        assert_string_equal(history(*state).bytes, told.bytes);
    }
}

/* What an event made of the runner holds, and so does when it is to be looked at. */
static void
an_event_during_a_look_loses_nothing(void **state)
{
    static const struct {
        const char *name;
        enum job_event event;
        const char *runner;
        const char *want_runner, *want_job;
    } rows[] = {
        {"it runs", JOB_EVENT_IN_PROGRESS, "r1", "busy 1 at 30000 audits 0 id 4711 -",
         "running r1 lost 2 -"},
        {"it ran", JOB_EVENT_COMPLETED, "r1", "leaving 1 at 2000 audits 0 id 4711 -",
         "done r1 lost 2 -"},
        {"cancelled", JOB_EVENT_COMPLETED, "", "retiring - at 0 audits 0 id 7 -",
         "done - lost 2 -"},
        {"runs elsewhere", JOB_EVENT_IN_PROGRESS, "theirs", "retiring - at 0 audits 0 id 7 -",
         "running theirs lost 2 -"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int how = 0; how < ENDS; how++) {
            struct audit audit;

            change(*state, "DELETE FROM job; DELETE FROM runner; DELETE FROM history");
            enter(*state, 1, "o/r", 10);
            change(*state, one_of_each);
            audit = claimed(*state);
            report(*state, rows[i].event, rows[i].runner);
            assert_int_equal(end_with(*state, &audit, how), LEDGER_OK);
            if (strcmp(runner_row(*state, "r1").bytes, rows[i].want_runner) != 0)
                fail_msg("row \"%s\", end %d: \"%s\", not \"%s\"", rows[i].name, how,
                         runner_row(*state, "r1").bytes, rows[i].want_runner);
            assert_string_equal(job_row(*state).bytes, rows[i].want_job);
        }
    }
}

/* What is true of its child is kept all the same. */
static void
an_event_during_a_look_keeps_what_was_learned_of_the_child(void **state)
{
    struct audit audit;
    struct audit_step step;

    change(*state, "UPDATE runner SET child = NULL");
    audit = claimed(*state);
    step = step_of(*state, &audit);
    step.child = "parent/dispatch-1-found";
    step.is_placed = true;
    report(*state, JOB_EVENT_COMPLETED, "");
    assert_int_equal(ledger_write(*state, audit_rest, &step, NULL), LEDGER_OK);
    assert_string_equal(text_of(*state, "SELECT state || ' ' || child FROM runner").bytes,
                        "retiring parent/dispatch-1-found");
    assert_int_equal(number_of(*state, "SELECT placed_at_ms FROM runner"), NOW_MS);
}

/* -- Jobs that run elsewhere --------------------------------------------------------------------
 */

static enum ledger_error
claim_job(struct ledger *ledger, int64_t now_ms, struct audit_job *job)
{
    *job = (struct audit_job){.now_ms = now_ms,
                              .interval_ms = INTERVAL_MS,
                              .interval_max_ms = 4 * INTERVAL_MS,
                              .calls_per_hour = CALLS};
    return ledger_write(ledger, audit_claim_job, job, NULL);
}

static void
a_job_that_runs_elsewhere_is_looked_at_by_itself(void **state)
{
    static const int64_t steps_ms[] = {60000, 120000, 120000};
    int64_t now_ms = NOW_MS + INTERVAL_MS;
    struct audit_job job;

    report(*state, JOB_EVENT_IN_PROGRESS, "theirs");
    assert_int_equal(claim_job(*state, now_ms - 1, &job), LEDGER_NOT_FOUND);
    for (size_t i = 0; i < COUNT(steps_ms); i++) {
        assert_int_equal(claim_job(*state, now_ms, &job), LEDGER_OK);
        assert_int_equal(job.id, 1);
        assert_string_equal(job.repository, "o/r");
        assert_int_equal(claim_job(*state, now_ms + steps_ms[i] - 1, &job), LEDGER_NOT_FOUND);
        now_ms += steps_ms[i];
    }
    assert_int_equal(calls_of_minute(*state), 1);
    report(*state, JOB_EVENT_COMPLETED, "theirs");
    assert_int_equal(claim_job(*state, now_ms + 864000000, &job), LEDGER_NOT_FOUND);
}

static void
a_job_on_our_runner_is_not(void **state)
{
    struct audit_job job;

    report(*state, JOB_EVENT_IN_PROGRESS, "r1");
    assert_int_equal(claim_job(*state, NOW_MS + 864000000, &job), LEDGER_NOT_FOUND);
}

/* One that says that it runs on a runner which is over has no runner's audit to end it. */
static void
a_job_on_a_runner_that_is_over_is_looked_at_by_itself(void **state)
{
    static const char *const over[] = {"gone", "leaving"};
    struct audit_job job;

    for (size_t i = 0; i < COUNT(over); i++) {
        char sql[128];

        change(*state, "DELETE FROM job; DELETE FROM runner");
        enter(*state, 1, "o/r", 10);
        change(*state, one_of_each);
        (void)snprintf(sql, sizeof sql,
                       "UPDATE runner SET state = '%s', job_id = NULL;"
                       "UPDATE job SET state = 'queued', runner = NULL",
                       over[i]);
        change(*state, sql);
        report(*state, JOB_EVENT_IN_PROGRESS, "r1");
        assert_row(claim_job(*state, NOW_MS + INTERVAL_MS, &job) == LEDGER_OK, over[i]);
    }
}

static void
the_budget_bounds_what_only_confirms(void **state)
{
    struct audit_job job;
    struct audit audit;

    report(*state, JOB_EVENT_IN_PROGRESS, "theirs");
    change(*state, "UPDATE upstream SET minute_at_ms = 1769903999000, minute_calls = 99"
                   " WHERE name = 'github'; UPDATE runner SET audit_at_ms = 0;"
                   "UPDATE job SET audit_at_ms = 1");
    audit = claimed(*state);
    assert_int_equal(audit.calls_left, 1);
    assert_int_equal(claim_job(*state, NOW_MS, &job), LEDGER_OK);
    change(*state, "UPDATE job SET audit_at_ms = 1; UPDATE runner SET lease_owner = NULL");
    assert_int_equal(claim_job(*state, NOW_MS + MINUTE_MS - 1, &job), LEDGER_NOT_FOUND);
    /* Runners are looked at nevertheless: Nomad may tell all. */
    assert_int_equal(claim_at(*state, NOW_MS, &audit), LEDGER_OK);
    assert_int_equal(audit.calls_left, 0);
    assert_int_equal(claim_job(*state, NOW_MS + MINUTE_MS, &job), LEDGER_OK);
    assert_int_equal(calls_of_minute(*state), 1);
}

static void
a_shut_gate_keeps_jobs_from_being_asked_for(void **state)
{
    struct audit_job job;
    static char github[] = "github";

    change(*state, "UPDATE job SET state = 'running', runner = 'theirs', audit_at_ms = 1");
    assert_int_equal(ledger_write(*state, shut, github, NULL), LEDGER_OK);
    assert_int_equal(claim_job(*state, NOW_MS, &job), LEDGER_NOT_FOUND);
    assert_int_equal(number_of(*state, "SELECT audit_at_ms FROM job"), 1);
    assert_int_equal(claim_job(*state, NOW_MS + 5000, &job), LEDGER_OK);
}

/* -- The budget of a minute -----------------------------------------------------------------------
 */

struct spending {
    int64_t now_ms, calls, left;
};

static enum ledger_error
spend(struct ledger_txn *txn, void *arg)
{
    struct spending *spending = arg;
    enum ledger_error error = budget_spend(txn, spending->now_ms, spending->calls);

    return error == LEDGER_OK ? budget_left(txn, spending->now_ms, CALLS, &spending->left) : error;
}

static void
the_budget_is_given_out_by_the_minute(void **state)
{
    static const struct {
        int64_t at_ms, calls, left;
    } rows[] = {
        {0, 0, 100},
        {0, 10, 90},
        {MINUTE_MS - 1, 30, 60},
        {MINUTE_MS - 1, 70, 0},
        {MINUTE_MS - 1, 0, 0},
        {MINUTE_MS, 0, 100},
        {MINUTE_MS, 1, 99},
        {MINUTE_MS + 5, 1, 98},
        {5 * MINUTE_MS, 3, 97},
        {4 * MINUTE_MS, 0, 100},
        {4 * MINUTE_MS, 4, 96}, /* a clock set back */
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct spending spending = {.now_ms = NOW_MS + rows[i].at_ms, .calls = rows[i].calls};

        assert_int_equal(ledger_write(*state, spend, &spending, NULL), LEDGER_OK);
        if (spending.left != rows[i].left)
            fail_msg("row %zu: %d", i, (int)spending.left);
    }
}

/* -- When to look next --------------------------------------------------------------------------
 */

static int64_t
next_due(struct ledger *ledger)
{
    int64_t due_ms = 0;

    assert_int_equal(ledger_read(ledger, audit_next_due, &due_ms, NULL), LEDGER_OK);
    return due_ms;
}

static void
the_next_row_that_is_due(void **state)
{
    struct ledger *ledger = *state;

    assert_true(next_due(ledger) == INT64_MAX);
    add_runner(ledger, "a", "sent", 1);
    add_runner(ledger, "b", "minting", 1);
    add_runner(ledger, "c", "gone", 1);
    assert_true(next_due(ledger) == INT64_MAX);
    add_runner(ledger, "d", "live", 500);
    assert_int_equal(next_due(ledger), NOW_MS + 500);
    add_runner(ledger, "e", "leaving", 400);
    assert_int_equal(next_due(ledger), NOW_MS + 400);
    change(ledger, "UPDATE runner SET lease_owner = 99 WHERE name = 'e'");
    assert_int_equal(next_due(ledger), NOW_MS + 500);
    enter(ledger, 1, "o/r", 10);
    assert_int_equal(next_due(ledger), NOW_MS + 500);
    change(ledger, "UPDATE job SET audit_at_ms = 17");
    assert_int_equal(next_due(ledger), 17);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
#define ON_EACH(test) cmocka_unit_test_setup_teardown(test, make_one_of_each, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(nothing_is_due),
        ON_LEDGER(what_is_due_for_longest_goes_first),
        ON_EACH(a_claim_has_the_row_and_its_job),
        ON_EACH(a_claim_tells_whether_the_job_counts_on_it),
        ON_EACH(what_somebody_works_on_is_left_alone),
        ON_EACH(nobody_is_asked_while_nomads_gate_is_shut),
        ON_EACH(a_look_is_told_that_githubs_gate_is_shut),
        ON_EACH(a_roll_lists_what_a_claim_would_take),
        ON_EACH(many_rest_at_once_but_what_has_changed),
        ON_EACH(a_rest_writes_down_what_was_learned),
        ON_EACH(the_first_time_on_a_node_counts),
        ON_EACH(a_lost_runner_is_retired_and_its_job_waits),
        ON_EACH(a_job_fails_when_it_has_lost_too_many),
        ON_EACH(a_runner_that_another_job_took_is_busy),
        ON_EACH(a_busy_runner_that_another_job_took_stays_busy),
        ON_EACH(strangers_are_jobs_on_runners_of_nobody),
        ON_EACH(the_end_of_a_child_is_noted),
        ON_EACH(a_surplus_runner_takes_no_job_with_it),
        ON_EACH(a_job_that_ran_waits_again_where_github_says_so),
        ON_EACH(gone_is_the_end_of_a_runner),
        ON_EACH(a_missed_event_is_applied),
        ON_EACH(a_look_that_failed_comes_again),
        ON_EACH(a_failure_is_the_gates_last_word),
        ON_EACH(what_came_through_opens_the_gates),
        ON_EACH(a_look_under_a_lost_lease_changes_nothing),
        ON_EACH(an_event_during_a_look_loses_nothing),
        ON_EACH(an_event_during_a_look_keeps_what_was_learned_of_the_child),
        ON_EACH(a_job_that_runs_elsewhere_is_looked_at_by_itself),
        ON_EACH(a_job_on_our_runner_is_not),
        ON_EACH(a_job_on_a_runner_that_is_over_is_looked_at_by_itself),
        ON_EACH(the_budget_bounds_what_only_confirms),
        ON_EACH(a_shut_gate_keeps_jobs_from_being_asked_for),
        ON_LEDGER(the_budget_is_given_out_by_the_minute),
        ON_LEDGER(the_next_row_that_is_due),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
