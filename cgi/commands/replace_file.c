/*
 * A file whose content is replaced whole.
 * SPDX-License-Identifier: MIT
 */
#include "commands/replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text/write.h"

#define MODE_NEW 0644

static bool
fail(struct rh_reason *reason, const char *what, const char *path)
{
    (void)snprintf(reason->text, sizeof reason->text, "cannot %s %.160s: %s", what, path,
                   strerror(errno));
    return false;
}

/* Whether a descriptor's content is these bytes. What cannot be read counts as different. */
static bool
holds(int fd, const char *bytes, size_t len)
{
    char chunk[4096];
    size_t at = 0;
    ssize_t got;

    while ((got = read(fd, chunk, sizeof chunk)) > 0) {
        if ((size_t)got > len - at || memcmp(chunk, bytes + at, (size_t)got) != 0)
            return false;
        at += (size_t)got;
    }
    return got == 0 && at == len;
}

/* Looks at what is there. False where that may not be replaced; `*same` where it need not be. */
static bool
look(const char *path, const char *bytes, size_t len, struct stat *old, bool *same,
     struct rh_reason *reason)
{
    int fd;

    *same = false;
    *old = (struct stat){0};
    if (lstat(path, old) != 0)
        return errno == ENOENT || fail(reason, "look at", path);
    if (!S_ISREG(old->st_mode)) {
        (void)snprintf(reason->text, sizeof reason->text,
                       "%.160s is no regular file, and is not replaced", path);
        return false;
    }
    if ((size_t)old->st_size > REPLACE_FILE_MAX)
        return true;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return true;
    *same = holds(fd, bytes, len);
    (void)close(fd);
    return true;
}

/* A new name is on the disk once its folder is. */
static bool
sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        (void)close(fd);
    return done;
}

bool
replace_file(const char *path, const char *bytes, size_t len, bool *changed,
             struct rh_reason *reason)
{
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    char *folder = NULL, *beside = NULL;
    bool same, done = false, is_left = false;
    struct stat old;
    int fd = -1;

    *changed = false;
    if (name[0] == '\0') {
        (void)snprintf(reason->text, sizeof reason->text, "%.160s names no file", path);
        return false;
    }
    if (!look(path, bytes, len, &old, &same, reason))
        return false;
    if (same)
        return true;
    folder = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    /* Not by a name that a web server's "*.conf" would take up. */
    if (folder == NULL || asprintf(&beside, "%s/.%s.XXXXXX", folder, name) < 0) {
        beside = NULL;
        (void)snprintf(reason->text, sizeof reason->text, "out of memory");
        goto out;
    }
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        (void)fail(reason, "make a file in", folder);
        goto out;
    }
    is_left = true;
    if (old.st_mode != 0 && (old.st_uid != geteuid() || old.st_gid != getegid()) &&
        fchown(fd, old.st_uid, old.st_gid) != 0 && errno != EPERM) {
        (void)fail(reason, "give the owner of the old file to", beside);
        goto out;
    }
    if (!write_whole(fd, bytes, len) ||
        fchmod(fd, old.st_mode == 0 ? MODE_NEW : old.st_mode & 07777) != 0 || fsync(fd) != 0) {
        (void)fail(reason, "write", beside);
        goto out;
    }
    if (rename(beside, path) != 0) {
        (void)fail(reason, "replace", path);
        goto out;
    }
    is_left = false;
    *changed = true;
    done = sync_folder(folder) || fail(reason, "bring to the disk", folder);
out:
    if (fd >= 0)
        (void)close(fd);
    if (is_left)
        (void)unlink(beside);
    free(beside);
    free(folder);
    return done;
}
