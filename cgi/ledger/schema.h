/*
 * The ledger's tables, and how an older file is brought up to them.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_SCHEMA_H
#define LEDGER_SCHEMA_H

#include <sqlite3.h>

/* The version that this program reads and writes, kept in the file as SQLite's user_version. */
#define SCHEMA_VERSION 7

/* Makes or upgrades the tables, in one transaction. Returns SQLITE_OK, and `*version` is what the
 * file has after it: over SCHEMA_VERSION where a newer program made it, and nothing was changed; or
 * the failure's code. */
int schema_upgrade(sqlite3 *db, int *version);

/* Reads the version, and writes nothing. */
int schema_read(sqlite3 *db, int *version);

#endif
