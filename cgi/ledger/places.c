/*
 * The places that the ledger knows.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/places.h"

#include "ledger/statement.h"

enum ledger_error
places_read(struct ledger_txn *txn, void *arg)
{
    const struct places_read *read = arg;
    struct statement repositories = txn_prepare(
        txn, "SELECT name FROM repository WHERE seen_at_ms >= ?1 ORDER BY seen_at_ms DESC, name"
             " LIMIT ?2");
    struct statement hooks =
        txn_prepare(txn, "SELECT place, id FROM hook WHERE id > 0 ORDER BY place, id");
    int code;

    bind_number(&repositories, read->since_ms);
    bind_number(&repositories, read->repositories_max);
    while ((code = statement_step(&repositories)) == SQLITE_ROW)
        read->repository(read_text(&repositories), read->arg);
    if (code != SQLITE_DONE)
        return txn_error(code);
    while ((code = statement_step(&hooks)) == SQLITE_ROW) {
        const char *place = read_text(&hooks);

        read->hook(place, read_number(&hooks), read->arg);
    }
    return txn_error(code);
}
