/*
 * Reading the configuration and its secrets again, while the program serves.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_RELOAD_H
#define COMMANDS_RELOAD_H

#include "commands/command.h"
#include "commands/common.h"

/*
 * Reads the configuration as the start did and puts it into force, or keeps the old one and logs
 * every problem; opens the log anew in either case. What cannot change without a restart keeps its
 * value, which is logged as well. From the thread that writes to `place->setups`' secret watch.
 */
void reload(struct workplace *place, const struct invocation *invocation);

#endif
