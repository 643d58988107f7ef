/*
 * The circuit breaker before each upstream.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/gate.h"

#include <stdio.h>

#include "ledger/rules.h"
#include "ledger/runner.h"

enum ledger_error
gate_read(struct ledger_txn *txn, const char *upstream, int64_t now_ms, struct gate *gate)
{
    /* A probe is under way as long as its order's lease lasts. */
    struct statement statement = txn_prepare(
        txn, "SELECT failures, shut_until_ms, coalesce(error, ''), EXISTS (SELECT 1 FROM"
             " runner WHERE name = upstream.probe AND lease_owner IS NOT NULL), passed_at_ms"
             " FROM upstream WHERE name = ?1");
    bool is_probed;
    int code;

    *gate = (struct gate){.state = GATE_OPEN};
    (void)snprintf(gate->upstream, sizeof gate->upstream, "%s", upstream);
    bind_text(&statement, upstream);
    code = statement_step(&statement);
    if (code != SQLITE_ROW)
        return txn_error(code);
    gate->failures = read_number(&statement);
    gate->shut_until_ms = read_number(&statement);
    (void)snprintf(gate->error, sizeof gate->error, "%s", read_text(&statement));
    is_probed = read_number(&statement) != 0;
    gate->passed_at_ms = read_number(&statement);
    if (gate->shut_until_ms != 0)
        gate->state = now_ms < gate->shut_until_ms || is_probed ? GATE_SHUT : GATE_PROBE;
    return LEDGER_OK;
}

enum ledger_error
gate_probe(struct ledger_txn *txn, const char *upstream, const char *runner)
{
    struct statement statement = txn_prepare(txn, "UPDATE upstream SET probe = ?2 WHERE name = ?1");

    bind_text(&statement, upstream);
    bind_text(&statement, runner);
    return txn_error(statement_step(&statement));
}

enum ledger_error
gates_read(struct ledger_txn *txn, int64_t now_ms, struct gates *gates)
{
    struct gate gate;
    enum ledger_error error = gate_read(txn, "github", now_ms, &gate);

    gates->github = gate.state;
    if (error == LEDGER_OK)
        error = gate_read(txn, "nomad", now_ms, &gate);
    gates->nomad = gate.state;
    return error;
}

enum ledger_error
gates_probe(struct ledger_txn *txn, const struct gates *gates, const char *runner)
{
    enum ledger_error error = LEDGER_OK;

    if (gates->github == GATE_PROBE)
        error = gate_probe(txn, "github", runner);
    if (error == LEDGER_OK && gates->nomad == GATE_PROBE)
        error = gate_probe(txn, "nomad", runner);
    return error;
}

/* Notes when a request came through: for a person alone, so not each of many. A moment that lies
 * ahead, from before the clock was set back, is put right. */
static enum ledger_error
note_passed(struct ledger_txn *txn, const char *upstream, int64_t now_ms)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE upstream SET passed_at_ms = ?2 WHERE name = ?1"
                         " AND (passed_at_ms <= ?2 - ?3 OR passed_at_ms > ?2)");

    bind_text(&statement, upstream);
    bind_number(&statement, now_ms);
    bind_number(&statement, GATE_PASSED_MS);
    return txn_error(statement_step(&statement));
}

enum ledger_error
gate_passed(struct ledger_txn *txn, const char *upstream, int64_t now_ms)
{
    struct statement open =
        txn_prepare(txn, "UPDATE upstream SET failures = 0, shut_until_ms = 0, probe = NULL,"
                         " error = NULL WHERE name = ?1 AND failures > 0 RETURNING shut_until_ms");
    struct statement due = txn_prepare(txn, "UPDATE job SET next_attempt_at_ms = 0, held_by = NULL"
                                            " WHERE state = 'queued' AND held_by = ?1");
    enum ledger_error error = note_passed(txn, upstream, now_ms);
    int code;

    if (error != LEDGER_OK)
        return error;
    bind_text(&open, upstream);
    code = statement_step(&open);
    if (code == SQLITE_DONE)
        return LEDGER_OK; /* it was open, and nothing had failed */
    if (code != SQLITE_ROW)
        return txn_error(code);
    bind_text(&due, upstream);
    return txn_error(statement_step(&due));
}

enum ledger_error
gate_github_passed(struct ledger_txn *txn, const char *place, int64_t now_ms)
{
    struct statement find =
        txn_prepare(txn, "SELECT name FROM upstream WHERE name = '" GATE_OWNER_PREFIX
                         "' || " RUNNER_OWNER("?1") " COLLATE NOCASE");
    struct statement forget = txn_prepare(txn, "DELETE FROM upstream WHERE name = ?1");
    char name[GATE_UPSTREAM_CAP];
    enum ledger_error error = gate_passed(txn, "github", now_ms);
    int code;

    if (error != LEDGER_OK)
        return error;
    bind_text(&find, place);
    code = statement_step(&find);
    if (code != SQLITE_ROW)
        return txn_error(code);
    (void)snprintf(name, sizeof name, "%s", read_text(&find));
    error = gate_passed(txn, name, now_ms);
    if (error != LEDGER_OK)
        return error;
    bind_text(&forget, name);
    return txn_error(statement_step(&forget));
}

/* The row of an owner's gate is made when there is first something to say of it. */
static enum ledger_error
make_row(struct ledger_txn *txn, const char *upstream)
{
    struct statement statement =
        txn_prepare(txn, "INSERT INTO upstream (name) VALUES (?1) ON CONFLICT (name) DO NOTHING");

    bind_text(&statement, upstream);
    return txn_error(statement_step(&statement));
}

enum ledger_error
gate_failed(struct ledger_txn *txn, const struct gate_failure *failure, int64_t now_ms,
            int64_t *shut_until_ms)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE upstream SET failures = failures + 1, error = ?2, probe = NULL,"
                         " shut_until_ms = ?3 WHERE name = ?1");
    struct gate gate = {0};
    enum ledger_error error = make_row(txn, failure->upstream);
    int64_t until_ms = 0;

    if (error == LEDGER_OK)
        error = gate_read(txn, failure->upstream, now_ms, &gate);
    *shut_until_ms = gate.shut_until_ms;
    /* Of several requests that were under way together, the first shuts the gate; the others are no
     * news, unless the upstream itself asks for longer. */
    if (error != LEDGER_OK || (now_ms < gate.shut_until_ms && failure->asked_ms < 0))
        return error;
    if (failure->asked_ms >= 0)
        until_ms = now_ms + failure->asked_ms;
    else if (failure->at_once)
        until_ms = now_ms + rules_backoff_ms(failure->initial_ms, failure->max_ms,
                                             gate.failures + 1, failure->jitter);
    else if (gate.failures + 1 >= GATE_FAILURES)
        until_ms = now_ms + rules_backoff_ms(failure->initial_ms, failure->max_ms,
                                             gate.failures + 2 - GATE_FAILURES, failure->jitter);
    if (until_ms < gate.shut_until_ms)
        until_ms = gate.shut_until_ms;
    *shut_until_ms = until_ms;
    bind_text(&statement, failure->upstream);
    bind_text(&statement, failure->error);
    bind_number(&statement, until_ms);
    return txn_error(statement_step(&statement));
}

enum ledger_error
gate_tell(struct ledger_txn *txn, void *arg)
{
    const struct gate_news *news = arg;
    int64_t shut_until_ms;

    return news->failure == NULL ? gate_github_passed(txn, news->place, news->now_ms)
                                 : gate_failed(txn, news->failure, news->now_ms, &shut_until_ms);
}

enum ledger_error
gate_ask_anew(struct ledger_txn *txn, void *arg)
{
    /* A job that waits for a shut gate waits as long as the gate: with none that is due, nothing
     * would probe. */
    int code = txn_execute(txn, "UPDATE job SET next_attempt_at_ms = 0 WHERE state = 'queued' AND"
                                " held_by IN (SELECT name FROM upstream WHERE shut_until_ms > 0)");

    (void)arg;
    if (code != SQLITE_DONE)
        return txn_error(code);
    return txn_error(
        txn_execute(txn, "UPDATE upstream SET shut_until_ms = 1 WHERE shut_until_ms > 1"));
}

enum ledger_error
gate_list_owners(struct ledger_txn *txn, void *arg)
{
    const struct gate_owners *owners = arg;
    struct statement statement = txn_prepare(
        txn, "SELECT name, failures, shut_until_ms, coalesce(error, '') FROM upstream"
             " WHERE name > '" GATE_OWNER_PREFIX "' AND name < 'github0' AND shut_until_ms > ?1"
             " ORDER BY name");
    int code;

    bind_number(&statement, owners->now_ms);
    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        struct gate gate = {.state = GATE_SHUT};

        (void)snprintf(gate.upstream, sizeof gate.upstream, "%s", read_text(&statement));
        gate.failures = read_number(&statement);
        gate.shut_until_ms = read_number(&statement);
        (void)snprintf(gate.error, sizeof gate.error, "%s", read_text(&statement));
        owners->visit(&gate, owners->arg);
    }
    return txn_error(code);
}
