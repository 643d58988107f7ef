/*
 * runhook check: like `nginx -t`, says what is wrong with the configuration, and is non-zero where
 * anything is. With --online it goes on to ask GitHub and Nomad.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock/clock.h"
#include "commands/check_online.h"
#include "commands/command.h"
#include "commands/common.h"
#include "harden/filter.h"
#include "ledger/secret_use.h"
#include "text/span.h"

/* The ledger as `serve` would find it, without making one: checking must change nothing. */
static bool
check_ledger(const struct config *config)
{
    const char *path = config->server.ledger;
    struct ledger *ledger;
    char *copy, *folder;
    bool usable;

    if (access(path, F_OK) == 0) {
        ledger = common_ledger(config, LEDGER_LOOK);
        if (ledger == NULL)
            return false;
        ledger_close(ledger);
    }
    copy = strdup(path);
    folder = copy == NULL ? NULL : dirname(copy);
    usable = folder != NULL && access(folder, W_OK | X_OK) == 0 &&
             (access(path, F_OK) != 0 || access(path, W_OK) == 0);
    if (!usable)
        (void)fprintf(stderr,
                      "runhook: error: [server] ledger %s: it, or its folder, cannot be written "
                      "(%s): make the folder, and give it to the user that runs runhook\n",
                      path, strerror(errno));
    free(copy);
    return usable;
}

static bool
check_readable(const char *key, const char *path)
{
    if (path == NULL || access(path, R_OK) == 0)
        return true;
    (void)fprintf(stderr, "runhook: error: [nomad] %s %s: %s\n", key, path, strerror(errno));
    return false;
}

/* What goes to another machine in the clear can be read on the way. */
static void
warn_of_clear_text(const char *key, const char *url)
{
    static const char *const local[] = {"http://127.", "http://localhost", "http://[::1]"};

    if (strncmp(url, "http://", 7) != 0)
        return;
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        if (strncmp(url, local[i], strlen(local[i])) == 0)
            return;
    }
    (void)fprintf(
        stderr,
        "runhook: warning: %s is http:// to another machine: the token can be read on its "
        "way there\n",
        key);
}

static void
print_names(char *const *names, size_t names_len)
{
    for (size_t i = 0; i < names_len; i++)
        (void)printf("%s%s", i == 0 ? "" : ", ", names[i]);
}

/* The pace of discovery, and whom it asks whatever the ledger has seen. */
static void
summarize_discovery(const struct config *config)
{
    const struct names *named = &config->github.repositories;

    if (config->audit.discover_interval_s == 0) {
        (void)printf("discover off\n");
        return;
    }
    (void)printf("discover every %" PRId64 " s: repositories with a job in the last %" PRId64 " s",
                 config->audit.discover_interval_s, config->audit.discover_window_s);
    if (named->len > 0)
        (void)printf(", and ");
    print_names(named->items, named->len);
    (void)printf("\n");
}

/* When a secret was used. `other` is of the one that is to follow it; NULL where none is. */
static void
print_use(const char *name, const struct secret_use *use, const struct secret_use *other)
{
    int64_t now_ms = clock_now_ms();
    char at[CLOCK_TEXT_CAP], ago[SPAN_CAP];

    if (use->used_at_ms == 0) {
        (void)printf("secret   %s: never used, as far as the ledger knows\n", name);
        return;
    }
    (void)printf("secret   %s: last used %s ago (%s)", name,
                 span_text(now_ms - use->used_at_ms, ago), clock_text(use->used_at_ms, 0, at));
    if (other != NULL && secret_use_is_over(use, other, now_ms))
        (void)printf(": no webhook uses it any more; remove it");
    else if (other != NULL)
        (void)printf(": keep it until it was not used for %s", span_text(SECRET_UNUSED_MS, ago));
    (void)printf("\n");
}

/* Reads when each secret was used. False where the ledger does not say, with the reason. */
static bool
read_uses(const struct config *config, const struct rh_secret *const secrets[SECRETS_MAX],
          struct secret_use uses[SECRETS_MAX], struct rh_reason *reason)
{
    char fingerprints[SECRETS_MAX][SECRET_FINGERPRINT_CAP];
    struct ledger *ledger;
    bool done = ledger_open(config->server.ledger, LEDGER_LOOK, &ledger, reason) == LEDGER_OK;

    for (size_t i = 0; done && i < SECRETS_MAX && secrets[i] != NULL; i++) {
        uses[i].fingerprint = fingerprints[i];
        if (!secret_fingerprint(secrets[i], ledger_receiver(ledger), fingerprints[i])) {
            (void)snprintf(reason->text, sizeof reason->text, "its fingerprint cannot be made");
            done = false;
        } else {
            done = ledger_read(ledger, secret_use_find, &uses[i], reason) == LEDGER_OK;
        }
        uses[i].fingerprint = NULL;
    }
    ledger_close(ledger);
    return done;
}

/* Only told: a secret that is not used is no mistake, and a ledger that cannot be read was
 * complained about before. */
static void
summarize_secrets(const struct config *config)
{
    static const char *const names[] = {"webhook_secret", "webhook_secret_previous"};
    const struct rh_secret *const secrets[] = {config->github.webhook_secret,
                                               config->github.webhook_secret_previous};
    struct secret_use uses[SECRETS_MAX] = {{0}};
    struct rh_reason reason = {"there is none yet"};
    bool known =
        access(config->server.ledger, F_OK) == 0 && read_uses(config, secrets, uses, &reason);

    for (size_t i = 0; i < SECRETS_MAX && secrets[i] != NULL; i++) {
        if (known)
            print_use(names[i], &uses[i], i == 0 ? NULL : &uses[0]);
        else
            (void)printf("secret   %s: the ledger does not say when it was used: %s\n", names[i],
                         reason.text);
    }
}

/* Whether `serve` will have its filter. Only told: it serves without as well. */
static void
summarize_filter(const struct config *config)
{
    struct rh_reason reason;

    if (!config->server.syscall_filter)
        (void)printf("filter   off: syscall_filter = no\n");
    else if (filter_is_possible(&reason))
        (void)printf("filter   on: serve is refused the system calls that it has no use for\n");
    else
        (void)printf("filter   not possible: %s\n", reason.text);
}

static void
summarize(const struct config *config)
{
    (void)printf("GitHub   %s\nNomad    %s\nledger   %s\n", config->github.api_url,
                 config->nomad.address, config->server.ledger);
    summarize_discovery(config);
    for (size_t i = 0; i < config->pools_len; i++) {
        const struct pool *pool = &config->pools[i];

        (void)printf("pool     %s: labels ", pool->name);
        print_names(pool->labels.items, pool->labels.len);
        (void)printf(" -> Nomad job %s, at most %" PRId64 " runners", pool->nomad_job,
                     pool->max_runners);
        if (pool->max_pending > 0)
            (void)printf(", %" PRId64 " of them pending", pool->max_pending);
        (void)printf("\n");
    }
    summarize_filter(config);
    summarize_secrets(config);
}

/* The flags. False for anything else. */
static bool
parse_arguments(int argc, char **argv, bool *online, const char **url, bool *json)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--online") == 0)
            *online = true;
        else if (strcmp(argv[i], "--json") == 0)
            *json = true;
        else if (strcmp(argv[i], "--url") == 0 && i + 1 < argc)
            *url = argv[++i];
        else
            return false;
    }
    return *online || (*url == NULL && !*json);
}

int
command_check(const struct invocation *invocation, int argc, char **argv)
{
    bool good = true, online = false, json = false;
    const char *url = NULL;
    struct config *config;

    if (!parse_arguments(argc, argv, &online, &url, &json))
        return command_usage(command_find("check"),
                             "check takes --online, and with it --url and --json");
    config = common_config(invocation, CONFIG_WHOLE);
    if (config == NULL) {
        (void)fprintf(stderr, "runhook: the configuration is not usable\n");
        return EXIT_FAILED;
    }
    good = check_ledger(config) && good;
    good = check_readable("ca_cert", config->nomad.ca_cert) && good;
    good = check_readable("client_cert", config->nomad.client_cert) && good;
    good = check_readable("client_key", config->nomad.client_key) && good;
    warn_of_clear_text("[github] api_url", config->github.api_url);
    warn_of_clear_text("[nomad] address", config->nomad.address);
    if (good && !json) {
        summarize(config);
        (void)printf("the configuration is good\n");
    } else if (!good) {
        (void)fprintf(stderr, "runhook: the configuration is not usable\n");
    }
    if (good && online)
        good = check_online(config, url, json);
    config_free(config);
    return good ? EXIT_DONE : EXIT_FAILED;
}
