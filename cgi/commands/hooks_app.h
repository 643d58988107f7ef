/*
 * runhook hooks install --app: the webhook of a GitHub App.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_HOOKS_APP_H
#define COMMANDS_HOOKS_APP_H

#include "commands/command.h"
#include "commands/hooks_options.h"

/* Sets it, and says where the App is not sent workflow_job. Returns an exit status. */
int hooks_app_install(const struct invocation *invocation, const struct hooks_options *options);

#endif
