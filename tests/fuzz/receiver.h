/*
 * runhook's receiver without a web server: a configuration, a ledger in memory-backed files, a log,
 * and what answers deliveries and dispatches. What is true of every answer, of every log line and
 * of every ledger is checked here. SPDX-License-Identifier: MIT
 */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dispatch/story.h"
#include "ledger/ledger.h"
#include "metrics/meter.h"
#include "serve/webhook.h"

#define RECEIVER_SECRET "5ecret-of-the-webhook-that-nobody-says"
#define RECEIVER_MAX_BODY 65536

struct receiver {
    struct log *log;
    struct ledger *ledger;
    struct current *setups;
    struct setup *setup; /* taken, for the tools */
    struct meter *meter;
    struct receipts *receipts;
    struct tools tools;
    http_deadline deadline;
    int rests;         /* how often the ledger was pressed again */
    int rests_allowed; /* before the program "ends" */
    bool goes_on;      /* to another job, as long as one waits */
};

/* Makes the folder and the configuration. Once; a crash leaves the folder behind. */
void receiver_prepare(void);

/* Whether it is checked that texts for people blame what can have failed, and nothing else: not of
 * deliveries that may have such words themselves. */
void receiver_watch_blame(bool on);

/* Opens one on an empty ledger, or on the one that the last left. False where a fault kept it from
 * that; receiver_close is due in either case. */
bool receiver_open(struct receiver *receiver, bool anew);
void receiver_close(struct receiver *receiver);

/* Brings into the ledger what is counted and noted in memory, as serve does now and then. False
 * where that failed. */
bool receiver_write_counts(struct receiver *receiver);

/* Empties the ledger's tables. */
void receiver_forget(void);

enum receiver_signature {
    RECEIVER_SIGNED,
    RECEIVER_SIGNED_WRONG, /* by another secret */
    RECEIVER_CHANGED,      /* one bit of the signature is another */
    RECEIVER_UNSIGNED,
};

struct receiver_delivery {
    const void *body;
    size_t len;
    bool as_form;             /* the body is sent as a form's payload */
    const char *content_type; /* NULL: the right one */
    const char *event;        /* X-GitHub-Event; NULL for none */
    enum receiver_signature signature;
};

struct receiver_reply {
    enum outcome outcome;
    int http_status;
    bool is_rendered; /* there was memory for the answer's text */
    int64_t job_id;
    char reason[ANSWER_REASON_CAP];
};

/* Delivers, and checks the answer and what was logged. */
struct receiver_reply receiver_deliver(struct receiver *receiver,
                                       const struct receiver_delivery *delivery);

/* The same with a text, as a delivery of a job. Returns how it was answered. */
enum outcome receiver_tell(struct receiver *receiver, const char *body);

/* Asks for a page, and checks what comes. Returns its text, with its headers, which the caller
 * frees: NULL where the page could not be had. */
char *receiver_ask_page(struct receiver *receiver, const char *name);

/* Checks what was logged since the last time. */
void receiver_check_log(struct receiver *receiver);

/* The first column of the first row, read beside the receiver from its file; -1 where there is
 * none. */
int64_t receiver_number(const char *sql);

/* Checks what the ledger says to people, as is checked of answers and of the log. */
void receiver_check_words(void);

/* Checks the ledger's invariants (DESIGN.md, section 5), beside the receiver from its file. With
 * nobody at work, `at_rest`, there is no lease. */
void receiver_check_ledger(bool at_rest);

/* Checks that SQLite finds the ledger's file whole. */
void receiver_check_file(void);

/* A number that is the same for the same rows of jobs, runners and their history. */
int64_t receiver_ledger_sum(void);

/* How many descriptors the process has open, without what looks into the ledger from beside. */
int receiver_descriptors(void);

#endif
