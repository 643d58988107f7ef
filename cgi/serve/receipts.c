/*
 * The deliveries that this process received of late.
 * SPDX-License-Identifier: MIT
 */
#include "serve/receipts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "ledger/received.h"
#include "text/escape.h"

#define WRITE_EVERY_MS 5000

/* After a write that failed, which may have waited for another's lock. */
#define WRITE_AGAIN_MS 30000

/* The newest of one kind. The n-th that came, from 0, is in items[n % max]. */
struct ring {
    struct received *items;
    size_t max;
    uint64_t noted;   /* how many came */
    uint64_t written; /* and how many of them the ledger has, or were overwritten */
};

#define ITEMS_MAX (RECEIVED_SIGNED_MAX + RECEIVED_REFUSED_MAX)

struct receipts {
    pthread_mutex_t lock; /* of the rings */
    struct ring with_signature;
    struct ring without;
    struct received items[ITEMS_MAX];

    pthread_mutex_t write_lock;       /* of the rest; taken before `lock` */
    struct received batch[ITEMS_MAX]; /* what is being written */
    int64_t write_after_ms;           /* of clock_monotonic_ms */
};

struct receipts *
receipts_new(void)
{
    struct receipts *receipts = calloc(1, sizeof *receipts);

    if (receipts == NULL)
        return NULL;
    (void)pthread_mutex_init(&receipts->lock, NULL);
    (void)pthread_mutex_init(&receipts->write_lock, NULL);
    receipts->with_signature = (struct ring){.items = receipts->items, .max = RECEIVED_SIGNED_MAX};
    receipts->without =
        (struct ring){.items = receipts->items + RECEIVED_SIGNED_MAX, .max = RECEIVED_REFUSED_MAX};
    return receipts;
}

void
receipts_free(struct receipts *receipts)
{
    if (receipts == NULL)
        return;
    (void)pthread_mutex_destroy(&receipts->lock);
    (void)pthread_mutex_destroy(&receipts->write_lock);
    free(receipts);
}

void
receipts_note(struct receipts *receipts, const struct receipt *receipt)
{
    struct ring *ring = receipt->is_signed ? &receipts->with_signature : &receipts->without;
    const struct answer *answer = receipt->answer;
    int64_t now_ms = clock_now_ms();
    struct received *item;

    (void)pthread_mutex_lock(&receipts->lock);
    item = &ring->items[ring->noted++ % ring->max];
    if (ring->noted - ring->written > ring->max)
        ring->written = ring->noted - ring->max;
    item->at_ms = now_ms;
    item->is_signed = receipt->is_signed;
    item->http_status = answer_http_status(answer->outcome);
    item->job_id = answer->job_id;
    escape_copy(item->outcome, sizeof item->outcome, answer_status_text(answer->outcome));
    escape_copy(item->reason, sizeof item->reason, answer->reason);
    escape_copy(item->guid, sizeof item->guid, receipt->guid);
    escape_copy(item->event, sizeof item->event, receipt->event);
    escape_copy(item->action, sizeof item->action, receipt->action);
    escape_copy(item->repository, sizeof item->repository, receipt->repository);
    escape_copy(item->sender, sizeof item->sender, receipt->sender);
    (void)pthread_mutex_unlock(&receipts->lock);
}

/* Copies what is new of a ring to a batch that has room for it, oldest first. `*upto` becomes how
 * many will have been written with it. */
static size_t
take_new(const struct ring *ring, struct received *batch, uint64_t *upto)
{
    size_t len = 0;

    for (uint64_t n = ring->written; n < ring->noted; n++)
        batch[len++] = ring->items[n % ring->max];
    *upto = ring->noted;
    return len;
}

/* More may have come, and been overwritten, meanwhile. */
static void
mark_written(struct ring *ring, uint64_t upto)
{
    if (ring->written < upto)
        ring->written = upto;
}

/* Whether the ledger has one without a signature that is only some seconds old. */
static bool
has_fresh_refused(struct ledger *ledger)
{
    int64_t at_ms = 0, now_ms = clock_now_ms();

    return ledger_read(ledger, received_last_refused, &at_ms, NULL) == LEDGER_OK &&
           at_ms > now_ms - WRITE_EVERY_MS && at_ms <= now_ms;
}

/* With write_lock held. */
static bool
write_new(struct receipts *receipts, struct ledger *ledger, enum receipts_when when,
          struct rh_reason *reason)
{
    struct received_batch batch = {.items = receipts->batch};
    uint64_t signed_upto, refused_upto;
    bool done;

    (void)pthread_mutex_lock(&receipts->lock);
    batch.len = take_new(&receipts->with_signature, receipts->batch, &signed_upto);
    batch.len += take_new(&receipts->without, receipts->batch + batch.len, &refused_upto);
    (void)pthread_mutex_unlock(&receipts->lock);
    if (batch.len == 0 ||
        (when == RECEIPTS_ONE && !receipts->batch[0].is_signed && has_fresh_refused(ledger)))
        return true;
    batch.now_ms = clock_now_ms();
    done = ledger_write(ledger, received_add, &batch, reason) == LEDGER_OK;
    receipts->write_after_ms = clock_monotonic_ms() + (done ? WRITE_EVERY_MS : WRITE_AGAIN_MS);
    if (!done)
        return false;
    (void)pthread_mutex_lock(&receipts->lock);
    mark_written(&receipts->with_signature, signed_upto);
    mark_written(&receipts->without, refused_upto);
    (void)pthread_mutex_unlock(&receipts->lock);
    return true;
}

bool
receipts_write(struct receipts *receipts, struct ledger *ledger, enum receipts_when when,
               struct rh_reason *reason)
{
    bool done = true;

    (void)pthread_mutex_lock(&receipts->write_lock);
    if (when != RECEIPTS_DUE || clock_monotonic_ms() >= receipts->write_after_ms)
        done = write_new(receipts, ledger, when, reason);
    (void)pthread_mutex_unlock(&receipts->write_lock);
    return done;
}
