/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "audit/inquiry.h"

#define NOW INT64_C(1769903999000)
#define AGO(ms) (NOW - (ms))

#define INTERVAL 30000
#define INTERVAL_MAX 480000
#define IDLE 600000
#define REGISTER 300000
#define PLACEMENT 3000000
#define LEAVE 60000
#define ANSWER 80000

/* What the configuration says, and a runner that was sent a while ago. */
#define DEFAULTS                                                                                 \
    .was_sent = true, .has_child = true, .now_ms = NOW, .changed_at_ms = AGO(40000),             \
    .sent_at_ms = AGO(100000), .interval_ms = INTERVAL, .interval_max_ms = INTERVAL_MAX,         \
    .idle_timeout_ms = IDLE, .register_timeout_ms = REGISTER, .placement_timeout_ms = PLACEMENT, \
    .leave_timeout_ms = LEAVE, .answer_timeout_ms = ANSWER

/* -- Each state, and what is learned of it ------------------------------------------------------
 */

struct row {
    const char *name;
    struct inquiry inquiry;
    enum step want;
    int64_t want_next_ms; /* after NOW; 0: not looked at here */
};

/* A row's inquiry: members that are given again override the defaults. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#define LIVE(...)                                                                         \
    {                                                                                     \
        DEFAULTS, .state = RUNNER_LIVE, .has_job = true, .may_confirm = true, __VA_ARGS__ \
    }
#define BUSY(...)                                                                         \
    {                                                                                     \
        DEFAULTS, .state = RUNNER_BUSY, .has_job = true, .may_confirm = true, __VA_ARGS__ \
    }
#define LEAVING(...)                                   \
    {                                                  \
        DEFAULTS, .state = RUNNER_LEAVING, __VA_ARGS__ \
    }
#define RETIRING(...)                                   \
    {                                                   \
        DEFAULTS, .state = RUNNER_RETIRING, __VA_ARGS__ \
    }

static const struct row rows[] = {
    /* What no dispatch of it can have reached Nomad. */
    {"live, never sent", LIVE(.was_sent = false), STEP_GONE, INTERVAL},
    {"retiring, never sent", RETIRING(.was_sent = false), STEP_GONE, 0},

    /* Nomad first. */
    {"live", LIVE(.state = RUNNER_LIVE), STEP_ASK_CHILD, 0},
    {"busy", BUSY(.has_child = true), STEP_ASK_CHILD, 0},
    {"leaving", LEAVING(.has_child = true), STEP_ASK_CHILD, 0},
    {"retiring", RETIRING(.has_child = true), STEP_ASK_CHILD, 0},
    {"retiring, its child not known", RETIRING(.has_child = false), STEP_FIND_CHILD, 0},
    {"busy, its child not known", BUSY(.has_child = false), STEP_FIND_CHILD, 0},
    {"no child, and the dispatch may be under way",
     RETIRING(.has_child = false, .child = CHILD_NONE, .sent_at_ms = AGO(ANSWER - 1)), STEP_REST,
     1},
    {"no child, and none comes any more",
     RETIRING(.has_child = false, .child = CHILD_NONE, .sent_at_ms = AGO(ANSWER)),
     STEP_ASK_REGISTRATION, 0},
    {"a dispatch's own", LIVE(.state = RUNNER_SENT, .child = CHILD_RUNNING), STEP_REST, 0},
    {"named", LIVE(.state = RUNNER_MINTING, .child = CHILD_RUNNING), STEP_REST, 0},
    {"gone", LIVE(.state = RUNNER_GONE, .child = CHILD_OVER), STEP_REST, 0},

    /* Nomad alone, while GitHub is left alone. */
    {"GitHub is shut", LIVE(.github_is_shut = true), STEP_ASK_CHILD, 0},
    {"GitHub is shut, ended", LIVE(.github_is_shut = true, .child = CHILD_OVER), STEP_REST, 60000},
    {"GitHub is shut, retiring",
     RETIRING(.github_is_shut = true, .child = CHILD_RUNNING, .has_id = true), STEP_REST, INTERVAL},
    {"GitHub is shut, never sent", RETIRING(.github_is_shut = true, .was_sent = false), STEP_GONE,
     0},

    /* Live, and not placed. */
    {"unplaced", LIVE(.child = CHILD_PENDING), STEP_ASK_WHY_UNPLACED, 0},
    {"unplaced, known why", LIVE(.child = CHILD_PENDING, .knows_why = true), STEP_ASK_JOB, 0},
    {"unplaced for less than an interval",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .changed_at_ms = AGO(INTERVAL - 1)), STEP_REST,
     60000},
    {"unplaced, and GitHub was asked enough",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .may_confirm = false), STEP_REST, INTERVAL},
    {"unplaced for so long that GitHub is asked nevertheless",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .may_confirm = false,
          .sent_at_ms = AGO(PLACEMENT)),
     STEP_ASK_JOB, 0},
    {"unplaced, waits", LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_WAITS),
     STEP_REST, 60000},
    {"unplaced, watched",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_WAITS, .is_watched = true),
     STEP_REST, 1000},
    {"unplaced, watched for long",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_WAITS, .is_watched = true,
          .audits = 10),
     STEP_REST, INTERVAL},
    {"unplaced, job over", LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_OVER),
     STEP_APPLY_JOB, INTERVAL},
    {"unplaced, job runs elsewhere",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_RUNS_THERE), STEP_APPLY_JOB,
     0},
    {"unplaced, just before its credential is too old",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_WAITS,
          .sent_at_ms = AGO(PLACEMENT - 1)),
     STEP_REST, 1},
    {"unplaced, its credential too old",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_WAITS,
          .sent_at_ms = AGO(PLACEMENT)),
     STEP_LOST_WAITING, INTERVAL},
    {"unplaced, its credential too old, job over",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_OVER,
          .sent_at_ms = AGO(PLACEMENT)),
     STEP_APPLY_JOB, 0},

    /* Live, and its child runs. */
    {"runs", LIVE(.child = CHILD_RUNNING), STEP_ASK_PLACEMENT, 0},
    {"runs, placed", LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME),
     STEP_ASK_REGISTRATION, 0},
    {"runs, placed, and GitHub was asked enough",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .may_confirm = false), STEP_REST,
     INTERVAL},
    {"runs for so long that GitHub is asked nevertheless",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .may_confirm = false,
          .changed_at_ms = AGO(REGISTER)),
     STEP_ASK_REGISTRATION, 0},
    {"registered",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE),
     STEP_ASK_JOB, 0},
    {"registered and idle, just before its time",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE,
          .job = JOB_FACT_WAITS, .started_at_ms = AGO(IDLE - 1)),
     STEP_REST, 1},
    {"registered and idle for too long",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE,
          .job = JOB_FACT_WAITS, .started_at_ms = AGO(IDLE)),
     STEP_LOST_IDLE, INTERVAL},
    {"idle time counts from when the task started",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE,
          .job = JOB_FACT_WAITS, .started_at_ms = AGO(1000), .sent_at_ms = AGO(IDLE * 9),
          .changed_at_ms = AGO(IDLE * 9)),
     STEP_REST, 0},
    {"registered and idle, its task's start not known",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE,
          .job = JOB_FACT_WAITS, .changed_at_ms = AGO(IDLE * 9)),
     STEP_REST, 0},
    {"registered and idle, looked at often: soon enough for idle_timeout",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE,
          .job = JOB_FACT_WAITS, .audits = 10),
     STEP_REST, IDLE / 2},
    {"registered and idle, where looks are rare",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE,
          .job = JOB_FACT_WAITS, .interval_ms = 400000),
     STEP_REST, 400000},
    {"placed, and its task does not start",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_ABSENT,
          .job = JOB_FACT_WAITS, .sent_at_ms = AGO(PLACEMENT - 1)),
     STEP_REST, 1},
    {"placed, and its task did not start for so long",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_ABSENT,
          .job = JOB_FACT_WAITS, .sent_at_ms = AGO(PLACEMENT)),
     STEP_LOST_WAITING, 0},
    {"not registered, just before its time",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_ABSENT,
          .job = JOB_FACT_WAITS, .started_at_ms = AGO(REGISTER - 1)),
     STEP_REST, 1},
    {"not registered for too long",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_ABSENT,
          .job = JOB_FACT_WAITS, .started_at_ms = AGO(REGISTER)),
     STEP_LOST_SILENT, INTERVAL},
    {"busy while its job waits",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_BUSY,
          .job = JOB_FACT_WAITS),
     STEP_TAKEN, INTERVAL},
    {"its job runs here",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_BUSY,
          .job = JOB_FACT_RUNS_HERE),
     STEP_APPLY_JOB, INTERVAL},
    {"its job runs there",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE,
          .job = JOB_FACT_RUNS_THERE),
     STEP_APPLY_JOB, 0},
    {"its job is over",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE,
          .job = JOB_FACT_OVER, .started_at_ms = AGO(IDLE)),
     STEP_APPLY_JOB, 0},

    {"GitHub has no such job, and the runner may be about to run it",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE,
          .job = JOB_FACT_ABSENT, .started_at_ms = AGO(IDLE - 1)),
     STEP_REST, 1},
    {"GitHub has no such job, and the runner has idled for its time",
     LIVE(.child = CHILD_RUNNING, .placement = PLACEMENT_SOME, .registration = REGISTRATION_IDLE,
          .job = JOB_FACT_ABSENT, .started_at_ms = AGO(IDLE)),
     STEP_APPLY_JOB, INTERVAL},
    {"unplaced, GitHub has no such job",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_ABSENT,
          .changed_at_ms = AGO(IDLE - 1)),
     STEP_REST, 60000},
    {"unplaced, GitHub has had no such job for so long",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_ABSENT,
          .changed_at_ms = AGO(IDLE)),
     STEP_ASK_REGISTRATION, 0},
    {"unplaced, GitHub has had no such job for so long, and tells of runners",
     LIVE(.child = CHILD_PENDING, .knows_why = true, .job = JOB_FACT_ABSENT,
          .changed_at_ms = AGO(IDLE), .registration = REGISTRATION_ABSENT),
     STEP_APPLY_JOB, 0},

    /* Live, and its child ended. */
    {"ended", LIVE(.child = CHILD_OVER), STEP_ASK_JOB, 0},
    {"ended, also where GitHub was asked enough", LIVE(.child = CHILD_OVER, .may_confirm = false),
     STEP_ASK_JOB, 0},
    {"ended, its job waits", LIVE(.child = CHILD_OVER, .job = JOB_FACT_WAITS), STEP_LOST_ENDED,
     INTERVAL},
    {"ended, its job is over", LIVE(.child = CHILD_OVER, .job = JOB_FACT_OVER), STEP_APPLY_JOB, 0},
    {"ended, GitHub has no such job", LIVE(.child = CHILD_OVER, .job = JOB_FACT_ABSENT),
     STEP_ASK_REGISTRATION, 0},
    {"ended, GitHub has no such job, and tells of runners",
     LIVE(.child = CHILD_OVER, .job = JOB_FACT_ABSENT, .registration = REGISTRATION_ABSENT),
     STEP_APPLY_JOB, 0},
    {"ended, its job runs there", LIVE(.child = CHILD_OVER, .job = JOB_FACT_RUNS_THERE),
     STEP_APPLY_JOB, 0},
    {"ended, its job runs here", LIVE(.child = CHILD_OVER, .job = JOB_FACT_RUNS_HERE),
     STEP_APPLY_JOB, 0},
    {"never came, its job waits",
     LIVE(.has_child = false, .child = CHILD_NONE, .job = JOB_FACT_WAITS), STEP_LOST_ENDED, 0},
    {"live, and no job counts on it", LIVE(.has_job = false, .child = CHILD_RUNNING), STEP_SURPLUS,
     INTERVAL},

    /* Busy. */
    {"busy, runs", BUSY(.child = CHILD_RUNNING), STEP_REST, 60000},
    {"busy, runs for long", BUSY(.child = CHILD_RUNNING, .audits = 2), STEP_ASK_JOB, 0},
    {"busy, runs for long, and GitHub was asked enough",
     BUSY(.child = CHILD_RUNNING, .audits = 2, .may_confirm = false), STEP_REST, INTERVAL},
    {"busy, runs for very long",
     BUSY(.child = CHILD_RUNNING, .audits = 99, .job = JOB_FACT_RUNS_HERE), STEP_REST,
     INTERVAL_MAX},
    {"busy, ended, and its task may not be", BUSY(.child = CHILD_OVER), STEP_ASK_PLACEMENT, 0},
    {"busy, ended", BUSY(.child = CHILD_OVER, .placement = PLACEMENT_NONE, .may_confirm = false),
     STEP_ASK_JOB, 0},
    {"busy, ended, its job is over",
     BUSY(.child = CHILD_OVER, .placement = PLACEMENT_NONE, .job = JOB_FACT_OVER), STEP_APPLY_JOB,
     0},
    {"busy, GitHub has no such job",
     BUSY(.child = CHILD_RUNNING, .audits = 2, .job = JOB_FACT_ABSENT), STEP_REST, 240000},
    {"busy, ended, GitHub has no such job",
     BUSY(.child = CHILD_OVER, .placement = PLACEMENT_NONE, .job = JOB_FACT_ABSENT),
     STEP_ASK_REGISTRATION, 0},
    {"busy, ended, GitHub has no such job, and tells of runners",
     BUSY(.child = CHILD_OVER, .placement = PLACEMENT_NONE, .job = JOB_FACT_ABSENT,
          .registration = REGISTRATION_ABSENT),
     STEP_APPLY_JOB, 0},
    {"busy, its job waits again", BUSY(.child = CHILD_RUNNING, .audits = 2, .job = JOB_FACT_WAITS),
     STEP_ASK_REGISTRATION, 0},
    {"busy, its job waits again, and another runs",
     BUSY(.child = CHILD_RUNNING, .audits = 2, .job = JOB_FACT_WAITS,
          .registration = REGISTRATION_BUSY),
     STEP_TAKEN, 0},
    {"busy, its job waits again, and none runs",
     BUSY(.child = CHILD_RUNNING, .audits = 2, .job = JOB_FACT_WAITS,
          .registration = REGISTRATION_IDLE),
     STEP_LOST_IDLE, 0},
    {"busy, its job is over", BUSY(.child = CHILD_RUNNING, .audits = 2, .job = JOB_FACT_OVER),
     STEP_APPLY_JOB, 0},
    {"busy, its job runs there",
     BUSY(.child = CHILD_RUNNING, .audits = 2, .job = JOB_FACT_RUNS_THERE), STEP_APPLY_JOB, 0},
    {"busy, its job runs here",
     BUSY(.child = CHILD_RUNNING, .audits = 2, .job = JOB_FACT_RUNS_HERE), STEP_REST, 240000},
    {"busy, ended, and GitHub has not noticed",
     BUSY(.child = CHILD_OVER, .placement = PLACEMENT_NONE, .job = JOB_FACT_RUNS_HERE), STEP_REST,
     60000},
    {"busy, ended, its job waits again",
     BUSY(.child = CHILD_OVER, .placement = PLACEMENT_NONE, .job = JOB_FACT_WAITS), STEP_LOST_ENDED,
     INTERVAL},
    {"busy with what we do not know",
     BUSY(.has_job = false, .child = CHILD_RUNNING, .registration = REGISTRATION_BUSY), STEP_REST,
     60000},
    {"busy with what we do not know, and over",
     BUSY(.has_job = false, .child = CHILD_OVER, .placement = PLACEMENT_NONE,
          .registration = REGISTRATION_ABSENT),
     STEP_GONE, 0},

    /* Leaving. */
    {"leaving, within its time", LEAVING(.child = CHILD_RUNNING), STEP_REST, 1000},
    {"leaving, looked at before", LEAVING(.child = CHILD_RUNNING, .audits = 2), STEP_REST, 4000},
    {"leaving, looked at often", LEAVING(.child = CHILD_RUNNING, .audits = 20), STEP_REST,
     INTERVAL},
    {"leaving, its time is over", LEAVING(.child = CHILD_RUNNING, .changed_at_ms = AGO(LEAVE)),
     STEP_ASK_REGISTRATION, 0},
    {"leaving, its time is over, its id known",
     LEAVING(.child = CHILD_RUNNING, .changed_at_ms = AGO(LEAVE), .has_id = true),
     STEP_DELETE_REGISTRATION, 0},
    {"leaving, its time is over, registered anew",
     LEAVING(.child = CHILD_RUNNING, .changed_at_ms = AGO(LEAVE),
             .registration = REGISTRATION_IDLE),
     STEP_DELETE_REGISTRATION, 0},
    {"leaving, its time is over, and it is busy",
     LEAVING(.child = CHILD_RUNNING, .changed_at_ms = AGO(LEAVE),
             .registration = REGISTRATION_BUSY),
     STEP_REST, 60000},
    {"leaving, over", LEAVING(.child = CHILD_OVER, .placement = PLACEMENT_NONE),
     STEP_ASK_REGISTRATION, 0},
    {"leaving, over, absent",
     LEAVING(.child = CHILD_OVER, .placement = PLACEMENT_NONE, .registration = REGISTRATION_ABSENT),
     STEP_GONE, 0},

    /* Retiring: GitHub first. */
    {"retiring, its id known", RETIRING(.child = CHILD_RUNNING, .has_id = true),
     STEP_DELETE_REGISTRATION, 0},
    {"retiring, its id not known", RETIRING(.child = CHILD_RUNNING), STEP_ASK_REGISTRATION, 0},
    {"retiring, not placed", RETIRING(.child = CHILD_PENDING), STEP_ASK_REGISTRATION, 0},
    {"retiring, idle", RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_IDLE),
     STEP_DELETE_REGISTRATION, 0},
    {"retiring, deleted", RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_DELETED),
     STEP_STOP_CHILD, 0},
    {"retiring, busy", RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_BUSY),
     STEP_TAKEN, INTERVAL},
    {"retiring, absent", RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_ABSENT),
     STEP_ASK_PLACEMENT, 0},
    {"retiring, absent, not placed",
     RETIRING(.child = CHILD_PENDING, .registration = REGISTRATION_ABSENT,
              .placement = PLACEMENT_NONE),
     STEP_STOP_CHILD, 0},
    {"retiring, absent, about to register",
     RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_ABSENT,
              .placement = PLACEMENT_SOME, .started_at_ms = AGO(REGISTER - 1)),
     STEP_REST, 1000},
    {"retiring, absent, its time to register is over",
     RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_ABSENT,
              .placement = PLACEMENT_SOME, .started_at_ms = AGO(REGISTER)),
     STEP_ASK_STRANGERS, 0},
    {"retiring, absent, its time to register is over, and no job runs on what is not known",
     RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_ABSENT,
              .placement = PLACEMENT_SOME, .started_at_ms = AGO(REGISTER),
              .strangers = STRANGERS_NONE),
     STEP_STOP_CHILD, 0},
    {"retiring, absent, placed, its task not started",
     RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_ABSENT,
              .placement = PLACEMENT_SOME, .sent_at_ms = AGO(REGISTER * 9),
              .changed_at_ms = AGO(REGISTER * 9)),
     STEP_REST, 1000},
    {"retiring, absent, placed long ago, its task not started",
     RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_ABSENT,
              .placement = PLACEMENT_SOME, .placed_at_ms = AGO(REGISTER),
              .strangers = STRANGERS_NONE),
     STEP_STOP_CHILD, 0},
    {"retiring, placed long ago, and placed again just now",
     RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_ABSENT,
              .placement = PLACEMENT_SOME, .placed_at_ms = AGO(REGISTER), .started_at_ms = AGO(5)),
     STEP_REST, 1000},
    {"retiring, stopped", RETIRING(.child = CHILD_RUNNING, .child_is_stopped = true), STEP_REST,
     1000},
    {"retiring, over", RETIRING(.child = CHILD_OVER, .placement = PLACEMENT_NONE, .has_id = true),
     STEP_ASK_REGISTRATION, 0},
    {"retiring, over, still registered",
     RETIRING(.child = CHILD_OVER, .placement = PLACEMENT_NONE, .registration = REGISTRATION_IDLE),
     STEP_DELETE_REGISTRATION, 0},
    {"retiring, over, and GitHub has not noticed",
     RETIRING(.child = CHILD_OVER, .placement = PLACEMENT_NONE, .registration = REGISTRATION_BUSY),
     STEP_REST, 60000},
    {"retiring, over, absent",
     RETIRING(.child = CHILD_OVER, .placement = PLACEMENT_NONE,
              .registration = REGISTRATION_ABSENT),
     STEP_GONE, INTERVAL},
    {"retiring, over, deleted",
     RETIRING(.child = CHILD_OVER, .placement = PLACEMENT_NONE,
              .registration = REGISTRATION_DELETED),
     STEP_GONE, INTERVAL},
    {"retiring, over, and what of it lives is not known", RETIRING(.child = CHILD_OVER),
     STEP_ASK_PLACEMENT, 0},
    {"retiring, stopped, and its task has not ended yet",
     RETIRING(.child = CHILD_OVER, .placement = PLACEMENT_SOME,
              .registration = REGISTRATION_ABSENT),
     STEP_REST, 1000},
    {"retiring, absent, its time over, and a job may run in it under a name of its own",
     RETIRING(.child = CHILD_RUNNING, .registration = REGISTRATION_ABSENT,
              .placement = PLACEMENT_SOME, .started_at_ms = AGO(REGISTER),
              .strangers = STRANGERS_SOME),
     STEP_REST, 60000},
    {"retiring, never came, absent",
     RETIRING(.has_child = false, .child = CHILD_NONE, .registration = REGISTRATION_ABSENT),
     STEP_GONE, 0},
};
#pragma GCC diagnostic pop

static void
each_state_and_fact_has_its_next_step(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct decision got = inquiry_next(&rows[i].inquiry);

        if (got.step != rows[i].want)
            fail_msg("row \"%s\": %s, not %s", rows[i].name, step_text(got.step),
                     step_text(rows[i].want));
        if (rows[i].want_next_ms != 0 && got.next_look_ms != NOW + rows[i].want_next_ms)
            fail_msg("row \"%s\": next look after %d ms, not %d", rows[i].name,
                     (int)(got.next_look_ms - NOW), (int)rows[i].want_next_ms);
    }
}

/* -- What holds whatever is known ---------------------------------------------------------------
 */

/* Takes the next of `len` values from a number that stands for one combination of all. */
static size_t
take(size_t *word, size_t len)
{
    size_t value = *word % len;

    *word /= len;
    return value;
}

static const enum runner_state states[] = {RUNNER_NONE,    RUNNER_MINTING,  RUNNER_SENT,
                                           RUNNER_LIVE,    RUNNER_RETIRING, RUNNER_BUSY,
                                           RUNNER_LEAVING, RUNNER_GONE};

/* The beliefs that `*word` stands for. */
static struct inquiry
beliefs_of(size_t *word)
{
    struct inquiry inquiry = {DEFAULTS};
    size_t github;

    inquiry.state = states[take(word, COUNT(states))];
    inquiry.has_job = take(word, 2) != 0;
    inquiry.has_child = take(word, 2) != 0;
    inquiry.has_id = take(word, 2) != 0;
    github = take(word, 3);
    inquiry.may_confirm = github == 0;
    inquiry.github_is_shut = github == 1;
    inquiry.audits = take(word, 2) != 0 ? 5 : 0;
    inquiry.is_watched = inquiry.audits != 0;
    inquiry.changed_at_ms = AGO(take(word, 2) != 0 ? PLACEMENT : 1000);
    inquiry.placed_at_ms = take(word, 2) != 0 ? AGO(REGISTER) : 0;
    inquiry.sent_at_ms = AGO(inquiry.placed_at_ms != 0 ? PLACEMENT : 1000);
    return inquiry;
}
#define BELIEFS (COUNT(states) * 2 * 2 * 2 * 3 * 2 * 2 * 2)
#define FACTS (5 * 2 * 3 * 3 * 3 * 5 * 6)

static void
learn_all(struct inquiry *inquiry, size_t *word)
{
    inquiry->child = (enum child_fact)take(word, 5);
    inquiry->knows_why = inquiry->child_is_stopped = take(word, 2) != 0;
    inquiry->placement = (enum placement_fact)take(word, 3);
    inquiry->started_at_ms = (const int64_t[]){0, AGO(1000), AGO(IDLE)}[take(word, 3)];
    inquiry->strangers = (enum strangers_fact)take(word, 3);
    inquiry->registration = (enum registration_fact)take(word, 5);
    inquiry->job = (enum job_fact)take(word, 6);
}

static void
fail_at(const struct inquiry *inquiry, enum step step, const char *why)
{
    fail_msg("%s of a runner %s%s, sent %d, child %d%s, placement %d, registration %d, job %d: %s",
             step_text(step), runner_state_text(inquiry->state),
             inquiry->has_job ? " for a job" : "", inquiry->was_sent, (int)inquiry->child,
             inquiry->child_is_stopped ? " (stopped)" : "", (int)inquiry->placement,
             (int)inquiry->registration, (int)inquiry->job, why);
}

#define assert_at(condition, inquiry, step)     \
    do {                                        \
        if (!(condition))                       \
            fail_at(inquiry, step, #condition); \
    } while (0)

/* GitHub's permission at this moment: the registration was deleted just now, or there is none and
 * none can come. */
static void
check_stop(const struct inquiry *inquiry)
{
    bool has_had_its_time =
        inquiry->started_at_ms > 0
            ? NOW - inquiry->started_at_ms >= REGISTER
            : inquiry->placed_at_ms > 0 && NOW - inquiry->placed_at_ms >= REGISTER;
    bool cannot_come = inquiry->placement == PLACEMENT_NONE ||
                       (inquiry->placement == PLACEMENT_SOME && has_had_its_time &&
                        inquiry->strangers == STRANGERS_NONE);

    assert_at(inquiry->registration == REGISTRATION_DELETED ||
                  (inquiry->registration == REGISTRATION_ABSENT && cannot_come),
              inquiry, STEP_STOP_CHILD);
    assert_at(inquiry->state == RUNNER_RETIRING || inquiry->state == RUNNER_LEAVING ||
                  (inquiry->state == RUNNER_BUSY && !inquiry->has_job),
              inquiry, STEP_STOP_CHILD);
    assert_at(inquiry->state != RUNNER_LEAVING || NOW - inquiry->changed_at_ms >= LEAVE, inquiry,
              STEP_STOP_CHILD);
    assert_at(inquiry->child == CHILD_PENDING || inquiry->child == CHILD_RUNNING, inquiry,
              STEP_STOP_CHILD);
    assert_at(!inquiry->child_is_stopped, inquiry, STEP_STOP_CHILD);
}

/* A deletion fails a job that GitHub hands out in the same moment: only of what nothing needs. */
static void
check_delete(const struct inquiry *inquiry)
{
    assert_at(inquiry->state == RUNNER_RETIRING || inquiry->state == RUNNER_LEAVING ||
                  (inquiry->state == RUNNER_BUSY && !inquiry->has_job),
              inquiry, STEP_DELETE_REGISTRATION);
    assert_at(inquiry->has_id || inquiry->registration == REGISTRATION_IDLE, inquiry,
              STEP_DELETE_REGISTRATION);
    assert_at(inquiry->registration == REGISTRATION_UNKNOWN ||
                  inquiry->registration == REGISTRATION_IDLE,
              inquiry, STEP_DELETE_REGISTRATION);
}

static void
check_gone(const struct inquiry *inquiry)
{
    if (!inquiry->was_sent)
        return;
    assert_at((inquiry->child == CHILD_OVER && inquiry->placement == PLACEMENT_NONE) ||
                  inquiry->child == CHILD_NONE,
              inquiry, STEP_GONE);
    assert_at(inquiry->registration == REGISTRATION_ABSENT ||
                  inquiry->registration == REGISTRATION_DELETED,
              inquiry, STEP_GONE);
    assert_at(inquiry->child != CHILD_NONE || NOW - inquiry->sent_at_ms >= ANSWER, inquiry,
              STEP_GONE);
    assert_at(!inquiry->has_job || inquiry->state == RUNNER_LEAVING ||
                  inquiry->state == RUNNER_RETIRING,
              inquiry, STEP_GONE);
}

/* A job is taken from a runner only where GitHub says that the job waits, or has none such, which
 * it may say of one that it will tell of again. */
static void
check_loss(const struct inquiry *inquiry, enum step step)
{
    if (step == STEP_TAKEN && inquiry->state == RUNNER_RETIRING)
        return;
    assert_at(inquiry->has_job &&
                  (inquiry->job == JOB_FACT_WAITS || inquiry->job == JOB_FACT_ABSENT),
              inquiry, step);
    assert_at(step != STEP_LOST_ENDED || inquiry->job == JOB_FACT_WAITS, inquiry, step);
    assert_at(step != STEP_LOST_ENDED || inquiry->child == CHILD_OVER ||
                  inquiry->child == CHILD_NONE,
              inquiry, step);
    assert_at(step != STEP_LOST_WAITING || inquiry->child == CHILD_PENDING ||
                  inquiry->started_at_ms == 0,
              inquiry, step);
    assert_at(step != STEP_LOST_SILENT || inquiry->registration == REGISTRATION_ABSENT, inquiry,
              step);
    assert_at(step != STEP_LOST_IDLE || (inquiry->registration != REGISTRATION_BUSY &&
                                         inquiry->registration != REGISTRATION_UNKNOWN),
              inquiry, step);
}

/* A question is put only where its answer is not known yet. */
static void
check_question(const struct inquiry *inquiry, enum step step)
{
    assert_at(step != STEP_FIND_CHILD || !inquiry->has_child, inquiry, step);
    assert_at(step != STEP_ASK_CHILD || inquiry->has_child, inquiry, step);
    assert_at((step != STEP_FIND_CHILD && step != STEP_ASK_CHILD) ||
                  inquiry->child == CHILD_UNKNOWN,
              inquiry, step);
    assert_at(step != STEP_ASK_PLACEMENT || inquiry->placement == PLACEMENT_UNKNOWN, inquiry, step);
    assert_at(step != STEP_ASK_STRANGERS || inquiry->strangers == STRANGERS_UNKNOWN, inquiry, step);
    assert_at(!inquiry->github_is_shut || !step_is_githubs(step), inquiry, step);
    assert_at(step != STEP_ASK_WHY_UNPLACED || !inquiry->knows_why, inquiry, step);
    assert_at(step != STEP_ASK_JOB || (inquiry->job == JOB_FACT_UNKNOWN && inquiry->has_job),
              inquiry, step);
    assert_at(step != STEP_ASK_REGISTRATION || inquiry->registration == REGISTRATION_UNKNOWN,
              inquiry, step);
}

/* That GitHub has no such job ends its wait only where the runner is over, or idled for its time: a
 * runner that may be about to run it is not stopped for that. */
static void
check_apply(const struct inquiry *inquiry)
{
    int64_t since_ms = inquiry->child == CHILD_RUNNING && inquiry->started_at_ms > 0
                           ? inquiry->started_at_ms
                           : inquiry->changed_at_ms;

    assert_at(inquiry->has_job && inquiry->job != JOB_FACT_UNKNOWN &&
                  inquiry->job != JOB_FACT_WAITS,
              inquiry, STEP_APPLY_JOB);
    assert_at(inquiry->job != JOB_FACT_ABSENT || inquiry->registration != REGISTRATION_UNKNOWN,
              inquiry, STEP_APPLY_JOB);
    assert_at(inquiry->job != JOB_FACT_ABSENT || inquiry->child == CHILD_OVER ||
                  inquiry->child == CHILD_NONE ||
                  (inquiry->state == RUNNER_LIVE && NOW - since_ms >= IDLE),
              inquiry, STEP_APPLY_JOB);
}

static void
check(const struct inquiry *inquiry, const struct decision *decision)
{
    enum step step = decision->step;

    check_question(inquiry, step);
    if (step == STEP_STOP_CHILD)
        check_stop(inquiry);
    if (step == STEP_DELETE_REGISTRATION)
        check_delete(inquiry);
    if (step == STEP_GONE)
        check_gone(inquiry);
    if (step == STEP_APPLY_JOB)
        check_apply(inquiry);
    if (step == STEP_TAKEN || step == STEP_LOST_ENDED || step == STEP_LOST_SILENT ||
        step == STEP_LOST_IDLE || step == STEP_LOST_WAITING)
        check_loss(inquiry, step);
    if (step_is_conclusion(step)) {
        /* Never at once again, and never put off for ever. */
        assert_at(decision->next_look_ms > NOW, inquiry, step);
        assert_at(decision->next_look_ms <= NOW + INTERVAL_MAX, inquiry, step);
    }
}

static void
safety_holds_whatever_is_known(void **state)
{
    (void)state;

    for (size_t i = 0; i < (size_t)BELIEFS * FACTS; i++) {
        size_t word = i;
        struct inquiry inquiry = beliefs_of(&word);
        struct decision decision;

        learn_all(&inquiry, &word);
        decision = inquiry_next(&inquiry);
        check(&inquiry, &decision);
    }
}

/* -- All answers --------------------------------------------------------------------------------
 */

#define STEPS_MAX 16

/* An inquiry on its way through all answers. */
struct way {
    struct inquiry inquiry;
    int steps;
    int renamed;       /* how often the id was found to be another by now */
    bool has_stopped;  /* the child, in this inquiry */
    bool was_told_end; /* the end of all that could register, before GitHub was asked for that */
};

struct tally {
    size_t ways;
    int steps_most;
    size_t ends[STEP_GONE + 1];
};

static void walk(const struct way *before, struct tally *tally);

static void
with_child(struct way way, enum child_fact child, bool is_stopped, struct tally *tally)
{
    way.inquiry.child = child;
    way.inquiry.child_is_stopped |= is_stopped;
    walk(&way, tally);
}

static void
with_placement(struct way way, enum placement_fact placement, int64_t started_at_ms,
               struct tally *tally)
{
    way.inquiry.placement = placement;
    way.inquiry.started_at_ms = started_at_ms;
    walk(&way, tally);
}

static void
with_job(struct way way, enum job_fact job, struct tally *tally)
{
    way.inquiry.job = job;
    walk(&way, tally);
}

static void
with_registration(struct way way, enum registration_fact registration, struct tally *tally)
{
    way.was_told_end =
        (way.inquiry.child == CHILD_OVER && way.inquiry.placement == PLACEMENT_NONE) ||
        way.inquiry.child == CHILD_NONE;
    way.inquiry.registration = registration;
    way.inquiry.has_id = registration == REGISTRATION_IDLE || registration == REGISTRATION_BUSY;
    walk(&way, tally);
}

/* All that Nomad and GitHub may answer to a step, as the auditor takes it. */
static void
answer(const struct way *before, enum step step, struct tally *tally)
{
    struct way way = *before;

    switch (step) {
    case STEP_FIND_CHILD:
        with_child(way, CHILD_NONE, false, tally);
        way.inquiry.has_child = true;
        walk(&way, tally);
        break;
    case STEP_ASK_CHILD:
        with_child(way, CHILD_PENDING, false, tally);
        with_child(way, CHILD_RUNNING, false, tally);
        with_child(way, CHILD_RUNNING, true, tally);
        with_child(way, CHILD_OVER, false, tally);
        break;
    case STEP_ASK_PLACEMENT:
        with_placement(way, PLACEMENT_NONE, 0, tally);
        with_placement(way, PLACEMENT_SOME, 0, tally);
        with_placement(way, PLACEMENT_SOME, AGO(1000), tally);
        with_placement(way, PLACEMENT_SOME, AGO(IDLE), tally);
        break;
    case STEP_ASK_STRANGERS:
        way.inquiry.strangers = STRANGERS_NONE;
        walk(&way, tally);
        way.inquiry.strangers = STRANGERS_SOME;
        walk(&way, tally);
        break;
    case STEP_ASK_WHY_UNPLACED:
        way.inquiry.knows_why = true;
        walk(&way, tally);
        break;
    case STEP_ASK_JOB:
        for (int job = JOB_FACT_WAITS; job <= JOB_FACT_ABSENT; job++)
            with_job(way, (enum job_fact)job, tally);
        break;
    case STEP_ASK_REGISTRATION:
        with_registration(way, REGISTRATION_ABSENT, tally);
        with_registration(way, REGISTRATION_IDLE, tally);
        with_registration(way, REGISTRATION_BUSY, tally);
        break;
    case STEP_DELETE_REGISTRATION:
        with_registration(way, REGISTRATION_DELETED, tally);
        with_registration(way, REGISTRATION_BUSY, tally);
        /* A name that is registered anew at each look has a child that starts again and again. */
        if (++way.renamed <= 2)
            with_registration(way, REGISTRATION_UNKNOWN, tally);
        break;
    case STEP_STOP_CHILD:
        assert_false(way.has_stopped);
        way.has_stopped = true;
        way.inquiry.child_is_stopped = true;
        if (way.inquiry.placement == PLACEMENT_NONE) {
            way.inquiry.child = CHILD_UNKNOWN;
            way.inquiry.placement = PLACEMENT_UNKNOWN;
            way.inquiry.registration = REGISTRATION_UNKNOWN;
        }
        walk(&way, tally);
        break;
    default:
        fail();
    }
}

static void
walk(const struct way *before, struct tally *tally)
{
    struct way way = *before;
    struct decision decision = inquiry_next(&way.inquiry);

    check(&way.inquiry, &decision);
    if (step_is_conclusion(decision.step)) {
        tally->ways++;
        tally->ends[decision.step]++;
        if (way.steps > tally->steps_most)
            tally->steps_most = way.steps;
        /* GitHub was asked after the end was seen: what registered before it cannot be missed. */
        assert_at(decision.step != STEP_GONE || !way.inquiry.was_sent || way.was_told_end,
                  &way.inquiry, STEP_GONE);
        return;
    }
    way.steps++;
    if (way.steps > STEPS_MAX)
        fail_at(&way.inquiry, decision.step, "it does not end");
    answer(&way, decision.step, tally);
}

static void
every_way_ends(void **state)
{
    (void)state;
    struct tally tally = {0};

    for (size_t i = 0; i < BELIEFS; i++) {
        size_t word = i;
        struct way way = {.inquiry = beliefs_of(&word)};

        walk(&way, &tally);
    }
    assert_true(tally.ways > BELIEFS);
    assert_true(tally.steps_most <= STEPS_MAX);
    for (int step = STEP_REST; step <= STEP_GONE; step++) {
        if (tally.ends[step] == 0)
            fail_msg("no way ends with %s", step_text((enum step)step));
    }
}

static void
words_for_logs(void **state)
{
    (void)state;

    for (int i = 0; i <= STEP_GONE; i++) {
        assert_true(strlen(step_text((enum step)i)) > 2);
        assert_int_equal(step_is_conclusion((enum step)i), i >= STEP_REST);
        assert_int_equal(step_is_githubs((enum step)i), i == STEP_ASK_JOB ||
                                                            i == STEP_ASK_REGISTRATION ||
                                                            i == STEP_DELETE_REGISTRATION);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(step_text((enum step)i), step_text((enum step)j));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_and_fact_has_its_next_step),
        cmocka_unit_test(safety_holds_whatever_is_known),
        cmocka_unit_test(every_way_ends),
        cmocka_unit_test(words_for_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
