/*
 * Counts that all processes of the ledger share.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/tally.h"

enum ledger_error
tally_add(struct ledger_txn *txn, const char *series, int64_t part, int64_t by)
{
    struct statement statement =
        txn_prepare(txn, "INSERT INTO tally (series, part, total) VALUES (?1, ?2, ?3)"
                         " ON CONFLICT (series, part) DO UPDATE SET total = total + ?3");

    if (by == 0)
        return LEDGER_OK;
    bind_text(&statement, series);
    bind_number(&statement, part);
    bind_number(&statement, by);
    return txn_error(statement_step(&statement));
}

enum ledger_error
tally_count(struct ledger_txn *txn, enum family family, const char *const values[])
{
    char series[FAMILY_SERIES_CAP];

    return family_series(family, values, series) ? tally_add(txn, series, FAMILY_PART_TOTAL, 1)
                                                 : LEDGER_OK;
}

enum ledger_error
tally_observe(struct ledger_txn *txn, enum family family, const char *const values[],
              int64_t value_ms)
{
    char series[FAMILY_SERIES_CAP];
    enum ledger_error error;

    if (!family_series(family, values, series))
        return LEDGER_OK;
    if (value_ms < 0)
        value_ms = 0;
    error = tally_add(txn, series, family_bucket(family, value_ms), 1);
    return error == LEDGER_OK ? tally_add(txn, series, FAMILY_PART_SUM, value_ms) : error;
}

enum ledger_error
tally_list(struct ledger_txn *txn, tally_visitor visit, void *arg)
{
    struct statement statement = txn_prepare(txn, "SELECT series, part, total FROM tally");
    int code;

    while ((code = statement_step(&statement)) == SQLITE_ROW) {
        const char *series = read_text(&statement);
        int64_t part = read_number(&statement);

        visit(series, part, read_number(&statement), arg);
    }
    return txn_error(code);
}
