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

/* Supply is followed to its end: runners are told from the jobs that they were made for, both are
 * audited, and repositories are asked for what no event told of. */
static const char schema_2[] =
    "CREATE TABLE runner_2 ("
    "  name TEXT PRIMARY KEY,"
    /* What it was made for: that workflow job's id and n are its idempotency token. */
    "  made_for INTEGER NOT NULL,"
    "  n INTEGER NOT NULL,"
    "  job_id INTEGER," /* what it is for now, or has run; NULL where nothing needs it */
    "  pool TEXT NOT NULL,"
    "  repository TEXT NOT NULL,"
    "  state TEXT NOT NULL CHECK (state IN"
    "    ('minting', 'sent', 'live', 'retiring', 'busy', 'leaving', 'gone')),"
    "  child TEXT,"
    "  github_id INTEGER NOT NULL DEFAULT 0,"      /* of its registration, as far as it is known */
    "  lease_owner INTEGER,"                       /* the process that works on it */
    "  lease_until_ms INTEGER NOT NULL DEFAULT 0," /* since the machine's start, not since 1970 */
    "  audit_at_ms INTEGER NOT NULL DEFAULT 0,"
    "  audits INTEGER NOT NULL DEFAULT 0," /* looks in a row that changed nothing */
    "  note TEXT,"                         /* what the last look found */
    "  created_at_ms INTEGER NOT NULL,"
    "  sent_at_ms INTEGER NOT NULL DEFAULT 0,"
    "  placed_at_ms INTEGER NOT NULL DEFAULT 0," /* when it was first seen on a node */
    "  ended_at_ms INTEGER NOT NULL DEFAULT 0,"  /* when its child was first seen to be over */
    "  changed_at_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    /* Before this, no runner's end was seen: those of ended jobs are looked at one after another,
     * so that GitHub is not asked about a week of them at once. */
    "INSERT INTO runner_2 (name, made_for, n, job_id, pool, repository, state, child, lease_owner,"
    "  lease_until_ms, created_at_ms, sent_at_ms, changed_at_ms, ended_at_ms, audit_at_ms)"
    "  SELECT r.name, r.job_id, r.n, r.job_id, r.pool, r.repository,"
    "  CASE WHEN j.state NOT IN ('done', 'failed', 'expired') OR r.state = 'gone' THEN r.state"
    "    WHEN r.state = 'live' THEN 'leaving' ELSE 'retiring' END,"
    "  r.child, r.lease_owner, r.lease_until_ms, r.created_at_ms, r.sent_at_ms, r.changed_at_ms,"
    "  iif(j.state IN ('done', 'failed', 'expired'), r.changed_at_ms, 0),"
    "  unixepoch() * 1000 + 2000 * row_number() OVER"
    "    (ORDER BY j.state IN ('done', 'failed', 'expired'), r.created_at_ms DESC)"
    "  FROM runner r JOIN job j ON j.id = r.job_id;"
    "DROP TABLE runner;"
    "ALTER TABLE runner_2 RENAME TO runner;"
    "CREATE INDEX runner_made_for ON runner (made_for, n);"
    "CREATE INDEX runner_job ON runner (job_id) WHERE state <> 'gone';"
    "CREATE INDEX runner_pool ON runner (pool) WHERE state <> 'gone';"
    "CREATE INDEX runner_due ON runner (audit_at_ms) WHERE state IN"
    "  ('live', 'retiring', 'busy', 'leaving');"
    "CREATE INDEX runner_gone ON runner (changed_at_ms) WHERE state = 'gone';"
    "CREATE INDEX runner_leased ON runner (lease_owner) WHERE lease_owner IS NOT NULL;"

    /* `lost`: runners that it had and lost. A job that runs on another's runner is audited by
     * itself: there is no row of ours that would be. */
    "ALTER TABLE job ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE job ADD COLUMN audit_at_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE job ADD COLUMN audits INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX job_due_audit ON job (audit_at_ms) WHERE audit_at_ms > 0;"

    /* What happened to a job, in order: for a person, and for nothing else. */
    "CREATE TABLE history ("
    "  id INTEGER PRIMARY KEY,"
    "  job_id INTEGER NOT NULL,"
    "  at_ms INTEGER NOT NULL,"
    "  what TEXT NOT NULL,"
    "  runner TEXT,"
    "  detail TEXT"
    ") STRICT;"
    "CREATE INDEX history_job ON history (job_id, id);"

    /* When its runs are asked for next, and since when no event came of itself. */
    "ALTER TABLE repository ADD COLUMN discover_at_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE repository ADD COLUMN discovered_at_ms INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX repository_discover ON repository (discover_at_ms);"
    /* The lists that GitHub gave last, by their ETags: `path` is a status or a run's id. */
    "CREATE TABLE listing ("
    "  repository TEXT NOT NULL COLLATE NOCASE,"
    "  path TEXT NOT NULL,"
    "  etag TEXT NOT NULL,"
    "  runs TEXT NOT NULL DEFAULT '[]'," /* of a status: the ids that it listed */
    "  PRIMARY KEY (repository, path)"
    ") STRICT, WITHOUT ROWID;"

    /* Requests that only confirm what is believed, in the minute that began at a moment. */
    "ALTER TABLE upstream ADD COLUMN minute_at_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE upstream ADD COLUMN minute_calls INTEGER NOT NULL DEFAULT 0;"

    /* What the lists were seen under: the pools and their labels. */
    "ALTER TABLE receiver ADD COLUMN pools TEXT NOT NULL DEFAULT '';"

    "PRAGMA user_version = 2;";

/* Runners register in a repository, an organization or an enterprise, by a token or just in time;
 * who may use a pool is asked for; deliveries that failed are asked for again. */
static const char schema_3[] =
    "CREATE TABLE job_3 ("
    "  id INTEGER PRIMARY KEY,"
    "  repository TEXT NOT NULL COLLATE NOCASE,"
    "  repository_short TEXT NOT NULL,"
    "  repository_url TEXT NOT NULL,"
    "  fork INTEGER NOT NULL,"
    "  private INTEGER NOT NULL DEFAULT 0,"
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
    "    ('queued', 'assigned', 'running', 'done', 'failed', 'expired', 'refused')),"
    "  conclusion TEXT NOT NULL DEFAULT '',"
    "  runner TEXT,"
    "  attempts INTEGER NOT NULL DEFAULT 0,"
    "  lost INTEGER NOT NULL DEFAULT 0,"
    "  next_attempt_at_ms INTEGER NOT NULL DEFAULT 0,"
    "  held_by TEXT,"
    "  last_error TEXT,"
    /* Whose code its run has: '' where nobody has asked yet. */
    "  origin TEXT NOT NULL DEFAULT '' CHECK (origin IN ('', 'own', 'fork')),"
    "  audit_at_ms INTEGER NOT NULL DEFAULT 0,"
    "  audits INTEGER NOT NULL DEFAULT 0,"
    "  created_at_ms INTEGER NOT NULL,"
    "  received_at_ms INTEGER NOT NULL,"
    "  changed_at_ms INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO job_3 (id, repository, repository_short, repository_url, fork, run_id,"
    "  run_attempt, name, workflow_name, head_branch, html_url, labels, installation_id, pool,"
    "  delivery, state, conclusion, runner, attempts, lost, next_attempt_at_ms, held_by,"
    "  last_error, audit_at_ms, audits, created_at_ms, received_at_ms, changed_at_ms)"
    "  SELECT id, repository, repository_short, repository_url, fork, run_id, run_attempt, name,"
    "  workflow_name, head_branch, html_url, labels, installation_id, pool, delivery, state,"
    "  conclusion, runner, attempts, lost, next_attempt_at_ms, held_by, last_error, audit_at_ms,"
    "  audits, created_at_ms, received_at_ms, changed_at_ms FROM job;"
    "DROP TABLE job;"
    "ALTER TABLE job_3 RENAME TO job;"
    "CREATE INDEX job_waiting ON job (repository, created_at_ms, id) WHERE state = 'queued';"
    "CREATE INDEX job_due ON job (next_attempt_at_ms) WHERE state = 'queued';"
    "CREATE INDEX job_ended ON job (changed_at_ms)"
    "  WHERE state IN ('done', 'failed', 'expired', 'refused');"
    "CREATE INDEX job_due_audit ON job (audit_at_ms) WHERE audit_at_ms > 0;"
    "CREATE INDEX job_run ON job (run_id);"

    /* `place` is where it registers, as GitHub's API has it in its paths. Of one that is `jit` the
     * registration is made with its name, before there is any task. */
    "ALTER TABLE runner ADD COLUMN place TEXT NOT NULL DEFAULT '' COLLATE NOCASE;"
    "UPDATE runner SET place = 'repos/' || repository;"
    "ALTER TABLE runner ADD COLUMN jit INTEGER NOT NULL DEFAULT 0;"

    /* When GitHub was asked to make something, of the last hour. */
    "CREATE TABLE content (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT;"
    "CREATE INDEX content_at ON content (at_ms);"

    /* Webhooks whose failed deliveries are asked for again: see ledger/hook.h. Those up to
     * `swept_to_ms` were. */
    "CREATE TABLE hook ("
    "  place TEXT NOT NULL COLLATE NOCASE,"
    "  id INTEGER NOT NULL," /* 0 for an App's */
    "  seen_at_ms INTEGER NOT NULL,"
    "  sweep_at_ms INTEGER NOT NULL,"
    "  looked_at_ms INTEGER NOT NULL DEFAULT 0,"
    "  swept_to_ms INTEGER NOT NULL DEFAULT 0,"
    "  gone_at_ms INTEGER NOT NULL DEFAULT 0," /* when GitHub did not know it; 0 while it does */
    "  note TEXT,"                             /* why the last look failed */
    "  PRIMARY KEY (place, id)"
    ") STRICT, WITHOUT ROWID;"
    /* Deliveries that GitHub was asked for again: once each. */
    "CREATE TABLE redelivery (guid TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX redelivery_at ON redelivery (at_ms);"

    "PRAGMA user_version = 3;";

/* When a webhook secret was last used: see ledger/secret_use.h. */
static const char schema_secret_use[] = "CREATE TABLE secret_use ("
                                        "  fingerprint TEXT PRIMARY KEY,"
                                        "  used_at_ms INTEGER NOT NULL"
                                        ") STRICT, WITHOUT ROWID;"

                                        "PRAGMA user_version = 4;";

/* What metrics are made of: see ledger/tally.h, reading.h and rate_limit.h. */
static const char schema_metrics[] =
    "CREATE TABLE tally ("
    "  series TEXT NOT NULL," /* of metrics/family.h */
    "  part INTEGER NOT NULL,"
    "  total INTEGER NOT NULL,"
    "  PRIMARY KEY (series, part)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE reading (series TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE rate_limit ("
    "  account TEXT NOT NULL,"
    "  resource TEXT NOT NULL,"
    "  remaining INTEGER NOT NULL,"
    "  allowed INTEGER NOT NULL,"
    "  reset_at_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (account, resource)"
    ") STRICT, WITHOUT ROWID;"

    "PRAGMA user_version = 5;";

/* What the status page shows: when a job began to run, when an upstream last let a request through,
 * and the last deliveries (see ledger/received.h). */
static const char schema_status[] =
    /* 0 while it does not run, and where nobody saw it begin. */
    "ALTER TABLE job ADD COLUMN started_at_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE job SET started_at_ms = coalesce((SELECT min(h.at_ms) FROM history h"
    "  WHERE h.job_id = job.id AND h.what = 'running' AND h.id > coalesce("
    "    (SELECT max(b.id) FROM history b WHERE b.job_id = job.id"
    "     AND b.what IN ('queued', 'lost', 'retried')), 0)), 0)"
    "  WHERE state NOT IN ('queued', 'assigned');"
    "UPDATE job SET started_at_ms = changed_at_ms WHERE state = 'running' AND started_at_ms = 0;"
    /* A day of jobs is counted from these indices alone. */
    "DROP INDEX job_ended;"
    "CREATE INDEX job_ended ON job (changed_at_ms, received_at_ms, started_at_ms, state)"
    "  WHERE state IN ('done', 'failed', 'expired', 'refused');"
    "CREATE INDEX job_active ON job (received_at_ms, started_at_ms, state, pool)"
    "  WHERE state IN ('queued', 'assigned', 'running');"

    "ALTER TABLE upstream ADD COLUMN passed_at_ms INTEGER NOT NULL DEFAULT 0;"

    "CREATE TABLE received ("
    "  id INTEGER PRIMARY KEY,"
    "  at_ms INTEGER NOT NULL,"
    "  signed INTEGER NOT NULL,"
    "  status INTEGER NOT NULL," /* of the answer, in HTTP */
    "  outcome TEXT NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  guid TEXT NOT NULL,"
    "  event TEXT NOT NULL,"
    "  action TEXT NOT NULL,"
    "  repository TEXT NOT NULL,"
    "  job_id INTEGER NOT NULL," /* 0 where it is about no job */
    "  sender TEXT NOT NULL"     /* its address */
    ") STRICT;"

    "PRAGMA user_version = 6;";

/* What a claim asks of: how many runners a pool has and which jobs wait where it has room, however
 * many others wait or live. */
static const char schema_claim[] =
    "DROP INDEX job_waiting;"
    "DROP INDEX job_due;"
    "CREATE INDEX job_waiting ON job (pool, repository, created_at_ms, id)"
    "  WHERE state = 'queued';"
    "CREATE INDEX job_due ON job (pool, next_attempt_at_ms) WHERE state = 'queued';"
    "DROP INDEX job_run;"
    "CREATE INDEX job_run ON job (run_id, origin);"
    "DROP INDEX runner_pool;"
    "CREATE INDEX runner_pool ON runner"
    "  (pool, ended_at_ms, sent_at_ms, lease_owner, placed_at_ms, state) WHERE state <> 'gone';"
    "CREATE INDEX runner_unsettled ON runner (job_id) WHERE state IN ('minting', 'sent');"

    "PRAGMA user_version = 7;";

static const char *const schemas[] = {schema_1,       schema_2,      schema_3,    schema_secret_use,
                                      schema_metrics, schema_status, schema_claim};
_Static_assert(sizeof schemas / sizeof schemas[0] == SCHEMA_VERSION, "a step to every version");

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
    while (code == SQLITE_OK && *version < SCHEMA_VERSION)
        code = sqlite3_exec(db, schemas[(*version)++], NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (sqlite3_get_autocommit(db) == 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}
