/*
 * What a process that holds secrets gives up.
 * SPDX-License-Identifier: MIT
 */
#include "harden/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void
process_harden(void)
{
    const struct rlimit none = {0};

    /* Both: the limit does not keep a core_pattern that is a pipe from getting one. */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
