/*
 * Time, in the two forms that the program needs.
 * SPDX-License-Identifier: MIT
 */
#ifndef CLOCK_CLOCK_H
#define CLOCK_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Milliseconds since 1970 (UTC), for what is written to the ledger and compared across restarts.
 *
 * Tests drive this clock: where the environment variable RUNHOOK_CLOCK_OFFSET names a file, the
 * whole number of milliseconds that stands in it at the moment is added.
 */
int64_t clock_now_ms(void);

/* Milliseconds since some fixed point, never set back: for durations and deadlines in this process.
 */
int64_t clock_monotonic_ms(void);

/* Milliseconds since the machine was started, sleep included: for leases, which all processes of a
 * ledger compare on one machine, and which a clock that is set must neither end nor prolong. */
int64_t clock_boot_ms(void);

/* Room for "2026-01-31T23:59:59.123Z" and its NUL. */
#define CLOCK_TEXT_CAP 32

/* Writes `at_ms` as ISO 8601 in UTC, with milliseconds where `with_ms`. Returns `out`. */
const char *clock_text(int64_t at_ms, int with_ms, char out[CLOCK_TEXT_CAP]);

#endif
