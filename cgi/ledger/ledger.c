/*
 * The durable store: connections, transactions, and the group commit.
 *
 * Group commit: a writer queues its work. Where nobody leads, it does: it takes all that is queued,
 * runs it in one transaction, commits, hands the lead to the first of those who came in between,
 * and wakes those whose work it did. Each waits on a semaphore of its own, so that nobody is woken
 * in vain, nor needs the queue's lock again. A savepoint around each work keeps one that fails from
 * undoing its neighbours.
 * SPDX-License-Identifier: MIT
 */
#include "ledger/ledger.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock/clock.h"
#include "ledger/owner.h"
#include "ledger/schema.h"
#include "ledger/statement.h"
#include "text/escape.h"

/* GitHub waits 10 s for an answer: a writer gives up well before. When the program ends, at once.
 */
#define BUSY_TIMEOUT_MS 4000
#define BUSY_TIMEOUT_ENDING_MS 300
#define BUSY_REST_US 5000

/* One writer's place in the queue. It lives on that writer's stack until `done`. */
struct pending {
    struct ledger_item *items;
    size_t len;
    sem_t woken; /* done, or to lead */
    bool done;
    struct pending *next;
};

struct ledger {
    struct ledger_txn writer;
    struct ledger_txn reader;
    pthread_mutex_t reader_lock;

    pthread_mutex_t queue_lock;
    struct pending *queue_head;
    struct pending **queue_tail;
    bool is_led; /* by a writer that commits, or was handed the lead and will */

    _Atomic int64_t busy_timeout_ms;
    int64_t writer_busy_since_ms; /* of clock_monotonic_ms; each for its connection's one thread */
    int64_t reader_busy_since_ms;

    int owners_fd;
    int64_t owner;
    char receiver[16];
};

/* Puts the words for the person who has to act into `reason` (may be NULL), SQLite's own after
 * them, where they are about the same. */
static enum ledger_error
explain(const struct ledger_txn *txn, enum ledger_error error, struct rh_reason *reason)
{
    static const char *const texts[] = {
        [LEDGER_OK] = "",
        [LEDGER_NOT_FOUND] = "no such row",
        [LEDGER_BUSY] = "the ledger is locked by another process",
        [LEDGER_FULL] = "the disk that holds the ledger is full",
        [LEDGER_READ_ONLY] = "the ledger or its folder may not be written",
        [LEDGER_CORRUPT] =
            "the ledger is damaged or not a database: move it away or restore a backup",
        [LEDGER_UNREACHABLE] =
            ("the ledger cannot be opened: is its folder there, and may this user "
             "use both? `runhook serve` makes the file"),
        [LEDGER_NEWER] = "the ledger was made by a newer runhook",
        [LEDGER_NO_MEMORY] = "out of memory",
        [LEDGER_FAILED] = "the ledger failed",
    };

    if (reason == NULL || error == LEDGER_OK)
        return error;
    if (txn->db != NULL && txn_error(sqlite3_errcode(txn->db)) == error)
        (void)snprintf(reason->text, sizeof reason->text, "%s (%s)", texts[error],
                       sqlite3_errmsg(txn->db));
    else
        (void)snprintf(reason->text, sizeof reason->text, "%s", texts[error]);
    escape_tame(reason->text); /* of a damaged ledger, SQLite quotes what stands in it */
    return error;
}

/* SQLite's busy handler: rests a little, until the time is over. */
static int
rest_while_busy(struct ledger *ledger, int64_t *since_ms, int count)
{
    if (count == 0)
        *since_ms = clock_monotonic_ms();
    if (clock_monotonic_ms() - *since_ms >= atomic_load(&ledger->busy_timeout_ms))
        return 0;
    (void)usleep(BUSY_REST_US);
    return 1;
}

static int
writer_is_busy(void *arg, int count)
{
    struct ledger *ledger = arg;

    return rest_while_busy(ledger, &ledger->writer_busy_since_ms, count);
}

static int
reader_is_busy(void *arg, int count)
{
    struct ledger *ledger = arg;

    return rest_while_busy(ledger, &ledger->reader_busy_since_ms, count);
}

void
ledger_hurry(struct ledger *ledger)
{
    atomic_store(&ledger->busy_timeout_ms, BUSY_TIMEOUT_ENDING_MS);
}

/* Opens one connection with its pragmas. */
static int
connection_open(struct ledger *ledger, struct ledger_txn *txn, const char *path,
                enum ledger_mode mode)
{
    int flags =
        SQLITE_OPEN_NOMUTEX |
        (mode == LEDGER_SERVE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE);
    int code = sqlite3_open_v2(path, &txn->db, flags, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_extended_result_codes(txn->db, 1);
    if (code == SQLITE_OK)
        code = sqlite3_busy_handler(
            txn->db, txn == &ledger->writer ? writer_is_busy : reader_is_busy, ledger);
    if (code == SQLITE_OK && mode != LEDGER_LOOK)
        code = sqlite3_exec(txn->db,
                            "PRAGMA journal_mode = WAL;"
                            "PRAGMA synchronous = FULL;"
                            "PRAGMA foreign_keys = ON;"
                            "PRAGMA trusted_schema = OFF;",
                            NULL, NULL, NULL);
    else if (code == SQLITE_OK)
        code = sqlite3_exec(txn->db, "PRAGMA query_only = ON;", NULL, NULL, NULL);
    return code;
}

/* Reads the receiver's name, which the schema made. */
static enum ledger_error
read_receiver(struct ledger *ledger, struct rh_reason *reason)
{
    struct statement statement = txn_prepare(&ledger->reader, "SELECT name FROM receiver");
    int code = statement_step(&statement);

    if (code != SQLITE_ROW)
        return explain(&ledger->reader, code == SQLITE_DONE ? LEDGER_CORRUPT : txn_error(code),
                       reason);
    (void)snprintf(ledger->receiver, sizeof ledger->receiver, "%s", read_text(&statement));
    txn_reset(&ledger->reader);
    return explain(&ledger->reader, txn_error(statement.code), reason);
}

static enum ledger_error
next_owner(struct ledger_txn *txn, void *arg)
{
    struct statement statement =
        txn_prepare(txn, "UPDATE receiver SET last_owner = last_owner + 1 RETURNING last_owner");
    int64_t *owner = arg;
    int code = statement_step(&statement);

    if (code != SQLITE_ROW)
        return txn_error(code);
    *owner = read_number(&statement);
    return LEDGER_OK;
}

enum ledger_error
ledger_become_owner(struct ledger *ledger, struct rh_reason *reason)
{
    enum ledger_error error = ledger_write(ledger, next_owner, &ledger->owner, reason);

    if (error == LEDGER_OK && !owner_claim(ledger->owners_fd, ledger->owner)) {
        (void)snprintf(reason->text, sizeof reason->text,
                       "cannot lock the .owners file beside the ledger: %s", strerror(errno));
        error = LEDGER_FAILED;
    }
    return error;
}

static enum ledger_error
check_schema(struct ledger_txn *txn, enum ledger_mode mode, struct rh_reason *reason)
{
    int version;
    int code =
        mode == LEDGER_LOOK ? schema_read(txn->db, &version) : schema_upgrade(txn->db, &version);

    if (code != SQLITE_OK)
        return explain(txn, txn_error(code), reason);
    if (version == SCHEMA_VERSION)
        return LEDGER_OK;
    (void)snprintf(reason->text, sizeof reason->text,
                   version > SCHEMA_VERSION
                       ? "the ledger has schema version %d and this runhook knows %d: upgrade "
                         "runhook, or give it another ledger"
                       : "the ledger has schema version %d: start `runhook serve` once to bring it "
                         "to %d",
                   version, SCHEMA_VERSION);
    return version > SCHEMA_VERSION ? LEDGER_NEWER : LEDGER_FAILED;
}

/* Opens the lock file, and waits for the turn to open the ledger. */
static enum ledger_error
enter(struct ledger *ledger, const char *path, enum ledger_mode mode, struct rh_reason *reason)
{
    if (mode == LEDGER_CHANGE && access(path, F_OK) != 0)
        return explain(&ledger->writer, LEDGER_UNREACHABLE, reason);
    ledger->owners_fd = owner_open(path);
    if (ledger->owners_fd >= 0 && owner_enter(ledger->owners_fd))
        return LEDGER_OK;
    if (errno == ENOENT || errno == ENOTDIR)
        return explain(&ledger->writer, LEDGER_UNREACHABLE, reason);
    (void)snprintf(reason->text, sizeof reason->text, "cannot open and lock %.160s.owners: %s",
                   path, strerror(errno));
    escape_tame(reason->text);
    return LEDGER_READ_ONLY;
}

enum ledger_error
ledger_open(const char *path, enum ledger_mode mode, struct ledger **out, struct rh_reason *reason)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    enum ledger_error error;
    int code;

    *out = NULL;
    reason->text[0] = '\0';
    if (ledger == NULL) {
        (void)snprintf(reason->text, sizeof reason->text, "out of memory");
        return LEDGER_NO_MEMORY;
    }
    ledger->owners_fd = -1;
    atomic_init(&ledger->busy_timeout_ms, BUSY_TIMEOUT_MS);
    ledger->queue_tail = &ledger->queue_head;
    (void)pthread_mutex_init(&ledger->reader_lock, NULL);
    (void)pthread_mutex_init(&ledger->queue_lock, NULL);

    if (mode != LEDGER_LOOK) {
        /* Processes that start together make the file and its tables one after the other: SQLite's
         * own locks do not cover the switch to WAL. */
        error = enter(ledger, path, mode, reason);
        if (error != LEDGER_OK)
            goto fail;
    }
    code = connection_open(ledger, &ledger->writer, path, mode);
    if (code != SQLITE_OK) {
        error = explain(&ledger->writer, txn_error(code), reason);
        goto fail;
    }
    error = check_schema(&ledger->writer, mode, reason);
    if (error != LEDGER_OK)
        goto fail;
    code = connection_open(ledger, &ledger->reader, path, LEDGER_LOOK);
    if (code != SQLITE_OK) {
        error = explain(&ledger->reader, txn_error(code), reason);
        goto fail;
    }
    error = read_receiver(ledger, reason);
    if (error != LEDGER_OK)
        goto fail;
    if (ledger->owners_fd >= 0)
        owner_leave(ledger->owners_fd);
    *out = ledger;
    return LEDGER_OK;
fail:
    ledger_close(ledger);
    return error;
}

void
ledger_close(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    txn_close(&ledger->reader);
    txn_close(&ledger->writer);
    if (ledger->owners_fd >= 0)
        (void)close(ledger->owners_fd);
    (void)pthread_mutex_destroy(&ledger->queue_lock);
    (void)pthread_mutex_destroy(&ledger->reader_lock);
    free(ledger);
}

const char *
ledger_receiver(const struct ledger *ledger)
{
    return ledger->receiver;
}

int64_t
ledger_owner(const struct ledger *ledger)
{
    return ledger->owner;
}

bool
ledger_owner_alive(const struct ledger *ledger, int64_t owner)
{
    return owner == ledger->owner || owner_alive(ledger->owners_fd, owner);
}

/* Begins a transaction. A failure can leave the last one open (a COMMIT that fails, and then no
 * memory for its ROLLBACK): it would stand in the way of all that come after it. */
static int
begin(struct ledger_txn *txn, const char *sql)
{
    int code = SQLITE_DONE;

    txn->code = SQLITE_OK;
    if (sqlite3_get_autocommit(txn->db) == 0)
        code = txn_execute(txn, "ROLLBACK");
    return code == SQLITE_DONE ? txn_execute(txn, sql) : code;
}

/* What a work comes to: its result, but where it read what it could not. */
static enum ledger_error
run_work(struct ledger_txn *txn, ledger_work work, void *arg, struct rh_reason *reason)
{
    enum ledger_error error = work(txn, arg);

    if (txn->code != SQLITE_OK)
        error = txn_error(txn->code);
    (void)explain(txn, error, reason);
    txn->code = SQLITE_OK;
    txn_reset(txn);
    return error;
}

/* Runs one work within the open transaction, so that its failure undoes its own changes alone.
 * SQLITE_DONE, or why the transaction cannot be committed. */
static int
run_item(struct ledger_txn *txn, struct ledger_item *item)
{
    int code = txn_execute(txn, "SAVEPOINT work");

    if (code != SQLITE_DONE) {
        item->result = explain(txn, txn_error(code), &item->reason);
        return SQLITE_DONE;
    }
    item->result = run_work(txn, item->work, item->arg, &item->reason);
    if (sqlite3_get_autocommit(txn->db) != 0)
        return SQLITE_DONE;
    /* Where its changes cannot be undone alone, they must not be committed with the others'. */
    if (item->result != LEDGER_OK)
        code = txn_execute(txn, "ROLLBACK TO work");
    return code == SQLITE_DONE ? txn_execute(txn, "RELEASE work") : code;
}

/* Runs the works of one writer. LEDGER_OK, or why there is nothing to commit. */
static enum ledger_error
run_pending(struct ledger_txn *txn, struct pending *pending, struct rh_reason *reason)
{
    for (size_t i = 0; i < pending->len; i++) {
        struct ledger_item *item = &pending->items[i];
        int code = run_item(txn, item);

        if (code != SQLITE_DONE)
            return explain(txn, txn_error(code), reason);
        /* Some failures (a full disk, no memory) make SQLite end the whole transaction by itself.
         * Then a further savepoint would be one of its own, and be committed by its release. */
        if (sqlite3_get_autocommit(txn->db) != 0) {
            *reason = item->reason;
            return item->result > LEDGER_NOT_FOUND ? item->result
                                                   : explain(txn, LEDGER_FAILED, reason);
        }
    }
    return LEDGER_OK;
}

/* Runs the members of a batch; the same. */
static enum ledger_error
run_members(struct ledger_txn *txn, struct pending *batch, struct rh_reason *reason)
{
    enum ledger_error error = LEDGER_OK;

    for (struct pending *pending = batch; error == LEDGER_OK && pending != NULL;
         pending = pending->next)
        error = run_pending(txn, pending, reason);
    return error;
}

/* Gives every work of a batch the same result. */
static void
fail_all(struct pending *batch, enum ledger_error error, const struct rh_reason *reason)
{
    for (struct pending *pending = batch; pending != NULL; pending = pending->next) {
        for (size_t i = 0; i < pending->len; i++) {
            pending->items[i].result = error;
            pending->items[i].reason = *reason;
        }
    }
}

/* Runs a batch in one transaction. After it, every work has its result, and what is LEDGER_OK is on
 * disk. */
static enum ledger_error
run_batch(struct ledger_txn *txn, struct pending *batch)
{
    struct rh_reason reason;
    enum ledger_error error = explain(txn, txn_error(begin(txn, "BEGIN IMMEDIATE")), &reason);

    if (error == LEDGER_OK)
        error = run_members(txn, batch, &reason);
    if (error == LEDGER_OK)
        error = explain(txn, txn_error(txn_execute(txn, "COMMIT")), &reason);
    if (error == LEDGER_OK)
        return LEDGER_OK;
    if (sqlite3_get_autocommit(txn->db) == 0)
        (void)txn_execute(txn, "ROLLBACK");
    fail_all(batch, error, &reason);
    return error;
}

/* Takes all that is queued. With the queue locked. */
static struct pending *
take_queue(struct ledger *ledger)
{
    struct pending *batch = ledger->queue_head;

    ledger->queue_head = NULL;
    ledger->queue_tail = &ledger->queue_head;
    return batch;
}

/* Lets those of a batch go whose result is known. Each may be gone as soon as it is woken. */
static void
let_go(struct pending *batch)
{
    struct pending *next;

    for (struct pending *pending = batch; pending != NULL; pending = next) {
        next = pending->next;
        pending->done = true;
        (void)sem_post(&pending->woken);
    }
}

/* Runs what is queued by now, hands the lead to whoever came meanwhile, and lets the batch go. */
static void
lead(struct ledger *ledger)
{
    struct pending *batch, *next, *late = NULL;
    bool is_busy;

    (void)pthread_mutex_lock(&ledger->queue_lock);
    batch = take_queue(ledger);
    (void)pthread_mutex_unlock(&ledger->queue_lock);
    is_busy = run_batch(&ledger->writer, batch) == LEDGER_BUSY;
    (void)pthread_mutex_lock(&ledger->queue_lock);
    /* Who came while a batch waited for another process's lock has waited as well: a second wait
     * would outlast GitHub's patience. */
    if (is_busy)
        late = take_queue(ledger);
    next = ledger->queue_head;
    ledger->is_led = next != NULL;
    (void)pthread_mutex_unlock(&ledger->queue_lock);
    if (next != NULL)
        (void)sem_post(&next->woken);
    if (late != NULL)
        fail_all(late, LEDGER_BUSY, &batch->items[0].reason);
    let_go(late);
    let_go(batch);
}

void
ledger_write_all(struct ledger *ledger, struct ledger_item *items, size_t len)
{
    struct pending self = {.items = items, .len = len};
    bool leads;

    (void)sem_init(&self.woken, 0, 0);
    (void)pthread_mutex_lock(&ledger->queue_lock);
    /* It leaves the queue before this function is left. */
    *ledger->queue_tail = &self;     /* cppcheck-suppress autoVariables */
    ledger->queue_tail = &self.next; /* cppcheck-suppress autoVariables */
    leads = !ledger->is_led;
    ledger->is_led = true;
    (void)pthread_mutex_unlock(&ledger->queue_lock);
    if (!leads) {
        while (sem_wait(&self.woken) != 0)
            continue;
        leads = !self.done;
    }
    if (leads)
        lead(ledger);
    (void)sem_destroy(&self.woken);
}

enum ledger_error
ledger_write(struct ledger *ledger, ledger_work work, void *arg, struct rh_reason *reason)
{
    struct ledger_item item = {.work = work, .arg = arg};

    ledger_write_all(ledger, &item, 1);
    if (reason != NULL)
        *reason = item.reason;
    return item.result;
}

enum ledger_error
ledger_read(struct ledger *ledger, ledger_work work, void *arg, struct rh_reason *reason)
{
    struct ledger_txn *txn = &ledger->reader;
    enum ledger_error error;

    (void)pthread_mutex_lock(&ledger->reader_lock);
    error = explain(txn, txn_error(begin(txn, "BEGIN")), reason);
    if (error == LEDGER_OK) {
        error = run_work(txn, work, arg, reason);
        (void)txn_execute(txn, "COMMIT");
    }
    (void)pthread_mutex_unlock(&ledger->reader_lock);
    return error;
}

/* As much as a delivery writes, since a disk may have room for a page and not for a job. SQLite
 * writes nothing for a value that stays the same, so it is another each time. */
static enum ledger_error
write_probe(struct ledger_txn *txn, void *arg)
{
    (void)arg;
    return txn_error(txn_execute(txn, "UPDATE receiver SET probe = randomblob(16384)"));
}

enum ledger_error
ledger_probe(struct ledger *ledger, struct rh_reason *reason)
{
    return ledger_write(ledger, write_probe, NULL, reason);
}
