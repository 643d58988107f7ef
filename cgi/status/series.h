/*
 * How many jobs waited and ran over the last day: from each job's spans to the most at any second
 * of each slot. Pure. SPDX-License-Identifier: MIT
 */
#ifndef STATUS_SERIES_H
#define STATUS_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIES_SLOT_S 300
#define SERIES_SLOTS 288 /* a day of them */

struct series_slot {
    int32_t waiting; /* the most at once */
    int32_t running;
};

/* The last slot is the one that now is in; slots begin at multiples of their length, in UTC. */
struct series {
    int64_t begin_ms;
    int64_t end_ms; /* now */
    struct series_slot slots[SERIES_SLOTS];
    struct series_slot most; /* over all of them */
    int64_t began;           /* jobs that began to run in this time */
    int64_t wait_mean_ms;    /* of those; 0 where there is none */
    int64_t wait_most_ms;
};

/* A count under way. */
struct series_count;

/* Begins one that ends at a moment. NULL when out of memory. */
struct series_count *series_begin(int64_t now_ms);

/* When the day begins that a count is about: what ended before it need not be added. */
int64_t series_since_ms(const struct series_count *count);

/*
 * Adds a job: it waited from when it was received until it started, or until its end where that is
 * 0, and then ran until its end; an end of 0 says that it goes on. What a clock that was set makes
 * of that, a negative span, counts as none. To the second: what is shorter may not be seen.
 */
void series_add(struct series_count *count, int64_t received_ms, int64_t started_ms,
                int64_t ended_ms);

/* Ends it, and frees it. */
void series_end(struct series_count *count, struct series *series);

#endif
