/*
 * What GitHub said last of its rate limits, for metrics: never decided from. A GitHub App has one
 * for each of its installations, which are told under the one account: then the tightest of the
 * windows in course stays. SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_RATE_LIMIT_H
#define LEDGER_RATE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/statement.h"

struct rate_limit {
    const char *account;  /* of the configuration */
    const char *resource; /* what the limit is of, in GitHub's word: "core", … */
    int64_t remaining;
    int64_t allowed;
    int64_t reset_at_ms; /* when the window ends: after that it says nothing any more */
};

/* Whether a word about a limit stays against a later one: its window is in course, and has less
 * left. So words that come out of order end the same. */
bool rate_limit_stays(const struct rate_limit *known, const struct rate_limit *told,
                      int64_t now_ms);

struct rate_limits {
    const struct rate_limit *items;
    size_t len;
    int64_t now_ms;
};
/* Writes them, and forgets those whose window is over. */
enum ledger_error rate_limits_write(struct ledger_txn *txn, const struct rate_limits *limits);

/* Calls `visit` for each whose window is in course at a moment. */
typedef void (*rate_limit_visitor)(const struct rate_limit *limit, void *arg);
enum ledger_error rate_limits_list(struct ledger_txn *txn, int64_t now_ms, rate_limit_visitor visit,
                                   void *arg);

#endif
