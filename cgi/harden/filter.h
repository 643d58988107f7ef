/*
 * The filter of system calls, by libseccomp, where runhook was built with that (RUNHOOK_SECCOMP).
 * What it refuses is in harden/refused.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef HARDEN_FILTER_H
#define HARDEN_FILTER_H

#include <stdbool.h>

#include <runhook/error.h>

/* Whether filter_apply has a chance: built in, and the kernel knows how. False with the reason. */
bool filter_is_possible(struct rh_reason *reason);

/*
 * Puts the filter on all threads of this process, those to come included, for ever: it cannot be
 * taken off. To be called when all is set up. PR_SET_NO_NEW_PRIVS is set with it, without which a
 * kernel takes no filter from a user.
 *
 * False, with the reason, where it is not in force; the program can go on without.
 */
bool filter_apply(struct rh_reason *reason);

#endif
