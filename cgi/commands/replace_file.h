/*
 * A file whose content is replaced whole: whoever reads it sees the old one or the new one, also
 * after a crash. SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_REPLACE_FILE_H
#define COMMANDS_REPLACE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <runhook/error.h>

/* The longest file that is compared with; a longer one is replaced unread. */
#define REPLACE_FILE_MAX ((size_t)1024 * 1024)

/*
 * Makes `path` hold these bytes, by a file beside it that takes its name. A file that holds them
 * already is not touched, and `*changed` is false. A new one has mode 0644, whatever the umask; an
 * old one's mode and, where it may be given away, its owner stay. What is no regular file is not
 * replaced. False where it failed: the old file is there as it was, and `reason` says why.
 */
bool replace_file(const char *path, const char *bytes, size_t len, bool *changed,
                  struct rh_reason *reason);

#endif
