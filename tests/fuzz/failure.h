/*
 * One input under failures: a delivery's whole way to its answer, and a dispatch's whole way to its
 * record, with what one seed makes fail; and then without failures, what has to come right.
 * SPDX-License-Identifier: MIT
 */
#ifndef FAILURE_H
#define FAILURE_H

#include <stddef.h>
#include <stdint.h>

/* Once, before any other. */
void failure_prepare(void);

/* Aborts where a property does not hold. The seed decides what is tried, and what fails. A `body`
 * of NULL is one of those that start a runner, by the seed too. */
void failure_try(uint64_t seed, const void *body, size_t len);

#endif
