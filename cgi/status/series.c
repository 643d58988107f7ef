/*
 * How many jobs waited and ran over the last day.
 *
 * A second has the difference to the one before, so that a job costs four additions, however long
 * it took, and any number of jobs the same memory.
 * SPDX-License-Identifier: MIT
 */
#include "status/series.h"

#include <stdlib.h>

#define SECONDS (SERIES_SLOTS * SERIES_SLOT_S)

struct series_count {
    int64_t begin_s;
    int64_t now_ms;
    int64_t began;
    int64_t wait_sum_ms;
    int64_t wait_most_ms;
    struct series_slot changes[SECONDS + 1];
};

struct series_count *
series_begin(int64_t now_ms)
{
    struct series_count *count = calloc(1, sizeof *count);

    if (count == NULL)
        return NULL;
    count->now_ms = now_ms;
    count->begin_s = (now_ms / 1000 / SERIES_SLOT_S - (SERIES_SLOTS - 1)) * (int64_t)SERIES_SLOT_S;
    return count;
}

int64_t
series_since_ms(const struct series_count *count)
{
    return count->begin_s * 1000;
}

/* A moment's second, from the begin, within the day. */
static int64_t
second(const struct series_count *count, int64_t at_ms)
{
    int64_t s = at_ms / 1000 - count->begin_s;

    return s < 0 ? 0 : s > SECONDS ? SECONDS : s;
}

void
series_add(struct series_count *count, int64_t received_ms, int64_t started_ms, int64_t ended_ms)
{
    int64_t end_ms = ended_ms == 0 ? count->now_ms + 1000 : ended_ms; /* this second, too */
    int64_t waited_until_ms = started_ms == 0 ? end_ms : started_ms;
    int64_t from = second(count, received_ms), until = second(count, waited_until_ms);
    int64_t end = second(count, end_ms);

    if (from < until) {
        count->changes[from].waiting++;
        count->changes[until].waiting--;
    }
    if (started_ms != 0 && until < end) {
        count->changes[until].running++;
        count->changes[end].running--;
    }
    if (started_ms >= series_since_ms(count) && started_ms <= count->now_ms &&
        started_ms >= received_ms) {
        count->began++;
        count->wait_sum_ms += started_ms - received_ms;
        if (started_ms - received_ms > count->wait_most_ms)
            count->wait_most_ms = started_ms - received_ms;
    }
}

static void
raise_to(struct series_slot *most, const struct series_slot *now)
{
    if (now->waiting > most->waiting)
        most->waiting = now->waiting;
    if (now->running > most->running)
        most->running = now->running;
}

void
series_end(struct series_count *count, struct series *series)
{
    struct series_slot now = {0};

    *series =
        (struct series){.begin_ms = series_since_ms(count),
                        .end_ms = count->now_ms,
                        .began = count->began,
                        .wait_mean_ms = count->began == 0 ? 0 : count->wait_sum_ms / count->began,
                        .wait_most_ms = count->wait_most_ms};
    for (size_t s = 0; s < SECONDS; s++) {
        now.waiting += count->changes[s].waiting;
        now.running += count->changes[s].running;
        raise_to(&series->slots[s / SERIES_SLOT_S], &now);
    }
    for (size_t i = 0; i < SERIES_SLOTS; i++)
        raise_to(&series->most, &series->slots[i]);
    free(count);
}
