/*
 * A bound on how often something is done in any minute. Pure: the time is given.
 * SPDX-License-Identifier: MIT
 */
#ifndef HOOKS_PACE_H
#define HOOKS_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
    int64_t *at_ms; /* when the last `per_minute` were done: a ring */
    size_t per_minute;
    size_t done; /* in all */
};

/* At most so many, at least 1. False when out of memory. */
bool pace_init(struct pace *pace, int64_t per_minute);
void pace_fini(struct pace *pace);

/* For how long the next one has to wait; 0 for not at all. */
int64_t pace_wait_ms(const struct pace *pace, int64_t now_ms);

/* Counts one that is done now. */
void pace_count(struct pace *pace, int64_t now_ms);

#endif
