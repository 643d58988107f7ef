/*
 * Reading the configuration again.
 * SPDX-License-Identifier: MIT
 */
#include "commands/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/fixed.h"
#include "metrics/meter.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void
log_problem(struct log *log, enum log_level level, const char *outcome, const char *reason)
{
    struct log_line line;

    log_begin(&line, level, "reload");
    log_text(&line, "outcome", outcome);
    log_text(&line, "reason", reason);
    log_end(log, &line);
}

static void
log_problems(struct log *log, const struct problems *problems)
{
    for (size_t i = 0; i < problems->len; i++) {
        if (problems->items[i].is_error)
            log_problem(log, LOG_LEVEL_ERROR, "kept", problems->items[i].text);
        else
            log_problem(log, LOG_LEVEL_WARNING, NULL, problems->items[i].text);
    }
}

static void
log_fixed(const char *section, const char *name, void *log)
{
    char key[64];
    struct log_line line;

    (void)snprintf(key, sizeof key, "[%s] %s", section, name);
    log_begin(&line, LOG_LEVEL_WARNING, "reload");
    log_text(&line, "key", key);
    log_text(&line, "message", "its old value stays in force: it needs a restart");
    log_end(log, &line);
}

/* A new name, or the old one where the file was moved away. */
static void
reopen_log(struct log *log, const char *path)
{
    struct log_line line;

    if (log_reopen(log, path))
        return;
    log_begin(&line, LOG_LEVEL_ERROR, "reload");
    log_text(&line, "key", "[server] log_file");
    log_text(&line, "path", path);
    log_text(&line, "message", "it cannot be opened, so the log goes on where it was");
    log_text(&line, "error", strerror(errno));
    log_end(log, &line);
}

static void
log_done(const struct workplace *place, const struct config *config)
{
    struct log_line line;

    log_begin(&line, LOG_LEVEL_INFO, "reload");
    log_text(&line, "outcome", "reloaded");
    log_number(&line, "pools", (int64_t)config->pools_len);
    log_number(&line, "webhook_secrets", config->github.webhook_secret_previous == NULL ? 1 : 2);
    log_end(place->log, &line);
}

/* Puts a configuration, which it owns, into force. False when out of memory. */
static bool
put_into_force(struct workplace *place, struct config *config, struct setup *running)
{
    struct setup *setup;

    if (!config_fix(config, running->config, log_fixed, place->log)) {
        config_free(config);
        return false;
    }
    setup = setup_new(config, ledger_receiver(place->ledger));
    if (setup == NULL)
        return false;
    current_replace(place->setups, setup);
    log_done(place, config); /* which is still there: nobody else replaces it */
    return true;
}

void
reload(struct workplace *place, const struct invocation *invocation)
{
    struct problems problems = {0};
    struct config *config = config_load(invocation->config_path, getenv, CONFIG_WHOLE, &problems);
    struct setup *running = current_take(place->setups);
    bool is_good;

    /* Before the first line about it: who rotates the log finds all of it in the new file. */
    reopen_log(place->log, (config == NULL ? running->config : config)->server.log_file);
    log_problems(place->log, &problems);
    is_good = config != NULL && put_into_force(place, config, running);
    if (config != NULL && !is_good)
        log_problem(place->log, LOG_LEVEL_ERROR, "kept", "out of memory");
    meter_reload(place->meter, is_good);
    /* Requests in hand may still note a use: those are not worth a wait. */
    secret_watch_write(running->secrets, place->ledger,
                       running->config->server.retention_d * DAY_MS, SECRET_WATCH_ALL);
    current_return(place->setups, running);
    problems_fini(&problems);
}
