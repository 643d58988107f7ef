/*
 * runhook explain JOB_ID.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_EXPLAIN_JOB_H
#define COMMANDS_EXPLAIN_JOB_H

#include <stdbool.h>

#include "commands/command.h"

/* Whether an argument names a job: digits alone. */
bool explain_job_named(const char *text);

/* Prints the story of the job of this id. Returns an exit status. */
int explain_job(const struct invocation *invocation, const char *id, bool json);

#endif
