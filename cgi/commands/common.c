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
#include <sys/stat.h>

#include <curl/curl.h>

#include "harden/process.h"
#include "serve/webhook.h"
#include "text/escape.h"

/* Tells every problem. */
static void
print_problems(const struct problems *problems)
{
    for (size_t i = 0; i < problems->len; i++)
        (void)fprintf(stderr, "runhook: %s: %s\n",
                      problems->items[i].is_error ? "error" : "warning", problems->items[i].text);
}

struct config *
common_config(const struct invocation *invocation, enum config_use use)
{
    struct problems problems = {0};
    struct config *config;

    process_harden();
    config = config_load(invocation->config_path, getenv, use, &problems);
    print_problems(&problems);
    problems_fini(&problems);
    return config;
}

/* The first error's words. */
static void
copy_error(const struct problems *problems, struct rh_reason *reason)
{
    (void)snprintf(reason->text, sizeof reason->text, "out of memory");
    for (size_t i = 0; i < problems->len; i++) {
        if (problems->items[i].is_error) {
            (void)snprintf(reason->text, sizeof reason->text, "%s", problems->items[i].text);
            escape_trim(reason->text);
            return;
        }
    }
}

struct config *
common_config_at_best(const struct invocation *invocation, struct rh_reason *missing)
{
    struct problems problems = {0};
    struct config *config;

    missing->text[0] = '\0';
    process_harden();
    config = config_load(invocation->config_path, getenv, CONFIG_WHOLE, &problems);
    if (config != NULL)
        print_problems(&problems);
    else
        copy_error(&problems, missing);
    problems_fini(&problems);
    return config != NULL ? config : common_config(invocation, CONFIG_WITHOUT_SECRETS);
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
    struct config *config;

    *place = (struct workplace){0};
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error to report, not an end */
    (void)umask(027); /* job names in the ledger and the log are not everybody's business */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)fprintf(stderr, "runhook: error: libcurl does not start\n");
        return false;
    }
    config = common_config(invocation, CONFIG_WHOLE);
    if (config == NULL)
        return false;
    place->log = log_open(config->server.log_file);
    if (place->log == NULL) {
        (void)fprintf(stderr, "runhook: error: [server] log_file %s: %s\n", config->server.log_file,
                      strerror(errno));
        goto fail;
    }
    place->ledger = common_ledger(config, LEDGER_SERVE);
    if (place->ledger == NULL)
        goto fail;
    place->setups = current_new(setup_new(config, ledger_receiver(place->ledger)));
    place->meter = meter_new();
    place->receipts = receipts_new();
    if (place->setups != NULL && place->meter != NULL && place->receipts != NULL)
        return true;
    (void)fprintf(stderr, "runhook: error: out of memory\n");
    return false;
fail:
    config_free(config);
    return false;
}

struct webhook
workplace_webhook(const struct workplace *place)
{
    return (struct webhook){.setups = place->setups,
                            .ledger = place->ledger,
                            .log = place->log,
                            .meter = place->meter,
                            .receipts = place->receipts};
}

void
workplace_close(struct workplace *place)
{
    current_free(place->setups);
    receipts_free(place->receipts);
    meter_free(place->meter);
    ledger_close(place->ledger);
    log_close(place->log);
    curl_global_cleanup();
}

bool
common_only_flag(int argc, char **argv, const char *flag, bool *given)
{
    *given = argc == 2 && strcmp(argv[1], flag) == 0;
    return argc == 1 || *given;
}
