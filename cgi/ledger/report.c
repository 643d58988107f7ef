/*
 * A report about a job, applied to the jobs and runners that it touches.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "ledger/history.h"
#include "ledger/job.h"
#include "ledger/runner.h"
#include "ledger/statement.h"
#include "ledger/tally.h"

/* The rows that a report touches, and what the rules are asked about them. */
struct scene {
    struct rules_scene rules;
    char has[RH_RUNNER_NAME_MAX + 1];   /* the runner that J has, ours or not; "" for none */
    char named[RH_RUNNER_NAME_MAX + 1]; /* the one that the report names or implies; "" for none */
    char named_pool[RUNNER_POOL_CAP];   /* its pool, where it is ours */
    int64_t named_job;                  /* the job that it is for; 0 for none */
    int64_t other;                      /* K's id: that job, where it is not J; else 0 */
    char pool[RUNNER_POOL_CAP];         /* J's, and when it was heard of, where it is known */
    int64_t received_at_ms;
};

/* The labels as a JSON array, which the caller frees with cJSON_free; NULL when out of memory. */
static char *
labels_json(const struct rh_labels *labels)
{
    cJSON *array = cJSON_CreateStringArray((const char *const *)labels->items, (int)labels->len);
    char *text = array == NULL ? NULL : cJSON_PrintUnformatted(array);

    cJSON_Delete(array);
    return text;
}

/* J, and the runner that it has. */
static enum ledger_error
read_job(struct ledger_txn *txn, const struct job_report *report, struct scene *scene)
{
    struct statement statement =
        txn_prepare(txn, "SELECT j.state, coalesce(j.runner, ''), coalesce(r.state, 'none'),"
                         " r.state = 'live' OR r.lease_owner IS NOT NULL, j.pool, j.received_at_ms"
                         " FROM job j LEFT JOIN runner r ON r.name = j.runner"
                         " AND r.job_id = j.id WHERE j.id = ?1");
    int code;

    bind_number(&statement, report->job->id);
    code = statement_step(&statement);
    if (code == SQLITE_ROW) {
        scene->rules.job = job_state_parse(read_text(&statement));
        (void)snprintf(scene->has, sizeof scene->has, "%s", read_text(&statement));
        scene->rules.own = runner_state_parse(read_text(&statement));
        scene->rules.own_is_coming = read_number(&statement) != 0;
        (void)snprintf(scene->pool, sizeof scene->pool, "%s", read_text(&statement));
        scene->received_at_ms = read_number(&statement);
    }
    return txn_error(code);
}

/* A job that began, or ended after it began, did so on the runner that it has, where the report
 * does not say. */
static const char *
named_runner(const struct job_report *report, const struct scene *scene)
{
    if (report->event == JOB_EVENT_QUEUED)
        return "";
    if (report->job->runner_name[0] != '\0')
        return report->job->runner_name;
    return report->event == JOB_EVENT_IN_PROGRESS || scene->rules.job == JOB_RUNNING ? scene->has
                                                                                     : "";
}

/* The runner that the report names, where it is ours, and the job that it is for. */
static enum ledger_error
read_named(struct ledger_txn *txn, const struct job_report *report, struct scene *scene)
{
    struct statement statement =
        txn_prepare(txn, "SELECT state, coalesce(job_id, 0), pool FROM runner WHERE name = ?1"
                         /* A name is a runner's own where it registers alone. */
                         " AND (?2 IS NULL OR " RUNNER_COVERS("place", "?2") ")");
    int code;

    (void)snprintf(scene->named, sizeof scene->named, "%s", named_runner(report, scene));
    scene->rules.is_named = scene->named[0] != '\0';
    if (!scene->rules.is_named)
        return LEDGER_OK;
    scene->rules.named_is_own = strcmp(scene->named, scene->has) == 0;
    bind_text(&statement, scene->named);
    bind_text(&statement, report->job->repository);
    code = statement_step(&statement);
    if (code == SQLITE_ROW) {
        scene->rules.named = runner_state_parse(read_text(&statement));
        scene->named_job = read_number(&statement);
        (void)snprintf(scene->named_pool, sizeof scene->named_pool, "%s", read_text(&statement));
    }
    if (scene->named_job != report->job->id)
        scene->other = scene->named_job;
    return txn_error(code);
}

/* K: whether it still counts on the runner that J took, and whether J's own could serve it: GitHub
 * gives a runner jobs of the place alone where it registers. */
static enum ledger_error
read_other(struct ledger_txn *txn, const struct job_report *report, struct scene *scene)
{
    struct statement statement =
        txn_prepare(txn, "SELECT k.state, k.labels, r.pool, " RUNNER_COVERS(
                             "r.place", "k.repository") " FROM job k LEFT JOIN runner r ON r.name "
                                                        "= ?3 WHERE k.id = ?1 AND k.runner = ?2");
    const char *labels, *pool;
    int code;

    if (scene->other == 0)
        return LEDGER_OK;
    bind_number(&statement, scene->other);
    bind_text(&statement, scene->named);
    bind_text(&statement, scene->has);
    code = statement_step(&statement);
    if (code == SQLITE_ROW) {
        scene->rules.other = job_state_parse(read_text(&statement));
        labels = read_text(&statement);
        pool = read_text(&statement);
        scene->rules.own_covers_other = pool != NULL && read_number(&statement) != 0 &&
                                        report->covers != NULL &&
                                        report->covers(report->config, pool, labels);
    }
    return txn_error(code);
}

static enum ledger_error
read_scene(struct ledger_txn *txn, const struct job_report *report, struct scene *scene)
{
    enum ledger_error error;

    *scene = (struct scene){.rules = {.event = report->event}};
    error = read_job(txn, report, scene);
    if (error == LEDGER_OK)
        error = read_named(txn, report, scene);
    return error == LEDGER_OK ? read_other(txn, report, scene) : error;
}

/* Whether the named runner is J's after the report: it has become busy with it, or was busy with a
 * job that nobody knew. */
static bool
named_is_js(const struct scene *scene, const struct rules_outcome *outcome)
{
    return outcome->named == RUNNER_BUSY &&
           (scene->rules.named != RUNNER_BUSY || scene->other == 0);
}

/* When a job has to be looked at by itself: while it runs on a runner that is not ours, or on one
 * whose own audits are not about it. */
static int64_t
job_audit_at(const struct job_report *report, const struct scene *scene,
             const struct rules_outcome *outcome)
{
    return outcome->job == JOB_RUNNING && !named_is_js(scene, outcome)
               ? report->now_ms + report->audit_interval_ms
               : 0;
}

/* Enters a job that is not there, whatever event told of it first: a `completed` that overtook its
 * `queued` must be there when that comes, or it would start a runner for nothing. */
static enum ledger_error
insert(struct ledger_txn *txn, const struct job_report *report, const struct scene *scene,
       const struct rules_outcome *outcome)
{
    const struct rh_workflow_job *job = report->job;
    struct statement statement = txn_prepare(
        txn, "INSERT INTO job (id, repository, repository_short, repository_url, fork, run_id,"
             " run_attempt, name, workflow_name, head_branch, html_url, labels, installation_id,"
             " pool, delivery, state, conclusion, runner, created_at_ms, received_at_ms,"
             " changed_at_ms, audit_at_ms, private, started_at_ms, origin) VALUES (?1, ?2, ?3, ?4,"
             " ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, nullif(?18, ''), ?19,"
             " ?20, ?20, ?21, ?22, iif(?16 = 'running', ?20, 0),"
             /* What was learned of its run holds for all of the run's jobs. */
             " coalesce((SELECT o.origin FROM job o WHERE o.run_id = ?6 AND o.repository = ?2"
             " AND o.origin > '' LIMIT 1), ''))");
    char *labels = labels_json(&job->labels);
    int code;

    if (labels == NULL)
        return LEDGER_NO_MEMORY;
    bind_number(&statement, job->id);
    bind_text(&statement, job->repository);
    bind_text(&statement, job->repository_short);
    bind_text(&statement, job->repository_url);
    bind_number(&statement, job->repository_fork);
    bind_number(&statement, job->run_id);
    bind_number(&statement, job->run_attempt);
    bind_text(&statement, job->name);
    bind_text(&statement, job->workflow_name);
    bind_text(&statement, job->head_branch);
    bind_text(&statement, job->html_url);
    bind_text(&statement, labels);
    bind_number(&statement, job->installation_id);
    bind_text(&statement, report->pool != NULL ? report->pool : scene->named_pool);
    bind_text(&statement, report->delivery);
    bind_text(&statement, job_state_text(outcome->job));
    bind_text(&statement, job->conclusion);
    bind_text(&statement, outcome->job_takes_named ? scene->named : "");
    bind_number(&statement, job->created_at_s == 0 ? report->now_ms : job->created_at_s * 1000);
    bind_number(&statement, report->now_ms);
    bind_number(&statement, job_audit_at(report, scene, outcome));
    bind_number(&statement, job->repository_private);
    code = statement_step(&statement);
    cJSON_free(labels);
    return txn_error(code);
}

static enum ledger_error
update_job(struct ledger_txn *txn, const struct job_report *report, const struct scene *scene,
           const struct rules_outcome *outcome)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE job SET state = ?2, conclusion = ?3,"
                         " runner = CASE WHEN ?4 THEN ?5 WHEN ?6 THEN NULL ELSE runner END,"
                         " started_at_ms = CASE ?2 WHEN 'running'"
                         " THEN iif(state = 'running', started_at_ms, ?8)"
                         " WHEN 'queued' THEN 0 ELSE started_at_ms END,"
                         " audit_at_ms = ?7, audits = 0, changed_at_ms = ?8 WHERE id = ?1");

    bind_number(&statement, report->job->id);
    bind_text(&statement, job_state_text(outcome->job));
    bind_text(&statement, report->job->conclusion);
    bind_number(&statement, outcome->job_takes_named);
    bind_text(&statement, scene->named);
    bind_number(&statement, outcome->own_is_free);
    bind_number(&statement, job_audit_at(report, scene, outcome));
    bind_number(&statement, report->now_ms);
    return txn_error(statement_step(&statement));
}

static enum ledger_error
note_job(struct ledger_txn *txn, const struct job_report *report, const struct scene *scene)
{
    static const char *const words[] = {[JOB_EVENT_QUEUED] = "queued",
                                        [JOB_EVENT_IN_PROGRESS] = "running",
                                        [JOB_EVENT_COMPLETED] = "done"};
    struct history_event event = {.job_id = report->job->id,
                                  .at_ms = report->now_ms,
                                  .what = words[report->event],
                                  .runner = scene->rules.is_named ? scene->named : NULL};
    char detail[256] = "";

    if (report->event == JOB_EVENT_COMPLETED)
        (void)snprintf(detail, sizeof detail, "%s", report->job->conclusion);
    else if (report->event == JOB_EVENT_QUEUED)
        (void)snprintf(detail, sizeof detail, "for pool %s, by %s%s", report->pool,
                       strlen(report->delivery) > 16 ? "delivery " : "", report->delivery);
    else if (scene->rules.named == RUNNER_NONE && scene->rules.is_named)
        (void)snprintf(detail, sizeof detail, "a runner that is not ours");
    event.detail = detail[0] == '\0' ? NULL : detail;
    return history_add(txn, &event);
}

/* K, whose runner J took, gets J's own in exchange, or waits for another. */
static enum ledger_error
update_other(struct ledger_txn *txn, const struct job_report *report, const struct scene *scene,
             const struct rules_outcome *outcome)
{
    struct statement statement = txn_prepare(
        txn, "UPDATE job SET state = ?2, runner = nullif(?3, ''),"
             " next_attempt_at_ms = 0, held_by = NULL, started_at_ms = 0, changed_at_ms = ?4"
             " WHERE id = ?1");
    const char *given = outcome->other_takes_own ? scene->has : "";
    char detail[256];
    enum ledger_error error;

    bind_number(&statement, scene->other);
    bind_text(&statement, job_state_text(outcome->other));
    bind_text(&statement, given);
    bind_number(&statement, report->now_ms);
    error = txn_error(statement_step(&statement));
    if (error != LEDGER_OK)
        return error;
    (void)snprintf(detail, sizeof detail, "GitHub gave %s to job %" PRId64 "; %s", scene->named,
                   report->job->id,
                   outcome->other_takes_own ? "that one's runner is for this job now"
                                            : "this job waits for another");
    return history_add(txn, &(struct history_event){.job_id = scene->other,
                                                    .at_ms = report->now_ms,
                                                    .what = "swapped",
                                                    .runner = given[0] == '\0' ? NULL : given,
                                                    .detail = detail});
}

static enum ledger_error
apply_to_named(struct ledger_txn *txn, const struct job_report *report, const struct scene *scene,
               const struct rules_outcome *outcome)
{
    struct statement learn = txn_prepare(
        txn, "UPDATE runner SET github_id = ?2, placed_at_ms = iif(placed_at_ms = 0, ?3,"
             " placed_at_ms) WHERE name = ?1");
    enum ledger_error error;

    if (outcome->named == scene->rules.named &&
        !(outcome->job_takes_named && scene->named_job == 0 && outcome->named == RUNNER_BUSY))
        return LEDGER_OK;
    error =
        runner_move(txn, scene->named, outcome->named, report->job->id, report->now_ms,
                    rules_first_look_ms(outcome->named, report->now_ms, report->audit_interval_ms));
    if (error != LEDGER_OK || report->job->runner_id <= 0)
        return error;
    bind_text(&learn, scene->named);
    bind_number(&learn, report->job->runner_id);
    bind_number(&learn, report->now_ms);
    return txn_error(statement_step(&learn));
}

static enum ledger_error
apply_to_own(struct ledger_txn *txn, const struct job_report *report, const struct scene *scene,
             const struct rules_outcome *outcome)
{
    int64_t job_id = report->job->id;

    if (scene->rules.named_is_own ||
        (!outcome->other_takes_own && outcome->own == scene->rules.own))
        return LEDGER_OK;
    if (outcome->other_takes_own)
        job_id = scene->other;
    else if (outcome->own_is_free)
        job_id = 0;
    return runner_move(
        txn, scene->has, outcome->own, job_id, report->now_ms,
        rules_first_look_ms(outcome->own, report->now_ms, report->audit_interval_ms));
}

static enum ledger_error
apply(struct ledger_txn *txn, const struct job_report *report, const struct scene *scene,
      const struct rules_outcome *outcome)
{
    enum ledger_error error = report->before == JOB_NONE ? insert(txn, report, scene, outcome)
                                                         : update_job(txn, report, scene, outcome);

    if (error == LEDGER_OK)
        error = note_job(txn, report, scene);
    if (error == LEDGER_OK)
        error = apply_to_named(txn, report, scene, outcome);
    if (error == LEDGER_OK)
        error = apply_to_own(txn, report, scene, outcome);
    if (error == LEDGER_OK && outcome->other_loses_named)
        error = update_other(txn, report, scene, outcome);
    return error;
}

/* How long a job waited for its start is told by the delivery of that alone: an audit or a
 * discovery comes later, by so much as nobody knows. */
static enum ledger_error
count_start(struct ledger_txn *txn, const struct job_report *report, const struct scene *scene)
{
    const char *pool = scene->pool;

    if (report->after != JOB_RUNNING ||
        (report->before != JOB_QUEUED && report->before != JOB_ASSIGNED))
        return LEDGER_OK;
    return tally_observe(txn, FAMILY_START_WAIT, &pool, report->now_ms - scene->received_at_ms);
}

/* What changed, for metrics. */
static enum ledger_error
count_change(struct ledger_txn *txn, const struct job_report *report, const struct scene *scene)
{
    static const char *const events[] = {[JOB_EVENT_QUEUED] = "queued",
                                         [JOB_EVENT_IN_PROGRESS] = "in_progress",
                                         [JOB_EVENT_COMPLETED] = "completed"};
    const char *const values[] = {events[report->event], report->delivery};
    bool was_missed = strcmp(report->delivery, REPORT_BY_AUDIT) == 0 ||
                      strcmp(report->delivery, REPORT_BY_DISCOVERY) == 0;
    bool was_over = report->before == JOB_DONE || report->before == JOB_FAILED ||
                    report->before == JOB_EXPIRED || report->before == JOB_REFUSED;
    enum ledger_error error = was_missed ? tally_count(txn, FAMILY_EVENTS_MISSED, values)
                                         : count_start(txn, report, scene);

    return error == LEDGER_OK && report->after == JOB_DONE && !was_over
               ? job_count_end(txn, report->job->id)
               : error;
}

static enum ledger_error
see_repository(struct ledger_txn *txn, const struct job_report *report)
{
    /* A repository that is new takes its turn among the others, not before all of them. */
    struct statement statement =
        txn_prepare(txn, "INSERT INTO repository (name, turn, seen_at_ms, discover_at_ms)"
                         " SELECT repository, (SELECT coalesce(max(turn), 0) FROM repository), ?2,"
                         " ?2 + ?3 FROM job WHERE id = ?1"
                         " ON CONFLICT (name) DO UPDATE SET seen_at_ms = excluded.seen_at_ms");

    bind_number(&statement, report->job->id);
    bind_number(&statement, report->now_ms);
    bind_number(&statement, report->discover_interval_ms);
    return txn_error(statement_step(&statement));
}

/* The name that a job's repository goes by in the ledger, where the report has another; "" where it
 * has not. */
static enum ledger_error
read_old_name(struct ledger_txn *txn, const struct rh_workflow_job *job,
              char old[RH_REPOSITORY_LEN_MAX + 1])
{
    struct statement statement =
        txn_prepare(txn, "SELECT repository FROM job WHERE id = ?1 AND repository <> ?2");
    int code;

    old[0] = '\0';
    bind_number(&statement, job->id);
    bind_text(&statement, job->repository);
    code = statement_step(&statement);
    if (code == SQLITE_ROW)
        (void)snprintf(old, RH_REPOSITORY_LEN_MAX + 1, "%s", read_text(&statement));
    return txn_error(code);
}

/* A repository that was renamed or transferred: its jobs keep their ids, which are nobody else's,
 * and its runners go along. */
static enum ledger_error
follow_rename(struct ledger_txn *txn, const struct job_report *report)
{
    static const char *const renames[] = {
        "INSERT INTO repository (name, turn, seen_at_ms, discover_at_ms)"
        " SELECT ?2, turn, seen_at_ms, discover_at_ms FROM repository WHERE name = ?1"
        " ON CONFLICT (name) DO NOTHING",
        "UPDATE job SET repository = ?2, repository_short = ?3, repository_url = ?4"
        " WHERE repository = ?1",
        "UPDATE runner SET repository = ?2,"
        " place = iif(place = 'repos/' || ?1, 'repos/' || ?2, place)"
        " WHERE repository = ?1 COLLATE NOCASE",
        "DELETE FROM listing WHERE repository = ?1", "DELETE FROM repository WHERE name = ?1"};
    const struct rh_workflow_job *job = report->job;
    const char *const texts[] = {NULL, job->repository, job->repository_short, job->repository_url};
    char old[RH_REPOSITORY_LEN_MAX + 1];
    enum ledger_error error =
        job->repository == NULL ? LEDGER_NOT_FOUND : read_old_name(txn, job, old);

    if (error != LEDGER_OK || old[0] == '\0')
        return error == LEDGER_NOT_FOUND ? LEDGER_OK : error;
    for (size_t i = 0; i < sizeof renames / sizeof renames[0]; i++) {
        struct statement statement = txn_prepare(txn, renames[i]);
        int parameters = sqlite3_bind_parameter_count(statement.handle);

        bind_text(&statement, old);
        for (int n = 1; n < parameters && n < (int)(sizeof texts / sizeof texts[0]); n++)
            bind_text(&statement, texts[n]);
        if (statement_step(&statement) != SQLITE_DONE)
            return txn_error(statement.code);
    }
    return LEDGER_OK;
}

enum ledger_error
report_apply(struct ledger_txn *txn, void *arg)
{
    struct job_report *report = arg;
    struct rules_outcome outcome;
    struct scene scene;
    enum ledger_error error = follow_rename(txn, report);

    if (error == LEDGER_OK)
        error = read_scene(txn, report, &scene);
    if (error != LEDGER_OK)
        return error;
    outcome = rules_apply(&scene.rules);
    report->before = report->after = scene.rules.job;
    if (report->before == JOB_NONE && report->pool == NULL && scene.rules.named == RUNNER_NONE)
        return LEDGER_OK;
    report->after = outcome.job;
    if (report->after == report->before && !outcome.job_takes_named)
        return LEDGER_OK;
    error = apply(txn, report, &scene, &outcome);
    if (error == LEDGER_OK)
        error = count_change(txn, report, &scene);
    return error == LEDGER_OK ? see_repository(txn, report) : error;
}
