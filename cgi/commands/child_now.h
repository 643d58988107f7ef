/*
 * What Nomad says of a child at this moment.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_CHILD_NOW_H
#define COMMANDS_CHILD_NOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "config/config.h"
#include "text/buffer.h"
#include "upstream/nomad_child.h"

enum child_known {
    CHILD_NOT_ASKED, /* the reason says why; and of the others why not all is known */
    CHILD_NOT_TOLD,  /* Nomad was asked, and did not say */
    CHILD_ABSENT,    /* Nomad has it no more */
    CHILD_THERE,
};

struct child_now {
    enum child_known known;
    /* Of one that is there: */
    enum nomad_status status;
    bool is_stopped;
    bool has_placement; /* the next two are known */
    size_t allocations;
    int64_t started_at_ms;
    char unplaced[NOMAD_REASON_CAP]; /* why Nomad cannot place it; "" where it does not say */
    struct rh_reason reason;         /* "" where all is known */
};

/* Asks Nomad with the configured token, which only reads. Waits for each answer as long as [nomad]
 * timeout says. */
void child_now_ask(const struct nomad_config *config, const char *child, struct child_now *now);

/* Writes it as one sentence; unescaped. */
void child_now_tell(const struct child_now *now, int64_t now_ms, struct buffer *out);

/* As a JSON object, which the caller owns; NULL when out of memory. */
cJSON *child_now_json(const struct child_now *now);

#endif
