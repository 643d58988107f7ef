/*
 * The program: takes --config out of the arguments, finds the subcommand, and runs it.
 * SPDX-License-Identifier: MIT
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "serve/cgi.h"
#include "serve/listen.h"

/* Removes "--config FILE" or "--config=FILE" from the arguments, wherever it stands. False where
 * its file is missing. */
static bool
take_config(int *argc, char **argv, struct invocation *invocation)
{
    static const char flag[] = "--config";
    int kept = 1;

    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], flag) == 0) {
            if (++i == *argc)
                return false;
            invocation->config_path = argv[i];
        } else if (strncmp(argv[i], flag, strlen(flag)) == 0 && argv[i][strlen(flag)] == '=') {
            invocation->config_path = argv[i] + strlen(flag) + 1;
        } else {
            argv[kept++] = argv[i];
        }
    }
    argv[kept] = NULL;
    *argc = kept;
    return true;
}

/* A web server starts a CGI program by its path alone, and a FastCGI one perhaps too. */
static bool
started_by_web_server(void)
{
    return cgi_started() || listen_inherited();
}

static bool
asks_for_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

int
main(int argc, char **argv)
{
    static char serve[] = "serve";
    static char help[] = "help";
    char *serve_argv[] = {serve, NULL};
    struct invocation invocation = {0};
    const struct command *command;

    if (cgi_started() && !listen_inherited() && !cgi_arguments_trusted())
        return command_serve(&invocation, 1, serve_argv);
    if (!take_config(&argc, argv, &invocation))
        return command_usage(NULL, "--config needs a file");
    if (argc == 1 && started_by_web_server())
        return command_serve(&invocation, 1, serve_argv);
    if (argc == 1)
        return command_usage(NULL, "a command is needed");
    if (asks_for_help(argv[1]))
        return command_help(&invocation, 1, argv);
    if (strcmp(argv[1], "--version") == 0)
        return command_version(&invocation, 1, argv);
    command = command_find(argv[1]);
    if (command == NULL)
        return command_usage(NULL, "there is no command \"%s\"", argv[1]);
    if (argc > 2 && asks_for_help(argv[argc - 1]))
        return command_help(&invocation, 2, (char *[]){help, argv[1], NULL});
    return command->run(&invocation, argc - 1, argv + 1);
}
