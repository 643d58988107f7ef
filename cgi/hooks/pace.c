/*
 * A bound on how often something is done in any minute.
 * SPDX-License-Identifier: MIT
 */
#include "hooks/pace.h"

#include <stdlib.h>

#define MINUTE_MS (60 * 1000)

bool
pace_init(struct pace *pace, int64_t per_minute)
{
    *pace = (struct pace){.per_minute = (size_t)per_minute};
    pace->at_ms = calloc(pace->per_minute, sizeof *pace->at_ms);
    return pace->at_ms != NULL;
}

void
pace_fini(struct pace *pace)
{
    free(pace->at_ms);
    *pace = (struct pace){0};
}

int64_t
pace_wait_ms(const struct pace *pace, int64_t now_ms)
{
    int64_t free_ms;

    if (pace->done < pace->per_minute)
        return 0;
    free_ms = pace->at_ms[pace->done % pace->per_minute] + MINUTE_MS;
    return free_ms > now_ms ? free_ms - now_ms : 0;
}

void
pace_count(struct pace *pace, int64_t now_ms)
{
    pace->at_ms[pace->done++ % pace->per_minute] = now_ms;
}
