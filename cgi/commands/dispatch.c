/*
 * runhook dispatch: does all work that is due (dispatches, audits, discovery) and ends, for a timer
 * beside plain CGI.
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>

#include "clock/clock.h"
#include "commands/command.h"
#include "commands/common.h"
#include "dispatch/dispatcher.h"
#include "metrics/meter.h"

/* A timer comes again: what an upstream holds up for longer waits for its next call. */
#define DISPATCH_MS (10 * 60 * 1000)

int
command_dispatch(const struct invocation *invocation, int argc, char **argv)
{
    struct dispatcher *dispatcher = NULL;
    struct workplace place;
    struct rh_reason reason;
    int status = EXIT_FAILED;

    (void)argv;
    if (argc != 1)
        return command_usage(command_find("dispatch"), "dispatch takes no arguments");
    (void)signal(SIGPIPE, SIG_IGN);
    if (!workplace_open(&place, invocation))
        goto out;
    if (ledger_become_owner(place.ledger, &reason) != LEDGER_OK) {
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
        goto out;
    }
    dispatcher = dispatcher_new(place.setups, place.ledger, place.log, meter_observer(place.meter));
    if (dispatcher != NULL && dispatcher_drain(dispatcher, clock_monotonic_ms() + DISPATCH_MS) == 0)
        status = EXIT_DONE;
    (void)meter_flush(place.meter, place.ledger, METER_ALL);
out:
    dispatcher_free(dispatcher);
    workplace_close(&place);
    return status;
}
