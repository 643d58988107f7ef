/*
 * What Nomad's HTTP API answers about dispatched jobs, read and checked. No I/O, and no trust: an
 * answer that lacks what is asked of it, or has it in another form, is FAILURE_GARBAGE.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_NOMAD_READ_H
#define UPSTREAM_NOMAD_READ_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "text/buffer.h"
#include "upstream/failure.h"
#include "upstream/nomad_child.h"

/* A job of this id. On success the caller ends `*child`. */
bool nomad_read_child(const struct buffer *body, const char *id, struct nomad_child *child,
                      struct failure *failure);

/* A job's status in Nomad's word for it, which may be NULL. False where it is none that we know. */
bool nomad_read_status(const char *text, enum nomad_status *status);

/* The allocations of a job. */
bool nomad_read_placement(const struct buffer *body, struct nomad_placement *placement,
                          struct failure *failure);

/* The evaluations of a job, of which the latest one that came to a result counts. */
bool nomad_read_unplaced(const struct buffer *body, char reason[NOMAD_REASON_CAP],
                         struct failure *failure);

/* A list of jobs: an array of objects, each with an "ID", which the caller deletes. NULL with
 * `failure` set. */
cJSON *nomad_read_jobs(const struct buffer *body, struct failure *failure);

/* When a child was dispatched, which its id says: "PARENT/dispatch-SECONDS-HEX". False where the id
 * is not one of this parent's children. */
bool nomad_read_dispatched_at(const char *id, const char *parent, int64_t *at_s);

#endif
