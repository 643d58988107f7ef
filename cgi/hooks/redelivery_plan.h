/*
 * Which failed deliveries to ask for again. Pure: what was listed and what the ledger knows are
 * given.
 *
 * Every answer but a 2xx is a failure, ours of 4xx too: the secret may be right by now (403), a
 * limit raised (413), the web server's path mended (404), a fault of ours gone (400, 415). Whether
 * it is, only another attempt tells, and that is one request.
 * SPDX-License-Identifier: MIT
 */
#ifndef HOOKS_REDELIVERY_PLAN_H
#define HOOKS_REDELIVERY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upstream/github_delivery.h"

struct redelivery_rules {
    int64_t now_ms;
    int64_t since_ms; /* what failed before is left */
    /* A person wants it: also what was asked for once and failed again, and jobs that GitHub has
     * given up on by now, so that its list shows no failure. */
    bool is_by_hand;
    bool (*was_asked)(const char *guid, void *arg); /* as the ledger knows; NULL: none was */
    void *arg;
};

/*
 * Decides about the attempts that a webhook's list has, in any order and several to a GUID. Brings
 * those that are to be asked for, each GUID once and by its newest attempt, to the front, the
 * oldest first, and returns how many they are. The order of the others is lost.
 *
 * A GUID is settled by one good attempt. Only workflow_job matters here. One that is under way may
 * still come through.
 */
size_t redelivery_plan(struct github_delivery *attempts, size_t len,
                       const struct redelivery_rules *rules);

#endif
