/*
 * What a process that holds secrets gives up for its whole life.
 * SPDX-License-Identifier: MIT
 */
#ifndef HARDEN_PROCESS_H
#define HARDEN_PROCESS_H

/*
 * No core dump, memory that other processes of the user cannot read, and no program that it might
 * start gains a right (PR_SET_NO_NEW_PRIVS): no command of runhook starts one. To be called before
 * the first secret is read. What a kernel does not know is left out.
 */
void process_harden(void);

#endif
