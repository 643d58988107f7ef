/*
 * The clock's three functions, and what waits by them, put in place by the linker.
 * SPDX-License-Identifier: MIT
 */
#include "moment.h"

#include <unistd.h>

#define BEGIN_MS INT64_C(1768651200000)

int64_t __wrap_clock_now_ms(void);
int64_t __wrap_clock_boot_ms(void);
int64_t __wrap_clock_monotonic_ms(void);
int __wrap_usleep(useconds_t us);

static int64_t now_ms = BEGIN_MS;

void
moment_reset(void)
{
    now_ms = BEGIN_MS;
}

void
moment_pass(int64_t ms)
{
    now_ms += ms;
}

int64_t
moment_now_ms(void)
{
    return now_ms;
}

int64_t
__wrap_clock_now_ms(void)
{
    return now_ms;
}

int64_t
__wrap_clock_boot_ms(void)
{
    return now_ms;
}

int64_t
__wrap_clock_monotonic_ms(void)
{
    return now_ms;
}

int
__wrap_usleep(useconds_t us)
{
    moment_pass((us + 999) / 1000);
    return 0;
}
