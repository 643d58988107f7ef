/*
 * Which processes on a ledger are alive, told by locks that the kernel drops when one dies.
 *
 * WAL keeps every process of a ledger on one machine, so a lock tells more than a heartbeat would,
 * and at once: kill -9, a crash and a power cut all release it. SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_OWNER_H
#define LEDGER_OWNER_H

#include <stdbool.h>
#include <stdint.h>

/* Opens the lock file beside the ledger, making it where missing. -1 with errno set on failure. */
int owner_open(const char *ledger_path);

/* Waits until no other process is within, and keeps others out until owner_leave. */
bool owner_enter(int fd);
void owner_leave(int fd);

/* Locks this process's byte, for as long as `fd` stays open. False with errno set on failure. */
bool owner_claim(int fd, int64_t owner);

/* Whether some process holds that byte. True where it cannot be told: a lease's end still bounds
 * it. */
bool owner_alive(int fd, int64_t owner);

#endif
