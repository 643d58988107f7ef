/*
 * The way of a verb of `runhook hooks` that does one thing in each of many places: what fails in
 * one does not keep the others from it. SPDX-License-Identifier: MIT
 */
#ifndef COMMANDS_HOOKS_ROUND_H
#define COMMANDS_HOOKS_ROUND_H

#include <stdbool.h>
#include <stddef.h>

#include "commands/hooks_desk.h"
#include "commands/hooks_options.h"
#include "commands/hooks_report.h"

/* Does it in one place, of whose webhooks it is given the list: sets the outcome, the id and the
 * reason. False where a request failed. */
typedef bool (*hooks_work)(struct hooks_desk *desk, const struct hooks_options *options,
                           const char *place, const struct hook_list *list,
                           struct hooks_result *result, struct failure *failure);

struct hooks_round {
    hooks_work work;
    const enum hooks_outcome *outcomes; /* for the last line: see hooks_report_print */
    size_t outcomes_len;
};

/* Goes through the places that the options name, prints the report, and is an exit status. */
int hooks_round_go(const struct hooks_round *round, const struct invocation *invocation,
                   const struct hooks_options *options);

/* Warns where the URL is http://, which was asked for. */
void hooks_round_warn(const struct hooks_options *options);

#endif
