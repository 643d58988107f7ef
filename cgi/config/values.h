/*
 * One strict parser for each kind of value. Each returns true and sets its output, or returns
 * false, leaves the output as it was, and writes what is allowed to `reason`, without the value
 * where that may be a secret. SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include <runhook/error.h>

#include "config/config.h"

bool value_number(const char *text, int64_t min, int64_t max, int64_t *out,
                  struct rh_reason *reason);
/* A file mode in octal digits, 0 to 0777. */
bool value_mode(const char *text, int64_t *out, struct rh_reason *reason);
bool value_bool(const char *text, bool *out, struct rh_reason *reason);
/* Text without control characters, 1 to `max` bytes. Copies; the caller frees. */
bool value_text(const char *text, int64_t max, char **out, struct rh_reason *reason);
/* A file's path, from the root. Copies. */
bool value_path(const char *text, char **out, struct rh_reason *reason);
/* An http:// or https:// URL without user, query and fragment; `unix_too` also takes unix:///PATH.
 * Copies, without slashes at the end. */
bool value_url(const char *text, bool unix_too, char **out, struct rh_reason *reason);
/* "unix:/PATH" or "HOST:PORT". Copies. */
bool value_listen(const char *text, char **out, struct rh_reason *reason);
/* A name of letters, digits, '.', '_' and '-' (and '/' where `slashes`), 1 to `max` bytes. Copies.
 */
bool value_name(const char *text, int64_t max, bool slashes, char **out, struct rh_reason *reason);
/* Comma-separated lists; `out` is emptied first, and empty on failure. */
bool value_labels(const char *text, struct rh_labels *out, struct rh_reason *reason);
bool value_meta(const char *text, struct meta_keys *out, struct rh_reason *reason);
/* Each as rh_repository_valid wants it, none twice (GitHub tells no case), at most
 * CONFIG_REPOSITORIES_MAX, or none at all. names_fini frees them. */
bool value_repositories(const char *text, struct names *out, struct rh_reason *reason);
/* Patterns, in which '*' stands for any number of characters but '/': of "owner/name" where
 * `slashes`, else of owners. Otherwise as above. */
bool value_patterns(const char *text, bool slashes, struct names *out, struct rh_reason *reason);
/* One of `choices`, the last of which is followed by NULL: its place in the list, from `first`. */
bool value_choice(const char *text, const char *const *choices, int first, void *out,
                  struct rh_reason *reason);
/* Networks of IP addresses, as network_parse wants them: 1 to CONFIG_NETWORKS_MAX. networks_fini
 * frees them. */
bool value_networks(const char *text, struct networks *out, struct rh_reason *reason);
/* "allow", "deny" or "pool NAME". */
bool value_forks(const char *text, struct fork_rule *out, struct rh_reason *reason);
/* Frees what the list holds and leaves it empty. */
void names_fini(struct names *names);
/* A secret written in place. */
bool value_secret(const char *text, struct rh_secret **out, struct rh_reason *reason);
/* A secret in a file: a regular file that others can neither read nor write; one newline at its end
 * is not part of the secret. */
bool value_secret_file(const char *path, struct rh_secret **out, struct rh_reason *reason);
/* A GitHub App's private key, of many lines: see rh_app_key_check. One in place has its lines as
 * they are, or each ended by "\n" written out, as environments often have it. */
bool value_private_key(const char *text, struct rh_secret **out, struct rh_reason *reason);
bool value_private_key_file(const char *path, struct rh_secret **out, struct rh_reason *reason);

#endif
