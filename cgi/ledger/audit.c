/*
 * The ledger's side of an audit.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/audit.h"

#include <stdio.h>
#include <string.h>

#include "ledger/budget.h"
#include "ledger/history.h"
#include "ledger/job.h"
#include "ledger/tally.h"

/* Runners that an audit has to do with: what is only named is its order's. As the index has it. */
#define AUDITED "r.state IN ('live', 'retiring', 'busy', 'leaving')"

/* The due ones, of which nobody works on any: ?1 is the time, ?2 how many at most. */
static const char select_due[] =
    "SELECT " RUNNER_COLUMNS ", coalesce(j.state, 'none'), j.runner IS r.name,"
    " coalesce(j.lost, 0), coalesce(j.repository, r.repository),"
    " " GATE_OWNER_IS_SHUT(RUNNER_OWNER("r.place"),
                           "?1") " FROM runner r LEFT JOIN job j ON j.id = r.job_id"
                                 " WHERE " AUDITED
                                 " AND r.audit_at_ms <= ?1 AND r.lease_owner IS NULL"
                                 " ORDER BY r.audit_at_ms LIMIT ?2";

static void
read_audit(struct statement *row, struct audit *audit)
{
    runner_read(row, &audit->runner);
    audit->job = job_state_parse(read_text(row));
    audit->is_counted_on = read_number(row) != 0;
    audit->job_lost = read_number(row);
    (void)snprintf(audit->job_repository, sizeof audit->job_repository, "%s", read_text(row));
    audit->github_is_shut = read_number(row) != 0;
}

static enum ledger_error
pick(struct ledger_txn *txn, const struct audit_claim *claim)
{
    struct statement statement = txn_prepare(txn, select_due);
    int code;

    bind_number(&statement, claim->now_ms);
    bind_number(&statement, 1);
    code = statement_step(&statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    if (code == SQLITE_ROW)
        read_audit(&statement, claim->out);
    return txn_error(code);
}

/* Every look begins with Nomad, and goes as far as it can without GitHub. LEDGER_NOT_FOUND where
 * Nomad is left alone. */
static enum ledger_error
check_gates(struct ledger_txn *txn, int64_t now_ms, struct gates *gates)
{
    enum ledger_error error = gates_read(txn, now_ms, gates);

    if (error == LEDGER_OK && gates->nomad == GATE_SHUT)
        error = LEDGER_NOT_FOUND;
    return error;
}

enum ledger_error
audit_list_due(struct ledger_txn *txn, void *arg)
{
    const struct audit_list *list = arg;
    struct statement statement = txn_prepare(txn, select_due);
    struct audit audit = {0};
    struct gates gates;
    enum ledger_error error = check_gates(txn, list->now_ms, &gates);
    int code;

    if (error == LEDGER_OK)
        error = budget_left(txn, list->now_ms, list->calls_per_hour, &audit.calls_left);
    if (error != LEDGER_OK)
        return error;
    bind_number(&statement, list->now_ms);
    bind_number(&statement, list->most);
    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        read_audit(&statement, &audit);
        audit.github_is_shut |= gates.github == GATE_SHUT;
        list->visit(&audit, list->arg);
    }
    return txn_error(code);
}

enum ledger_error
audit_rest_many(struct ledger_txn *txn, void *arg)
{
    const struct audit_roll *roll = arg;

    for (size_t i = 0; i < roll->len; i++) {
        const struct audit_rested *rested = &roll->items[i];
        struct statement statement = txn_prepare(
            txn, "UPDATE runner SET audits = audits + 1, audit_at_ms = ?4, placed_at_ms ="
                 " iif(?5 AND placed_at_ms = 0, ?6, placed_at_ms) WHERE name = ?1 AND state = ?2"
                 " AND audit_at_ms = ?3 AND lease_owner IS NULL");

        bind_text(&statement, rested->name);
        bind_text(&statement, runner_state_text(rested->state));
        bind_number(&statement, rested->audit_at_ms);
        bind_number(&statement, rested->next_look_ms);
        bind_number(&statement, rested->is_placed);
        bind_number(&statement, roll->now_ms);
        if (statement_step(&statement) != SQLITE_DONE)
            return txn_error(statement.code);
    }
    return gate_passed(txn, "nomad", roll->now_ms);
}

static enum ledger_error
lease(struct ledger_txn *txn, const struct audit_claim *claim)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET lease_owner = ?2, lease_until_ms = ?3 WHERE name = ?1");

    bind_text(&statement, claim->out->runner.name);
    bind_number(&statement, claim->owner);
    bind_number(&statement, claim->lease_until_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
audit_claim(struct ledger_txn *txn, void *arg)
{
    struct audit_claim *claim = arg;
    struct gates gates;
    enum ledger_error error = check_gates(txn, claim->now_ms, &gates);

    *claim->out = (struct audit){0};
    if (error == LEDGER_OK)
        error = pick(txn, claim);
    if (error == LEDGER_OK)
        error = lease(txn, claim);
    if (error == LEDGER_OK)
        error = gates_probe(txn, &gates, claim->out->runner.name);
    if (error == LEDGER_OK)
        error = budget_left(txn, claim->now_ms, claim->calls_per_hour, &claim->out->calls_left);
    claim->out->github_is_shut |= gates.github == GATE_SHUT;
    return error;
}

/* Writes down what a look learned, and ends the lease. `*held` is false, and nothing was changed,
 * where that was lost. */
static enum ledger_error
finish(struct ledger_txn *txn, const struct audit_step *step, bool *held)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE runner SET lease_owner = NULL, child = coalesce(?5, child),"
             " placed_at_ms = iif(?7 AND placed_at_ms = 0, ?8, placed_at_ms),"
             " ended_at_ms = iif(?11, iif(ended_at_ms = 0, ?8, ended_at_ms), 0),"
             /* Of one that an event moved while the look was under way, that knows better. */
             " github_id = iif(state = ?9 AND coalesce(job_id, 0) = ?10, ?4, github_id),"
             " note = iif(state = ?9 AND coalesce(job_id, 0) = ?10, ?6, note),"
             " audits = iif(state = ?9 AND coalesce(job_id, 0) = ?10, audits + 1, audits),"
             " audit_at_ms = iif(state = ?9 AND coalesce(job_id, 0) = ?10, ?3, audit_at_ms)"
             " WHERE name = ?1 AND lease_owner = ?2");
    enum ledger_error error = LEDGER_OK;

    if (step->nomad_passed)
        error = gate_passed(txn, "nomad", step->now_ms);
    if (error == LEDGER_OK && step->github_passed)
        error = gate_github_passed(txn, step->audit->runner.place, step->now_ms);
    if (error == LEDGER_OK)
        error = budget_spend(txn, step->now_ms, step->github_calls);
    if (error != LEDGER_OK)
        return error;
    bind_text(&statement, step->audit->runner.name);
    bind_number(&statement, step->owner);
    bind_number(&statement, step->next_look_ms);
    bind_number(&statement, step->github_id);
    bind_text(&statement, step->child);
    bind_text(&statement, step->note);
    bind_number(&statement, step->is_placed);
    bind_number(&statement, step->now_ms);
    bind_text(&statement, runner_state_text(step->audit->runner.state));
    bind_number(&statement, step->audit->runner.job_id);
    bind_number(&statement, step->is_ended);
    error = txn_error(statement_step(&statement));
    *held = error == LEDGER_OK && sqlite3_changes(txn->db) > 0;
    return *held && step->finding != NULL ? tally_count(txn, FAMILY_AUDIT_FINDINGS, &step->finding)
                                          : error;
}

static enum ledger_error
note(struct ledger_txn *txn, const struct audit_step *step, const char *what, const char *detail)
{
    return history_add(txn, &(struct history_event){.job_id = step->audit->runner.job_id,
                                                    .at_ms = step->now_ms,
                                                    .what = what,
                                                    .runner = step->audit->runner.name,
                                                    .detail = detail});
}

enum ledger_error
audit_rest(struct ledger_txn *txn, void *arg)
{
    const struct audit_step *step = arg;
    const struct runner *runner = &step->audit->runner;
    bool held, is_news;
    enum ledger_error error = finish(txn, step, &held);

    if (error == LEDGER_OK && held && step->is_placed && runner->placed_at_ms == 0)
        error = note(txn, step, "placed", NULL);
    is_news = step->note != NULL && strcmp(step->note, runner->note) != 0;
    if (error == LEDGER_OK && held && is_news)
        error = note(txn, step, "seen", step->note);
    return error;
}

/* Whether an event moved the runner on while the look was under way. Then what the look was about
 * to conclude may be wrong, and the next one sees anew. */
static enum ledger_error
has_moved(struct ledger_txn *txn, const struct audit_step *step, bool *moved)
{
    struct statement statement =
        txn_prepare(txn, "SELECT state, coalesce(job_id, 0) FROM runner WHERE name = ?1");
    const struct runner *runner = &step->audit->runner;
    int code;

    *moved = true;
    bind_text(&statement, runner->name);
    code = statement_step(&statement);
    if (code == SQLITE_ROW) {
        bool same_state = runner_state_parse(read_text(&statement)) == runner->state;

        *moved = !same_state || read_number(&statement) != runner->job_id;
    }
    return txn_error(code);
}

/* The job that counted on the runner waits again, or has failed. */
static enum ledger_error
lose_job(struct ledger_txn *txn, struct audit_loss *loss)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE job SET state = ?3, runner = NULL, lost = lost + ?4, last_error = ?5,"
             " started_at_ms = iif(?3 = 'queued', 0, started_at_ms),"
             " next_attempt_at_ms = ?6, held_by = NULL, audit_at_ms = 0, changed_at_ms = ?7"
             " WHERE id = ?1 AND runner = ?2 AND state IN ('assigned', 'running', 'queued')");
    const struct audit_step *step = &loss->step;
    bool failed = loss->counts && step->audit->job_lost >= loss->max_lost;
    enum job_state after = failed ? JOB_FAILED : JOB_QUEUED;
    enum ledger_error error;

    bind_number(&statement, step->audit->runner.job_id);
    bind_text(&statement, step->audit->runner.name);
    bind_text(&statement, job_state_text(after));
    bind_number(&statement, loss->counts);
    bind_text(&statement, loss->reason);
    bind_number(&statement, loss->next_attempt_at_ms);
    bind_number(&statement, step->now_ms);
    error = txn_error(statement_step(&statement));
    if (error != LEDGER_OK || sqlite3_changes(txn->db) == 0)
        return error;
    loss->after = after;
    error = failed ? job_count_end(txn, step->audit->runner.job_id) : LEDGER_OK;
    return error == LEDGER_OK ? note(txn, step, failed ? "failed" : "lost", loss->reason) : error;
}

enum ledger_error
audit_lose(struct ledger_txn *txn, void *arg)
{
    struct audit_loss *loss = arg;
    const struct audit_step *step = &loss->step;
    enum runner_state state = loss->is_taken ? RUNNER_BUSY : RUNNER_RETIRING;
    bool held, moved = false;
    enum ledger_error error = finish(txn, step, &held);

    loss->after = JOB_NONE;
    if (error == LEDGER_OK && held)
        error = has_moved(txn, step, &moved);
    if (error != LEDGER_OK || !held || moved)
        return error;
    error = lose_job(txn, loss);
    /* One that was busy and has lost its job is already further on than retiring. */
    if (error == LEDGER_OK && step->audit->runner.state == RUNNER_BUSY && !loss->is_taken)
        state = RUNNER_LEAVING;
    if (error == LEDGER_OK)
        error = runner_move(txn, step->audit->runner.name, state, 0, step->now_ms,
                            loss->is_taken ? step->next_look_ms : step->now_ms);
    return error;
}

enum ledger_error
audit_gone(struct ledger_txn *txn, void *arg)
{
    const struct audit_step *step = arg;
    const struct runner *runner = &step->audit->runner;
    bool held, moved = false;
    enum ledger_error error = finish(txn, step, &held);

    if (error == LEDGER_OK && held)
        error = has_moved(txn, step, &moved);
    if (error != LEDGER_OK || !held || moved)
        return error;
    error = runner_move(txn, runner->name, RUNNER_GONE, runner->job_id, step->now_ms, 0);
    return error == LEDGER_OK ? note(txn, step, "gone", NULL) : error;
}

enum ledger_error
audit_apply(struct ledger_txn *txn, void *arg)
{
    struct audit_news *news = arg;
    bool held;
    /* First, so that where the report moves the runner, its own time for the next look holds. */
    enum ledger_error error = finish(txn, &news->step, &held);

    /* The report is true whoever brings it. */
    return error == LEDGER_OK ? report_apply(txn, news->report) : error;
}

/* Nothing is asked of an upstream before its gate lets it through. */
static enum ledger_error
put_off(struct ledger_txn *txn, const char *runner, int64_t until_ms)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE runner SET audit_at_ms = max(audit_at_ms, ?2) WHERE name = ?1");

    bind_text(&statement, runner);
    bind_number(&statement, until_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
audit_failed(struct ledger_txn *txn, void *arg)
{
    const struct audit_failure *failure = arg;
    const struct audit_step *step = &failure->step;
    int64_t shut_until_ms;
    bool held;
    /* What the look asked before passed; the failure is the gate's last word. */
    enum ledger_error error = finish(txn, step, &held);

    if (error != LEDGER_OK || failure->gate == NULL)
        return error;
    error = gate_failed(txn, failure->gate, step->now_ms, &shut_until_ms);
    if (error != LEDGER_OK || !held)
        return error;
    return put_off(txn, step->audit->runner.name, shut_until_ms);
}

enum ledger_error
audit_find_strangers(struct ledger_txn *txn, void *arg)
{
    struct audit_strangers *strangers = arg;
    /* Those that are audited by themselves: see report_apply. */
    struct statement statement = txn_prepare(
        txn, "SELECT id, runner FROM job WHERE audit_at_ms > 0 AND state = 'running'"
             " AND " RUNNER_COVERS(
                 "?1", "job.repository") " AND changed_at_ms >= ?2 AND NOT EXISTS"
                                         " (SELECT 1 FROM runner WHERE name = job.runner) LIMIT 1");
    int code;

    strangers->job_id = 0;
    bind_text(&statement, strangers->place);
    bind_number(&statement, strangers->since_ms);
    code = statement_step(&statement);
    if (code == SQLITE_ROW) {
        const char *runner;

        strangers->job_id = read_number(&statement);
        runner = read_text(&statement);
        (void)snprintf(strangers->runner, sizeof strangers->runner, "%s",
                       runner == NULL ? "a runner without a name" : runner);
    }
    return txn_error(code);
}

enum ledger_error
audit_claim_job(struct ledger_txn *txn, void *arg)
{
    struct audit_job *job = arg;
    struct statement find =
        txn_prepare(txn, "SELECT id, repository, audits FROM job WHERE audit_at_ms > 0"
                         " AND audit_at_ms <= ?1 AND NOT " GATE_OWNER_IS_SHUT(
                             "substr(repository, 1, instr(repository, '/') - 1)",
                             "?1") " ORDER BY audit_at_ms LIMIT 1");
    struct statement put_off = txn_prepare(
        txn, "UPDATE job SET audits = audits + 1, audit_at_ms = iif(state = 'running', ?2, 0)"
             " WHERE id = ?1");
    int64_t audits;
    enum ledger_error error = budget_may_ask(txn, job->now_ms, job->calls_per_hour);
    int code;

    if (error != LEDGER_OK)
        return error;
    bind_number(&find, job->now_ms);
    code = statement_step(&find);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? LEDGER_NOT_FOUND : txn_error(code);
    job->id = read_number(&find);
    (void)snprintf(job->repository, sizeof job->repository, "%s", read_text(&find));
    audits = read_number(&find);
    bind_number(&put_off, job->id);
    bind_number(&put_off, job->now_ms + rules_backoff_ms(job->interval_ms, job->interval_max_ms,
                                                         audits + 2, 0));
    error = txn_error(statement_step(&put_off));
    return error == LEDGER_OK ? budget_spend(txn, job->now_ms, 1) : error;
}

enum ledger_error
audit_requeue_job(struct ledger_txn *txn, void *arg)
{
    const struct audit_job *job = arg;
    /* Only one that is still looked at by itself: an event may have moved it meanwhile. */
    struct statement statement =
        txn_prepare(txn, "UPDATE job SET state = 'queued', runner = NULL, next_attempt_at_ms = 0,"
                         " held_by = NULL, audit_at_ms = 0, started_at_ms = 0, changed_at_ms = ?2"
                         " WHERE id = ?1 AND state = 'running' AND audit_at_ms > 0");

    bind_number(&statement, job->id);
    bind_number(&statement, job->now_ms);
    if (statement_step(&statement) != SQLITE_DONE || sqlite3_changes(txn->db) == 0)
        return txn_error(statement.code);
    return history_add(txn, &(struct history_event){.job_id = job->id,
                                                    .at_ms = job->now_ms,
                                                    .what = "queued",
                                                    .detail = "again: GitHub says that it waits"});
}

enum ledger_error
audit_next_due(struct ledger_txn *txn, void *arg)
{
    int64_t *due_ms = arg;
    struct statement runners =
        txn_prepare(txn, "SELECT min(r.audit_at_ms) FROM runner r WHERE " AUDITED
                         " AND r.lease_owner IS NULL HAVING count(*) > 0");
    struct statement jobs = txn_prepare(
        txn, "SELECT min(audit_at_ms) FROM job WHERE audit_at_ms > 0 HAVING count(*) > 0");
    struct statement *const all[] = {&runners, &jobs};

    *due_ms = INT64_MAX;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int code = statement_step(all[i]);

        if (code == SQLITE_ROW) {
            int64_t at_ms = read_number(all[i]);

            *due_ms = at_ms < *due_ms ? at_ms : *due_ms;
        } else if (code != SQLITE_DONE) {
            return txn_error(code);
        }
    }
    return LEDGER_OK;
}
