/*
 * The arguments of the verbs of `runhook hooks`.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_HOOKS_OPTIONS_H
#define COMMANDS_HOOKS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum hooks_flags {
    HOOKS_URL = 1 << 0,
    HOOKS_TOPIC = 1 << 1,
    HOOKS_ARCHIVED = 1 << 2,
    HOOKS_FORKS = 1 << 3,
    HOOKS_ORGANIZATION = 1 << 4,
    HOOKS_APP = 1 << 5,
    HOOKS_APP_OF = 1 << 6,
    HOOKS_SECRET = 1 << 7,
    HOOKS_DRY_RUN = 1 << 8,
    HOOKS_JSON = 1 << 9,
    HOOKS_INSECURE_URL = 1 << 10,
    HOOKS_SINCE = 1 << 11,
    HOOKS_NGINX = 1 << 12,
    HOOKS_LIGHTTPD = 1 << 13,
    HOOKS_OUTPUT = 1 << 14,
    /* Which repositories are meant by an owner's name: */
    HOOKS_CHOICE = HOOKS_TOPIC | HOOKS_ARCHIVED | HOOKS_FORKS,
};

/* Borrowed from argv; NULL where not given. */
struct hooks_options {
    char **targets; /* each "OWNER" or "OWNER/REPO", which may stand in a URL */
    size_t targets_len;
    unsigned given; /* of enum hooks_flags */
    const char *url;
    const char *topic;
    const char *organization;
    const char *app_of;
    const char *since;
    const char *output;
};

/*
 * Reads the arguments of a verb, which argv[0] names, in any order; the flags that have a value as
 * "--url URL" or "--url=URL". `allowed` are the flags that it has, `needed` those that must be
 * there. argv is put in order for `targets`. Returns EXIT_DONE, or EXIT_USAGE with the fault told.
 */
int hooks_options_read(struct hooks_options *options, unsigned allowed, unsigned needed, int argc,
                       char **argv);

/* Whether a flag was given. */
bool hooks_given(const struct hooks_options *options, enum hooks_flags flag);

#endif
