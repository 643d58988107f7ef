/*
 * Where the file of a secret is. SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_SECRET_PATH_H
#define CONFIG_SECRET_PATH_H

#include <stdbool.h>

#include <runhook/error.h>

/* Longest name of a secret's file, in bytes. */
#define SECRET_NAME_MAX 255

/* Where a secret that is named without a folder is looked for, in this order. NULL for none. */
struct secret_folders {
    const char *beside;      /* of the configuration file */
    const char *credentials; /* $CREDENTIALS_DIRECTORY: what systemd's LoadCredential= made */
};

/*
 * Finds the file that `text` names: a path from the root is taken as it is; a name of letters,
 * digits, '.', '_' and '-' is the file of that name beside the configuration or, where that is not
 * there or may not be read, the systemd credential of that name.
 *
 * True with the path, which the caller frees; whether it can be read is for its reader to say.
 * `*newer` is then true where the file beside the configuration may not be read and was changed
 * after systemd had copied it. False with the reason, which never shows `text`: what names no file
 * may be the secret itself, put there by mistake.
 */
bool secret_path_find(const char *text, const struct secret_folders *folders, char **path,
                      bool *newer, struct rh_reason *reason);

#endif
