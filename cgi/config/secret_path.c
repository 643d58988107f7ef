/*
 * Where the file of a secret is: at its path, beside the configuration, or among systemd's
 * credentials.
 *
 * The file itself comes before systemd's copy of it: the copy is made when the service starts and
 * stays as it was, so that a reload, or a look at it because an upstream refused the old token,
 * would find the old one again.
 * SPDX-License-Identifier: MIT
 */
#include "config/secret_path.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-";
    size_t len = strlen(text);

    return len > 0 && len <= SECRET_NAME_MAX && strspn(text, allowed) == len &&
           strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* The path of a name in a folder; NULL where there is no folder, or no memory. */
static char *
join(const char *folder, const char *name)
{
    char *path = NULL;

    if (folder == NULL || folder[0] != '/' || asprintf(&path, "%s/%s", folder, name) < 0)
        return NULL;
    return path;
}

static bool
is_readable(const char *path)
{
    return path != NULL && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
}

static bool
is_there(const char *path, struct stat *status)
{
    return path != NULL && stat(path, status) == 0;
}

static bool
is_later(const struct timespec *one, const struct timespec *other)
{
    return one->tv_sec != other->tv_sec ? one->tv_sec > other->tv_sec
                                        : one->tv_nsec > other->tv_nsec;
}

static bool
refuse_name(const struct secret_folders *folders, struct rh_reason *reason)
{
    (void)snprintf(reason->text, sizeof reason->text,
                   "there is no file of this name beside the configuration (%.96s), and no systemd "
                   "credential: make it, or name a file by its path, beginning with /",
                   folders->beside == NULL ? "there is none" : folders->beside);
    return false;
}

bool
secret_path_find(const char *text, const struct secret_folders *folders, char **path, bool *newer,
                 struct rh_reason *reason)
{
    char *beside = NULL, *credential = NULL, *found = NULL;
    struct stat file, copy;
    bool has_file, has_copy;

    *path = NULL;
    *newer = false;
    if (text[0] != '/' && !is_name(text)) {
        (void)snprintf(reason->text, sizeof reason->text,
                       "must be the path of a file, beginning with /, or the name of one beside "
                       "the configuration");
        return false;
    }
    if (text[0] == '/') {
        found = strdup(text);
        goto out;
    }
    beside = join(folders->beside, text);
    credential = join(folders->credentials, text);
    has_file = is_there(beside, &file);
    has_copy = is_there(credential, &copy);
    if (!has_file && !has_copy) {
        free(beside);
        free(credential);
        return refuse_name(folders, reason);
    }
    if (has_copy && !is_readable(beside)) {
        *newer = has_file && is_later(&file.st_mtim, &copy.st_mtim);
        found = credential;
        credential = NULL;
    } else {
        found = beside;
        beside = NULL;
    }
out:
    free(beside);
    free(credential);
    if (found == NULL)
        (void)snprintf(reason->text, sizeof reason->text, "out of memory");
    *path = found;
    return found != NULL;
}
