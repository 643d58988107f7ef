/*
 * The subcommands: one table of name, arguments, help and function drives both dispatch and usage.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_COMMAND_H
#define COMMANDS_COMMAND_H

#include <stddef.h>

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1, /* it was tried, and standard error says why not */
    EXIT_USAGE = 2,  /* the command line is wrong */
};

/* What was given before the subcommand's own arguments. */
struct invocation {
    const char *config_path; /* --config; NULL where not given */
};

struct command {
    const char *name;
    const char *arguments;
    const char *help;    /* one line */
    const char *details; /* paragraphs for `runhook help NAME` */
    /* Runs it. argv[0] is the subcommand's name. Returns an exit status. */
    int (*run)(const struct invocation *invocation, int argc, char **argv);
};

extern const struct command commands[];
extern const size_t commands_len;

int command_serve(const struct invocation *invocation, int argc, char **argv);
int command_dispatch(const struct invocation *invocation, int argc, char **argv);
int command_check(const struct invocation *invocation, int argc, char **argv);
int command_jobs(const struct invocation *invocation, int argc, char **argv);
int command_runners(const struct invocation *invocation, int argc, char **argv);
int command_hooks(const struct invocation *invocation, int argc, char **argv);
int command_metrics(const struct invocation *invocation, int argc, char **argv);
int command_explain(const struct invocation *invocation, int argc, char **argv);
int command_help(const struct invocation *invocation, int argc, char **argv);
int command_version(const struct invocation *invocation, int argc, char **argv);

/* Prints "runhook: …" and how to get help, and is EXIT_USAGE. */
int command_usage(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Finds a subcommand; NULL where there is none. */
const struct command *command_find(const char *name);

#endif
