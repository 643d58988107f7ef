/*
 * The whole page of metrics.
 * SPDX-License-Identifier: MIT
 */
#include "metrics/scrape.h"

#include <stdio.h>

#include <runhook/runhook.h>

#include "clock/clock.h"
#include "metrics/census.h"
#include "metrics/exposition.h"

static void
add_own(const struct scrape *scrape, struct samples *samples)
{
    const char *version = rh_version();
    struct rh_reason ignored;
    bool is_writable;

    samples_add(samples, FAMILY_BUILD_INFO, &version, FAMILY_PART_TOTAL, 1);
    samples_add(samples, FAMILY_THREADS, NULL, FAMILY_PART_TOTAL, scrape->config->server.threads);
    if (scrape->meter == NULL)
        return;
    /* One that is locked is waited for once, not twice: who asks waits no longer than ten seconds.
     */
    is_writable = meter_flush(scrape->meter, scrape->ledger, METER_ALL) == LEDGER_OK &&
                  ledger_probe(scrape->ledger, &ignored) == LEDGER_OK;
    samples_add(samples, FAMILY_LEDGER_WRITABLE, NULL, FAMILY_PART_TOTAL, is_writable);
}

bool
scrape_write(const struct scrape *scrape, struct buffer *out, struct rh_reason *reason)
{
    struct samples samples = {0};
    struct census census = {.config = scrape->config,
                            .receiver = ledger_receiver(scrape->ledger),
                            .now_ms = clock_now_ms(),
                            .out = &samples};
    bool done;

    add_own(scrape, &samples);
    done = ledger_read(scrape->ledger, census_take, &census, reason) == LEDGER_OK;
    if (done && !exposition_write(&samples, out)) {
        (void)snprintf(reason->text, sizeof reason->text,
                       "the metrics do not fit into %zu bytes, or memory is used up", out->max);
        done = false;
    }
    samples_fini(&samples);
    return done;
}
