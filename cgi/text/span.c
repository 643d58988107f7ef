/*
 * Spans of time for people.
 * SPDX-License-Identifier: MIT
 */
#include "text/span.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

const char *
span_text(int64_t span_ms, char out[SPAN_CAP])
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (span_ms >= 2 * units[i].ms) {
            (void)snprintf(out, SPAN_CAP, "%" PRId64 "%c", span_ms / units[i].ms, units[i].unit);
            return out;
        }
    }
    (void)snprintf(out, SPAN_CAP, "%" PRId64 "s", span_ms < 0 ? 0 : span_ms / 1000);
    return out;
}
