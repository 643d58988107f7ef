/*
 * SQL statements, with parameters bound and columns read in order and every result code kept: the
 * first that fails is what statement_step returns, so that a caller checks once.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_STATEMENT_H
#define LEDGER_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "ledger/ledger.h"

#define STATEMENTS_MAX 256

/* A connection, with the statements prepared on it. */
struct ledger_txn {
    sqlite3 *db;
    int code; /* SQLITE_OK, or why a column could not be read: the transaction must come to nothing,
                 whatever was made of it */
    struct {
        const char *sql;
        sqlite3_stmt *handle;
        bool is_used; /* since the last txn_reset */
    } prepared[STATEMENTS_MAX];
    size_t prepared_len;
    size_t used[STATEMENTS_MAX]; /* those of `prepared` */
    size_t used_len;
};

/* A statement being bound, stepped and read. It ends with its transaction. */
struct statement {
    struct ledger_txn *txn;
    sqlite3_stmt *handle;
    int parameter; /* the last one bound */
    int column;    /* the next one to read */
    int code;      /* the first failure, or SQLITE_OK */
};

/*
 * A statement of `sql`, ready to bind. It is prepared once a connection and kept by the address of
 * `sql`, so pass a literal.
 */
struct statement txn_prepare(struct ledger_txn *txn, const char *sql);

/* Binds the next parameter. Texts are borrowed until the statement was stepped; NULL binds NULL. */
void bind_number(struct statement *statement, int64_t number);
void bind_text(struct statement *statement, const char *text);

/* SQLITE_ROW, SQLITE_DONE, or the first failure of all that was done with the statement. */
int statement_step(struct statement *statement);

/* Prepares and steps one that has no parameters. */
int txn_execute(struct ledger_txn *txn, const char *sql);

/* Reads the next column of the current row. A text is borrowed until the next step, and NULL where
 * the column is. Without memory for it, it is "", and the transaction fails. */
int64_t read_number(struct statement *statement);
const char *read_text(struct statement *statement);

/* Ends every statement's use of the database, so that a transaction can end. */
void txn_reset(struct ledger_txn *txn);

/* Frees the statements and closes the connection. */
void txn_close(struct ledger_txn *txn);

/* The error that a result code of SQLite stands for; LEDGER_OK for SQLITE_ROW and SQLITE_DONE. */
enum ledger_error txn_error(int code);

#endif
