/*
 * When the webhook secrets of a configuration are used.
 * SPDX-License-Identifier: MIT
 */
#include "setup/secret_watch.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "clock/clock.h"
#include "ledger/secret_use.h"

#define WRITE_EVERY_MS (60 * 1000)

struct watched {
    char fingerprint[SECRET_FINGERPRINT_CAP];
    _Atomic int64_t used_at_ms; /* 0: not yet */
    int64_t written_ms;         /* the use that was brought into the ledger last */
    int64_t write_after_ms;     /* of clock_monotonic_ms */
};

struct secret_watch {
    struct watched items[SECRETS_MAX];
    size_t len;
};

struct secret_watch *
secret_watch_new(const struct github_config *github, const char *receiver)
{
    const struct rh_secret *secrets[] = {github->webhook_secret, github->webhook_secret_previous};
    struct secret_watch *watch = calloc(1, sizeof *watch);

    for (size_t i = 0; watch != NULL && i < SECRETS_MAX && secrets[i] != NULL; i++) {
        struct watched *watched = &watch->items[watch->len++];

        atomic_init(&watched->used_at_ms, 0);
        if (!secret_fingerprint(secrets[i], receiver, watched->fingerprint)) {
            free(watch);
            return NULL;
        }
    }
    return watch;
}

void
secret_watch_free(struct secret_watch *watch)
{
    free(watch);
}

void
secret_watch_note(struct secret_watch *watch, size_t secret)
{
    if (secret < watch->len)
        atomic_store(&watch->items[secret].used_at_ms, clock_now_ms());
}

void
secret_watch_write(struct secret_watch *watch, struct ledger *ledger, int64_t retention_ms,
                   enum secret_watch_when when)
{
    struct secret_uses uses = {
        .len = watch->len, .now_ms = clock_now_ms(), .retention_ms = retention_ms};
    int64_t monotonic_ms = clock_monotonic_ms();
    bool is_due = false;

    for (size_t i = 0; i < watch->len; i++) {
        struct watched *watched = &watch->items[i];
        int64_t used_at_ms = atomic_load(&watched->used_at_ms);

        uses.items[i].fingerprint = watched->fingerprint;
        if (used_at_ms == watched->written_ms ||
            (when == SECRET_WATCH_DUE && monotonic_ms < watched->write_after_ms))
            continue;
        uses.items[i].used_at_ms = used_at_ms;
        watched->write_after_ms = monotonic_ms + WRITE_EVERY_MS;
        is_due = true;
    }
    if (!is_due || ledger_write(ledger, secret_use_note, &uses, NULL) != LEDGER_OK)
        return;
    for (size_t i = 0; i < watch->len; i++) {
        if (uses.items[i].used_at_ms != 0)
            watch->items[i].written_ms = uses.items[i].used_at_ms;
    }
}
