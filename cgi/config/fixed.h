/*
 * The keys that a running program cannot change: what they led to was made once, at its start.
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_FIXED_H
#define CONFIG_FIXED_H

#include <stdbool.h>

#include "config/config.h"

/* Called for a key whose new value does not come into force. */
typedef void (*config_fixed_visitor)(const char *section, const char *name, void *arg);

/*
 * Gives each such key of `config` the value that it has in `running`, and tells of those that were
 * another. False when out of memory: `config` is then to be freed and nothing else.
 */
bool config_fix(struct config *config, const struct config *running, config_fixed_visitor visit,
                void *arg);

#endif
