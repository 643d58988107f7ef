/*
 * runhook metrics: the page of metrics without a web server.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include "commands/command.h"
#include "commands/common.h"
#include "metrics/scrape.h"
#include "serve/answer.h"

int
command_metrics(const struct invocation *invocation, int argc, char **argv)
{
    struct buffer page = BUFFER_INIT(ANSWER_PAGE_MAX);
    struct scrape scrape = {0};
    struct config *config = NULL;
    struct rh_reason reason;
    int status = EXIT_FAILED;

    (void)argv;
    if (argc != 1)
        return command_usage(command_find("metrics"), "metrics takes no arguments");
    config = common_config_at_best(invocation, &reason);
    if (config == NULL)
        goto out;
    scrape.config = config;
    scrape.ledger = common_ledger(config, LEDGER_LOOK);
    if (scrape.ledger == NULL)
        goto out;
    if (!scrape_write(&scrape, &page, &reason))
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
    else if (fputs(buffer_text(&page), stdout) == EOF || fflush(stdout) == EOF)
        (void)fprintf(stderr, "runhook: error: standard output cannot be written\n");
    else
        status = EXIT_DONE;
out:
    ledger_close(scrape.ledger);
    config_free(config);
    buffer_fini(&page);
    return status;
}
