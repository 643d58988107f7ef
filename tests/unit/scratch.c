/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[128];

int
scratch_make(void **state)
{
    const char *parent = getenv("TMPDIR");

    (void)state;
    (void)snprintf(folder, sizeof folder, "%s/runhook-unit-XXXXXX",
                   parent == NULL ? "/tmp" : parent);
    return mkdtemp(folder) == NULL;
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    return where->level == 0 ? 0 : remove(path);
}

int
scratch_clear(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int
scratch_remove(void **state)
{
    return scratch_clear(state) != 0 || rmdir(folder) != 0;
}

struct path
scratch_path(const char *name)
{
    struct path path;

    (void)snprintf(path.text, sizeof path.text, "%s%s%s", folder, name[0] == '\0' ? "" : "/", name);
    return path;
}

struct path
scratch_write_len(const char *name, const void *bytes, size_t len, mode_t mode)
{
    struct path path = scratch_path(name);
    int fd;

    (void)unlink(path.text); /* what is there may not be writable */
    fd = open(path.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    return path;
}

struct path
scratch_write(const char *name, const char *text, mode_t mode)
{
    return scratch_write_len(name, text, strlen(text), mode);
}

char *
scratch_read(const char *name)
{
    FILE *file = fopen(scratch_path(name).text, "rb");
    char *text = NULL;
    size_t cap = 0;

    assert_non_null(file);
    if (getdelim(&text, &cap, '\0', file) < 0) {
        free(text);
        text = calloc(1, 1);
    }
    assert_non_null(text);
    assert_int_equal(fclose(file), 0);
    return text;
}
