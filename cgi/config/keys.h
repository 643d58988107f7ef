/*
 * The table of configuration keys: what each is called, takes, defaults to and is overridden by.
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

enum value_kind {
    VALUE_NUMBER, /* min to max */
    VALUE_MODE,
    VALUE_BOOL,
    VALUE_TEXT, /* at most max bytes */
    VALUE_PATH,
    VALUE_URL,
    VALUE_ADDRESS, /* a URL, or unix:///PATH */
    VALUE_LISTEN,
    VALUE_NAME, /* at most max bytes */
    VALUE_NOMAD_JOB,
    VALUE_LABELS,
    VALUE_META,
    VALUE_REPOSITORIES,
    VALUE_REPOSITORY_PATTERNS,
    VALUE_OWNER_PATTERNS,
    VALUE_CHOICE, /* one of `choices`; as a number, from min */
    VALUE_FORKS,
    VALUE_NETWORKS,
    VALUE_SECRET,      /* in place, or in the file that NAME_file names */
    VALUE_PRIVATE_KEY, /* likewise */
};

struct key {
    const char *section; /* "pool" for every [pool NAME], "owner" for every [owner NAME] */
    const char *name;
    enum value_kind kind;
    size_t offset;      /* of its member in struct config, struct pool or struct owner_config */
    int64_t min, max;   /* of VALUE_NUMBER; max of VALUE_TEXT and VALUE_NAME */
    size_t path_offset; /* of the member that keeps the path of a secret's file; 0 for none */
    const char *const *choices; /* of VALUE_CHOICE: NULL after the last */
    const char *fallback;       /* the default, as it would stand in the file; NULL for none */
    const char *environment;    /* the variable that overrides it; NULL for none */
    bool required;
    bool is_fixed; /* from the start to the end of a process: a text, a number or a
                      yes or no of [server] */
};

/* Most keys that the table may come to have. */
#define CONFIG_KEYS_CAP 96

extern const struct key config_keys[];
extern const size_t config_keys_len;

/* Finds a key by section and name. NULL where there is none. `*is_file` says that NAME was a
 * secret's NAME_file. */
const struct key *key_find(const char *section, const char *name, bool *is_file);

/* Whether there is a section of this name. */
bool key_section_known(const char *section);

/* Whether its value is a secret, which may come from a file. */
bool key_is_secret(const struct key *key);

/* Whether its value is a list with commas, which may go on over indented lines. */
bool key_is_list(const struct key *key);

/* Parses `text` into the member of `base` (a struct config, struct pool or struct owner_config). */
bool key_set(const struct key *key, void *base, const char *text, bool is_file,
             struct rh_reason *reason);

/* Whether a fixed key's member is the same in both, and copies it from one to the other. key_copy
 * is false when out of memory, and then nothing was changed. */
bool key_same(const struct key *key, const void *one, const void *other);
bool key_copy(const struct key *key, void *to, const void *from);

/* Frees the member. */
void key_fini(const struct key *key, void *base);

#endif
