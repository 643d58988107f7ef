/*
 * A VFS over the system's own. SPDX-License-Identifier: MIT
 */
#include "disk.h"

#include <string.h>

#include <sqlite3.h>

#include "faults.h"
#include "fuzz.h"
#include "moment.h"

struct file {
    sqlite3_file base;
    bool is_log;
    sqlite3_file *real; /* in the bytes after this */
};

static sqlite3_vfs *system_vfs;
static bool log_is_unsynced;
static int log_syncs;

bool
disk_is_unsynced(void)
{
    return log_is_unsynced;
}

int
disk_log_syncs(void)
{
    return log_syncs;
}

static sqlite3_file *
real_of(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

static int
file_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int
file_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 at)
{
    if (faults_strike(FAULT_DISK))
        return SQLITE_IOERR_READ;
    return real_of(file)->pMethods->xRead(real_of(file), bytes, len, at);
}

/* A disk that is full takes the first bytes of what it has no room for. */
static int
file_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct file *self = (struct file *)file;
    bool is_full = faults_strike(FAULT_DISK);
    int code;

    if (is_full && faults_draw(2) == 0)
        return SQLITE_IOERR_WRITE;
    if (is_full)
        len = (int)faults_draw((uint64_t)len);
    log_is_unsynced = log_is_unsynced || self->is_log;
    code = len == 0 ? SQLITE_OK : self->real->pMethods->xWrite(self->real, bytes, len, at);
    return is_full ? SQLITE_FULL : code;
}

static int
file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (faults_strike(FAULT_DISK))
        return SQLITE_IOERR_TRUNCATE;
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int
file_sync(sqlite3_file *file, int flags)
{
    struct file *self = (struct file *)file;

    if (faults_strike(FAULT_DISK))
        return SQLITE_IOERR_FSYNC;
    if (self->is_log) {
        log_is_unsynced = false;
        log_syncs++;
    }
    (void)flags; /* the machine is not going to be switched off */
    return SQLITE_OK;
}

static int
file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    if (faults_strike(FAULT_DISK))
        return SQLITE_IOERR_FSTAT;
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int
file_lock(sqlite3_file *file, int level)
{
    if (faults_strike(FAULT_LOCK))
        return SQLITE_BUSY;
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int
file_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int
file_is_reserved(sqlite3_file *file, int *is_reserved)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), is_reserved);
}

static int
file_control(sqlite3_file *file, int operation, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, arg);
}

static int
file_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int
file_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int
shared_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    *out = NULL;
    if (faults_strike(FAULT_DISK))
        return SQLITE_IOERR_SHMMAP;
    return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, out);
}

static int
shared_lock(sqlite3_file *file, int offset, int len, int flags)
{
    if ((flags & SQLITE_SHM_LOCK) != 0 && faults_strike(FAULT_LOCK))
        return SQLITE_BUSY;
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, len, flags);
}

static void
shared_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int
shared_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = file_close,
                                           .xRead = file_read,
                                           .xWrite = file_write,
                                           .xTruncate = file_truncate,
                                           .xSync = file_sync,
                                           .xFileSize = file_size,
                                           .xLock = file_lock,
                                           .xUnlock = file_unlock,
                                           .xCheckReservedLock = file_is_reserved,
                                           .xFileControl = file_control,
                                           .xSectorSize = file_sector_size,
                                           .xDeviceCharacteristics = file_traits,
                                           .xShmMap = shared_map,
                                           .xShmLock = shared_lock,
                                           .xShmBarrier = shared_barrier,
                                           .xShmUnmap = shared_unmap};

static int
disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    struct file *self = (struct file *)file;
    int code;

    (void)vfs;
    memset(self, 0, sizeof *self);
    if (faults_strike(FAULT_DISK))
        return SQLITE_CANTOPEN;
    self->real = (sqlite3_file *)(self + 1);
    self->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    code = system_vfs->xOpen(system_vfs, name, self->real, flags, out_flags);
    if (code == SQLITE_OK)
        self->base.pMethods = &methods;
    return code;
}

static int
disk_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    (void)sync;
    if (faults_strike(FAULT_DISK))
        return SQLITE_IOERR_DELETE;
    return system_vfs->xDelete(system_vfs, name, 0);
}

static int
disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)vfs;
    *out = 0;
    if (faults_strike(FAULT_DISK))
        return SQLITE_IOERR_ACCESS;
    return system_vfs->xAccess(system_vfs, name, flags, out);
}

static int
disk_full_name(sqlite3_vfs *vfs, const char *name, int cap, char *out)
{
    (void)vfs;
    return system_vfs->xFullPathname(system_vfs, name, cap, out);
}

/* The same in every run. */
static int
disk_random(sqlite3_vfs *vfs, int len, char *bytes)
{
    (void)vfs;
    for (int i = 0; i < len; i++)
        bytes[i] = (char)(i * 37 + 11);
    return len;
}

static int
disk_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    moment_pass((us + 999) / 1000);
    return us;
}

static int
disk_time(sqlite3_vfs *vfs, sqlite3_int64 *now_ms)
{
    (void)vfs;
    *now_ms = moment_now_ms() + INT64_C(210866760000000); /* from the Julian epoch to 1970 */
    return SQLITE_OK;
}

void
disk_install(void)
{
    static sqlite3_vfs vfs = {.iVersion = 2,
                              .zName = "faults",
                              .xOpen = disk_open,
                              .xDelete = disk_delete,
                              .xAccess = disk_access,
                              .xFullPathname = disk_full_name,
                              .xRandomness = disk_random,
                              .xSleep = disk_sleep,
                              .xCurrentTimeInt64 = disk_time};

    system_vfs = sqlite3_vfs_find(NULL);
    FUZZ_CHECK(system_vfs != NULL);
    vfs.szOsFile = (int)sizeof(struct file) + system_vfs->szOsFile;
    vfs.mxPathname = system_vfs->mxPathname;
    vfs.xGetLastError = system_vfs->xGetLastError;
    FUZZ_CHECK(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}
