/*
 * What an audit of one runner asks, does and concludes: pure. From what the ledger believes and
 * what was learned so far follows one next step, again and again, until a step is a conclusion.
 *
 *     Nomad first:   is the child there, is it placed, does it live?
 *     then GitHub:   is the job still queued, on which runner is it; is the runner registered,
 * busy? taking away:   GitHub's registration first, Nomad's child second, and each stop needs its
 * own permission from GitHub at that moment.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef AUDIT_INQUIRY_H
#define AUDIT_INQUIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/rules.h"

/* What was learned of the child. */
enum child_fact {
    CHILD_UNKNOWN = 0,
    CHILD_NONE,    /* no dispatch of it has reached Nomad */
    CHILD_PENDING, /* Nomad has not placed it */
    CHILD_RUNNING,
    CHILD_OVER, /* dead, or collected: its task may still be about to end */
};

/* Of where it is. */
enum placement_fact {
    PLACEMENT_UNKNOWN = 0,
    PLACEMENT_NONE, /* no allocation lives */
    PLACEMENT_SOME,
};

/* Of jobs that run on runners which nobody here made. */
enum strangers_fact {
    STRANGERS_UNKNOWN = 0,
    STRANGERS_NONE,
    STRANGERS_SOME, /* one may run in this child, under a name that its task chose for itself */
};

/* Of the registration on GitHub, by the runner's name. */
enum registration_fact {
    REGISTRATION_UNKNOWN = 0,
    REGISTRATION_ABSENT,
    REGISTRATION_IDLE,
    REGISTRATION_BUSY,
    REGISTRATION_DELETED, /* by us, just now: GitHub's permission to stop the child */
};

/* Of the job that the runner is for. */
enum job_fact {
    JOB_FACT_UNKNOWN = 0,
    JOB_FACT_WAITS,      /* queued, or waiting to be */
    JOB_FACT_RUNS_HERE,  /* in progress on this runner */
    JOB_FACT_RUNS_THERE, /* in progress on another */
    JOB_FACT_OVER,       /* completed */
    JOB_FACT_ABSENT,     /* GitHub has no such job: deleted with its run, which it does to runs that
                            are over */
};

struct inquiry {
    /* What the ledger believes. */
    enum runner_state state;
    bool has_job;   /* a job counts on the runner, or runs on it */
    bool was_sent;  /* its dispatch may have reached Nomad */
    bool is_jit;    /* its registration is made before its task: see struct runner */
    bool has_child; /* the child's id is known */
    bool has_id;    /* its registration's id is known */
    int64_t audits; /* looks in a row that changed nothing */
    int64_t now_ms;
    int64_t changed_at_ms; /* when it came into its state */
    int64_t sent_at_ms;
    int64_t placed_at_ms; /* when it was first seen on a node; 0 where it was not */
    uint32_t jitter;      /* any number, the runner's own: see rules_backoff_ms */
    bool github_is_shut;  /* GitHub is left alone: see ledger/gate.h */
    bool may_confirm;     /* GitHub may be asked where it is only to confirm what is believed */

    /* What the configuration allows, in milliseconds. */
    int64_t interval_ms;
    int64_t interval_max_ms;
    int64_t idle_timeout_ms;
    int64_t register_timeout_ms;
    int64_t placement_timeout_ms;
    int64_t leave_timeout_ms;
    int64_t answer_timeout_ms; /* after which a dispatch that was sent has reached Nomad, or never
                                  will */
    bool is_watched; /* its pool limits what waits for placement, so that is looked at often */

    /* What was learned. */
    enum child_fact child;
    bool child_is_stopped; /* somebody asked for its end */
    enum placement_fact placement;
    int64_t started_at_ms; /* of its task; 0 where none has started */
    bool knows_why;        /* why it is not placed was asked */
    enum strangers_fact strangers;
    enum registration_fact registration;
    bool is_offline; /* it is registered, and no runner has shown itself */
    enum job_fact job;
};

enum step {
    /* Questions; each leaves its fact known. */
    STEP_FIND_CHILD,
    STEP_ASK_CHILD,
    STEP_ASK_PLACEMENT,
    STEP_ASK_WHY_UNPLACED,
    STEP_ASK_STRANGERS, /* of the ledger */
    STEP_ASK_JOB,
    STEP_ASK_REGISTRATION, /* by its name */
    /* Deeds. */
    STEP_DELETE_REGISTRATION, /* by its id: leaves DELETED, BUSY, or UNKNOWN and no id (404) */
    STEP_STOP_CHILD,          /* leaves child_is_stopped */
    /* Conclusions. */
    STEP_REST,        /* all is as it is believed, or has to wait */
    STEP_APPLY_JOB,   /* GitHub knows more of the job: what it knows is the event that was missed */
    STEP_TAKEN,       /* the runner runs another job, and which is not known */
    STEP_LOST_ENDED,  /* the child ended before the job began */
    STEP_LOST_SILENT, /* it runs, and did not register */
    STEP_LOST_IDLE,   /* it is registered, and was given no job */
    STEP_LOST_WAITING, /* Nomad could not place it, and its credential is too old by now */
    STEP_SURPLUS,      /* nothing counts on it */
    STEP_GONE,
};

struct decision {
    enum step step;
    int64_t next_look_ms; /* of a conclusion that leaves something to look at */
};

struct decision inquiry_next(const struct inquiry *inquiry);

/* Whether a step is a question to GitHub, or a deed there. */
bool step_is_githubs(enum step step);

/* Whether a step ends the inquiry. */
bool step_is_conclusion(enum step step);

/* A word for logs. */
const char *step_text(enum step step);

#endif
