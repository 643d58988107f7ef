/*
 * What the ledger has of now and of the last day.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/overview.h"

#define JOBS "SELECT " JOB_COLUMNS " FROM " JOB_TABLES " WHERE j.state IN "

static const char *const job_lists[] = {
    [OVERVIEW_WAITING] = JOBS JOB_ACTIVE " AND j.state <> 'running'"
                                         " ORDER BY j.received_at_ms, j.id LIMIT ?1",
    [OVERVIEW_RUNNING] = JOBS JOB_ACTIVE " AND j.state = 'running'"
                                         " ORDER BY j.started_at_ms, j.id LIMIT ?1",
    [OVERVIEW_ENDED] = JOBS JOB_ENDED " ORDER BY j.changed_at_ms DESC, j.id DESC LIMIT ?1",
    [OVERVIEW_FAILED] = JOBS JOB_ENDED " AND j.state = 'failed' AND j.changed_at_ms >= ?2"
                                       " ORDER BY j.changed_at_ms DESC, j.id DESC LIMIT ?1",
};

enum ledger_error
overview_jobs(struct ledger_txn *txn, const struct overview_jobs *jobs)
{
    struct statement statement = txn_prepare(txn, job_lists[jobs->kind]);
    int code;

    bind_number(&statement, jobs->most);
    if (jobs->kind == OVERVIEW_FAILED)
        bind_number(&statement, jobs->since_ms);
    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        struct job job;
        bool more;

        if (!job_read(&statement, &job))
            return LEDGER_NO_MEMORY;
        more = jobs->visit(&job, jobs->arg);
        job_fini(&job);
        if (!more)
            return LEDGER_OK;
    }
    return txn_error(code);
}

enum ledger_error
overview_counts(struct ledger_txn *txn, overview_count_visitor visit, void *arg)
{
    struct statement statement =
        txn_prepare(txn, "SELECT pool, state, count(*) FROM job WHERE state IN " JOB_ACTIVE
                         " GROUP BY pool, state");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        const char *pool = read_text(&statement);
        enum job_state state = job_state_parse(read_text(&statement));

        visit(pool, state, read_number(&statement), arg);
    }
    return txn_error(code);
}

enum ledger_error
overview_rooms(struct ledger_txn *txn, overview_room_visitor visit, void *arg)
{
    struct statement statement =
        txn_prepare(txn, "SELECT pool, count(*), sum(" RUNNER_IS_PENDING ") FROM runner"
                         " WHERE " RUNNER_TAKES_ROOM " GROUP BY pool");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        const char *pool = read_text(&statement);
        int64_t runners = read_number(&statement);

        visit(pool, runners, read_number(&statement), arg);
    }
    return txn_error(code);
}

static enum ledger_error
visit_spans(struct statement *statement, overview_span_visitor visit, void *arg)
{
    int code;

    while ((code = statement_step(statement)) == SQLITE_ROW) {
        struct overview_span span = {.state = job_state_parse(read_text(statement))};

        span.received_at_ms = read_number(statement);
        span.started_at_ms = read_number(statement);
        span.ended_at_ms = read_number(statement);
        visit(&span, arg);
    }
    return txn_error(code);
}

enum ledger_error
overview_spans(struct ledger_txn *txn, int64_t since_ms, overview_span_visitor visit, void *arg)
{
    struct statement active =
        txn_prepare(txn, "SELECT state, received_at_ms, started_at_ms, 0 FROM job"
                         " WHERE state IN " JOB_ACTIVE);
    struct statement ended =
        txn_prepare(txn, "SELECT state, received_at_ms, started_at_ms, changed_at_ms FROM job"
                         " WHERE state IN " JOB_ENDED " AND changed_at_ms >= ?1");
    enum ledger_error error = visit_spans(&active, visit, arg);

    bind_number(&ended, since_ms);
    return error == LEDGER_OK ? visit_spans(&ended, visit, arg) : error;
}

enum ledger_error
overview_runner(struct ledger_txn *txn, const char *name, struct runner *runner)
{
    struct statement statement =
        txn_prepare(txn, "SELECT " RUNNER_COLUMNS " FROM runner r WHERE r.name = ?1");
    int code;

    *runner = (struct runner){0};
    bind_text(&statement, name);
    code = statement_step(&statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    if (code == SQLITE_ROW)
        runner_read(&statement, runner);
    return txn_error(code);
}
