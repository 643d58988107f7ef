/*
 * What Nomad's answers mean for the runners to be. Pure.
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCTOR_JUDGE_NOMAD_H
#define DOCTOR_JUDGE_NOMAD_H

#include <stdint.h>

#include "config/config.h"
#include "doctor/finding.h"
#include "upstream/nomad_job.h"

void judge_nomad_token(struct findings *findings, const struct nomad_token *token, int64_t now_ms);

/* A pool's job: whether it is one that takes our dispatches, and starts a runner once. */
void judge_nomad_job(struct findings *findings, const struct pool *pool,
                     const struct nomad_job *job);

/* How long Nomad keeps what our idempotency tokens stand for: see nomad_dispatch. `agent` is NULL
 * where Nomad does not tell of it. */
void judge_nomad_collection(struct findings *findings, const struct nomad_agent *agent);

/* What a probe of a right came to: `word` is its name in a policy, `does` what it is for. `failure`
 * is NULL where the token has it. `level` is for where it has not; that of any other trouble is
 * error. */
void judge_nomad_right(struct findings *findings, const char *word, const char *does,
                       enum finding_level level, const struct failure *failure);

#endif
