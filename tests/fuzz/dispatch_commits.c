/*
 * How many commits, which each wait for the disk, jobs that come together take on their way to a
 * runner. SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "estate.h"
#include "faults.h"
#include "fuzz.h"
#include "moment.h"
#include "receiver.h"
#include "specimen.h"

static struct receiver receiver;

static void
deliver(const char *body)
{
    const struct receiver_delivery delivery = {
        .body = body, .len = strlen(body), .event = "workflow_job"};

    FUZZ_CHECK(receiver_deliver(&receiver, &delivery).outcome == OUTCOME_ACCEPTED);
}

/* The first is claimed, sent once it has its credential, and recorded as live, with the claim of
 * the second. */
static void
check(uint64_t specimen, int wanted)
{
    int before;

    FUZZ_CHECK(receiver_open(&receiver, true));
    receiver.goes_on = true;
    deliver(specimen_body(specimen));
    deliver(specimen_sibling(specimen));
    before = disk_log_syncs();
    FUZZ_CHECK(story_tell(&receiver.tools) == WORK_DONE);
    FUZZ_CHECK(receiver_number("SELECT count(*) FROM runner WHERE state = 'live'") == 2);
    FUZZ_CHECK(disk_log_syncs() - before == wanted);
    FUZZ_CHECK(story_tell(&receiver.tools) == WORK_NONE);
    receiver_check_ledger(true);
    receiver_close(&receiver);
    estate_reset();
}

int
main(void)
{
    receiver_prepare();
    moment_reset();
    estate_reset();
    check(0, 4); /* the second's token is at hand: its claim is the mark that it goes out */
    check(1, 5); /* a just-in-time configuration is asked for after the claim */
    return EXIT_SUCCESS;
}
