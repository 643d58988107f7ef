/*
 * Sentences for struct rh_reason. What a stranger wrote goes in through rh_reason_quote alone, so
 * that a reason is one line of printable ASCII wherever it is shown.
 * SPDX-License-Identifier: MIT
 */
#ifndef RH_REASON_H
#define RH_REASON_H

#include <stddef.h>

#include <runhook/error.h>

/* Room for one quoted text, with the terminating NUL. */
#define RH_QUOTE_CAP 100

/* Writes a sentence, cut where it is too long. */
__attribute__((format(printf, 2, 3))) void rh_reason_set(struct rh_reason *reason,
                                                         const char *format, ...);

/* Writes `text` in double quotes, escaped, and cut with "..." where it is too long. Returns `out`.
 */
const char *rh_reason_quote(const char *text, size_t text_len, char out[RH_QUOTE_CAP]);

#endif
