/*
 * The rules by which jobs (demand) and runners (supply) change: pure, over states and events.
 *
 * A row moves forward, whatever the order of the events and however often each comes: GitHub
 * neither orders nor repeats reliably, and `completed` can come before `queued`. Only a job goes
 * back to `queued`, when its runner is lost to it.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_RULES_H
#define LEDGER_RULES_H

#include <stdbool.h>
#include <stdint.h>

/* How long GitHub lets a job wait for a runner before it cancels it. */
#define JOB_LIFE_MS (INT64_C(24) * 3600 * 1000)

enum job_state {
    JOB_NONE = 0, /* not in the ledger */
    JOB_QUEUED,   /* waits for a runner */
    JOB_ASSIGNED, /* has a runner of its own, on its way or there */
    JOB_RUNNING,
    JOB_DONE,
    JOB_FAILED,  /* needs an operator */
    JOB_EXPIRED, /* GitHub gave up on it, 24 h after it was queued */
    JOB_REFUSED, /* it may not use the cluster, as was learned after it was taken */
};

enum job_event {
    JOB_EVENT_QUEUED,
    JOB_EVENT_IN_PROGRESS,
    JOB_EVENT_COMPLETED,
};

/* In the order in which a runner moves through them, past some. */
enum runner_state {
    RUNNER_NONE = 0, /* there is none, or it is not ours */
    RUNNER_MINTING,  /* its name is on disk, its dispatch has not gone out */
    RUNNER_SENT,     /* its dispatch has gone out */
    RUNNER_LIVE,     /* Nomad has its child */
    RUNNER_RETIRING, /* nothing needs it: it is being taken away, as far as GitHub permits */
    RUNNER_BUSY,     /* it runs a job, known or not */
    RUNNER_LEAVING,  /* its job is over: an ephemeral runner takes no second one */
    RUNNER_GONE,     /* its child is dead, and after that its registration was seen absent */
};

/* The state after an event. The same as `from` where the event changes nothing. */
enum job_state rules_job_next(enum job_state from, enum job_event event);

/* Whether a runner in this state waits to take a job. */
bool rules_runner_idle(enum runner_state state);

/*
 * What a report about a job J touches. GitHub gives any waiting job to any idle runner with its
 * labels, so J may be reported on a runner that was made for another job K.
 */
struct rules_scene {
    enum job_event event;    /* what is reported of J */
    enum job_state job;      /* J's state */
    enum runner_state own;   /* of the runner that J has; NONE where it has none of ours */
    bool own_is_coming;      /* it lives, or its dispatch is under way */
    enum runner_state named; /* of the runner that the report names; NONE where none or not ours */
    bool is_named;           /* the report names a runner, ours or not */
    bool named_is_own;       /* and it is the one that J has, ours or not */
    enum job_state other;    /* K's, which counts on the named runner; NONE where none does */
    bool own_covers_other;   /* J's own runner could run K: its labels and its scope cover K's */
};

/* What becomes of it. A state that is the same as in the scene changes nothing. */
struct rules_outcome {
    enum job_state job;
    bool job_takes_named; /* J's runner is now the named one, ours or not */
    enum runner_state named;
    bool other_loses_named; /* K's runner is the named one no more */
    enum job_state other;   /* QUEUED: K waits for a new runner */
    bool other_takes_own;   /* K's runner is now J's own: the two have swapped */
    enum runner_state own;
    bool own_is_free; /* J's own runner is for no job now */
};

struct rules_outcome rules_apply(const struct rules_scene *scene);

/* When a runner that came into a state is looked at first: at once where it is to be taken away,
 * soon where it should end by itself, else after the audit's interval. */
int64_t rules_first_look_ms(enum runner_state state, int64_t now_ms, int64_t interval_ms);

/*
 * How long to wait after the n-th failure in a row (from 1): `initial_ms`, doubled with each
 * further one up to `max_ms`, less up to a quarter of it by `jitter` (any number), so that what
 * failed together does not come again together. Never more than the doubling says.
 */
int64_t rules_backoff_ms(int64_t initial_ms, int64_t max_ms, int64_t n, uint32_t jitter);

/* As they are stored and shown; and back, NONE for any other text. */
const char *job_state_text(enum job_state state);
enum job_state job_state_parse(const char *text);
const char *runner_state_text(enum runner_state state);
enum runner_state runner_state_parse(const char *text);

#endif
