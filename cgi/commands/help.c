/*
 * runhook help and version, and the table of subcommands.
 * SPDX-License-Identifier: MIT
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <runhook/runhook.h>

#include "commands/command.h"
#include "commands/hooks.h"

const struct command commands[] = {
    {"serve", "[--listen unix:PATH | HOST:PORT]", "receive deliveries and dispatch their jobs",
     "A web server starts it: as FastCGI with a listening socket on descriptor 0 (lighttpd,\n"
     "spawn-fcgi, a systemd socket), or as plain CGI. Without either it listens on --listen, or\n"
     "on [server] listen. SIGTERM ends it within 10 seconds; nothing that was accepted is lost.\n"
     "SIGHUP reads the configuration and its secrets again, and opens the log anew. A wrong one "
     "is\n"
     "logged, and the old one goes on; nothing in hand is broken off.\n",
     command_serve},
    {"dispatch", "", "do all work that is due, and end",
     "For a timer beside plain CGI, where no process stays: dispatches the jobs that wait, looks\n"
     "after the runners that are due for it, and asks GitHub for jobs whose delivery was lost.\n"
     "Ends with 1 where any of it failed; that stays in the ledger and is tried again.\n",
     command_dispatch},
    {"check", "[--online [--url URL] [--json]]", "say what is wrong with the configuration",
     "Reads the configuration and every secret it names, looks at the ledger's place, and sends\n"
     "nothing. Says when each webhook secret was used last, so that an old one can be taken out.\n"
     "Ends with 1 where anything would keep `serve` from working.\n"
     "\n"
     "With --online it also asks GitHub and Nomad: what the credentials may do, whether runners "
     "can\n"
     "register where jobs come from, whether the webhooks arrive, and whether Nomad's jobs take\n"
     "their dispatches. --url is that of our webhook, which tells it from others. Each line is "
     "ok,\n"
     "or says what to do; warnings leave the exit status at 0. It changes nothing but to mint\n"
     "registration tokens, which it throws away.\n",
     command_check},
    {"jobs", "[--json | retry ID... | forget ID...]", "show the jobs in the ledger, or change some",
     "Live jobs first, the oldest on top; then those that ended, the newest on top.\n"
     "retry makes jobs that wait, failed or expired due at once, and asks an upstream that was "
     "left\n"
     "alone anew. forget ends them without a runner; a redelivery does not bring them back.\n",
     command_jobs},
    {"runners", "[--all] [--json] | forget NAME...", "show the runners in the ledger",
     "The oldest first; with --all those that are gone, too, the newest first.\n"
     "forget gives runners up whose end nobody can see any more, their repository or their pool\n"
     "being gone, say: it only takes them for gone, and stops and removes nothing.\n",
     command_runners},
    {"explain", "JOB_ID [--json] | FILE [--headers FILE] [--json]",
     "tell a job's story, or what would happen to a saved delivery",
     "JOB_ID, all digits, is a job in the ledger: what happened to it, its runner, what Nomad "
     "says\n"
     "of that now, such as why it cannot be placed, and what comes next. Nomad is only asked.\n"
     "\n"
     "FILE is the raw body of a delivery (one of digits alone is given as ./123). Its headers\n"
     "(\"Name: value\" lines) are read from --headers, or from the file of the same name that "
     "ends\n"
     "in .headers. Shows the signature, the event, the labels against each pool and the exact\n"
     "dispatch, its credential masked. Sends nothing.\n",
     command_explain},
    {"metrics", "", "print the metrics, for a program that collects them from files",
     "What GET .../metrics answers (docs/metrics.md), without a web server: for node_exporter's\n"
     "textfile collector, say. It only reads the ledger; whether that can be written is not "
     "told.\n",
     command_metrics},
    {"hooks", "install|list|remove|ping|redeliver|addresses ...",
     "make, mend, show or remove webhooks on GitHub", "", command_hooks},
    {"version", "", "print the version", "", command_version},
    {"help", "[COMMAND]", "print this, or what a command does", "", command_help},
};
const size_t commands_len = sizeof commands / sizeof commands[0];

const struct command *
command_find(const char *name)
{
    for (size_t i = 0; i < commands_len; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

int
command_usage(const struct command *command, const char *format, ...)
{
    va_list args;

    (void)fputs("runhook: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    if (command != NULL)
        (void)fprintf(stderr, "\nusage: runhook [--config FILE] %s %s\n", command->name,
                      command->arguments);
    else
        (void)fputs("\n`runhook help` lists the commands\n", stderr);
    return EXIT_USAGE;
}

static void
print_all(void)
{
    (void)printf(
        "usage: runhook [--config FILE] COMMAND …\n\n"
        "Runs GitHub Actions jobs on a Nomad cluster: receives GitHub's webhook behind a web\n"
        "server, and dispatches a Nomad job for each job that a pool serves.\n\n");
    for (size_t i = 0; i < commands_len; i++)
        (void)printf("  %-9s %s\n", commands[i].name, commands[i].help);
    (void)printf("\nThe configuration is --config, else $RUNHOOK_CONFIG, else "
                 "/etc/runhook/runhook.conf,\nelse the environment alone. `runhook help COMMAND` "
                 "tells more.\n");
}

int
command_help(const struct invocation *invocation, int argc, char **argv)
{
    const struct command *command;

    (void)invocation;
    if (argc > 2)
        return command_usage(command_find("help"), "help takes one command");
    if (argc == 1) {
        print_all();
        return EXIT_DONE;
    }
    command = command_find(argv[1]);
    if (command == NULL)
        return command_usage(NULL, "there is no command \"%s\"", argv[1]);
    (void)printf("usage: runhook [--config FILE] %s %s\n\n%s: %s\n\n%s", command->name,
                 command->arguments, command->name, command->help, command->details);
    if (command->run == command_hooks)
        hooks_help();
    return EXIT_DONE;
}

int
command_version(const struct invocation *invocation, int argc, char **argv)
{
    (void)invocation;
    (void)argv;
    if (argc != 1)
        return command_usage(command_find("version"), "version takes no arguments");
    (void)printf("runhook %s\n", rh_version());
    return EXIT_DONE;
}
