/*
 * What several subcommands do first.
 * SPDX-License-Identifier: MIT
 */
#include "commands/common.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <curl/curl.h>

/* A crash must not write secrets to a disk, nor another process of the same user read them. */
static void
keep_secrets_in(void)
{
    const struct rlimit none = {0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
}

struct config *
common_config(const struct invocation *invocation, enum config_use use)
{
    struct problems problems = {0};
    struct config *config;

    keep_secrets_in();
    config = config_load(invocation->config_path, getenv, use, &problems);

    for (size_t i = 0; i < problems.len; i++)
        (void)fprintf(stderr, "runhook: %s: %s\n", problems.items[i].is_error ? "error" : "warning",
                      problems.items[i].text);
    problems_fini(&problems);
    return config;
}

struct ledger *
common_ledger(const struct config *config, enum ledger_mode mode)
{
    struct ledger *ledger;
    struct rh_reason reason;

    if (ledger_open(config->server.ledger, mode, &ledger, &reason) != LEDGER_OK)
        (void)fprintf(stderr, "runhook: error: [server] ledger %s: %s\n", config->server.ledger,
                      reason.text);
    return ledger;
}

bool
workplace_open(struct workplace *place, const struct invocation *invocation)
{
    *place = (struct workplace){0};
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error to report, not an end */
    (void)umask(027); /* job names in the ledger and the log are not everybody's business */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)fprintf(stderr, "runhook: error: libcurl does not start\n");
        return false;
    }
    place->config = common_config(invocation, CONFIG_WHOLE);
    if (place->config == NULL)
        return false;
    place->log = log_open(place->config->server.log_file);
    if (place->log == NULL) {
        (void)fprintf(stderr, "runhook: error: [server] log_file %s: %s\n",
                      place->config->server.log_file, strerror(errno));
        return false;
    }
    place->ledger = common_ledger(place->config, LEDGER_SERVE);
    return place->ledger != NULL;
}

void
workplace_close(struct workplace *place)
{
    ledger_close(place->ledger);
    log_close(place->log);
    config_free(place->config);
    curl_global_cleanup();
}

bool
common_only_flag(int argc, char **argv, const char *flag, bool *given)
{
    *given = argc == 2 && strcmp(argv[1], flag) == 0;
    return argc == 1 || *given;
}
