/*
 * One input under failures.
 * SPDX-License-Identifier: MIT
 */
#include "failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/auditor.h"
#include "audit/discovery.h"
#include "audit/redelivery.h"
#include "audit/rollcall.h"
#include "estate.h"
#include "faults.h"
#include "fuzz.h"
#include "ledger/upkeep.h"
#include "moment.h"
#include "receiver.h"
#include "specimen.h"

/* Rounds in which all has to come right once nothing fails any more, each ten minutes after the
 * other: a job is put off for five minutes at most, an upstream for an hour. */
#define ROUNDS 24
#define ROUND_MS (10 * 60 * 1000)

/* A runner is looked at every 30 seconds at first, and every eight minutes at last. */
#define AUDIT_MS (60 * 1000)

/* Dispatches, and audits, while calls fail. */
#define FAULTY_STORIES 4

struct trial {
    struct receiver receiver;
    struct receiver_delivery delivery;
    bool dies;         /* the program ends in the middle of a dispatch, and is started again */
    bool rival_wins;   /* another receiver dispatches first */
    bool starts_amid;  /* it is started while calls fail, too */
    bool answers_amid; /* deliveries come while calls fail */
    bool asks_amid;    /* so does somebody who wants to see a page */
    bool is_audited;   /* what was dispatched is followed to its end */
    bool has_sibling;  /* another job of the run waits as well */
    bool goes_on;      /* stories go on to the next job by themselves */
    bool died;
};

void
failure_prepare(void)
{
    receiver_prepare();
}

/* Whoever comes back takes up what a dead one left. */
static void
recover(struct trial *trial)
{
    struct upkeep upkeep = {.ledger = trial->receiver.ledger,
                            .now_ms = moment_now_ms(),
                            .boot_ms = moment_now_ms(),
                            .retention_ms = INT64_C(7) * 24 * 3600 * 1000,
                            .horizon_ms = INT64_C(2) * 3600 * 1000};
    struct rh_reason reason;

    FUZZ_CHECK(ledger_write(trial->receiver.ledger, upkeep_run, &upkeep, &reason) == LEDGER_OK);
}

static void
start_again(struct trial *trial)
{
    receiver_close(&trial->receiver);
    FUZZ_CHECK(receiver_open(&trial->receiver, false));
    trial->receiver.goes_on = trial->goes_on;
    recover(trial);
}

static void
start(struct trial *trial)
{
    if (trial->starts_amid) {
        bool opened;

        faults_begin();
        opened = receiver_open(&trial->receiver, true);
        (void)faults_end();
        receiver_check_log(&trial->receiver);
        if (opened)
            return;
        receiver_close(&trial->receiver);
    }
    FUZZ_CHECK(receiver_open(&trial->receiver, true));
}

/* What a delivery is answered while calls fail, against what it is answered without: the same, or
 * that it was not taken. */
static void
check_reply(const struct receiver_reply *faulty, const struct receiver_reply *again, bool is_there)
{
    if (faulty->outcome == OUTCOME_UNAVAILABLE) {
        FUZZ_CHECK(again->outcome != OUTCOME_UNAVAILABLE);
        FUZZ_CHECK(again->outcome != OUTCOME_ACCEPTED || !is_there);
    } else if (faulty->outcome == OUTCOME_ACCEPTED) {
        FUZZ_CHECK(is_there);
        FUZZ_CHECK(again->outcome == OUTCOME_DUPLICATE);
    } else {
        FUZZ_CHECK(faulty->outcome == again->outcome);
        FUZZ_CHECK(faulty->outcome != OUTCOME_DUPLICATE || is_there);
    }
}

/* To a ledger without jobs. */
static void
deliver(struct trial *trial)
{
    struct receiver_reply faulty, again;
    bool is_there;

    faults_begin();
    faulty = receiver_deliver(&trial->receiver, &trial->delivery);
    (void)faults_end();
    receiver_check_ledger(true);
    is_there = receiver_number("SELECT count(*) FROM job") > 0;
    faults_begin();
    (void)receiver_write_counts(&trial->receiver);
    (void)faults_end();
    again = receiver_deliver(&trial->receiver, &trial->delivery);
    check_reply(&faulty, &again, is_there);
    receiver_check_ledger(true);
}

/* A page while calls fail is the same as without, or there is none: it has no gaps. Metrics say
 * that the ledger cannot be written, and leave out what they do not know; the page for people would
 * too, so nothing is left to be written before. */
static void
ask_page(struct trial *trial)
{
    static const char *const names[] = {"healthz", "metrics", "status"};
    const char *name = names[faults_draw(sizeof names / sizeof names[0])];
    char *faulty, *well;

    FUZZ_CHECK(receiver_write_counts(&trial->receiver));
    faults_begin();
    faulty = receiver_ask_page(&trial->receiver, name);
    (void)faults_end();
    well = receiver_ask_page(&trial->receiver, name);
    FUZZ_CHECK(well != NULL);
    FUZZ_CHECK(faulty == NULL || strcmp(name, "metrics") == 0 || strcmp(faulty, well) == 0);
    free(faulty);
    free(well);
}

/* A story or several while calls fail. The ledger may fail for as long as it likes: then the
 * program waits, or its end comes first. */
static void
dispatch_amid(struct trial *trial)
{
    enum work_end end = WORK_DONE;

    for (int i = 0; i < FAULTY_STORIES && !trial->died && end != WORK_NONE; i++) {
        trial->receiver.rests = 0;
        trial->receiver.rests_allowed = trial->dies ? i : 20;
        faults_begin();
        end = story_tell(&trial->receiver.tools);
        (void)faults_end();
        receiver_check_log(&trial->receiver);
        trial->died = trial->receiver.rests > trial->receiver.rests_allowed;
        receiver_check_ledger(!trial->died);
        moment_pass(ROUND_MS);
    }
    trial->receiver.rests_allowed = 0; /* from here on nothing fails */
    trial->receiver.rests = 0;
    if (trial->died)
        start_again(trial);
}

static void
dispatch_well(struct trial *trial)
{
    for (int round = 0; round < ROUNDS; round++) {
        while (story_tell(&trial->receiver.tools) == WORK_DONE)
            continue;
        receiver_check_log(&trial->receiver);
        receiver_check_ledger(true);
        if (receiver_number("SELECT count(*) FROM job WHERE state = 'queued'") == 0)
            return;
        moment_pass(ROUND_MS);
    }
    fuzz_failed("a job that waits has its runner in the end", __FILE__, __LINE__);
}

/* What is counted in memory comes into the ledger once, however often that failed before. A program
 * that ended had not written all of it. */
static void
check_counts(struct trial *trial, int64_t deliveries)
{
    FUZZ_CHECK(receiver_write_counts(&trial->receiver));
    FUZZ_CHECK(receiver_write_counts(&trial->receiver));
    if (trial->died)
        return;
    FUZZ_CHECK(receiver_number("SELECT count(*) FROM received") == deliveries);
    FUZZ_CHECK(receiver_number("SELECT sum(total) FROM tally"
                               " WHERE series LIKE 'runhook_deliveries_total%'") == deliveries);
}

static int64_t
count_runners(const char *where, const char *value)
{
    char sql[512];

    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM runner WHERE %s = '%s'", where, value);
    return receiver_number(sql);
}

/* What is in Nomad and on GitHub is known to the ledger, and the other way round. */
static void
check_supply(void)
{
    const struct estate_registration *registration;
    const struct estate_child *child;
    int64_t living = 0;

    for (size_t i = 0; (child = estate_child(i)) != NULL; i++) {
        int64_t known = count_runners("state <> 'gone' AND child", child->id);

        living += count_runners("state = 'live' AND child", child->id);
        /* One whose answer was lost is found again by its name. A rival's is the rival's to follow,
         * where ours has not adopted it. */
        FUZZ_CHECK(
            known == 1 || child->is_rivals ||
            count_runners("state IN ('minting', 'sent', 'retiring') AND name", child->runner) == 1);
        /* Where Nomad forbids to read a rival's child, it is taken for ours, with a warning. */
        if (known == 1 && !(child->is_rivals && faults_has(FAULT_WIRE)))
            FUZZ_CHECK(count_runners("child IS NOT NULL AND name", child->runner) == 1);
    }
    FUZZ_CHECK(living == receiver_number("SELECT count(*) FROM runner WHERE state = 'live'"));
    for (size_t i = 0; (registration = estate_registration(i)) != NULL; i++)
        FUZZ_CHECK(count_runners("state <> 'gone' AND name", registration->name) == 1);
}

/* What follows a dispatch, all that is due: see do_next in dispatch/dispatcher.c. */
static void
follow_up(struct trial *trial, int most)
{
    static enum work_end (*const looks[])(const struct tools *) = {
        rollcall_take, auditor_look, auditor_look_at_job, redelivery_look, discovery_look};

    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        for (int left = most; left > 0 && looks[i](&trial->receiver.tools) == WORK_DONE; left--)
            continue;
    }
}

/* The job was cancelled, and no event tells of it: the audit has to learn it, while calls fail. */
static void
audit_amid(struct trial *trial)
{
    estate_end_jobs();
    for (int i = 0; i < FAULTY_STORIES; i++) {
        trial->receiver.rests = 0;
        trial->receiver.rests_allowed = 20;
        faults_begin();
        follow_up(trial, 2);
        (void)faults_end();
        receiver_check_log(&trial->receiver);
        if (trial->receiver.rests > trial->receiver.rests_allowed) {
            trial->died = true;
            start_again(trial);
        }
        receiver_check_ledger(true);
        moment_pass(AUDIT_MS);
    }
    trial->receiver.rests_allowed = trial->receiver.rests = 0;
}

static int64_t
count_supply(void)
{
    const struct estate_registration *registration;
    const struct estate_child *child;
    int64_t count = receiver_number("SELECT count(*) FROM runner WHERE state <> 'gone'");

    for (size_t i = 0; (child = estate_child(i)) != NULL; i++)
        count += !child->is_stopped && !child->is_rivals;
    for (size_t i = 0; (registration = estate_registration(i)) != NULL; i++)
        count += !registration->is_gone;
    return count;
}

/* With no job that waits or runs, no runner is left, in Nomad, on GitHub or in the ledger. */
static void
drain(struct trial *trial)
{
    for (int round = 0; round < ROUNDS && count_supply() > 0; round++) {
        follow_up(trial, 20);
        receiver_check_log(&trial->receiver);
        receiver_check_ledger(true);
        moment_pass(ROUND_MS);
    }
    if (count_supply() > 0)
        fuzz_failed("no runner outlives its job", __FILE__, __LINE__);
}

void
failure_try(uint64_t seed, const void *body, size_t len)
{
    const char *specimen = specimen_body(seed);
    struct trial trial = {.delivery = {.body = body == NULL ? specimen : body,
                                       .len = body == NULL ? strlen(specimen) : len,
                                       .event = "workflow_job"}};
    int descriptors = receiver_descriptors();
    size_t blocks = faults_blocks(), store_blocks = faults_store_blocks();

    moment_reset();
    estate_reset();
    receiver_watch_blame(body == NULL);
    faults_plan(seed);
    trial.delivery.as_form = faults_draw(4) == 0;
    trial.dies = faults_draw(4) == 0;
    trial.rival_wins = faults_draw(8) == 0;
    trial.starts_amid = faults_draw(4) == 0;
    trial.answers_amid = trial.starts_amid || faults_draw(2) == 0;
    trial.asks_amid = faults_draw(4) == 0;
    trial.is_audited = body == NULL && faults_draw(2) == 0;
    trial.has_sibling = body == NULL && faults_draw(2) == 0;
    trial.goes_on = faults_draw(4) != 0;
    start(&trial);
    trial.receiver.goes_on = trial.goes_on;
    if (trial.answers_amid)
        deliver(&trial);
    else
        (void)receiver_deliver(&trial.receiver, &trial.delivery);
    if (trial.has_sibling)
        FUZZ_CHECK(receiver_tell(&trial.receiver, specimen_sibling(seed)) == OUTCOME_ACCEPTED);
    if (trial.asks_amid)
        ask_page(&trial);
    if (trial.rival_wins)
        estate_let_rival_win();
    dispatch_amid(&trial);
    dispatch_well(&trial);
    check_supply();
    if (trial.is_audited && receiver_number("SELECT count(*) FROM job") > 0) {
        audit_amid(&trial);
        drain(&trial);
    }
    check_counts(&trial, (trial.answers_amid ? 2 : 1) + trial.has_sibling);
    receiver_check_words();
    /* Nobody has said anything for which a job would be given up. */
    FUZZ_CHECK(receiver_number("SELECT count(*) FROM job"
                               " WHERE state IN ('failed', 'expired', 'refused')") == 0);
    receiver_close(&trial.receiver);
    receiver_check_ledger(true);
    receiver_check_file();
    FUZZ_CHECK(receiver_descriptors() == descriptors);
    FUZZ_CHECK(faults_blocks() == blocks);
    FUZZ_CHECK(faults_store_blocks() == store_blocks);
}
