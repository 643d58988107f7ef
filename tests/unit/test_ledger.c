/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/schema.h"
#include "ledger/statement.h"

static enum ledger_error
open_at(const char *name, enum ledger_mode mode, struct ledger **ledger, struct rh_reason *reason)
{
    enum ledger_error error = ledger_open(scratch_path(name).text, mode, ledger, reason);

    assert_int_equal(*ledger == NULL, error != LEDGER_OK);
    assert_int_equal(reason->text[0] == '\0', error == LEDGER_OK);
    return error;
}

static void
a_new_ledger_and_the_same_again(void **state)
{
    struct ledger *ledger = *state;
    char receiver[16];

    (void)snprintf(receiver, sizeof receiver, "%s", ledger_receiver(ledger));
    assert_int_equal(strlen(receiver), 8);
    assert_int_equal(strspn(receiver, "0123456789abcdef"), 8);
    enter(ledger, 1, "o/r", 10);
    assert_string_equal(text_of(ledger, "PRAGMA journal_mode").bytes, "wal");
    ledger_close(ledger);

    ledger = *state = ledger_open_sample(LEDGER_SERVE);
    assert_string_equal(ledger_receiver(ledger), receiver);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM job"), 1);
    assert_int_equal(number_of(ledger, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(ledger_probe(ledger, NULL), LEDGER_OK);
}

static void
another_ledger_is_another_receiver(void **state)
{
    struct ledger *other;
    struct rh_reason reason;

    assert_int_equal(open_at("other.db", LEDGER_SERVE, &other, &reason), LEDGER_OK);
    assert_string_not_equal(ledger_receiver(other), ledger_receiver(*state));
    ledger_close(other);
}

static void
looking_writes_nothing(void **state)
{
    struct ledger *ledger = *state, *other;
    struct rh_reason reason;

    assert_int_equal(open_at("none.db", LEDGER_LOOK, &other, &reason), LEDGER_UNREACHABLE);
    assert_int_equal(access(scratch_path("none.db").text, F_OK), -1);
    enter(ledger, 1, "o/r", 10);
    other = ledger_open_sample(LEDGER_LOOK);
    assert_int_equal(number_of(other, "SELECT count(*) FROM job"), 1);
    assert_int_equal(ledger_probe(other, &reason), LEDGER_READ_ONLY);
    enter(ledger, 2, "o/r", 10);
    assert_int_equal(number_of(other, "SELECT count(*) FROM job"), 2);
    ledger_close(other);
}

static void
changing_needs_a_ledger(void **state)
{
    struct ledger *other;
    struct rh_reason reason;

    assert_int_equal(open_at("none.db", LEDGER_CHANGE, &other, &reason), LEDGER_UNREACHABLE);
    assert_int_equal(access(scratch_path("none.db").text, F_OK), -1);
    other = ledger_open_sample(LEDGER_CHANGE);
    enter(other, 1, "o/r", 10);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM job"), 1);
    ledger_close(other);
}

/* Writes a file in the ledger's place that SQLite made of `sql`. */
static void
make_database(const char *name, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(scratch_path(name).text, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
what_is_no_ledger_is_refused(void **state)
{
    (void)state;
    static char garbage[20000];
    static const enum ledger_mode modes[] = {LEDGER_SERVE, LEDGER_CHANGE, LEDGER_LOOK};
    struct ledger *ledger;
    struct rh_reason reason;

    memset(garbage, 'x', sizeof garbage);
    for (size_t i = 0; i < COUNT(modes); i++) {
        (void)scratch_write_len("garbage.db", garbage, sizeof garbage, 0600);
        assert_int_equal(open_at("garbage.db", modes[i], &ledger, &reason), LEDGER_CORRUPT);
        assert_non_null(strstr(reason.text, "not a database"));
        assert_int_equal(open_at("", modes[i], &ledger, &reason), LEDGER_UNREACHABLE);
        assert_int_equal(open_at("no/folder/x.db", modes[i], &ledger, &reason), LEDGER_UNREACHABLE);
    }
    make_database("newer.db", "CREATE TABLE job (id); PRAGMA user_version = 99");
    for (size_t i = 0; i < COUNT(modes); i++) {
        assert_int_equal(open_at("newer.db", modes[i], &ledger, &reason), LEDGER_NEWER);
        assert_non_null(strstr(reason.text, "99"));
        assert_non_null(strstr(reason.text, "upgrade runhook"));
    }
    /* Not even touched. */
    sqlite3 *db;
    assert_int_equal(sqlite3_open(scratch_path("newer.db").text, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO job VALUES (1)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);

    make_database("older.db", "CREATE TABLE unrelated (id)");
    assert_int_equal(open_at("older.db", LEDGER_LOOK, &ledger, &reason), LEDGER_FAILED);
    assert_non_null(strstr(reason.text, "runhook serve"));
}

static void
a_damaged_ledger_is_told_apart(void **state)
{
    struct rh_reason reason;
    struct ledger *ledger = *state;
    FILE *file;
    long len;

    for (int64_t id = 1; id <= 200; id++)
        enter(ledger, id, "o/r", 10);
    ledger_close(ledger);
    *state = NULL;
    file = fopen(scratch_path(LEDGER_NAME).text, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    len = ftell(file);
    assert_true(len > 8192);
    assert_int_equal(fseek(file, 100, SEEK_SET), 0); /* the header stays whole */
    for (long i = 100; i < len; i++)
        assert_int_equal(fputc(0xA5, file), 0xA5);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_at(LEDGER_NAME, LEDGER_SERVE, &ledger, &reason), LEDGER_CORRUPT);
    assert_non_null(strstr(reason.text, "malformed"));
}

/* SQLite names in its words what it stumbled on, and that is whatever stands in the file. */
static void
the_words_about_a_damaged_ledger_are_plain(void **state)
{
    struct rh_reason reason;
    struct ledger *ledger = *state;

    ledger_close(ledger);
    *state = NULL;
    make_database(LEDGER_NAME, "PRAGMA writable_schema = ON;"
                               "UPDATE sqlite_schema SET name = x'1b5b324aff' || char(8238, 10),"
                               " sql = 'CREATE TABLE' WHERE name = 'job'");
    assert_int_not_equal(open_at(LEDGER_NAME, LEDGER_SERVE, &ledger, &reason), LEDGER_OK);
    assert_non_null(strstr(reason.text, "?[2J"));
    for (const char *c = reason.text; *c != '\0'; c++)
        assert_row(*c >= ' ' && *c <= '~', reason.text);
}

/* Root may write anywhere, so the rest of the test is that of another user. */
static int
open_as_nobody(const char *path, enum ledger_mode mode)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct ledger *ledger;
        struct rh_reason reason;

        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        _exit((int)ledger_open(path, mode, &ledger, &reason) + (reason.text[0] == '\0' ? 50 : 0));
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
a_folder_that_may_not_be_written(void **state)
{
    struct path folder = scratch_path("");
    char path[300];

    enter(*state, 1, "o/r", 10);
    ledger_close(*state);
    *state = NULL;
    assert_int_equal(chmod(folder.text, 0555), 0);
    (void)snprintf(path, sizeof path, "%s/new.db", folder.text);
    assert_int_not_equal(open_as_nobody(path, LEDGER_SERVE), LEDGER_OK);
    (void)snprintf(path, sizeof path, "%s/%s", folder.text, LEDGER_NAME);
    assert_int_not_equal(open_as_nobody(path, LEDGER_SERVE), LEDGER_OK);
    assert_int_equal(chmod(folder.text, 0700), 0);
}

/* Group commit: works that come while a commit is under way share the next one. */

struct gate_keeper {
    sem_t entered;
    sem_t go_on;
};

static enum ledger_error
hold(struct ledger_txn *txn, void *arg)
{
    struct gate_keeper *keeper = arg;

    (void)txn;
    (void)sem_post(&keeper->entered);
    while (sem_wait(&keeper->go_on) != 0 && errno == EINTR)
        ;
    return LEDGER_OK;
}

enum deed {
    DEED_WRITE,
    DEED_WRITE_AND_FAIL,
    DEED_VIOLATE, /* a constraint */
    DEED_NOT_FOUND,
};

struct writer {
    struct ledger *ledger;
    pthread_t thread;
    enum deed deed;
    int64_t id;
    enum ledger_error error;
    struct rh_reason reason;
};

static enum ledger_error
do_deed(struct ledger_txn *txn, void *arg)
{
    struct writer *writer = arg;
    struct statement statement = txn_prepare(
        txn, "INSERT INTO repository (name, turn, seen_at_ms) VALUES ('o/' || ?1, 0, ?2)");
    int code;

    bind_number(&statement, writer->id);
    bind_number(&statement, NOW_MS);
    code = statement_step(&statement);
    if (code != SQLITE_DONE)
        return txn_error(code);
    if (writer->deed == DEED_VIOLATE)
        return txn_error(txn_execute(txn, "INSERT INTO receiver (only, name) VALUES (2, 'x')"));
    if (writer->deed == DEED_NOT_FOUND)
        return LEDGER_NOT_FOUND;
    return writer->deed == DEED_WRITE ? LEDGER_OK : LEDGER_FAILED;
}

static void *
write_deed(void *arg)
{
    struct writer *writer = arg;

    writer->error = ledger_write(writer->ledger, do_deed, writer, &writer->reason);
    return NULL;
}

static void *
write_hold(void *arg)
{
    void **both = arg;

    return ledger_write(both[0], hold, both[1], NULL) == LEDGER_OK ? NULL : arg;
}

/* Runs `count` writers in one batch: they queue up behind a work that holds the commit. */
static void
run_in_one_batch(struct ledger *ledger, struct writer *writers, size_t count)
{
    struct gate_keeper keeper;
    void *both[2] = {ledger, &keeper}, *failed;
    pthread_t holder;

    assert_int_equal(sem_init(&keeper.entered, 0, 0), 0);
    assert_int_equal(sem_init(&keeper.go_on, 0, 0), 0);
    assert_int_equal(pthread_create(&holder, NULL, write_hold, both), 0);
    assert_int_equal(sem_wait(&keeper.entered), 0);
    for (size_t i = 0; i < count; i++) {
        writers[i].ledger = ledger;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_deed, &writers[i]), 0);
    }
    (void)usleep(50 * 1000); /* a batch is better tested full, and right in any case */
    assert_int_equal(sem_post(&keeper.go_on), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
    assert_int_equal(pthread_join(holder, &failed), 0);
    assert_null(failed);
    assert_int_equal(sem_destroy(&keeper.entered), 0);
    assert_int_equal(sem_destroy(&keeper.go_on), 0);
}

static void
a_work_that_fails_undoes_itself_alone(void **state)
{
    static const enum ledger_error want[] = {[DEED_WRITE] = LEDGER_OK,
                                             [DEED_WRITE_AND_FAIL] = LEDGER_FAILED,
                                             [DEED_VIOLATE] = LEDGER_FAILED,
                                             [DEED_NOT_FOUND] = LEDGER_NOT_FOUND};
    struct writer writers[16] = {0};

    for (size_t i = 0; i < COUNT(writers); i++) {
        writers[i].deed = (enum deed)(i % 4);
        writers[i].id = (int64_t)i;
    }
    run_in_one_batch(*state, writers, COUNT(writers));
    for (size_t i = 0; i < COUNT(writers); i++) {
        char sql[80];

        assert_int_equal(writers[i].error, want[writers[i].deed]);
        assert_int_equal(writers[i].reason.text[0] == '\0', writers[i].error == LEDGER_OK);
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM repository WHERE name = 'o/%zu'", i);
        assert_int_equal(number_of(*state, sql), writers[i].error == LEDGER_OK);
    }
}

/* The system calls under SQLite, so that a disk can fill up at any write. */

static atomic_int writes_left; /* negative: no end */
static atomic_int syncs;
static atomic_bool syncs_fail;
static sqlite3_syscall_ptr real_write, real_pwrite, real_pwrite64;

static bool
disk_is_full(void)
{
    int left = atomic_load(&writes_left);

    if (left > 0)
        atomic_fetch_sub(&writes_left, 1);
    if (left == 0)
        errno = ENOSPC;
    return left == 0;
}

static ssize_t
write_or_fill(int fd, const void *bytes, size_t len)
{
    return disk_is_full() ? -1 : write(fd, bytes, len);
}

static ssize_t
pwrite_or_fill(int fd, const void *bytes, size_t len, off_t offset)
{
    return disk_is_full() ? -1 : pwrite(fd, bytes, len, offset);
}

/* In the place of the C library's, which SQLite calls directly. The disk itself is not tested. */
int
fdatasync(int fd)
{
    (void)fd;
    atomic_fetch_add(&syncs, 1);
    errno = EIO;
    return atomic_load(&syncs_fail) ? -1 : 0;
}

static void
swap_call(const char *name, sqlite3_syscall_ptr ours, sqlite3_syscall_ptr *real)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    if (real != NULL)
        *real = vfs->xGetSystemCall(vfs, name);
    (void)vfs->xSetSystemCall(vfs, name, ours);
}

static int
ledger_make_on_frail_disk(void **state)
{
    if (ledger_make(state) != 0)
        return -1;
    atomic_store(&writes_left, -1);
    atomic_store(&syncs_fail, false);
    swap_call("write", (sqlite3_syscall_ptr)(void (*)(void))write_or_fill, &real_write);
    swap_call("pwrite", (sqlite3_syscall_ptr)(void (*)(void))pwrite_or_fill, &real_pwrite);
    swap_call("pwrite64", (sqlite3_syscall_ptr)(void (*)(void))pwrite_or_fill, &real_pwrite64);
    return 0;
}

static int
ledger_remove_from_frail_disk(void **state)
{
    atomic_store(&writes_left, -1);
    atomic_store(&syncs_fail, false);
    swap_call("write", real_write, NULL);
    swap_call("pwrite", real_pwrite, NULL);
    swap_call("pwrite64", real_pwrite64, NULL);
    return ledger_remove(state);
}

static void
a_write_is_on_disk_before_it_returns(void **state)
{
    for (int64_t id = 1; id <= 5; id++) {
        int before = atomic_load(&syncs);
        enter(*state, id, "o/r", 10);
        assert_true(atomic_load(&syncs) > before);
    }
}

static void
writers_that_come_together_share_their_sync(void **state)
{
    struct writer writers[32] = {0};
    int before = atomic_load(&syncs);

    for (size_t i = 0; i < COUNT(writers); i++)
        writers[i].id = (int64_t)i;
    run_in_one_batch(*state, writers, COUNT(writers));
    for (size_t i = 0; i < COUNT(writers); i++)
        assert_int_equal(writers[i].error, LEDGER_OK);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM repository"), COUNT(writers));
    assert_true(atomic_load(&syncs) - before < (int)COUNT(writers) / 2);
}

/* Works of one writer: in their order, with one sync, and each fails for itself. */
static void
works_of_one_writer_share_their_sync(void **state)
{
    static const enum deed deeds[] = {DEED_WRITE, DEED_WRITE_AND_FAIL, DEED_VIOLATE, DEED_NOT_FOUND,
                                      DEED_WRITE};
    static const enum ledger_error want[] = {LEDGER_OK, LEDGER_FAILED, LEDGER_FAILED,
                                             LEDGER_NOT_FOUND, LEDGER_OK};
    struct writer writers[COUNT(deeds)] = {0};
    struct ledger_item items[COUNT(deeds)];
    int before = atomic_load(&syncs);

    for (size_t i = 0; i < COUNT(deeds); i++) {
        writers[i] = (struct writer){.deed = deeds[i], .id = (int64_t)i};
        items[i] = (struct ledger_item){.work = do_deed, .arg = &writers[i]};
    }
    ledger_write_all(*state, items, COUNT(items));
    for (size_t i = 0; i < COUNT(deeds); i++) {
        assert_int_equal(items[i].result, want[i]);
        assert_int_equal(items[i].reason.text[0] == '\0', want[i] == LEDGER_OK);
    }
    assert_string_equal(text_of(*state, "SELECT group_concat(name, ' ') FROM repository").bytes,
                        "o/0 o/4");
    assert_int_equal(atomic_load(&syncs), before + 1);
}

static void
every_work_of_a_writer_hears_of_a_full_disk(void **state)
{
    struct writer writers[2] = {{.id = 1}, {.id = 2}};
    struct ledger_item items[] = {{.work = do_deed, .arg = &writers[0]},
                                  {.work = do_deed, .arg = &writers[1]}};

    atomic_store(&writes_left, 0);
    ledger_write_all(*state, items, COUNT(items));
    atomic_store(&writes_left, -1);
    for (size_t i = 0; i < COUNT(items); i++) {
        assert_int_equal(items[i].result, LEDGER_FULL);
        assert_non_null(strstr(items[i].reason.text, "full"));
    }
    assert_int_equal(number_of(*state, "SELECT count(*) FROM repository"), 0);
}

/* The disk fills up at the first write of a commit, at the second, …: nothing is taken that is not
 * there afterwards, and the ledger goes on when there is room again. */
static void
a_full_disk_takes_nothing(void **state)
{
    struct ledger *ledger = *state;
    int64_t id = 0, entered = 0;

    for (int room = 0; room < 12; room++) {
        struct job_sample sample;
        struct job_report report;
        enum ledger_error error;

        job_sample_init(&sample, ++id, "o/r", 10);
        atomic_store(&writes_left, room);
        error = tell(ledger, &sample, JOB_EVENT_QUEUED, &report);
        atomic_store(&writes_left, -1);
        assert_true(error == LEDGER_OK || error == LEDGER_FULL);
        if (room == 0)
            assert_int_equal(error, LEDGER_FULL);
        entered += error == LEDGER_OK;
        assert_int_equal(number_of(ledger, "SELECT count(*) FROM job"), entered);
        enter(ledger, ++id, "o/r", 10);
        entered++;
        assert_int_equal(number_of(ledger, "SELECT count(*) FROM job"), entered);
    }
    assert_string_equal(text_of(ledger, "PRAGMA integrity_check").bytes, "ok");
}

static void
every_writer_of_a_batch_hears_of_a_full_disk(void **state)
{
    struct writer writers[8] = {0};

    for (size_t i = 0; i < COUNT(writers); i++)
        writers[i].id = (int64_t)i;
    atomic_store(&writes_left, 0);
    run_in_one_batch(*state, writers, COUNT(writers));
    atomic_store(&writes_left, -1);
    for (size_t i = 0; i < COUNT(writers); i++) {
        assert_int_equal(writers[i].error, LEDGER_FULL);
        assert_non_null(strstr(writers[i].reason.text, "full"));
    }
    assert_int_equal(number_of(*state, "SELECT count(*) FROM repository"), 0);
    for (size_t i = 0; i < COUNT(writers); i++)
        enter(*state, (int64_t)i + 1, "o/r", 10);
}

static void
a_sync_that_fails_is_no_commit(void **state)
{
    struct job_sample sample;

    job_sample_init(&sample, 1, "o/r", 10);
    atomic_store(&syncs_fail, true);
    assert_int_equal(tell(*state, &sample, JOB_EVENT_QUEUED, NULL), LEDGER_FAILED);
    atomic_store(&syncs_fail, false);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM job"), 0);
    enter(*state, 1, "o/r", 10);
}

static void
one_that_is_locked_by_another_is_busy(void **state)
{
    struct job_sample sample;
    struct rh_reason reason;
    sqlite3 *db;

    job_sample_init(&sample, 1, "o/r", 10);
    assert_int_equal(sqlite3_open(scratch_path(LEDGER_NAME).text, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(ledger_probe(*state, &reason), LEDGER_BUSY);
    assert_non_null(strstr(reason.text, "locked"));
    assert_int_equal(number_of(*state, "SELECT count(*) FROM job"), 0);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(tell(*state, &sample, JOB_EVENT_QUEUED, NULL), LEDGER_OK);
}

static void
reading_cannot_write(void **state)
{
    struct writer writer = {.id = 1};
    struct rh_reason reason;

    assert_int_equal(ledger_read(*state, do_deed, &writer, &reason), LEDGER_READ_ONLY);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM repository"), 0);
    assert_int_equal(ledger_probe(*state, &reason), LEDGER_OK);
}

#define PROCESSES 4
#define THREADS 4
#define EACH 25

struct enterer {
    struct ledger *ledger;
    int64_t first_id;
    bool failed;
};

static void *
enter_many(void *arg)
{
    struct enterer *enterer = arg;

    for (int64_t i = 0; i < EACH; i++) {
        struct job_sample sample;
        job_sample_init(&sample, enterer->first_id + i, "o/r", 10);
        if (tell(enterer->ledger, &sample, JOB_EVENT_QUEUED, NULL) != LEDGER_OK)
            enterer->failed = true;
    }
    return NULL;
}

/* One of several processes that open the ledger at the same moment, and then all write. */
static int
be_a_process(int64_t number)
{
    struct enterer enterers[THREADS];
    pthread_t threads[THREADS];
    struct ledger *ledger;
    struct rh_reason reason;
    bool failed = false;

    if (ledger_open(scratch_path(LEDGER_NAME).text, LEDGER_SERVE, &ledger, &reason) != LEDGER_OK ||
        ledger_become_owner(ledger, &reason) != LEDGER_OK) {
        (void)fprintf(stderr, "process %d: %s\n", (int)number, reason.text);
        return 1;
    }
    for (int64_t i = 0; i < THREADS; i++) {
        enterers[i] = (struct enterer){ledger, 1 + (number * THREADS + i) * EACH, false};
        if (pthread_create(&threads[i], NULL, enter_many, &enterers[i]) != 0)
            return 2;
    }
    for (size_t i = 0; i < THREADS; i++)
        failed = pthread_join(threads[i], NULL) != 0 || enterers[i].failed || failed;
    ledger_close(ledger);
    return failed ? 3 : 0;
}

static void
processes_share_a_ledger(void **state)
{
    pid_t children[PROCESSES];

    ledger_close(*state);
    *state = NULL;
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(be_a_process(i));
        assert_true(children[i] > 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    *state = ledger_open_sample(LEDGER_SERVE);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM job"), PROCESSES * THREADS * EACH);
    assert_int_equal(number_of(*state, "SELECT last_owner FROM receiver"), PROCESSES + 1);
    assert_int_equal(number_of(*state, "SELECT count(*) FROM receiver"), 1);
}

/* What one process was told is on disk is there when it is killed in the next moment. */
static void
what_was_written_survives_the_process(void **state)
{
    int status;
    pid_t child;

    ledger_close(*state);
    *state = NULL;
    child = fork();
    if (child == 0) {
        struct ledger *ledger = ledger_open_sample(LEDGER_SERVE);
        struct job_sample sample;

        job_sample_init(&sample, 7, "o/r", 10);
        if (tell(ledger, &sample, JOB_EVENT_QUEUED, NULL) == LEDGER_OK)
            (void)raise(SIGKILL);
        _exit(1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    *state = ledger_open_sample(LEDGER_SERVE);
    assert_int_equal(number_of(*state, "SELECT id FROM job"), 7);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
#define ON_FRAIL_DISK(test) \
    cmocka_unit_test_setup_teardown(test, ledger_make_on_frail_disk, ledger_remove_from_frail_disk)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(a_new_ledger_and_the_same_again),
        ON_LEDGER(another_ledger_is_another_receiver),
        ON_LEDGER(looking_writes_nothing),
        ON_LEDGER(changing_needs_a_ledger),
        ON_LEDGER(what_is_no_ledger_is_refused),
        ON_LEDGER(a_damaged_ledger_is_told_apart),
        ON_LEDGER(the_words_about_a_damaged_ledger_are_plain),
        ON_LEDGER(a_folder_that_may_not_be_written),
        ON_LEDGER(a_work_that_fails_undoes_itself_alone),
        ON_FRAIL_DISK(a_write_is_on_disk_before_it_returns),
        ON_FRAIL_DISK(writers_that_come_together_share_their_sync),
        ON_FRAIL_DISK(works_of_one_writer_share_their_sync),
        ON_FRAIL_DISK(every_work_of_a_writer_hears_of_a_full_disk),
        ON_FRAIL_DISK(a_full_disk_takes_nothing),
        ON_FRAIL_DISK(every_writer_of_a_batch_hears_of_a_full_disk),
        ON_FRAIL_DISK(a_sync_that_fails_is_no_commit),
        ON_LEDGER(one_that_is_locked_by_another_is_busy),
        ON_LEDGER(reading_cannot_write),
        ON_LEDGER(processes_share_a_ledger),
        ON_LEDGER(what_was_written_survives_the_process),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
