/*
 * The ledger's tables, and how an older file is brought up to them.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_SCHEMA_H
#define LEDGER_SCHEMA_H

#include <sqlite3.h>

#include "ledger/ledger.h"

/* The version that this program reads and writes, kept in the file as SQLite's user_version. */
#define SCHEMA_VERSION 1

/* Makes or upgrades the tables, in one transaction. */
enum ledger_error schema_upgrade(sqlite3 *db, struct rh_reason *reason);

/* Checks that the tables are of this version, and writes nothing. */
enum ledger_error schema_check(sqlite3 *db, struct rh_reason *reason);

#endif
