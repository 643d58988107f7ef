/*
 * What a ledger comes to when SQLite fails at an unlucky moment. What is made to fail here was
 * found by tests/fuzz/failure.c. SPDX-License-Identifier: MIT
 */
#include "ledger_sample.h"

#include <string.h>

#include "ledger/statement.h"

/* Enters a repository, and then comes to what the argument says. */
struct step {
    enum ledger_error result;
    const char *then; /* SQL that runs behind the ledger's back; NULL for none */
};

static enum ledger_error
enter_repository(struct ledger_txn *txn, void *arg)
{
    const struct step *step = arg;
    int code = txn_execute(txn, "INSERT INTO repository (name, seen_at_ms) VALUES ('o/r', 1)");

    assert_int_equal(code, SQLITE_DONE);
    if (step->then != NULL)
        assert_int_equal(sqlite3_exec(txn->db, step->then, NULL, NULL, NULL), SQLITE_OK);
    return step->result;
}

static int64_t
repositories(struct ledger *ledger)
{
    return number_of(ledger, "SELECT count(*) FROM repository");
}

/* Its savepoint is gone, so its ROLLBACK TO fails: then the COMMIT must not be, or what was
 * answered "not stored" would be. */
static void
what_cannot_be_undone_alone_is_not_committed(void **state)
{
    struct step step = {.result = LEDGER_NOT_FOUND, .then = "RELEASE work"};
    struct rh_reason reason;

    assert_int_equal(ledger_write(*state, enter_repository, &step, &reason), LEDGER_FAILED);
    assert_int_equal(repositories(*state), 0);
    assert_int_equal(ledger_write(*state, enter_repository, &(struct step){0}, NULL), LEDGER_OK);
    assert_int_equal(repositories(*state), 1);
}

/* Whatever SQLite ends a transaction for, it is not always a full disk. */
static void
a_transaction_that_sqlite_ended_says_why(void **state)
{
    struct step step = {.result = LEDGER_NO_MEMORY, .then = "ROLLBACK"};
    struct rh_reason reason;

    assert_int_equal(ledger_write(*state, enter_repository, &step, &reason), LEDGER_NO_MEMORY);
    assert_string_equal(reason.text, "out of memory");
    assert_int_equal(repositories(*state), 0);
    step.result = LEDGER_OK;
    assert_int_equal(ledger_write(*state, enter_repository, &step, &reason), LEDGER_FAILED);
    assert_string_equal(reason.text, "the ledger failed");
    assert_int_equal(repositories(*state), 0);
}

/* Of a failure that is not SQLite's, SQLite would say "not an error". */
static void
a_failure_that_is_not_sqlites_has_none_of_its_words(void **state)
{
    static const struct {
        enum ledger_error error;
        const char *text;
    } rows[] = {{LEDGER_NO_MEMORY, "out of memory"},
                {LEDGER_FAILED, "the ledger failed"},
                {LEDGER_NOT_FOUND, "no such row"}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct step step = {.result = rows[i].error};
        struct rh_reason reason;

        assert_int_equal(ledger_write(*state, enter_repository, &step, &reason), rows[i].error);
        assert_string_equal(reason.text, rows[i].text);
    }
}

static sqlite3 *connection;

static int
deny_end(void *arg, int action, const char *operation, const char *two, const char *three,
         const char *four)
{
    (void)arg;
    (void)two;
    (void)three;
    (void)four;
    return action == SQLITE_TRANSACTION && strcmp(operation, "BEGIN") != 0 ? SQLITE_DENY
                                                                           : SQLITE_OK;
}

/* From here on the transaction can neither be committed nor rolled back. */
static enum ledger_error
deny(struct ledger_txn *txn, void *arg)
{
    (void)arg;
    connection = txn->db;
    assert_int_equal(sqlite3_set_authorizer(connection, deny_end, NULL), SQLITE_OK);
    return LEDGER_OK;
}

/* It stood in the way of all that came after it: "cannot start a transaction within a transaction",
 * until the program was started again. */
static void
a_transaction_that_was_left_open_stops_none_after_it(void **state)
{
    struct rh_reason reason;

    assert_int_equal(ledger_write(*state, deny, NULL, &reason), LEDGER_FAILED);
    assert_int_equal(sqlite3_set_authorizer(connection, NULL, NULL), SQLITE_OK);
    assert_int_equal(ledger_write(*state, enter_repository, &(struct step){0}, &reason), LEDGER_OK);

    assert_int_equal(ledger_read(*state, deny, NULL, &reason), LEDGER_OK);
    assert_int_equal(sqlite3_set_authorizer(connection, NULL, NULL), SQLITE_OK);
    assert_int_equal(repositories(*state), 1);
    change(*state, "INSERT INTO repository (name, seen_at_ms) VALUES ('o/s', 1)");
    assert_int_equal(repositories(*state), 2); /* and not a view of the ledger as it was then */
}

/* A number is made a text in memory of its own, and there is none. */
static enum ledger_error
read_without_memory(struct ledger_txn *txn, void *arg)
{
    struct statement statement = txn_prepare(txn, "SELECT 7, 8, NULL");
    const char **text = arg;

    assert_int_equal(statement_step(&statement), SQLITE_ROW);
    (void)sqlite3_hard_heap_limit64(sqlite3_memory_used());
    *text = read_text(&statement);
    (void)sqlite3_hard_heap_limit64(0);
    assert_int_equal(txn->code, SQLITE_NOMEM);
    assert_int_equal(statement_step(&statement), SQLITE_NOMEM);
    assert_int_equal(txn_execute(txn, "SELECT 1"), SQLITE_NOMEM);
    return LEDGER_OK;
}

static enum ledger_error
read_null(struct ledger_txn *txn, void *arg)
{
    struct statement statement = txn_prepare(txn, "SELECT NULL, 7");
    const char **text = arg;

    assert_int_equal(statement_step(&statement), SQLITE_ROW);
    assert_null(read_text(&statement));
    *text = NULL;
    assert_string_equal(read_text(&statement), "7");
    return LEDGER_OK;
}

/* It was read as NULL: a crash, or a row that nobody had written. */
static void
a_text_that_cannot_be_read_is_no_null(void **state)
{
    struct rh_reason reason;
    const char *text = NULL;

    assert_int_equal(ledger_read(*state, read_without_memory, &text, &reason), LEDGER_NO_MEMORY);
    assert_string_equal(text, "");
    assert_string_equal(reason.text, "out of memory");
    assert_int_equal(ledger_read(*state, read_null, &text, &reason), LEDGER_OK);
    assert_null(text);
    assert_int_equal(ledger_write(*state, read_without_memory, &text, &reason), LEDGER_NO_MEMORY);
    assert_int_equal(ledger_write(*state, enter_repository, &(struct step){0}, NULL), LEDGER_OK);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(what_cannot_be_undone_alone_is_not_committed),
        ON_LEDGER(a_transaction_that_sqlite_ended_says_why),
        ON_LEDGER(a_failure_that_is_not_sqlites_has_none_of_its_words),
        ON_LEDGER(a_transaction_that_was_left_open_stops_none_after_it),
        ON_LEDGER(a_text_that_cannot_be_read_is_no_null),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
