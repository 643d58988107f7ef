/*
 * The pages: GET requests whose path ends in the name of one, wherever the webhook is mounted.
 * SPDX-License-Identifier: MIT
 */
#ifndef SERVE_PAGES_H
#define SERVE_PAGES_H

#include <stdbool.h>

#include "ledger/ledger.h"
#include "metrics/meter.h"
#include "serve/answer.h"
#include "serve/receipts.h"
#include "serve/request.h"
#include "setup/current.h"

/* What pages are made of. All borrowed, and shared by threads. */
struct pages_source {
    struct current *setups;
    struct ledger *ledger;
    struct meter *meter;
    struct receipts *receipts;
};

/*
 * Answers a request for a page. False, and nothing set, where its path names none.
 *
 * But for healthz, which tells nothing but that the ledger can be written, a page goes only to
 * clients in [server] pages_from, whatever the web server lets through: a web server's rules are
 * easily left out, and the path of the webhook is public. Behind a tunnel or a proxy every request
 * comes from a local address; so one that names a client of its own, as those do, is not taken for
 * local unless [server] pages_via_proxy says that REMOTE_ADDR can be trusted all the same.
 */
bool pages_answer(const struct pages_source *source, const struct request *request,
                  struct answer *answer);

#endif
