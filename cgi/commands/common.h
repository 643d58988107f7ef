/*
 * What several subcommands do first: the configuration, the ledger, the log.
 * SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_COMMON_H
#define COMMANDS_COMMON_H

#include <stdbool.h>

#include "commands/command.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include "log/log.h"
#include "setup/current.h"

/* Loads the configuration. Every problem goes to standard error. NULL where there is an error. */
struct config *common_config(const struct invocation *invocation, enum config_use use);

/* The same, with its secrets where they can be read: where they alone are wrong, `missing` says
 * what is, and they are NULL; else `missing` is "". */
struct config *common_config_at_best(const struct invocation *invocation,
                                     struct rh_reason *missing);

/* Opens the ledger, or says on standard error what to do, and is NULL. */
struct ledger *common_ledger(const struct config *config, enum ledger_mode mode);

struct meter;
struct receipts;
struct webhook;

/* What a program that serves or dispatches works with. */
struct workplace {
    struct log *log;
    struct ledger *ledger;
    struct current *setups;
    struct meter *meter;       /* metrics/meter.h */
    struct receipts *receipts; /* serve/receipts.h */
};

/* Opens all of it, the process made fit for secrets before. False where one failed, which is said
 * on standard error; workplace_close is due in either case. */
bool workplace_open(struct workplace *place, const struct invocation *invocation);
/* What deliveries are answered with there. */
struct webhook workplace_webhook(const struct workplace *place);
/* Before it closes, what the meter has counted and the receipts hold is to be brought into the
 * ledger (meter_flush, receipts_write). */
void workplace_close(struct workplace *place);

/* One flag at the end of a command's arguments, or none: sets `*given`. False for anything else. */
bool common_only_flag(int argc, char **argv, const char *flag, bool *given);

#endif
