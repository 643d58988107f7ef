/*
 * The auditor.
 * SPDX-License-Identifier: MIT
 */
#include "audit/auditor.h"

#include <inttypes.h>
#include <stdio.h>

#include "audit/look.h"
#include "clock/clock.h"
#include "config/place.h"
#include "upstream/github_runner.h"

/* What a look's requests can take at the longest; a lease that ends earlier costs a look. */
#define GITHUB_REQUESTS 4
#define NOMAD_REQUESTS 6

/* More steps than any way through an inquiry has. */
#define STEPS_MAX 16

static struct audit_step
step_of(const struct look *look, const struct decision *decision)
{
    bool is_found = look->audit.runner.child[0] == '\0' && look->child[0] != '\0';
    bool is_finding = step_is_conclusion(decision->step) && decision->step != STEP_REST;

    return (struct audit_step){.audit = &look->audit,
                               .owner = ledger_owner(look->tools->ledger),
                               .now_ms = clock_now_ms(),
                               .next_look_ms = decision->next_look_ms,
                               .github_id = look->github_id,
                               .is_placed = look->inquiry.child == CHILD_RUNNING,
                               .is_ended = look->inquiry.child == CHILD_OVER &&
                                           look->inquiry.placement == PLACEMENT_NONE,
                               .child = is_found ? look->child : NULL,
                               .note = look->note[0] == '\0' ? NULL : look->note,
                               .github_calls = look->github_calls,
                               .github_passed = look->github_passed,
                               .nomad_passed = look->nomad_passed,
                               .finding = is_finding ? step_text(decision->step) : NULL};
}

static void
log_conclusion(const struct look *look, enum log_level level, enum step step, const char *reason)
{
    struct log_line line;

    look_begin_line(&line, level, look);
    log_text(&line, "outcome", step_text(step));
    log_text(&line, "reason", reason);
    log_text(&line, "child", look->child);
    log_end(look->tools->log, &line);
}

/* What GitHub tells of a job, as the event that did not come. */
struct missed {
    bool is_event; /* false: it still waits */
    enum job_event event;
    struct rh_workflow_job job;
    char conclusion[GITHUB_CONCLUSION_CAP];
    char runner_name[RH_RUNNER_NAME_MAX + 1];
};

static void
missed_init(struct missed *missed, int64_t id, const struct github_job *told)
{
    bool is_over = told->status == GITHUB_JOB_COMPLETED || told->status == GITHUB_JOB_ABSENT;

    missed->is_event = is_over || told->status == GITHUB_JOB_IN_PROGRESS;
    missed->event = is_over ? JOB_EVENT_COMPLETED : JOB_EVENT_IN_PROGRESS;
    missed->job = (struct rh_workflow_job){.id = id,
                                           .conclusion = missed->conclusion,
                                           .runner_name = missed->runner_name,
                                           .runner_id = told->runner_id};
    (void)snprintf(missed->conclusion, sizeof missed->conclusion, "%s",
                   told->status == GITHUB_JOB_ABSENT ? "deleted" : told->conclusion);
    (void)snprintf(missed->runner_name, sizeof missed->runner_name, "%s", told->runner_name);
}

static enum work_end
apply_job(const struct look *look, const struct decision *decision)
{
    const struct tools *tools = look->tools;
    struct job_report report;
    struct missed missed;
    struct audit_news news = {.step = step_of(look, decision), .report = &report};

    missed_init(&missed, look->audit.runner.job_id, &look->job);
    report = tools_report(tools->config, &missed.job, missed.event, NULL, REPORT_BY_AUDIT);
    log_conclusion(look, LOG_LEVEL_WARNING, decision->step,
                   missed.event == JOB_EVENT_COMPLETED ? "GitHub says that the job is over"
                                                       : "GitHub says that the job is in progress");
    return tools_record(tools, audit_apply, &news, "a missed event could not be recorded")
               ? WORK_DONE
               : WORK_LEDGER;
}

/* Why a runner does not serve its job. */
static const char *
loss_reason(const struct look *look, enum step step, char *out, size_t cap)
{
    const struct audit_config *config = &look->tools->config->audit;

    switch (step) {
    case STEP_TAKEN:
        (void)snprintf(out, cap, "GitHub gave its runner another job");
        break;
    case STEP_LOST_ENDED:
        (void)snprintf(out, cap,
                       "its runner's Nomad job %s ended before it took the job: see `nomad alloc "
                       "logs -job %s`",
                       look->child, look->child);
        break;
    case STEP_LOST_SILENT:
        (void)snprintf(out, cap,
                       "its runner's task runs for over %" PRId64
                       " s (register_timeout) and %s with GitHub: see `nomad alloc logs -job %s`",
                       config->register_timeout_s,
                       look->audit.runner.is_jit ? "has not connected" : "is not registered",
                       look->child);
        break;
    case STEP_LOST_IDLE:
        if (look->inquiry.state == RUNNER_BUSY)
            (void)snprintf(out, cap, "GitHub took the job back after it had begun");
        else
            (void)snprintf(
                out, cap,
                "its runner was idle for over %" PRId64
                " s (idle_timeout) and GitHub gave it no job: do the runner's labels and "
                "group allow it?",
                config->idle_timeout_s);
        break;
    case STEP_LOST_WAITING:
        (void)snprintf(out, cap, "%s; tried again after %" PRId64 " s (placement_timeout)",
                       look->note[0] == '\0' ? "its runner's task did not start" : look->note,
                       config->placement_timeout_s);
        break;
    default:
        (void)snprintf(out, cap, "nothing counts on the runner");
        break;
    }
    return out;
}

static enum work_end
lose(const struct look *look, const struct decision *decision)
{
    const struct tools *tools = look->tools;
    const struct server_config *server = &tools->config->server;
    enum step step = decision->step;
    /* One that waits for room is not at fault, nor is one that GitHub left idle or gave to another
     * job: GitHub's own end of a job, after a day, bounds those. */
    bool counts = step == STEP_LOST_ENDED || step == STEP_LOST_SILENT;
    int64_t delay_ms =
        counts ? rules_backoff_ms(server->retry_initial_s * 1000, server->retry_max_s * 1000,
                                  look->audit.job_lost + 1, 0)
               : 0;
    char reason[1280]; /* a child's id stands in it twice */
    struct audit_loss loss = {.step = step_of(look, decision),
                              .is_taken = step == STEP_TAKEN,
                              .counts = counts,
                              .max_lost = tools->config->audit.replacements,
                              .next_attempt_at_ms = clock_now_ms() + delay_ms,
                              .reason = loss_reason(look, step, reason, sizeof reason)};
    bool recorded = tools_record(tools, audit_lose, &loss, "a lost runner could not be recorded");

    log_conclusion(look, loss.after == JOB_FAILED ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, step,
                   reason);
    return recorded ? WORK_DONE : WORK_LEDGER;
}

static enum work_end
conclude(const struct look *look, const struct decision *decision)
{
    struct audit_step step = step_of(look, decision);

    switch (decision->step) {
    case STEP_APPLY_JOB:
        return apply_job(look, decision);
    case STEP_GONE:
        log_conclusion(look, LOG_LEVEL_INFO, STEP_GONE, NULL);
        return tools_record(look->tools, audit_gone, &step, "a runner's end could not be recorded")
                   ? WORK_DONE
                   : WORK_LEDGER;
    case STEP_REST:
        return tools_record(look->tools, audit_rest, &step, "an audit could not be recorded")
                   ? WORK_DONE
                   : WORK_LEDGER;
    default:
        return lose(look, decision);
    }
}

/* The look could not be finished: it comes again, and the gate hears of it. */
static enum work_end
fail(const struct look *look, const struct failure *failure)
{
    const struct tools *tools = look->tools;
    const struct policy_decision policy =
        tools_decide(tools, failure, look->audit.runner.name, look->audit.runner.audits + 1);
    const struct gate_failure gate = tools_gate_failure(failure, &policy);
    const struct decision again = {
        .next_look_ms = clock_now_ms() + rules_backoff_ms(look->inquiry.interval_ms,
                                                          look->inquiry.interval_max_ms,
                                                          look->audit.runner.audits + 1, 0)};
    struct audit_failure step = {.step = step_of(look, &again),
                                 .gate = policy.is_upstreams ? &gate : NULL};
    struct log_line line;

    step.step.note = failure->text.text;
    step.step.finding = "retry";
    look_begin_line(&line, policy.needs_operator ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, look);
    log_text(&line, "outcome", "retry");
    tools_log_failure(&line, failure);
    log_text(&line, "child", look->child);
    log_end(tools->log, &line);
    return tools_record(tools, audit_failed, &step, "a failed audit could not be recorded")
               ? WORK_FAILED
               : WORK_LEDGER;
}

enum work_end
auditor_look(const struct tools *tools)
{
    struct look look = {0};
    struct audit_claim claim = {
        .owner = ledger_owner(tools->ledger),
        .now_ms = clock_now_ms(),
        .lease_until_ms = tools_lease_until(tools->config, GITHUB_REQUESTS, NOMAD_REQUESTS),
        .calls_per_hour = tools->config->audit.github_calls,
        .out = &look.audit};
    struct decision decision;
    struct failure failure;
    struct rh_reason reason;
    enum ledger_error error = ledger_write(tools->ledger, audit_claim, &claim, &reason);

    if (error == LEDGER_NOT_FOUND)
        return WORK_NONE;
    if (error != LEDGER_OK) {
        log_message(tools->log, LOG_LEVEL_ERROR, "ledger", "no runner could be audited: %s",
                    reason.text);
        return WORK_LEDGER;
    }
    look_init(&look, tools);
    decision = inquiry_next(&look.inquiry);
    for (int i = 0; i < STEPS_MAX && !step_is_conclusion(decision.step); i++) {
        if (!look_step(&look, decision.step, &failure))
            return fail(&look, &failure);
        decision = inquiry_next(&look.inquiry);
    }
    if (!step_is_conclusion(decision.step)) { /* what is told keeps changing: look again later */
        decision = (struct decision){.step = STEP_REST,
                                     .next_look_ms = clock_now_ms() + look.inquiry.interval_ms};
    }
    return conclude(&look, &decision);
}

/* -- Jobs that run elsewhere --------------------------------------------------------------------
 */

/* A job that is not there is believed only where GitHub tells of the repository's runners: to a
 * token that may not see a repository, nothing of it is there. */
static bool
ask_for_job(const struct tools *tools, const struct audit_job *claim, struct github_job *found,
            struct failure *failure)
{
    struct github_runner ignored;
    char place[PLACE_CAP];

    (void)place_of_repository(claim->repository, place);
    if (!github_job_get(tools->github, claim->repository, claim->id, found, failure))
        return false;
    return found->status != GITHUB_JOB_ABSENT ||
           github_runner_find(tools->github, place, tools->config->server.runner_prefix, &ignored,
                              failure);
}

enum work_end
auditor_look_at_job(const struct tools *tools)
{
    const struct audit_config *config = &tools->config->audit;
    struct audit_job claim = {.now_ms = clock_now_ms(),
                              .interval_ms = config->interval_s * 1000,
                              .interval_max_ms = config->interval_max_s * 1000,
                              .calls_per_hour = config->github_calls};
    struct job_report report;
    struct missed missed;
    struct github_job found;
    struct failure failure;
    struct rh_reason reason;
    struct log_line line;
    enum ledger_error error = ledger_write(tools->ledger, audit_claim_job, &claim, &reason);

    if (error == LEDGER_NOT_FOUND)
        return WORK_NONE;
    if (error != LEDGER_OK)
        return WORK_LEDGER;
    if (!ask_for_job(tools, &claim, &found, &failure)) {
        log_begin(&line, LOG_LEVEL_WARNING, "audit");
        log_text(&line, "repository", claim.repository);
        log_number(&line, "job", claim.id);
        log_text(&line, "outcome", "retry");
        tools_log_failure(&line, &failure);
        log_end(tools->log, &line);
        return tools_tell_gate(tools, claim.repository, &failure) ? WORK_FAILED : WORK_LEDGER;
    }
    missed_init(&missed, claim.id, &found);
    if (found.status == GITHUB_JOB_QUEUED &&
        !tools_record(tools, audit_requeue_job, &claim, "a job that waits could not be recorded"))
        return WORK_LEDGER;
    if (!missed.is_event)
        return tools_tell_gate(tools, claim.repository, NULL) ? WORK_DONE : WORK_LEDGER;
    report = tools_report(tools->config, &missed.job, missed.event, NULL, REPORT_BY_AUDIT);
    return tools_record(tools, report_apply, &report, "a missed event could not be recorded")
               ? WORK_DONE
               : WORK_LEDGER;
}
