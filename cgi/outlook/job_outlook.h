/*
 * What happens to a job next, and what a person can do about it: pure, from its story.
 * SPDX-License-Identifier: MIT
 */
#ifndef OUTLOOK_JOB_OUTLOOK_H
#define OUTLOOK_JOB_OUTLOOK_H

#include "config/config.h"
#include "outlook/job_story.h"
#include "text/buffer.h"

/* Writes it as one sentence; unescaped. */
void job_outlook(const struct config *config, const struct job_story *story, struct buffer *out);

#endif
