/*
 * Rows of the table of webhooks whose failed deliveries are asked for again, and of those
 * deliveries. SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_HOOK_H
#define LEDGER_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "config/place.h"
#include "ledger/gate.h"
#include "ledger/ledger.h"
#include "ledger/statement.h"

/* A GitHub App's own webhook stands under "apps/" and its id, as the configuration has that, with
 * an id of 0. The others stand under their place (config/place.h). */
#define HOOK_APP "apps/"

/* Webhooks of a place that are known: GitHub allows 20 for an event. What says which one a delivery
 * came from is not signed, so this bounds what a repeated delivery can make us ask. */
#define HOOKS_OF_PLACE_MAX 20

/* For so long it is known which deliveries were asked for: GitHub lists them for three days. */
#define REDELIVERY_KEPT_MS (INT64_C(4) * 24 * 3600 * 1000)

/* The functions below are each a ledger_work; `arg` is the structure that stands before it. */

struct hook_sighting {
    const char *place;
    int64_t id;
    int64_t now_ms;
};
/* A delivery came from it, or the configuration names it: enters it where it is new, due at
 * once. */
enum ledger_error hook_seen(struct ledger_txn *txn, void *arg);

struct hook_start {
    int64_t now_ms;
    int64_t pause_ms; /* one that was swept within this is left */
};
/* Makes all due: who starts may have been away while they delivered. */
enum ledger_error hook_make_due(struct ledger_txn *txn, void *arg);

struct hook_claim {
    int64_t now_ms;
    int64_t interval_ms;    /* between two sweeps */
    int64_t calls_per_hour; /* see ledger/budget.h */
    /* Set on LEDGER_OK: */
    char place[PLACE_CAP];
    int64_t id;
    int64_t swept_to_ms; /* 0 for never */
};
/* Takes up the one that has been due for the longest, and puts its next sweep off.
 * LEDGER_NOT_FOUND where none is due, or GitHub was asked often enough. */
enum ledger_error hook_claim(struct ledger_txn *txn, void *arg);

struct hook_due {
    int64_t due_ms; /* set: when the next is; INT64_MAX where none is */
};
enum ledger_error hook_next_due(struct ledger_txn *txn, void *arg);

struct hook_result {
    const char *place;
    int64_t id;
    const char *gate_place; /* that the credential is for, where GitHub answered; else NULL */
    int64_t now_ms;
    int64_t calls;       /* that the sweep cost: see ledger/budget.h */
    int64_t asked;       /* deliveries that GitHub was asked to make again */
    int64_t swept_to_ms; /* 0: as it was, since it did not come to its end */
    int64_t until_ms;    /* when it is due again; 0 as it was claimed */
    /* GitHub does not know it: it is forgotten, unless a delivery of it comes after this and shows
     * that the credential may not see it; then it is left alone until `until_ms`. */
    bool is_gone;
    const char *note;                /* why it failed; NULL */
    const struct gate_failure *gate; /* where GitHub itself is in trouble; else NULL */
};
/* Records how a sweep ended. */
enum ledger_error hook_finish(struct ledger_txn *txn, void *arg);

struct hook_key {
    const char *place;
    int64_t id;
};
enum ledger_error hook_forget(struct ledger_txn *txn, void *arg);

struct hooks_known {
    bool (*visit)(const char *place, int64_t id, void *arg); /* false ends the list */
    void *arg;
};
/* Visits those that are known. */
enum ledger_error hooks_known(struct ledger_txn *txn, void *arg);

enum redelivery_permit {
    REDELIVERY_MAY,
    REDELIVERY_ASKED, /* it was asked for before */
    REDELIVERY_LATER, /* GitHub was asked to make as much as it takes in a minute */
};

struct redelivery_claim {
    const char *guid;
    int64_t now_ms;
    int64_t per_minute;            /* see content_left in ledger/budget.h */
    int64_t reserve;               /* so many of those are left for others */
    int64_t asked_since_ms;        /* what was asked for before this may be again; 0 for never */
    enum redelivery_permit permit; /* set */
};
/* Notes, before it goes out, that a delivery is asked for again. Where it was before, or has to
 * wait, nothing is noted. */
enum ledger_error redelivery_claim(struct ledger_txn *txn, void *arg);

/* It could not be asked for after all. `arg` is the GUID. */
enum ledger_error redelivery_release(struct ledger_txn *txn, void *arg);

struct redelivery_find {
    const char *guid;
    int64_t asked_since_ms; /* as above */
    bool was_asked;         /* set */
};
enum ledger_error redelivery_find(struct ledger_txn *txn, void *arg);

#endif
