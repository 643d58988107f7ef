/*
 * The repositories and organizations that a verb of `runhook hooks` is about.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_HOOKS_PLACES_H
#define COMMANDS_HOOKS_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "commands/hooks_desk.h"
#include "commands/hooks_options.h"
#include "config/place.h"
#include "upstream/failure.h"

struct hooks_place {
    char place[PLACE_CAP]; /* config/place.h; or an owner's plain name, whose list failed */
    bool lacks_admin;      /* as GitHub told in the list of repositories */
    char *failure;         /* why its list failed; else NULL */
};

/* Zero-initialize. */
struct hooks_places {
    struct hooks_place *items; /* each once, in the order in which they were named or listed */
    size_t len;
    bool failed; /* out of memory */
};

/* Those that the options name, an owner's repositories listed by GitHub. False when out of memory:
 * said on standard error. */
bool hooks_places_find(struct hooks_places *places, struct hooks_desk *desk,
                       const struct hooks_options *options);

/* Those that the configuration and the ledger name. False where the ledger fails, likewise. */
bool hooks_places_known(struct hooks_places *places, struct hooks_desk *desk);

void hooks_places_fini(struct hooks_places *places);

#endif
