/*
 * The last deliveries that came, and what was answered: for a person, and for nothing else.
 *
 * Those whose signature held and those without one are kept apart, each a bounded number, so that
 * whoever sends many forged ones does not push the good ones out.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_RECEIVED_H
#define LEDGER_RECEIVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runhook/delivery.h>

#include "ledger/ledger.h"

/* So many are kept of each kind. */
#define RECEIVED_SIGNED_MAX 25
#define RECEIVED_REFUSED_MAX 10

/* One delivery. Texts are as they came, cut at their room; "" where there is none. But for action,
 * repository and job they are not signed even where the delivery is. */
struct received {
    int64_t at_ms;
    bool is_signed;
    int http_status; /* of the answer, with the next two */
    char outcome[16];
    char reason[240];
    char guid[65];
    char event[41];
    char action[41];
    char repository[RH_REPOSITORY_LEN_MAX + 1];
    int64_t job_id; /* 0 where it is about no job */
    char sender[49];
};

struct received_batch {
    const struct received *items;
    size_t len;
    int64_t now_ms;
};
/* ledger_work; arg is a struct received_batch. Adds them, and forgets what is beyond the bounds. */
enum ledger_error received_add(struct ledger_txn *txn, void *arg);

/* What received_list calls for each row; false ends the list. */
typedef bool (*received_visitor)(const struct received *received, void *arg);

struct received_list {
    bool is_signed;
    received_visitor visit;
    void *arg;
};
/* ledger_work; arg is a struct received_list. Newest first. */
enum ledger_error received_list(struct ledger_txn *txn, void *arg);

/* ledger_work; arg is an int64_t, which becomes the moment of the last one without a signature; 0
 * where there is none. */
enum ledger_error received_last_refused(struct ledger_txn *txn, void *arg);

#endif
