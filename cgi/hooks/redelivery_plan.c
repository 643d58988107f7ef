/*
 * Which failed deliveries to ask for again.
 * SPDX-License-Identifier: MIT
 */
#include "hooks/redelivery_plan.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/rules.h"

/* GitHub waits 10 s for an answer. One without a status for longer than this has failed. */
#define UNDER_WAY_MS (30 * 1000)

static int
compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* The oldest first. */
static int
by_time(const void *a, const void *b)
{
    const struct github_delivery *one = a, *other = b;
    int order = compare(one->delivered_at_ms, other->delivered_at_ms);

    return order != 0 ? order : compare(one->id, other->id);
}

/* Those of a GUID together, the oldest first. */
static int
by_guid(const void *a, const void *b)
{
    const struct github_delivery *one = a, *other = b;
    int order = strcmp(one->guid, other->guid);

    return order != 0 ? order : by_time(a, b);
}

/* How many attempts from the first on have its GUID. */
static size_t
count_attempts(const struct github_delivery *attempts, size_t len)
{
    size_t count = 1;

    while (count < len && strcmp(attempts[count].guid, attempts[0].guid) == 0)
        count++;
    return count;
}

/* Whether to ask again for what has failed in all of these, the oldest first. */
static bool
is_wanted(const struct github_delivery *attempts, size_t len, const struct redelivery_rules *rules)
{
    const struct github_delivery *first = &attempts[0], *last = &attempts[len - 1];
    bool was_redelivered = false;

    for (size_t i = 0; i < len; i++) {
        if (attempts[i].status_code >= 200 && attempts[i].status_code < 300)
            return false;
        was_redelivered = was_redelivered || attempts[i].is_redelivery;
    }
    if (strcmp(last->event, "workflow_job") != 0 || last->delivered_at_ms < rules->since_ms ||
        (last->status_code == 0 && rules->now_ms - last->delivered_at_ms < UNDER_WAY_MS))
        return false;
    if (!rules->is_by_hand &&
        (was_redelivered || (strcmp(last->action, "queued") == 0 &&
                             rules->now_ms - first->delivered_at_ms > JOB_LIFE_MS)))
        return false;
    return rules->was_asked == NULL || !rules->was_asked(last->guid, rules->arg);
}

size_t
redelivery_plan(struct github_delivery *attempts, size_t len, const struct redelivery_rules *rules)
{
    size_t chosen = 0, count;

    if (len == 0)
        return 0;
    qsort(attempts, len, sizeof *attempts, by_guid);
    for (size_t i = 0; i < len; i += count) {
        count = count_attempts(&attempts[i], len - i);
        if (is_wanted(&attempts[i], count, rules))
            attempts[chosen++] = attempts[i + count - 1];
    }
    qsort(attempts, chosen, sizeof *attempts, by_time);
    return chosen;
}
