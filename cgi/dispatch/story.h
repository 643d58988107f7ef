/*
 * The story of one job on its way to a runner: claim, credential, dispatch, record.
 * SPDX-License-Identifier: MIT
 */
#ifndef DISPATCH_STORY_H
#define DISPATCH_STORY_H

#include "work/tools.h"

/* Takes up the next due job and does its steps; then others, while they wait and the tools' goes_on
 * is true. How the last one ended. */
enum work_end story_tell(const struct tools *tools);

#endif
