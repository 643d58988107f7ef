/*
 * Deliveries that start a runner: one for each way to a credential, and for each pool of
 * receiver.c's. SPDX-License-Identifier: MIT
 */
#ifndef SPECIMEN_H
#define SPECIMEN_H

#include <stdint.h>

/* The one that a number stands for, and another job of the same run. Static storage. */
const char *specimen_body(uint64_t number);
const char *specimen_sibling(uint64_t number);

#endif
