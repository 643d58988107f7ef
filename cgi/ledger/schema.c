/*
 * The ledger's tables.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/schema.h"

#include <stddef.h>

/* Times are milliseconds since 1970 (UTC); a time of 0 says "at once" or "never yet". */
static const char schema_1[] =
    /* One row: this receiver's name, and the number of the last process that dispatched. */
    "CREATE TABLE receiver ("
    "  only INTEGER PRIMARY KEY CHECK (only = 1),"
    "  name TEXT NOT NULL,"
    "  last_owner INTEGER NOT NULL DEFAULT 0,"
    "  probe BLOB" /* what the last probe of healthz wrote */
    ") STRICT;"
    "INSERT INTO receiver (only, name) VALUES (1, lower(hex(randomblob(4))));"

    /* `turn` goes up when a job of the repository is taken up, so that no repository's hundred jobs
     * stand before another's one. */
    "CREATE TABLE repository ("
    "  name TEXT PRIMARY KEY COLLATE NOCASE,"
    "  turn INTEGER NOT NULL DEFAULT 0,"
    "  seen_at_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX repository_turn ON repository (turn);"

    /* Demand: one row a workflow job. */
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
    "  labels TEXT NOT NULL," /* a JSON array */
    "  installation_id INTEGER NOT NULL,"
    "  pool TEXT NOT NULL,"
    "  delivery TEXT NOT NULL,"
    "  state TEXT NOT NULL CHECK (state IN"
    "    ('queued', 'assigned', 'running', 'done', 'failed', 'expired')),"
    "  conclusion TEXT NOT NULL DEFAULT '',"
    "  runner TEXT," /* the one assigned, and once running the one that runs it, ours or not */
    "  attempts INTEGER NOT NULL DEFAULT 0,"
    "  next_attempt_at_ms INTEGER NOT NULL DEFAULT 0,"
    "  held_by TEXT," /* the upstream whose trouble it waits out; NULL where its trouble is its own
                       */
    "  last_error TEXT,"
    "  created_at_ms INTEGER NOT NULL,"
    "  received_at_ms INTEGER NOT NULL,"
    "  changed_at_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX job_waiting ON job (repository, created_at_ms, id) WHERE state = 'queued';"
    "CREATE INDEX job_due ON job (next_attempt_at_ms) WHERE state = 'queued';"
    "CREATE INDEX job_ended ON job (changed_at_ms) WHERE state IN ('done', 'failed', 'expired');"

    /* Supply: one row an attempt to give a job a Nomad child. */
    "CREATE TABLE runner ("
    "  name TEXT PRIMARY KEY,"
    "  job_id INTEGER NOT NULL REFERENCES job (id),"
    "  n INTEGER NOT NULL,"
    "  pool TEXT NOT NULL,"
    "  repository TEXT NOT NULL,"
    "  state TEXT NOT NULL CHECK (state IN"
    "    ('minting', 'sent', 'live', 'busy', 'leaving', 'retiring', 'gone')),"
    "  child TEXT,"
    "  lease_owner INTEGER,"                       /* the process that is dispatching it */
    "  lease_until_ms INTEGER NOT NULL DEFAULT 0," /* since the machine's start, not since 1970 */
    "  created_at_ms INTEGER NOT NULL,"
    "  sent_at_ms INTEGER NOT NULL DEFAULT 0,"
    "  changed_at_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX runner_job ON runner (job_id, n);"
    /* One circuit breaker for each: see ledger/gate.h. `probe` is the runner whose order probes. */
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

int
schema_read(sqlite3 *db, int *version)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL);

    *version = 0;
    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        *version = sqlite3_column_int(statement, 0);
        code = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return code;
}

int
schema_upgrade(sqlite3 *db, int *version)
{
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    *version = 0;
    if (code != SQLITE_OK)
        return code;
    code = schema_read(db, version);
    if (code == SQLITE_OK && *version == 0) {
        code = sqlite3_exec(db, schema_1, NULL, NULL, NULL);
        *version = SCHEMA_VERSION;
    }
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (sqlite3_get_autocommit(db) == 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}
