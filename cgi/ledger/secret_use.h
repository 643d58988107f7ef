/*
 * When each webhook secret was last used, so that a person can see when a former one is needed no
 * more.
 *
 * The ledger must hold neither a secret nor enough to find one by trying. So a row is known by 16
 * bits of HMAC-SHA-256 over the secret, keyed with the receiver's name: enough to tell the two
 * secrets of a configuration apart (but for one pair in 65,536, whose uses are then taken for one
 * another's), while of any list of guesses one in 65,536 fits, whether it is the secret or not.
 * SPDX-License-Identifier: MIT
 */
#ifndef LEDGER_SECRET_USE_H
#define LEDGER_SECRET_USE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runhook/secret.h>

#include "ledger/ledger.h"

/* Secrets that may be live at once: webhook_secret and webhook_secret_previous. */
#define SECRETS_MAX 2

/* Four hexadecimal digits and the NUL. */
#define SECRET_FINGERPRINT_CAP 5

/* The fingerprint of a secret in the ledger of this receiver (ledger_receiver). False, and `out`
 * empty, where it cannot be made. */
bool secret_fingerprint(const struct rh_secret *secret, const char *receiver,
                        char out[SECRET_FINGERPRINT_CAP]);

/* One secret of a configuration. */
struct secret_use {
    const char *fingerprint; /* borrowed */
    int64_t used_at_ms;      /* 0 for never */
};

struct secret_uses {
    struct secret_use items[SECRETS_MAX]; /* of every secret that is configured: its row is kept */
    size_t len;
    int64_t now_ms;
    int64_t retention_ms; /* for which the rows of others are kept after their last use */
};
/* ledger_work; arg is a struct secret_uses. Notes the uses that are not 0; of two moments the later
 * one stays, but for one that lies ahead of `now_ms`, from before the clock was set back. */
enum ledger_error secret_use_note(struct ledger_txn *txn, void *arg);

/* ledger_work; arg is a struct secret_use. Sets its used_at_ms; LEDGER_OK also where it is 0. */
enum ledger_error secret_use_find(struct ledger_txn *txn, void *arg);

/* Whether a former secret is needed no more: unused for a week, in which the other was used.
 * Webhooks that still have it may only be quiet, so a shorter silence says little. */
#define SECRET_UNUSED_MS (INT64_C(7) * 24 * 3600 * 1000)
bool secret_use_is_over(const struct secret_use *previous, const struct secret_use *current,
                        int64_t now_ms);

#endif
