/*
 * Rows of the table of jobs: demand.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_JOB_H
#define LEDGER_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "ledger/rules.h"
#include "ledger/statement.h"

/* Whose code a job's run has. */
enum job_origin {
    JOB_ORIGIN_UNKNOWN = 0, /* nobody has asked */
    JOB_ORIGIN_OWN,
    JOB_ORIGIN_FORK,
};

/* As they are stored and shown, "" for UNKNOWN; and back. */
const char *job_origin_text(enum job_origin origin);
enum job_origin job_origin_parse(const char *text);

/* The states in which a job is over, and those in which it is not, as SQL: in the words of the
 * indices job_ended and job_active. */
#define JOB_ENDED "('done', 'failed', 'expired', 'refused')"
#define JOB_ACTIVE "('queued', 'assigned', 'running')"

/* The pools that jobs wait in, as the table waiting (pool) of a WITH. Each is a step down the index
 * job_due: what waits is not counted through. */
#define JOB_WAITING_POOLS                                                             \
    "WITH RECURSIVE step (pool) AS (SELECT min(pool) FROM job WHERE state = 'queued'" \
    " UNION ALL SELECT (SELECT min(q.pool) FROM job q WHERE q.state = 'queued'"       \
    " AND q.pool > step.pool) FROM step WHERE step.pool IS NOT NULL),"                \
    " waiting AS (SELECT pool FROM step WHERE pool IS NOT NULL)"

/* One row, as it was read. Texts are owned and never NULL, but where it says so. */
struct job {
    int64_t id;
    char *repository;
    char *repository_short;
    char *repository_url;
    bool fork;
    bool is_private;
    int64_t run_id;
    int64_t run_attempt;
    char *name;
    char *workflow_name;
    char *head_branch;
    char *html_url;
    char *labels; /* what it asks for: a JSON array */
    char *pool;
    char *delivery;
    enum job_state state;
    char *conclusion;
    char *runner; /* NULL where it has none */
    char *child;  /* that runner's Nomad job; NULL where it has none, or the runner is not ours */
    int64_t attempts;
    int64_t lost;               /* runners that it had, and that ended or hung before it ran */
    int64_t next_attempt_at_ms; /* 0: at once */
    char *last_error;           /* NULL where there is none */
    enum job_origin origin;
    int64_t installation_id; /* of the GitHub App that sent it; 0 where it was another webhook */
    int64_t created_at_ms;   /* on GitHub; when it was received where GitHub did not say */
    int64_t received_at_ms;
    int64_t
        started_at_ms; /* when it began to run; 0 while it does not, and where nobody saw that */
    int64_t changed_at_ms; /* of one that is over: its end */
};

void job_fini(struct job *job);

/* Every read of jobs selects JOB_COLUMNS FROM JOB_TABLES, in this order, for job_read. */
#define JOB_COLUMNS                                                                                \
    "j.id, j.repository, j.repository_short, j.repository_url, j.fork, j.run_id, j.run_attempt,"   \
    " j.name, j.workflow_name, j.head_branch, j.html_url, j.labels, j.pool, j.delivery, j.state,"  \
    " j.conclusion, j.runner, r.child, j.attempts, j.lost, j.next_attempt_at_ms, j.last_error,"    \
    " j.created_at_ms, j.received_at_ms, j.changed_at_ms, j.private, j.origin, j.installation_id," \
    " j.started_at_ms"
#define JOB_TABLES "job j LEFT JOIN runner r ON r.name = j.runner"

/* Copies the current row of a statement. False when out of memory; `*job` is then empty. */
bool job_read(struct statement *row, struct job *job);

/* Reads a job's state; JOB_NONE where there is no such job. */
enum ledger_error job_read_state(struct ledger_txn *txn, int64_t id, enum job_state *state);

/* Counts the end of a job, by its pool and the state that it has come to, for metrics. */
enum ledger_error job_count_end(struct ledger_txn *txn, int64_t id);

/* What an operator asks of one job. */
struct job_request {
    int64_t id;
    int64_t now_ms;
    enum job_state before; /* set: JOB_NONE where there is no such job */
    bool done;             /* set: false where the job's state does not allow it */
};

/* ledger_work; arg is a struct job_request. Makes a waiting, failed, expired or
 * refused job due at once; whether it may use the cluster is asked anew. */
enum ledger_error job_retry(struct ledger_txn *txn, void *arg);

/* ledger_work; arg is a struct job_request. Ends a waiting, failed, expired or refused job: it
 * gets no runner, and the same delivery again is a duplicate. */
enum ledger_error job_forget(struct ledger_txn *txn, void *arg);

/* What job_list calls for each row; false ends the list. */
typedef bool (*job_visitor)(const struct job *job, void *arg);

struct job_list {
    job_visitor visit;
    void *arg;
};

/* Gives waiting jobs of pools that the configuration has no more to one that serves them. */
struct job_rehome {
    const char *pools; /* those that it has, as a JSON array of names */
    /* The pool for a JSON array of labels and a repository; NULL for none. */
    const char *(*choose)(const void *config, const char *labels, const char *repository,
                          bool is_private);
    const void *config;
    int64_t moved; /* set */
};
/* ledger_work; arg is a struct job_rehome. */
enum ledger_error job_rehome(struct ledger_txn *txn, void *arg);

/* ledger_work; arg is a struct job_find. */
struct job_find {
    int64_t id;
    struct job *out; /* set on LEDGER_OK, and ended by the caller; else LEDGER_NOT_FOUND */
};
enum ledger_error job_find(struct ledger_txn *txn, void *arg);

/* ledger_work; arg is a struct job_list. Live jobs first, then the ended ones, newest first. */
enum ledger_error job_list(struct ledger_txn *txn, void *arg);

#endif
