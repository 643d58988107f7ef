/*
 * The deliveries that this process received of late. The threads that answer only note them in
 * memory, in room that is there already; another brings them into the ledger now and then, so that
 * a flood of forged deliveries costs no write each. SPDX-License-Identifier: MIT
 */
#ifndef SERVE_RECEIPTS_H
#define SERVE_RECEIPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "serve/answer.h"

struct receipts;

/* NULL when out of memory. */
struct receipts *receipts_new(void);
void receipts_free(struct receipts *receipts);

/* One delivery. Texts are borrowed, and cut where they are longer than what is kept. */
struct receipt {
    bool is_signed; /* its signature held */
    const char *guid;
    const char *event;
    const char *action;     /* NULL where it is about no job, with the next */
    const char *repository; /* NULL likewise */
    const char *sender;     /* its address */
    const struct answer *answer;
};

/* Any thread; allocates nothing, and waits for no disk. Of more than the ledger keeps, the newest
 * stay. */
void receipts_note(struct receipts *receipts, const struct receipt *receipt);

enum receipts_when {
    RECEIPTS_DUE, /* what is new, every few seconds at most */
    RECEIPTS_ALL, /* what is new, at once: somebody wants to see it, or the program ends */
    RECEIPTS_ONE, /* of a process that lives for one request: one without a signature only where the
                     ledger's last is some seconds old */
};

/*
 * Writes what is new into the ledger. Where that fails, what is new stays so; the program goes on
 * as if it had not, since this is for a person to see and for nothing else. Returns whether
 * everything is in the ledger, or need not be yet; else `reason` (may be NULL) says why not. Any
 * thread.
 */
bool receipts_write(struct receipts *receipts, struct ledger *ledger, enum receipts_when when,
                    struct rh_reason *reason);

#endif
