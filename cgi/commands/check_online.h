/*
 * runhook check --online: asks GitHub and Nomad whether jobs will get their runners.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_CHECK_ONLINE_H
#define COMMANDS_CHECK_ONLINE_H

#include <stdbool.h>

#include "config/config.h"

/* Prints what it finds, as lines or as JSON. `url` is our webhook's, or NULL. False where anything
 * would keep jobs from running, or could not be asked; the latter is said on standard error. */
bool check_online(const struct config *config, const char *url, bool json);

#endif
