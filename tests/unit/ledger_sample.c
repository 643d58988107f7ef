/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

#include "ledger/statement.h"

static char name[] = "build (ubuntu, 18)";
static char workflow_name[] = "CI";
static char head_branch[] = "main";
static char html_url[] = "https://github.com/octo-org/hello-world/actions/runs/1/job/2";
static char repository_url[] = "https://github.com/octo-org/hello-world";
static char queued[] = "queued";
static char empty[] = "";
static char self_hosted[] = "self-hosted", linux_label[] = "linux";
static char *labels[] = {self_hosted, linux_label};

struct ledger *
ledger_open_sample(enum ledger_mode mode)
{
    struct ledger *ledger;
    struct rh_reason reason;

    if (ledger_open(scratch_path(LEDGER_NAME).text, mode, &ledger, &reason) != LEDGER_OK)
        fail_msg("%s", reason.text);
    assert_non_null(ledger);
    assert_string_equal(reason.text, "");
    return ledger;
}

int
ledger_make(void **state)
{
    struct rh_reason reason;

    if (scratch_clear(state) != 0)
        return -1;
    *state = ledger_open_sample(LEDGER_SERVE);
    return ledger_become_owner(*state, &reason) != LEDGER_OK;
}

int
ledger_remove(void **state)
{
    ledger_close(*state);
    return 0;
}

void
job_sample_init(struct job_sample *sample, int64_t id, const char *repository, int64_t age_s)
{
    *sample = (struct job_sample){0};
    (void)snprintf(sample->repository, sizeof sample->repository, "%s", repository);
    sample->job = (struct rh_workflow_job){
        .action = RH_ACTION_QUEUED,
        .action_text = queued,
        .status = queued,
        .conclusion = sample->conclusion,
        .id = id,
        .run_id = 16245678901,
        .run_attempt = 1,
        .created_at_s = NOW_MS / 1000 - age_s,
        .name = name,
        .workflow_name = workflow_name,
        .head_branch = head_branch,
        .runner_name = sample->runner,
        .html_url = html_url,
        .labels = {.items = labels, .len = 2, .cap = 2},
        .repository = sample->repository,
        .repository_short =
            strchr(sample->repository, '/') == NULL ? empty : strchr(sample->repository, '/') + 1,
        .repository_url = repository_url,
    };
}

enum ledger_error
tell(struct ledger *ledger, const struct job_sample *sample, enum job_event event,
     struct job_report *report)
{
    struct job_report own = {
        .job = &sample->job, .event = event, .pool = "linux", .delivery = "guid", .now_ms = NOW_MS};
    enum ledger_error error = ledger_write(ledger, report_apply, &own, NULL);

    if (report != NULL)
        *report = own;
    return error;
}

void
enter(struct ledger *ledger, int64_t id, const char *repository, int64_t age_s)
{
    struct job_sample sample;
    struct job_report report;

    job_sample_init(&sample, id, repository, age_s);
    assert_int_equal(tell(ledger, &sample, JOB_EVENT_QUEUED, &report), LEDGER_OK);
    assert_int_equal(report.before, JOB_NONE);
    assert_int_equal(report.after, JOB_QUEUED);
}

static enum ledger_error
run_sql(struct ledger_txn *txn, void *arg)
{
    return txn_error(sqlite3_exec(txn->db, arg, NULL, NULL, NULL));
}

void
change(struct ledger *ledger, const char *sql)
{
    /* Runners that a test writes by hand register in their repository, where they do not say
     * otherwise. */
    static const char place[] = "; UPDATE runner SET place = 'repos/' || repository"
                                " WHERE place = ''";
    char copy[2048];
    struct rh_reason reason;

    (void)snprintf(copy, sizeof copy, "%s%s", sql, place);
    if (ledger_write(ledger, run_sql, copy, &reason) != LEDGER_OK)
        fail_msg("%s: %s", sql, reason.text);
}

struct look {
    const char *sql;
    int64_t number;
    struct text text;
};

static enum ledger_error
look(struct ledger_txn *txn, void *arg)
{
    struct look *look = arg;
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(txn->db, look->sql, -1, &statement, NULL);

    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(statement, 0);

        look->number = sqlite3_column_int64(statement, 0);
        (void)snprintf(look->text.bytes, sizeof look->text.bytes, "%s",
                       text == NULL ? "" : (const char *)text);
    }
    (void)sqlite3_finalize(statement);
    return txn_error(code);
}

static struct look
look_at(struct ledger *ledger, const char *sql)
{
    struct look result = {.sql = sql, .number = -1};
    struct rh_reason reason;

    if (ledger_read(ledger, look, &result, &reason) != LEDGER_OK)
        fail_msg("%s: %s", sql, reason.text);
    return result;
}

int64_t
number_of(struct ledger *ledger, const char *sql)
{
    return look_at(ledger, sql).number;
}

struct text
text_of(struct ledger *ledger, const char *sql)
{
    return look_at(ledger, sql).text;
}
