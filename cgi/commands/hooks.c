/*
 * runhook hooks: webhooks on GitHub, made, mended, shown and taken away.
 * SPDX-License-Identifier: MIT
 */
#include "commands/hooks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct hooks_verb verbs[] = {
    {"install",
     "OWNER|OWNER/REPO... --url URL [--topic TOPIC] [--archived] [--forks]\n"
     "               [--secret] [--dry-run] [--json]\n"
     "       install --organization ORG --url URL [--secret] [--dry-run] [--json]\n"
     "       install --app [--app-of OWNER] --url URL [--secret] [--dry-run] [--json]",
     "Makes the webhook of each repository, or mends the one that is there: JSON, our\n"
     "webhook_secret, workflow_job alone, TLS verified, active. An OWNER stands for all its\n"
     "repositories, archived ones and forks only with the flags, with --topic only those that\n"
     "have it. --organization makes one webhook for all of an organization, --app sets that of\n"
     "the GitHub App. A webhook of the same URL is ours; what is right already is left alone, of\n"
     "several one is kept. GitHub never tells a secret: one that is set is taken for ours,\n"
     "unless the last delivery was answered 403, or --secret sets it anew (after it was\n"
     "changed, or where an organization's webhook or an App's has a wrong one). What is mended\n"
     "gets our secret in any case. --dry-run only says what would be done.\n",
     hooks_install},
    {"list",
     "[OWNER|OWNER/REPO...] [--organization ORG] [--url URL] [--topic TOPIC]\n"
     "               [--archived] [--forks] [--json]",
     "Shows the webhooks of these, or of the repositories that the configuration and the ledger\n"
     "name; with --url only those of that URL.\n",
     hooks_list},
    {"remove",
     "OWNER|OWNER/REPO... --url URL [--organization ORG] [--topic TOPIC]\n"
     "               [--archived] [--forks] [--dry-run] [--json]",
     "Takes the webhooks of this URL away.\n", hooks_remove},
    {"ping",
     "OWNER|OWNER/REPO... --url URL [--organization ORG] [--topic TOPIC]\n"
     "               [--archived] [--forks] [--json]",
     "Has GitHub send a ping to each webhook of this URL.\n", hooks_ping},
    {"redeliver",
     "[OWNER|OWNER/REPO...] [--organization ORG] [--url URL] [--since 3d]\n"
     "               [--topic TOPIC] [--archived] [--forks] [--dry-run] [--json]\n"
     "       redeliver --app [--app-of OWNER] [--url URL] [--since 3d] [--dry-run] [--json]",
     "Has GitHub send again what it could not deliver: of the webhooks of these, or of all that\n"
     "the ledger knows, each workflow_job that failed since a span (90m, 12h, 3d) or a time (as\n"
     "2026-01-31T12:00:00Z), and that no later attempt brought. GitHub keeps three days. `serve`\n"
     "does it by itself, once for each; this asks again. The ledger is told, and the requests\n"
     "keep to [github] content_per_minute.\n",
     hooks_redeliver},
    {"addresses", "[--nginx | --lighttpd | --json] [--output FILE]",
     "Asks GitHub which networks its webhooks come from, and prints one a line; --nginx as a geo\n"
     "block, --lighttpd as a chain of conditions, to be included in a web server's configuration.\n"
     "--output replaces FILE whole, and only when something changed: \"changed\" or \"unchanged\"\n"
     "says which. A list that is empty or has anything else in it replaces nothing. The token of\n"
     "[github] is used where there is one; it works without any.\n",
     hooks_addresses},
};
static const size_t verbs_len = sizeof verbs / sizeof verbs[0];

static const struct hooks_verb *
find(const char *name)
{
    for (size_t i = 0; i < verbs_len; i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

int
hooks_usage(const char *verb, const char *format, ...)
{
    const struct hooks_verb *found = find(verb);
    va_list args;

    (void)fputs("runhook: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, "\nusage: runhook [--config FILE] hooks %s %s\n", verb,
                  found == NULL ? "" : found->arguments);
    return EXIT_USAGE;
}

void
hooks_help(void)
{
    for (size_t i = 0; i < verbs_len; i++)
        (void)printf("%s%s %s\n\n%s", i == 0 ? "" : "\n", verbs[i].name, verbs[i].arguments,
                     verbs[i].help);
    (void)printf(
        "\nURLs are https://; --insecure-url also takes http://, for tests in a network of "
        "your own.\nEnds with 1 where anything failed. The credentials are those of "
        "[github] and [owner NAME],\nwhich need webhooks (write): a classic token "
        "admin:repo_hook, or admin:org_hook.\n");
}

int
command_hooks(const struct invocation *invocation, int argc, char **argv)
{
    const struct hooks_verb *verb = argc < 2 ? NULL : find(argv[1]);

    if (argc < 2)
        return command_usage(command_find("hooks"), "hooks needs to be told what to do");
    if (verb == NULL)
        return command_usage(command_find("hooks"), "hooks has no \"%s\"", argv[1]);
    return verb->run(invocation, argc - 1, argv + 1);
}
