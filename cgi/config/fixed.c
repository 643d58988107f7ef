/*
 * The keys that a running program cannot change.
 * SPDX-License-Identifier: MIT
 */
#include "config/fixed.h"

#include "config/keys.h"

bool
config_fix(struct config *config, const struct config *running, config_fixed_visitor visit,
           void *arg)
{
    for (size_t i = 0; i < config_keys_len; i++) {
        const struct key *key = &config_keys[i];

        if (!key->is_fixed || key_same(key, config, running))
            continue;
        if (!key_copy(key, config, running))
            return false;
        visit(key->section, key->name, arg);
    }
    return true;
}
