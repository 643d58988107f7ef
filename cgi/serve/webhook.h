/*
 * From a request to its answer: a page, or the way of a delivery, in order: raw body, signature,
 * JSON or form, event, job, pool, ledger. SPDX-License-Identifier: MIT
 */
#ifndef SERVE_WEBHOOK_H
#define SERVE_WEBHOOK_H

#include "ledger/ledger.h"
#include "log/log.h"
#include "metrics/meter.h"
#include "serve/answer.h"
#include "serve/receipts.h"
#include "serve/request.h"
#include "setup/current.h"

/* What answering works with. All borrowed, and shared by threads. */
struct webhook {
    struct current *setups;
    struct ledger *ledger;
    struct log *log;
    struct meter *meter; /* NULL: nothing is counted */
    struct receipts *receipts;
};

/* Reads the request, answers it, and logs it, by the setup that is in force as it begins. Sets all
 * of `*answer`, which the caller ends with answer_fini. */
void webhook_answer(const struct webhook *webhook, const struct request *request,
                    struct answer *answer);

#endif
