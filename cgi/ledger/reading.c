/*
 * What was last so.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/reading.h"

static enum ledger_error
write_one(struct ledger_txn *txn, const struct reading *reading)
{
    struct statement statement =
        txn_prepare(txn, "INSERT INTO reading (series, value) VALUES (?1, ?2)"
                         " ON CONFLICT (series) DO UPDATE SET value = excluded.value");

    bind_text(&statement, reading->series);
    bind_number(&statement, reading->value);
    return txn_error(statement_step(&statement));
}

enum ledger_error
readings_write(struct ledger_txn *txn, void *arg)
{
    const struct readings *readings = arg;
    enum ledger_error error = LEDGER_OK;

    for (size_t i = 0; error == LEDGER_OK && i < readings->len; i++)
        error = write_one(txn, &readings->items[i]);
    return error;
}

enum ledger_error
reading_find(struct ledger_txn *txn, struct reading *reading)
{
    struct statement statement = txn_prepare(txn, "SELECT value FROM reading WHERE series = ?1");
    int code;

    bind_text(&statement, reading->series);
    code = statement_step(&statement);
    if (code == SQLITE_DONE)
        return LEDGER_NOT_FOUND;
    reading->value = code == SQLITE_ROW ? read_number(&statement) : 0;
    return txn_error(code);
}

enum ledger_error
readings_list(struct ledger_txn *txn, reading_visitor visit, void *arg)
{
    struct statement statement = txn_prepare(txn, "SELECT series, value FROM reading");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        const char *series = read_text(&statement);

        visit(series, read_number(&statement), arg);
    }
    return txn_error(code);
}
