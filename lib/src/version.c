/*
 * The library's version.
 * SPDX-License-Identifier: MIT
 */
#include <runhook/runhook.h>

const char *
rh_version(void)
{
    return RUNHOOK_VERSION;
}
