/*
 * Time from the kernel's clocks.
 * SPDX-License-Identifier: MIT
 */
#include "clock/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t
read_clock_ms(clockid_t id)
{
    struct timespec now = {0};
    (void)clock_gettime(id, &now); /* cannot fail for the clocks used here */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Read anew each time: the test that writes it does not tell. */
static int64_t
read_offset_ms(const char *path)
{
    FILE *file = fopen(path, "re");
    char text[32] = "";

    if (file == NULL)
        return 0;
    if (fgets(text, sizeof text, file) == NULL)
        text[0] = '\0';
    (void)fclose(file);
    return strtoll(text, NULL, 10);
}

/* How far a test has driven the clock. */
static int64_t
driven_ms(void)
{
    const char *path = getenv("RUNHOOK_CLOCK_OFFSET");

    return path == NULL ? 0 : read_offset_ms(path);
}

int64_t
clock_now_ms(void)
{
    return read_clock_ms(CLOCK_REALTIME) + driven_ms();
}

int64_t
clock_boot_ms(void)
{
    return read_clock_ms(CLOCK_BOOTTIME) + driven_ms();
}

int64_t
clock_monotonic_ms(void)
{
    return read_clock_ms(CLOCK_MONOTONIC);
}

const char *
clock_text(int64_t at_ms, int with_ms, char out[CLOCK_TEXT_CAP])
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm utc;
    char date[24];

    out[0] = '\0';
    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        return out;
    if (with_ms)
        (void)snprintf(out, CLOCK_TEXT_CAP, "%s.%03dZ", date, (int)(at_ms % 1000));
    else
        (void)snprintf(out, CLOCK_TEXT_CAP, "%sZ", date);
    return out;
}
