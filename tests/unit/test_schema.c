/*
 * A ledger that version 1 wrote, brought up with all that is in it.
 * SPDX-License-Identifier: MIT
 */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

#include "ledger/audit.h"
#include "ledger/order.h"
#include "ledger/schema.h"
#include "ledger/upkeep.h"

/* The tables as version 1 made them. */
static const char version_1[] =
    "CREATE TABLE receiver ("
    "  only INTEGER PRIMARY KEY CHECK (only = 1),"
    "  name TEXT NOT NULL,"
    "  last_owner INTEGER NOT NULL DEFAULT 0,"
    "  probe BLOB"
    ") STRICT;"
    "INSERT INTO receiver (only, name) VALUES (1, lower(hex(randomblob(4))));"
    "CREATE TABLE repository ("
    "  name TEXT PRIMARY KEY COLLATE NOCASE,"
    "  turn INTEGER NOT NULL DEFAULT 0,"
    "  seen_at_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX repository_turn ON repository (turn);"
    "CREATE TABLE job ("
    "  id INTEGER PRIMARY KEY,"
    "  repository TEXT NOT NULL COLLATE NOCASE,"
    "  repository_short TEXT NOT NULL,"
    "  repository_url TEXT NOT NULL,"
    "  fork INTEGER NOT NULL,"
    "  run_id INTEGER NOT NULL,"
    "  run_attempt INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  workflow_name TEXT NOT NULL,"
    "  head_branch TEXT NOT NULL,"
    "  html_url TEXT NOT NULL,"
    "  labels TEXT NOT NULL,"
    "  installation_id INTEGER NOT NULL,"
    "  pool TEXT NOT NULL,"
    "  delivery TEXT NOT NULL,"
    "  state TEXT NOT NULL CHECK (state IN"
    "    ('queued', 'assigned', 'running', 'done', 'failed', 'expired')),"
    "  conclusion TEXT NOT NULL DEFAULT '',"
    "  runner TEXT,"
    "  attempts INTEGER NOT NULL DEFAULT 0,"
    "  next_attempt_at_ms INTEGER NOT NULL DEFAULT 0,"
    "  held_by TEXT,"
    "  last_error TEXT,"
    "  created_at_ms INTEGER NOT NULL,"
    "  received_at_ms INTEGER NOT NULL,"
    "  changed_at_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX job_waiting ON job (repository, created_at_ms, id) WHERE state = 'queued';"
    "CREATE INDEX job_due ON job (next_attempt_at_ms) WHERE state = 'queued';"
    "CREATE INDEX job_ended ON job (changed_at_ms) WHERE state IN ('done', 'failed', 'expired');"
    "CREATE TABLE runner ("
    "  name TEXT PRIMARY KEY,"
    "  job_id INTEGER NOT NULL REFERENCES job (id),"
    "  n INTEGER NOT NULL,"
    "  pool TEXT NOT NULL,"
    "  repository TEXT NOT NULL,"
    "  state TEXT NOT NULL CHECK (state IN"
    "    ('minting', 'sent', 'live', 'busy', 'leaving', 'retiring', 'gone')),"
    "  child TEXT,"
    "  lease_owner INTEGER,"
    "  lease_until_ms INTEGER NOT NULL DEFAULT 0,"
    "  created_at_ms INTEGER NOT NULL,"
    "  sent_at_ms INTEGER NOT NULL DEFAULT 0,"
    "  changed_at_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX runner_job ON runner (job_id, n);"
    "CREATE TABLE upstream ("
    "  name TEXT PRIMARY KEY,"
    "  failures INTEGER NOT NULL DEFAULT 0,"
    "  shut_until_ms INTEGER NOT NULL DEFAULT 0,"
    "  probe TEXT,"
    "  error TEXT"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO upstream (name) VALUES ('github'), ('nomad');"
    "CREATE INDEX runner_leased ON runner (lease_owner) WHERE lease_owner IS NOT NULL;"
    "PRAGMA user_version = 1;";

/* What was in it: jobs in every state, and runners as the first version left them. */
static const char rows_1[] =
    "UPDATE receiver SET name = '0a1b2c3d', last_owner = 5;"
    "INSERT INTO repository (name, turn, seen_at_ms) VALUES ('Octo-Org/Hello', 3, 1000),"
    "  ('o/r', 4, 2000);"
    "INSERT INTO job (id, repository, repository_short, repository_url, fork, run_id, run_attempt,"
    "  name, workflow_name, head_branch, html_url, labels, installation_id, pool, delivery, state,"
    "  conclusion, runner, attempts, next_attempt_at_ms, held_by, last_error, created_at_ms,"
    "  received_at_ms, changed_at_ms) VALUES"
    "  (1, 'Octo-Org/Hello', 'Hello', 'https://x', 1, 11, 2, 'build', 'CI', 'main', 'https://y',"
    "   '[\"linux\"]', 99, 'linux', 'guid-1', 'queued', '', 'runhook-0a1b2c3d-1-1', 3, 77,"
    "   'nomad', 'Nomad has trouble', 100, 101, 102),"
    "  (2, 'o/r', 'r', '', 0, 12, 1, '日本語', '', '', '', '[]', 0, 'linux', 'guid-2', 'assigned', "
    "'',"
    "   'runhook-0a1b2c3d-2-2', 1, 0, NULL, NULL, 200, 201, 202),"
    "  (3, 'o/r', 'r', '', 0, 13, 1, 'a', '', '', '', '[]', 0, 'linux', 'guid-3', 'running', '',"
    "   'runhook-0a1b2c3d-3-1', 1, 0, NULL, NULL, 300, 301, 302),"
    "  (4, 'o/r', 'r', '', 0, 14, 1, 'b', '', '', '', '[]', 0, 'linux', 'guid-4', 'done',"
    "   'success', 'runhook-0a1b2c3d-4-1', 1, 0, NULL, NULL, 400, 401, 402),"
    "  (5, 'o/r', 'r', '', 0, 15, 1, 'c', '', '', '', '[]', 0, 'linux', 'guid-5', 'failed', '',"
    "   NULL, 9, 0, NULL, 'no', 500, 501, 502),"
    "  (6, 'o/r', 'r', '', 0, 16, 1, 'd', '', '', '', '[]', 0, 'linux', 'guid-6', 'expired', '',"
    "   NULL, 9, 0, NULL, 'late', 600, 601, 602);"
    "INSERT INTO runner (name, job_id, n, pool, repository, state, child, lease_owner,"
    "  lease_until_ms, created_at_ms, sent_at_ms, changed_at_ms) VALUES"
    "  ('runhook-0a1b2c3d-1-1', 1, 1, 'linux', 'Octo-Org/Hello', 'sent', NULL, NULL, 0, 1, 2, 3),"
    "  ('runhook-0a1b2c3d-2-1', 2, 1, 'linux', 'o/r', 'gone', NULL, NULL, 0, 4, 0, 5),"
    "  ('runhook-0a1b2c3d-2-2', 2, 2, 'linux', 'o/r', 'live', 'p/dispatch-2', NULL, 6, 7, 8, 9),"
    "  ('runhook-0a1b2c3d-3-1', 3, 1, 'linux', 'o/r', 'live', 'p/dispatch-3', NULL, 0, 10, 11, 12),"
    "  ('runhook-0a1b2c3d-4-1', 4, 1, 'linux', 'o/r', 'live', 'p/dispatch-4', NULL, 0, 13, 14, 15),"
    "  ('runhook-0a1b2c3d-5-1', 5, 1, 'linux', 'o/r', 'minting', NULL, 4, 16, 17, 0, 18);"
    "UPDATE upstream SET failures = 2, shut_until_ms = 9, error = 'away', probe = 'x'"
    "  WHERE name = 'nomad';";

/* Every column of the first version, in one text a table. */
static const char *const all_rows[] = {
    "SELECT name || last_owner || coalesce(probe, '-') FROM receiver",
    "SELECT group_concat(row, char(10)) FROM (SELECT name || ' ' || turn || ' ' || seen_at_ms AS"
    " row FROM repository ORDER BY name)",
    "SELECT group_concat(row, char(10)) FROM (SELECT id || ',' || repository || ',' ||"
    " repository_short || ',' || repository_url || ',' || fork || ',' || run_id || ',' ||"
    " run_attempt || ',' || name || ',' || workflow_name || ',' || head_branch || ',' || html_url"
    " || ',' || labels || ',' || installation_id || ',' || pool || ',' || delivery || ',' || state"
    " || ',' || conclusion AS row FROM job ORDER BY id)",
    "SELECT group_concat(row, char(10)) FROM (SELECT id || ',' || coalesce(runner, '-') || ',' ||"
    " attempts || ',' || next_attempt_at_ms || ',' || coalesce(held_by, '-') || ',' ||"
    " coalesce(last_error, '-') || ',' || created_at_ms || ',' || received_at_ms || ',' ||"
    " changed_at_ms AS row FROM job ORDER BY id)",
    "SELECT group_concat(row, char(10)) FROM (SELECT name || ',' || job_id || ',' || n || ',' ||"
    " pool || ',' || repository || ',' || coalesce(child, '-') AS row FROM runner"
    " ORDER BY name)",
    "SELECT group_concat(row, char(10)) FROM (SELECT name || ',' || coalesce(lease_owner, '-') ||"
    " ',' || lease_until_ms || ',' || created_at_ms || ',' || sent_at_ms || ',' || changed_at_ms"
    " AS row FROM runner ORDER BY name)",
    "SELECT group_concat(row, char(10)) FROM (SELECT name || ',' || failures || ',' ||"
    " shut_until_ms || ',' || coalesce(probe, '-') || ',' || coalesce(error, '-') AS row FROM"
    " upstream ORDER BY name)",
};

#define TABLE_CAP 2048

static void
read_all(sqlite3 *db, char out[COUNT(all_rows)][TABLE_CAP])
{
    for (size_t i = 0; i < COUNT(all_rows); i++) {
        sqlite3_stmt *statement;
        const unsigned char *text;

        assert_int_equal(sqlite3_prepare_v2(db, all_rows[i], -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        text = sqlite3_column_text(statement, 0);
        assert_non_null(text);
        assert_true(snprintf(out[i], TABLE_CAP, "%s", (const char *)text) < TABLE_CAP);
        assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    }
}

static void
run(sqlite3 *db, const char *sql)
{
    char *message = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
}

static sqlite3 *
open_file(void)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(scratch_path(LEDGER_NAME).text, &db), SQLITE_OK);
    return db;
}

/* Writes a file of version 1, and gives what is in it. */
static void
make_version_1(char rows[COUNT(all_rows)][TABLE_CAP])
{
    sqlite3 *db = open_file();

    run(db, "PRAGMA journal_mode = WAL");
    run(db, version_1);
    run(db, rows_1);
    read_all(db, rows);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
an_upgrade_keeps_every_row(void **state)
{
    static char before[COUNT(all_rows)][TABLE_CAP], after[COUNT(all_rows)][TABLE_CAP];
    struct ledger *ledger;
    sqlite3 *db;

    (void)state;
    make_version_1(before);
    ledger = ledger_open_sample(LEDGER_SERVE);
    assert_int_equal(number_of(ledger, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_string_equal(ledger_receiver(ledger), "0a1b2c3d");
    assert_string_equal(text_of(ledger, "PRAGMA integrity_check").bytes, "ok");
    /* Each is for the job that it was made for. */
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner WHERE made_for = job_id"), 6);
    assert_int_equal(number_of(ledger, "SELECT sum(github_id + audits + placed_at_ms) FROM runner"),
                     0);
    assert_int_equal(number_of(ledger, "SELECT sum(lost + audits) FROM job"), 0);
    /* What is counted is counted from now on. */
    assert_int_equal(number_of(ledger, "SELECT (SELECT count(*) FROM tally) + (SELECT count(*) FROM"
                                       " reading) + (SELECT count(*) FROM rate_limit)"),
                     0);
    /* No runner's end was seen before: those of jobs that are over are on their way, and are looked
     * at one after another. */
    assert_string_equal(text_of(ledger, "SELECT group_concat(state, ' ') FROM (SELECT state FROM"
                                        " runner ORDER BY name)")
                            .bytes,
                        "sent gone live live leaving retiring");
    assert_int_equal(number_of(ledger, "SELECT count(DISTINCT audit_at_ms / 2000) FROM runner"), 6);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner WHERE ended_at_ms > 0"), 2);
    ledger_close(ledger);
    db = open_file();
    read_all(db, after);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    for (size_t i = 0; i < COUNT(all_rows); i++)
        assert_string_equal(after[i], before[i]);
}

/* What the first version left behind is followed to its end. */
static void
what_version_1_left_is_taken_up(void **state)
{
    static char rows[COUNT(all_rows)][TABLE_CAP];
    struct ledger *ledger;
    struct rh_reason reason;
    struct audit audit;
    struct order order;
    struct order_claim order_claiming = {
        .receiver = "0a1b2c3d", .prefix = "runhook", .now_ms = NOW_MS, .out = &order};
    struct audit_claim audit_claiming = {.now_ms = NOW_MS, .calls_per_hour = 6000, .out = &audit};
    struct upkeep upkeep = {
        .now_ms = 1000, .boot_ms = 1000, .retention_ms = NOW_MS, .horizon_ms = NOW_MS};

    (void)state;
    make_version_1(rows);
    ledger = ledger_open_sample(LEDGER_SERVE);
    assert_int_equal(ledger_become_owner(ledger, &reason), LEDGER_OK);
    assert_int_equal(ledger_owner(ledger), 6);
    upkeep.ledger = ledger;
    change(ledger, "UPDATE upstream SET shut_until_ms = 0, failures = 0;"
                   "UPDATE runner SET audit_at_ms = 0");
    assert_int_equal(ledger_write(ledger, upkeep_run, &upkeep, NULL), LEDGER_OK);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner WHERE lease_owner NOT NULL"),
                     0);
    order_claiming.owner = audit_claiming.owner = ledger_owner(ledger);
    assert_int_equal(ledger_write(ledger, order_claim, &order_claiming, NULL), LEDGER_OK);
    assert_string_equal(order.runner, "runhook-0a1b2c3d-1-1");
    assert_int_equal(order.made_for, 1);
    assert_int_equal(order.n, 1);
    assert_int_equal(order.sent_before_ms, 2);
    order_fini(&order);
    for (int i = 2; i <= 5; i++)
        assert_int_equal(ledger_write(ledger, audit_claim, &audit_claiming, NULL), LEDGER_OK);
    assert_int_equal(ledger_write(ledger, audit_claim, &audit_claiming, NULL), LEDGER_NOT_FOUND);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM runner WHERE lease_owner NOT NULL"
                                       " AND state IN ('live', 'leaving', 'retiring')"),
                     4);
    ledger_close(ledger);
}

/* An upgrade that breaks off leaves the file as it was. */
static void
an_upgrade_is_all_or_nothing(void **state)
{
    static char before[COUNT(all_rows)][TABLE_CAP], after[COUNT(all_rows)][TABLE_CAP];
    int version;
    sqlite3 *db;

    (void)state;
    make_version_1(before);
    db = open_file();
    run(db, "CREATE TABLE listing (x)"); /* in the way of the last steps */
    assert_int_not_equal(schema_upgrade(db, &version), SQLITE_OK);
    assert_int_equal(schema_read(db, &version), SQLITE_OK);
    assert_int_equal(version, 1);
    read_all(db, after);
    for (size_t i = 0; i < COUNT(all_rows); i++)
        assert_string_equal(after[i], before[i]);
    run(db, "DROP TABLE listing");
    assert_int_equal(schema_upgrade(db, &version), SQLITE_OK);
    assert_int_equal(version, SCHEMA_VERSION);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The step to version 6 finds out when jobs began to run, from what was noted of them. */
static void
when_jobs_began_is_told_from_their_history(void **state)
{
    static const char undo[] = "DROP INDEX job_ended; DROP INDEX job_active;"
                               "DROP INDEX runner_unsettled;"
                               "ALTER TABLE job DROP COLUMN started_at_ms;"
                               "CREATE INDEX job_ended ON job (changed_at_ms)"
                               "  WHERE state IN ('done', 'failed', 'expired', 'refused');"
                               "ALTER TABLE upstream DROP COLUMN passed_at_ms;"
                               "DROP TABLE received;"
                               "INSERT INTO history (job_id, at_ms, what) VALUES"
                               "  (1, 10, 'queued'), (1, 20, 'running'), (1, 30, 'lost'),"
                               "  (2, 10, 'queued'), (2, 20, 'dispatched'),"
                               "  (4, 10, 'queued'), (4, 20, 'running'), (4, 25, 'lost'),"
                               "  (4, 30, 'dispatched'), (4, 40, 'running'), (4, 45, 'running'),"
                               "  (4, 50, 'done'), (4, 60, 'gone'),"
                               "  (5, 10, 'queued'), (5, 20, 'running'), (5, 30, 'failed'),"
                               "  (6, 10, 'queued')";
    static char rows[COUNT(all_rows)][TABLE_CAP];
    struct ledger *ledger;
    sqlite3 *db;

    (void)state;
    make_version_1(rows);
    ledger_close(ledger_open_sample(LEDGER_SERVE));
    db = open_file();
    run(db, undo);
    run(db, "PRAGMA user_version = 5");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    ledger = ledger_open_sample(LEDGER_SERVE);
    /* 3 runs, and nothing was noted of it: it last changed when it began. */
    assert_string_equal(text_of(ledger, "SELECT group_concat(id || ' ' || started_at_ms, ', ')"
                                        " FROM (SELECT * FROM job ORDER BY id)")
                            .bytes,
                        "1 0, 2 0, 3 302, 4 40, 5 20, 6 0");
    ledger_close(ledger);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_upgrade_keeps_every_row, scratch_clear),
        cmocka_unit_test_setup(what_version_1_left_is_taken_up, scratch_clear),
        cmocka_unit_test_setup(an_upgrade_is_all_or_nothing, scratch_clear),
        cmocka_unit_test_setup(when_jobs_began_is_told_from_their_history, scratch_clear),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
