/*
 * Discovery: a lost `queued` leaves nothing in the ledger to audit, so repositories are asked now
 * and then for their runs, queued and in progress, and for the jobs in them. What a pool serves
 * enters as if its `queued` had come.
 * SPDX-License-Identifier: MIT
 */
#ifndef AUDIT_DISCOVERY_H
#define AUDIT_DISCOVERY_H

#include "work/tools.h"

/* Asks for the runs of the repository that is due. Nothing is due where discovery is off. */
enum work_end discovery_look(const struct tools *tools);

#endif
