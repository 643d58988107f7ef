/*
 * runhook hooks … --app: the webhook of a GitHub App.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_HOOKS_APP_H
#define COMMANDS_HOOKS_APP_H

#include "commands/command.h"
#include "commands/hooks_desk.h"
#include "commands/hooks_options.h"

/* The App that is meant: that of the owner, or else (NULL) the only one that there is. NULL, with a
 * message, where it cannot be told. */
struct account *hooks_app_find(struct hooks_desk *desk, const char *owner);

/* Sets it, and says where the App is not sent workflow_job. Returns an exit status. */
int hooks_app_install(const struct invocation *invocation, const struct hooks_options *options);

#endif
