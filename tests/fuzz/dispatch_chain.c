/*
 * Jobs that come together, on their way to runners one after the other: how many commits that
 * takes, each of which waits for the disk, and what happens where something comes in between.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "estate.h"
#include "fuzz.h"
#include "moment.h"
#include "receiver.h"
#include "specimen.h"

static struct receiver receiver;

/* Two jobs of a kind wait. */
static void
begin(uint64_t specimen)
{
    estate_reset();
    FUZZ_CHECK(receiver_open(&receiver, true));
    receiver.goes_on = true;
    FUZZ_CHECK(receiver_tell(&receiver, specimen_body(specimen)) == OUTCOME_ACCEPTED);
    FUZZ_CHECK(receiver_tell(&receiver, specimen_sibling(specimen)) == OUTCOME_ACCEPTED);
}

static void
end(void)
{
    FUZZ_CHECK(story_tell(&receiver.tools) == WORK_NONE);
    receiver_check_ledger(true);
    receiver_close(&receiver);
}

/* The first is claimed, sent once it has its credential, and recorded as live, with the claim of
 * the second. */
static void
check_commits(uint64_t specimen, int wanted)
{
    int before;

    begin(specimen);
    before = disk_log_syncs();
    FUZZ_CHECK(story_tell(&receiver.tools) == WORK_DONE);
    FUZZ_CHECK(receiver_number("SELECT count(*) FROM runner WHERE state = 'live'") == 2);
    FUZZ_CHECK(disk_log_syncs() - before == wanted);
    end();
}

static int wakes;
static int64_t late_ms;

/* Between the second's claim and its dispatch time passes, and the job is cancelled. */
static void
come_in_between(void *arg)
{
    static const char *const parts[][2] = {{"\"action\":\"queued\"", "\"action\":\"completed\""},
                                           {"\"conclusion\":null", "\"conclusion\":\"cancelled\""}};
    char body[4096], *at;

    (void)arg;
    if (++wakes != 2)
        return;
    moment_pass(late_ms);
    (void)snprintf(body, sizeof body, "%s", specimen_sibling(0));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char rest[sizeof body];

        at = strstr(body, parts[i][0]);
        FUZZ_CHECK(at != NULL);
        (void)snprintf(rest, sizeof rest, "%s", at + strlen(parts[i][0]));
        (void)snprintf(at, sizeof body - (size_t)(at - body), "%s%s", parts[i][1], rest);
    }
    FUZZ_CHECK(receiver_tell(&receiver, body) == OUTCOME_IGNORED); /* it starts no runner */
}

/* A claim is the mark for a dispatch that follows at once. What comes late is asked again whether
 * it is wanted. */
static void
check_late_one(int64_t passes_ms, bool is_dispatched)
{
    begin(0);
    wakes = 0;
    late_ms = passes_ms;
    receiver.tools.wake = come_in_between;
    FUZZ_CHECK(story_tell(&receiver.tools) == WORK_DONE && wakes == 2);
    FUZZ_CHECK((estate_child(1) != NULL) == is_dispatched);
    FUZZ_CHECK(receiver_number("SELECT count(*) FROM runner WHERE state = 'retiring'") == 1);
    FUZZ_CHECK(receiver_number("SELECT sent_at_ms > 0 FROM runner WHERE state = 'retiring'") ==
               is_dispatched);
    end();
}

int
main(void)
{
    receiver_prepare();
    moment_reset();
    check_commits(0, 4); /* the second's token is at hand: its claim is the mark that it goes out */
    check_commits(1, 5); /* a just-in-time configuration is asked for after the claim */
    check_late_one(900, true);
    check_late_one(1000, false);
    return EXIT_SUCCESS;
}
