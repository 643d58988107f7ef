/*
 * What happens to a job next.
 * SPDX-License-Identifier: MIT
 */
#include "outlook/job_outlook.h"

#include <inttypes.h>
#include <string.h>

#include "dispatch/plan.h"
#include "text/span.h"

/* An upstream that is left alone, with its reason where that is not the job's own. */
static void
add_gate(const struct job_story *story, const struct gate *gate, const char *name,
         struct buffer *out)
{
    const char *own = story->job.last_error;
    char when[SPAN_CAP];

    if (gate->state == GATE_OPEN)
        return;
    (void)buffer_addf(out, "; %s is left alone, and asked again in %s", name,
                      span_text(gate->shut_until_ms - story->now_ms, when));
    if (own == NULL || strcmp(own, gate->error) != 0)
        (void)buffer_addf(out, ": %s", gate->error);
}

/* Whether a dispatch of the job may have reached Nomad: it then has its place in the pool. */
static bool
has_place(const struct job_story *story)
{
    return story->has_runner && rules_runner_idle(story->runner.state) &&
           story->runner.sent_at_ms > 0;
}

/* A pool without room. False where it has some. */
static bool
add_full(const struct pool *pool, const struct job_story *story, struct buffer *out)
{
    if (story->pool_runners >= pool->max_runners) {
        (void)buffer_addf(out,
                          "; pool %s is full (runners: %" PRId64 ", max_runners: %" PRId64
                          "): one has to end before",
                          pool->name, story->pool_runners, pool->max_runners);
        return true;
    }
    if (pool->max_pending > 0 && story->pool_pending >= pool->max_pending) {
        (void)buffer_addf(out,
                          "; pool %s is held back (waiting for placement in Nomad: %" PRId64
                          ", max_pending: %" PRId64 "): one has to be placed before",
                          pool->name, story->pool_pending, pool->max_pending);
        return true;
    }
    return false;
}

static void
tell_queued(const struct config *config, const struct job_story *story, struct buffer *out)
{
    const struct job *job = &story->job;
    const struct pool *pool = plan_pool(config, job->pool, job);
    bool is_due = job->next_attempt_at_ms <= story->now_ms, is_full;
    char when[SPAN_CAP];

    if (is_due)
        (void)buffer_add_text(out, "it waits, and is due now");
    else
        (void)buffer_addf(out, "it waits, and is tried again in %s",
                          span_text(job->next_attempt_at_ms - story->now_ms, when));
    if (job->last_error != NULL)
        (void)buffer_addf(out, ": %s", job->last_error);
    if (pool == NULL) {
        (void)buffer_addf(out,
                          "; no pool of the configuration serves it: put [pool %s] back, or give "
                          "it up with `runhook jobs forget %" PRId64 "`",
                          job->pool, job->id);
        return;
    }
    add_gate(story, &story->nomad, "Nomad", out);
    add_gate(story, &story->github, "GitHub", out);
    is_full = !has_place(story) && strcmp(pool->name, job->pool) == 0 && add_full(pool, story, out);
    if (is_due && !is_full && story->nomad.state == GATE_OPEN && story->github.state == GATE_OPEN)
        (void)buffer_add_text(out, "; `runhook serve`, or the next `runhook dispatch`, takes it up "
                                   "in its turn");
    else if (!is_due)
        (void)buffer_addf(out, "; `runhook jobs retry %" PRId64 "` tries at once", job->id);
}

/* When the audit looks at the runner. */
static void
add_next_look(const struct job_story *story, struct buffer *out)
{
    char when[SPAN_CAP];

    if (story->runner.audit_at_ms > story->now_ms)
        (void)buffer_addf(out, "; the audit looks at its runner in %s",
                          span_text(story->runner.audit_at_ms - story->now_ms, when));
    else
        (void)buffer_add_text(out, "; the audit is due to look at its runner");
}

/* When an unplaced child is given up. */
static void
add_placement_end(const struct config *config, const struct job_story *story, struct buffer *out)
{
    int64_t end_ms = story->runner.sent_at_ms + config->audit.placement_timeout_s * 1000;
    char when[SPAN_CAP];

    (void)buffer_addf(out,
                      "it has its runner, which no look has seen on a node yet; one that cannot be "
                      "placed is replaced in %s",
                      span_text(end_ms - story->now_ms, when));
}

static void
tell_assigned(const struct config *config, const struct job_story *story, struct buffer *out)
{
    const struct runner *runner = &story->runner;

    if (!story->has_runner) {
        (void)buffer_add_text(out, "it has a runner that the ledger does not know");
        return;
    }
    if (runner->state == RUNNER_MINTING || runner->state == RUNNER_SENT) {
        (void)buffer_add_text(out, "its runner is being dispatched");
        return;
    }
    if (runner->placed_at_ms == 0)
        add_placement_end(config, story, out);
    else
        (void)buffer_add_text(out, "it waits for its runner to register and to take it");
    add_next_look(story, out);
}

/* What becomes of the runner of a job that is over. */
static void
tell_over(const struct job_story *story, struct buffer *out)
{
    (void)buffer_add_text(out, "nothing: it is over");
    if (!story->has_runner || story->runner.state == RUNNER_GONE)
        return;
    (void)buffer_addf(out, ", and its runner is %s", runner_state_text(story->runner.state));
    add_next_look(story, out);
}

void
job_outlook(const struct config *config, const struct job_story *story, struct buffer *out)
{
    switch (story->job.state) {
    case JOB_NONE:
        break;
    case JOB_QUEUED:
        tell_queued(config, story, out);
        break;
    case JOB_ASSIGNED:
        tell_assigned(config, story, out);
        break;
    case JOB_RUNNING:
        (void)buffer_add_text(out, "it runs, until GitHub says that it is over");
        if (story->has_runner)
            add_next_look(story, out);
        break;
    case JOB_DONE:
        tell_over(story, out);
        break;
    case JOB_FAILED:
        (void)buffer_addf(
            out, "nothing by itself: mend what is wrong, then `runhook jobs retry %" PRId64 "`",
            story->job.id);
        break;
    case JOB_EXPIRED:
        (void)buffer_addf(
            out,
            "nothing: 24 hours after it was queued GitHub gave up on it, so re-run it "
            "there; where it still waits, `runhook jobs retry %" PRId64 "`",
            story->job.id);
        break;
    case JOB_REFUSED:
        (void)buffer_addf(out,
                          "nothing: it may not use the cluster; where that has changed, `runhook "
                          "jobs retry %" PRId64 "`",
                          story->job.id);
        break;
    }
}
