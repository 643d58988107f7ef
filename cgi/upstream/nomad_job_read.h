/*
 * What Nomad's HTTP API answers about an agent, a token and a parameterized job, read and checked.
 * No I/O, and no trust: an answer that lacks what is asked of it, or has it in another form, is
 * FAILURE_GARBAGE. SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_NOMAD_JOB_READ_H
#define UPSTREAM_NOMAD_JOB_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "text/buffer.h"
#include "upstream/failure.h"
#include "upstream/nomad_job.h"

/* A JSON text: the leader's address, or "". */
bool nomad_read_leader(const struct buffer *body, bool *has_leader, struct failure *failure);

bool nomad_read_agent(const struct buffer *body, struct nomad_agent *agent,
                      struct failure *failure);

bool nomad_read_token(const struct buffer *body, struct nomad_token *token,
                      struct failure *failure);

/* The job of this id. On success the caller ends `*job`. */
bool nomad_read_job(const struct buffer *body, const char *id, struct nomad_job *job,
                    struct failure *failure);

/* A duration as Go writes it, and as people do in Nomad's configuration: "4h", "1h30m", "90s",
 * "500ms". Whole seconds are kept. False, and `*seconds` 0, where it is none. */
bool nomad_read_duration(const char *text, int64_t *seconds);

#endif
