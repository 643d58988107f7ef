/*
 * One look of an audit at one runner: its questions to Nomad and GitHub and its deeds, each of
 * which leaves a fact in the inquiry. SPDX-License-Identifier: MIT
 */
#ifndef AUDIT_LOOK_H
#define AUDIT_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/inquiry.h"
#include "ledger/audit.h"
#include "upstream/github_run.h"
#include "work/tools.h"

struct look {
    const struct tools *tools;
    struct audit audit;
    struct inquiry inquiry;
    struct github_job job; /* what GitHub told of the job */
    int64_t github_id;     /* of the registration; 0 where it is not known */
    int64_t github_calls;
    bool github_passed; /* GitHub was asked, and answered */
    bool nomad_passed;  /* likewise */
    char child[RUNNER_CHILD_CAP];
    char note[RUNNER_NOTE_CAP]; /* what was found, for a person; "" for nothing new */
};

/* Begins the inquiry about `look->audit`, which was claimed. */
void look_init(struct look *look, const struct tools *tools);

/* Takes a step that is no conclusion. False where it could not be done, and `failure` says why. */
bool look_step(struct look *look, enum step step, struct failure *failure);

/* Begins a log line about the runner. */
void look_begin_line(struct log_line *line, enum log_level level, const struct look *look);

#endif
