/*
 * The durable store of jobs and runners: one SQLite file (WAL, synchronous=FULL), which several
 * processes may use at once.
 *
 * All writes of a process go through ledger_write. Writers that come at the same time share one
 * transaction and so one fsync; each of them returns only when its own change is on disk.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runhook/error.h>

/* What a caller does about a failure is the same for all but the first two: nothing was changed,
 * say so, and let the sender come again. */
enum ledger_error {
    LEDGER_OK = 0,
    LEDGER_NOT_FOUND,   /* there is no such row; nothing is wrong with the store */
    LEDGER_BUSY,        /* another process held it for longer than we wait */
    LEDGER_FULL,        /* the disk is full */
    LEDGER_READ_ONLY,   /* its file or folder may not be written */
    LEDGER_CORRUPT,     /* not a database, or a damaged one */
    LEDGER_UNREACHABLE, /* its file or folder is missing, or may not be used */
    LEDGER_NEWER,       /* made by a newer runhook */
    LEDGER_NO_MEMORY,
    LEDGER_FAILED, /* anything else; the reason has SQLite's own words */
};

struct ledger;

/* A transaction under way: see ledger/statement.h. */
struct ledger_txn;

enum ledger_mode {
    LEDGER_SERVE,  /* makes the file where there is none, and brings an older schema up */
    LEDGER_CHANGE, /* for commands that change rows: the file must be there */
    LEDGER_LOOK,   /* for commands that show: the file must be there, and nothing is written */
};

/*
 * Opens the ledger at `path`. `*out` is NULL on failure, and `reason` then says what to do. Threads
 * may share a ledger.
 */
enum ledger_error ledger_open(const char *path, enum ledger_mode mode, struct ledger **out,
                              struct rh_reason *reason);
void ledger_close(struct ledger *ledger);

/* The program ends: from now on nobody waits long for another process's lock. */
void ledger_hurry(struct ledger *ledger);

/* What a function does within a transaction. Anything but LEDGER_OK undoes what it wrote, and only
 * that. What it put into `arg` stays, even where the commit then fails. */
typedef enum ledger_error (*ledger_work)(struct ledger_txn *txn, void *arg);

/*
 * Runs `work` in a transaction and returns when it is on disk. `work` may run on another thread,
 * and must not block or call the ledger again. Returns what `work` returned, or why the commit
 * failed; `reason` (may be NULL) is then set.
 */
enum ledger_error ledger_write(struct ledger *ledger, ledger_work work, void *arg,
                               struct rh_reason *reason);

/* One of several works that a writer has at once. */
struct ledger_item {
    ledger_work work;
    void *arg;
    enum ledger_error result; /* both are set */
    struct rh_reason reason;  /* where the result is not LEDGER_OK */
};

/* Runs works in this order, one or more, in one transaction, and returns when they are on disk. As
 * with ledger_write, one that fails undoes only what it wrote. */
void ledger_write_all(struct ledger *ledger, struct ledger_item *items, size_t len);

/* Runs `work`, which only reads, on a consistent view of the ledger. */
enum ledger_error ledger_read(struct ledger *ledger, ledger_work work, void *arg,
                              struct rh_reason *reason);

/* Whether the ledger can take a write now: makes one. For healthz. */
enum ledger_error ledger_probe(struct ledger *ledger, struct rh_reason *reason);

/* Eight hexadecimal digits that tell this receiver's runners from another's; made with the ledger.
 */
const char *ledger_receiver(const struct ledger *ledger);

/*
 * Takes a number for this process, under which it can lease work, and the lock that shows that it
 * lives. Once, before any thread leases.
 */
enum ledger_error ledger_become_owner(struct ledger *ledger, struct rh_reason *reason);

/* The number; 0 before ledger_become_owner. */
int64_t ledger_owner(const struct ledger *ledger);

/* Whether the process with this number still lives, whatever killed it: its lock on the ledger's
 * .owners file goes with it. */
bool ledger_owner_alive(const struct ledger *ledger, int64_t owner);

#endif
