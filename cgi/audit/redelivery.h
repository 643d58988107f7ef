/*
 * Redelivery: GitHub never sends a delivery again by itself, so the webhooks that are known are
 * asked now and then, and after a start, for what they could not deliver, and it is asked for once
 * more. What comes then is a delivery like any other.
 * SPDX-License-Identifier: MIT
 */
#ifndef AUDIT_REDELIVERY_H
#define AUDIT_REDELIVERY_H

#include "work/tools.h"

/* Sweeps the webhook that is due. None is where redelivery is off. */
enum work_end redelivery_look(const struct tools *tools);

/* Enters the webhooks of the GitHub Apps that the configuration names. ledger_work; arg is a struct
 * redelivery_apps. */
struct redelivery_apps {
    struct accounts *accounts;
    int64_t now_ms;
};
enum ledger_error redelivery_enter_apps(struct ledger_txn *txn, void *arg);

/* The account of an App, by the place that its webhook has in the ledger; NULL where the
 * configuration has it no more. */
struct account *redelivery_app(struct accounts *accounts, const char *place);

#endif
