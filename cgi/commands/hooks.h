/*
 * runhook hooks: one table of its verbs drives both dispatch and usage.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_HOOKS_H
#define COMMANDS_HOOKS_H

#include <stddef.h>

#include "commands/command.h"

struct hooks_verb {
    const char *name;
    const char *arguments;
    const char *help; /* lines for `runhook help hooks`, each with its newline */
    /* Runs it. argv[0] is the verb. Returns an exit status. */
    int (*run)(const struct invocation *invocation, int argc, char **argv);
};

int hooks_install(const struct invocation *invocation, int argc, char **argv);
int hooks_list(const struct invocation *invocation, int argc, char **argv);
int hooks_remove(const struct invocation *invocation, int argc, char **argv);
int hooks_ping(const struct invocation *invocation, int argc, char **argv);
int hooks_redeliver(const struct invocation *invocation, int argc, char **argv);
int hooks_addresses(const struct invocation *invocation, int argc, char **argv);

/* Prints "runhook: …" and how the verb is used, and is EXIT_USAGE. */
int hooks_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints what each verb does, for `runhook help hooks`. */
void hooks_help(void);

#endif
