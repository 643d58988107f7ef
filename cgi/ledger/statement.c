/*
 * SQL statements.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/statement.h"

static void
note_used(struct ledger_txn *txn, size_t index)
{
    if (!txn->prepared[index].is_used)
        txn->used[txn->used_len++] = index;
    txn->prepared[index].is_used = true;
}

struct statement
txn_prepare(struct ledger_txn *txn, const char *sql)
{
    struct statement statement = {.txn = txn, .code = SQLITE_OK};

    for (size_t i = 0; i < txn->prepared_len; i++) {
        if (txn->prepared[i].sql == sql) {
            statement.handle = txn->prepared[i].handle;
            note_used(txn, i);
            (void)sqlite3_reset(
                statement.handle); /* its code is of the last use, which has seen it */
            return statement;
        }
    }
    if (txn->prepared_len == STATEMENTS_MAX) {
        statement.code = SQLITE_NOMEM;
        return statement;
    }
    statement.code =
        sqlite3_prepare_v3(txn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement.handle, NULL);
    if (statement.code == SQLITE_OK) {
        txn->prepared[txn->prepared_len].sql = sql;
        txn->prepared[txn->prepared_len].handle = statement.handle;
        note_used(txn, txn->prepared_len++);
    }
    return statement;
}

void
bind_number(struct statement *statement, int64_t number)
{
    statement->parameter++;
    if (statement->code == SQLITE_OK)
        statement->code = sqlite3_bind_int64(statement->handle, statement->parameter, number);
}

void
bind_text(struct statement *statement, const char *text)
{
    statement->parameter++;
    if (statement->code == SQLITE_OK)
        statement->code =
            sqlite3_bind_text(statement->handle, statement->parameter, text, -1, SQLITE_STATIC);
}

int
statement_step(struct statement *statement)
{
    int code;

    if (statement->code == SQLITE_OK)
        statement->code = statement->txn->code;
    if (statement->code != SQLITE_OK)
        return statement->code;
    statement->column = 0;
    code = sqlite3_step(statement->handle);
    if (code != SQLITE_ROW)
        /* One left open would keep its snapshot, and the write-ahead log could not be checkpointed.
         */
        (void)sqlite3_reset(statement->handle);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        statement->code = code;
    return code;
}

int
txn_execute(struct ledger_txn *txn, const char *sql)
{
    struct statement statement = txn_prepare(txn, sql);

    return statement_step(&statement);
}

int64_t
read_number(struct statement *statement)
{
    return sqlite3_column_int64(statement->handle, statement->column++);
}

const char *
read_text(struct statement *statement)
{
    int column = statement->column++;
    /* Asked for first: without memory SQLite makes the column NULL. */
    bool is_null = sqlite3_column_type(statement->handle, column) == SQLITE_NULL;
    const char *text = (const char *)sqlite3_column_text(statement->handle, column);

    if (text != NULL || is_null)
        return text;
    statement->code = statement->txn->code = SQLITE_NOMEM;
    return "";
}

void
txn_reset(struct ledger_txn *txn)
{
    while (txn->used_len > 0) {
        size_t index = txn->used[--txn->used_len];

        txn->prepared[index].is_used = false;
        (void)sqlite3_reset(txn->prepared[index].handle);
    }
}

void
txn_close(struct ledger_txn *txn)
{
    for (size_t i = 0; i < txn->prepared_len; i++)
        (void)sqlite3_finalize(txn->prepared[i].handle);
    (void)sqlite3_close(txn->db);
}

enum ledger_error
txn_error(int code)
{
    switch (code & 0xff) { /* the primary code of an extended one */
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return LEDGER_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return LEDGER_BUSY;
    case SQLITE_FULL:
        return LEDGER_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return LEDGER_READ_ONLY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return LEDGER_CORRUPT;
    case SQLITE_CANTOPEN:
        return LEDGER_UNREACHABLE;
    case SQLITE_NOMEM:
        return LEDGER_NO_MEMORY;
    default:
        return LEDGER_FAILED;
    }
}
