/*
 * SQLite's files, which fail by the plan of faults.h. SPDX-License-Identifier: MIT
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>

/* Puts the files of all connections that are opened from now on under the plan. Once. */
void disk_install(void);

/* Whether any write-ahead log has bytes that were written and not synced: a power cut would take
 * them. */
bool disk_is_unsynced(void);

/* How often such a log was synced so far: once a commit. */
int disk_log_syncs(void);

#endif
