/*
 * The time, which passes only when it is told to. SPDX-License-Identifier: MIT
 */
#ifndef MOMENT_H
#define MOMENT_H

#include <stdint.h>

/* Sets it back to the moment at which every input begins: 2026-01-17T12:00:00Z, some minutes after
 * the saved deliveries. */
void moment_reset(void);
void moment_pass(int64_t ms);
int64_t moment_now_ms(void);

#endif
