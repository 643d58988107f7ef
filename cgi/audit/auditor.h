/*
 * The auditor: brings the ledger to the truth with every event lost. One look at one runner, or at
 * one job that runs elsewhere, in plain blocking order; what is asked and concluded is
 * audit/inquiry.h. SPDX-License-Identifier: MIT
 */
#ifndef AUDIT_AUDITOR_H
#define AUDIT_AUDITOR_H

#include "work/tools.h"

/* Looks at the runner that is due. */
enum work_end auditor_look(const struct tools *tools);

/* Looks at the job that is due of those that run on runners which are not ours. */
enum work_end auditor_look_at_job(const struct tools *tools);

#endif
