/*
 * The roll call: where many runners are due for a look, one list of their children tells of most of
 * them that all is as it is believed. The others are left to a look of their own.
 * SPDX-License-Identifier: MIT
 */
#ifndef AUDIT_ROLLCALL_H
#define AUDIT_ROLLCALL_H

#include "work/tools.h"

/* Calls the roll of the runners that are due. WORK_NONE where too few are for it to pay, or where
 * it told of none. From one thread at a time. */
enum work_end rollcall_take(const struct tools *tools);

#endif
