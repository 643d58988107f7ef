/*
 * The dispatcher's threads, and what wakes them.
 * SPDX-License-Identifier: MIT
 */
#include "dispatch/dispatcher.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/auditor.h"
#include "audit/discovery.h"
#include "audit/redelivery.h"
#include "audit/rollcall.h"
#include "clock/clock.h"
#include "config/pool.h"
#include "dispatch/story.h"
#include "ledger/audit.h"
#include "ledger/gate.h"
#include "ledger/hook.h"
#include "ledger/job.h"
#include "ledger/repository.h"
#include "ledger/upkeep.h"
#include "upstream/http.h"

/* How often time is looked at: what another process left is taken up within this. */
#define TICK_MS 1000

/* The ledger's own waiting is over when a story ends with its trouble: no need to press it. */
#define LEDGER_REST_MS 1000

/* Once a look has found nothing, the next is not before this: deliveries that come by the thousand
 * to a full pool are looked at together. */
#define LOOK_AGAIN_MS 5

#define HOUR_S INT64_C(3600)
#define DAY_MS (24 * HOUR_S * 1000)

/* Of several processes that start together, one sweeps a webhook. */
#define SWEPT_LATELY_MS (60 * 1000)

/* What there is to do, and when. */
struct due {
    struct upkeep upkeep;
    bool has_upkeep; /* now */
    bool discovers;
    struct repository_due repository;
    bool redelivers;
    struct hook_due hook;
    int64_t at_ms; /* the next piece of work; INT64_MAX for none */
};

struct worker {
    struct dispatcher *dispatcher;
    struct setup *setup; /* taken: what `tools` borrow from */
    struct tools tools;
    uint64_t followed; /* the changes after which it found nothing to follow up */
    pthread_t thread;
};

struct dispatcher {
    struct current *setups;
    struct ledger *ledger;
    struct log *log;
    const struct upstream_observer *observer; /* NULL for nobody */
    http_deadline deadline;

    /* Of the thread that ticks. */
    struct setup *setup; /* taken */
    bool prepared;       /* for it */
    bool asks_anew;      /* it is not the first: who mended something waits for no gate */

    pthread_mutex_t lock;
    pthread_cond_t woken;
    pthread_cond_t ending; /* for threads that rest for a time, which no wake is meant for */
    /* Both go up, so that nothing is missed between looking and resting: `calls` with every wake,
     * `changes` where there may be more than a job to take up. */
    uint64_t calls;
    uint64_t changes;
    bool called;           /* a thread is woken already, and has not looked yet */
    int64_t look_after_ms; /* of clock_monotonic_ms */
    bool stopping;
    int64_t auditing;      /* threads that audit or discover now */
    int64_t roll_after_ms; /* of clock_now_ms: the next roll call is not before this */

    struct worker *workers;
    size_t workers_len; /* with a running thread */
};

struct dispatcher *
dispatcher_new(struct current *setups, struct ledger *ledger, struct log *log,
               const struct upstream_observer *observer)
{
    struct dispatcher *dispatcher = calloc(1, sizeof *dispatcher);

    if (dispatcher == NULL)
        return NULL;
    dispatcher->setups = setups;
    dispatcher->ledger = ledger;
    dispatcher->log = log;
    dispatcher->observer = observer;
    atomic_init(&dispatcher->deadline, INT64_MAX);
    (void)pthread_mutex_init(&dispatcher->lock, NULL);
    (void)pthread_cond_init(&dispatcher->woken, NULL);
    (void)pthread_cond_init(&dispatcher->ending, NULL);
    dispatcher->changes = 1; /* what a thread that starts has not followed up */
    dispatcher->setup = current_take(setups);
    dispatcher->workers =
        calloc((size_t)dispatcher->setup->config->server.dispatchers, sizeof *dispatcher->workers);
    if (dispatcher->workers == NULL) {
        dispatcher_free(dispatcher);
        return NULL;
    }
    return dispatcher;
}

void
dispatcher_free(struct dispatcher *dispatcher)
{
    if (dispatcher == NULL)
        return;
    current_return(dispatcher->setups, dispatcher->setup);
    free(dispatcher->workers);
    (void)pthread_cond_destroy(&dispatcher->ending);
    (void)pthread_cond_destroy(&dispatcher->woken);
    (void)pthread_mutex_destroy(&dispatcher->lock);
    free(dispatcher);
}

static const char *
choose_pool(const void *config, const char *labels, const char *repository, bool is_private)
{
    const struct pool *pool = pool_serving_json(config, labels, repository, is_private);

    return pool == NULL ? NULL : pool->name;
}

static bool
write_one(struct dispatcher *dispatcher, ledger_work work, void *arg)
{
    struct rh_reason reason;

    if (ledger_write(dispatcher->ledger, work, arg, &reason) == LEDGER_OK)
        return true;
    log_message(dispatcher->log, LOG_LEVEL_ERROR, "ledger",
                "the configuration could not be noted: %s", reason.text);
    return false;
}

/* Enters the Apps' webhooks; and where this is a process that stays, it may have been away while
 * any of them delivered. With another setup, what was refused may be allowed by now. */
static bool
prepare_hooks(struct dispatcher *dispatcher)
{
    int64_t now_ms = clock_now_ms();
    struct redelivery_apps apps = {.accounts = dispatcher->setup->accounts, .now_ms = now_ms};
    struct hook_start start = {.now_ms = now_ms, .pause_ms = SWEPT_LATELY_MS};

    return write_one(dispatcher, redelivery_enter_apps, &apps) &&
           (dispatcher->workers_len == 0 || write_one(dispatcher, hook_make_due, &start));
}

/* Brings the ledger in line with the configuration, which may have been changed: pools that are no
 * more, repositories that it names. False where it has to be tried again. */
static bool
prepare(struct dispatcher *dispatcher)
{
    const struct setup *setup = dispatcher->setup;
    const struct names *repositories = &setup->config->github.repositories;
    struct job_rehome rehome = {
        .pools = setup->pool_names, .choose = choose_pool, .config = setup->config};
    bool done = write_one(dispatcher, job_rehome, &rehome) &&
                write_one(dispatcher, listing_renew, setup->pool_labels) &&
                (!dispatcher->asks_anew || write_one(dispatcher, gate_ask_anew, NULL));

    for (size_t i = 0; done && i < repositories->len; i++) {
        struct repository_entry entry = {.name = repositories->items[i], .now_ms = clock_now_ms()};

        done = write_one(dispatcher, repository_enter, &entry);
    }
    return done && prepare_hooks(dispatcher);
}

/* After a look in vain: rests until a call after `seen`, or until it is time to stop. */
static void
rest(struct dispatcher *dispatcher, uint64_t seen)
{
    int64_t early_ms;

    (void)pthread_mutex_lock(&dispatcher->lock);
    dispatcher->look_after_ms = clock_monotonic_ms() + LOOK_AGAIN_MS;
    while (!dispatcher->stopping && dispatcher->calls == seen)
        (void)pthread_cond_wait(&dispatcher->woken, &dispatcher->lock);
    early_ms = dispatcher->stopping ? 0 : dispatcher->look_after_ms - clock_monotonic_ms();
    (void)pthread_mutex_unlock(&dispatcher->lock);
    if (early_ms > 0)
        (void)usleep((useconds_t)early_ms * 1000);
}

/* Rests for `rest_ms`. False when it is time to stop. */
static bool
rest_for(struct dispatcher *dispatcher, int64_t rest_ms)
{
    struct timespec until;
    bool goes_on;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += rest_ms / 1000;
    (void)pthread_mutex_lock(&dispatcher->lock);
    if (!dispatcher->stopping)
        (void)pthread_cond_timedwait(&dispatcher->ending, &dispatcher->lock, &until);
    goes_on = !dispatcher->stopping;
    (void)pthread_mutex_unlock(&dispatcher->lock);
    return goes_on;
}

/* Rests for a moment, or shorter where it is time to stop: false then. */
static bool
rest_a_moment(void *arg)
{
    const struct worker *worker = arg;
    struct dispatcher *dispatcher = worker->dispatcher;

    return rest_for(dispatcher, LEDGER_REST_MS) &&
           clock_monotonic_ms() < atomic_load(&dispatcher->deadline);
}

static void
wake_for_job(void *arg)
{
    const struct worker *worker = arg;

    dispatcher_wake_for_job(worker->dispatcher);
}

static bool
is_stopping(struct dispatcher *dispatcher)
{
    bool stopping;

    (void)pthread_mutex_lock(&dispatcher->lock);
    stopping = dispatcher->stopping;
    (void)pthread_mutex_unlock(&dispatcher->lock);
    return stopping;
}

/* Not with a setup that is no longer in force. */
static bool
may_go_on(void *arg)
{
    const struct worker *worker = arg;
    struct dispatcher *dispatcher = worker->dispatcher;

    return !is_stopping(dispatcher) && current_is(dispatcher->setups, worker->setup) &&
           clock_monotonic_ms() < atomic_load(&dispatcher->deadline);
}

static bool
tools_init(struct worker *worker, const struct setup *setup, struct tools *tools)
{
    struct dispatcher *dispatcher = worker->dispatcher;

    *tools = (struct tools){
        .config = setup->config,
        .limits = setup->limits,
        .repositories = setup->repositories,
        .ledger = dispatcher->ledger,
        .log = dispatcher->log,
        .tokens = setup->tokens,
        .groups = setup->groups,
        .github = github_new(&setup->config->github, setup->accounts, dispatcher->observer,
                             &dispatcher->deadline),
        .nomad = nomad_new(&setup->config->nomad, setup->nomad_token, dispatcher->observer,
                           &dispatcher->deadline),
        .rest = rest_a_moment,
        .wake = wake_for_job,
        .goes_on = may_go_on,
        .arg = worker,
    };
    return tools->github != NULL && tools->nomad != NULL;
}

static void
tools_fini(struct tools *tools)
{
    github_free(tools->github);
    nomad_free(tools->nomad);
}

/* Takes the setup in force, and makes tools of it. False when out of memory: the worker is then as
 * it was. */
static bool
worker_equip(struct worker *worker)
{
    struct dispatcher *dispatcher = worker->dispatcher;
    struct setup *setup = current_take(dispatcher->setups);
    struct tools tools;

    if (!tools_init(worker, setup, &tools)) {
        tools_fini(&tools);
        current_return(dispatcher->setups, setup);
        return false;
    }
    tools_fini(&worker->tools);
    current_return(dispatcher->setups, worker->setup);
    worker->tools = tools;
    worker->setup = setup;
    return true;
}

static void
worker_strip(struct worker *worker)
{
    tools_fini(&worker->tools);
    current_return(worker->dispatcher->setups, worker->setup);
}

/* How many calls and changes there were; and whether to go on. */
static bool
look(struct dispatcher *dispatcher, uint64_t *calls, uint64_t *changes)
{
    bool goes_on;

    (void)pthread_mutex_lock(&dispatcher->lock);
    dispatcher->called = false;
    *calls = dispatcher->calls;
    *changes = dispatcher->changes;
    goes_on = !dispatcher->stopping;
    (void)pthread_mutex_unlock(&dispatcher->lock);
    return goes_on;
}

/* Whether it is this thread's to call the roll: once in a while is enough, since what it leaves
 * over is for looks of their own. */
static bool
may_call_roll(struct dispatcher *dispatcher, const struct config *config)
{
    int64_t now_ms = clock_now_ms();
    int64_t pause_ms = config->audit.interval_s * 1000 / 2;
    bool may;

    (void)pthread_mutex_lock(&dispatcher->lock);
    may = now_ms >= dispatcher->roll_after_ms || now_ms < dispatcher->roll_after_ms - pause_ms;
    if (may)
        dispatcher->roll_after_ms = now_ms + pause_ms;
    (void)pthread_mutex_unlock(&dispatcher->lock);
    return may;
}

/* Audits, asks for redeliveries and discovers, what is due. What it set free may be for a thread
 * that rests. */
static enum work_end
follow_up(struct dispatcher *dispatcher, const struct tools *tools)
{
    static enum work_end (*const looks[])(const struct tools *) = {
        auditor_look, auditor_look_at_job, redelivery_look, discovery_look};
    enum work_end end = WORK_NONE;

    if (may_call_roll(dispatcher, tools->config))
        end = rollcall_take(tools);
    for (size_t i = 0; end == WORK_NONE && i < sizeof looks / sizeof looks[0]; i++)
        end = looks[i](tools);
    if (end == WORK_DONE)
        dispatcher_wake(dispatcher);
    return end;
}

/* Whether this thread may audit: one at least, where there are several, is kept for jobs that wait,
 * however slowly an upstream answers the audits. */
static bool
may_follow_up(struct dispatcher *dispatcher, const struct config *config)
{
    int64_t most = config->server.dispatchers - 1;
    bool may;

    (void)pthread_mutex_lock(&dispatcher->lock);
    may = dispatcher->auditing < (most > 1 ? most : 1);
    dispatcher->auditing += may;
    (void)pthread_mutex_unlock(&dispatcher->lock);
    return may;
}

static void
end_follow_up(struct dispatcher *dispatcher)
{
    (void)pthread_mutex_lock(&dispatcher->lock);
    dispatcher->auditing--;
    (void)pthread_mutex_unlock(&dispatcher->lock);
}

/* The next piece of work: jobs that wait come first. */
static enum work_end
do_next(struct dispatcher *dispatcher, const struct tools *tools, bool follows_up)
{
    enum work_end end = story_tell(tools);

    if (end != WORK_NONE || !follows_up || !may_follow_up(dispatcher, tools->config))
        return end;
    end = follow_up(dispatcher, tools);
    end_follow_up(dispatcher);
    return end;
}

static void *
work(void *arg)
{
    struct worker *worker = arg;
    struct dispatcher *dispatcher = worker->dispatcher;
    uint64_t calls, changes;

    while (look(dispatcher, &calls, &changes)) {
        enum work_end end;

        /* Without memory for another setup's tools, work goes on with those that are there. */
        if (!current_is(dispatcher->setups, worker->setup))
            (void)worker_equip(worker);
        end = do_next(dispatcher, &worker->tools, worker->followed != changes);
        if (end == WORK_NONE) {
            worker->followed = changes;
            rest(dispatcher, calls);
        } else if (end == WORK_LEDGER) {
            (void)rest_for(dispatcher, LEDGER_REST_MS);
        }
    }
    return NULL;
}

bool
dispatcher_start(struct dispatcher *dispatcher)
{
    size_t wanted = (size_t)dispatcher->setup->config->server.dispatchers;

    while (dispatcher->workers_len < wanted) {
        struct worker *worker = &dispatcher->workers[dispatcher->workers_len];

        worker->dispatcher = dispatcher;
        if (!worker_equip(worker))
            break;
        if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
            worker_strip(worker);
            break;
        }
        dispatcher->workers_len++;
    }
    return dispatcher->workers_len > 0;
}

/* One thread at a time is woken: who takes a job up wakes the next, so that a burst of deliveries
 * has no more threads look than there are jobs to take up. */
static void
wake_one(struct dispatcher *dispatcher, bool is_change)
{
    (void)pthread_mutex_lock(&dispatcher->lock);
    dispatcher->calls++;
    dispatcher->changes += is_change;
    if (!dispatcher->called)
        (void)pthread_cond_signal(&dispatcher->woken);
    dispatcher->called = true;
    (void)pthread_mutex_unlock(&dispatcher->lock);
}

void
dispatcher_wake_for_job(struct dispatcher *dispatcher)
{
    wake_one(dispatcher, false);
}

void
dispatcher_wake(struct dispatcher *dispatcher)
{
    wake_one(dispatcher, true);
}

static void
wake_all(struct dispatcher *dispatcher)
{
    (void)pthread_mutex_lock(&dispatcher->lock);
    dispatcher->calls++;
    dispatcher->changes++;
    (void)pthread_cond_broadcast(&dispatcher->woken);
    (void)pthread_mutex_unlock(&dispatcher->lock);
}

static void
keep_up(struct dispatcher *dispatcher, struct upkeep *upkeep)
{
    struct rh_reason reason;
    struct log_line line;

    if (ledger_write(dispatcher->ledger, upkeep_run, upkeep, &reason) != LEDGER_OK) {
        log_message(dispatcher->log, LOG_LEVEL_ERROR, "ledger", "upkeep: %s", reason.text);
        return;
    }
    if (upkeep->recovered == 0 && upkeep->expired == 0 && upkeep->purged == 0 &&
        upkeep->pulled == 0)
        return;
    log_begin(&line, upkeep->recovered + upkeep->expired > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
              "upkeep");
    if (upkeep->recovered > 0)
        log_number(&line, "recovered", upkeep->recovered);
    if (upkeep->expired > 0)
        log_number(&line, "expired", upkeep->expired);
    if (upkeep->purged > 0)
        log_number(&line, "purged", upkeep->purged);
    if (upkeep->pulled > 0)
        log_number(&line, "clock_set_back", upkeep->pulled);
    log_end(dispatcher->log, &line);
}

/* The furthest that anything can be put off: what lies further ahead was written before the clock
 * was set back. */
static int64_t
horizon_ms(const struct config *config)
{
    const int64_t all_s[] = {config->server.retry_max_s, config->audit.interval_max_s,
                             config->audit.discover_interval_s * 3};
    int64_t most_s = HOUR_S; /* an upstream may ask for so long */

    for (size_t i = 0; i < sizeof all_s / sizeof all_s[0]; i++)
        most_s = all_s[i] > most_s ? all_s[i] : most_s;
    return (most_s + 60) * 1000;
}

/* When the next piece of work is due. */
static enum ledger_error
read_next_due(struct ledger_txn *txn, void *arg)
{
    struct due *due = arg;
    int64_t audit_ms;
    enum ledger_error found, error;

    found = upkeep_due(txn, &due->upkeep);
    due->has_upkeep = found == LEDGER_OK;
    due->at_ms = due->upkeep.next_due_at_ms;
    if (found != LEDGER_OK && found != LEDGER_NOT_FOUND)
        return found;
    error = audit_next_due(txn, &audit_ms);
    if (error == LEDGER_OK && audit_ms < due->at_ms)
        due->at_ms = audit_ms;
    if (error == LEDGER_OK && due->discovers)
        error = repository_next_due(txn, &due->repository);
    if (error == LEDGER_OK && due->discovers && due->repository.due_ms < due->at_ms)
        due->at_ms = due->repository.due_ms;
    if (error == LEDGER_OK && due->redelivers)
        error = hook_next_due(txn, &due->hook);
    if (error == LEDGER_OK && due->redelivers && due->hook.due_ms < due->at_ms)
        due->at_ms = due->hook.due_ms;
    return error;
}

/* What the passing of time does, under the setup that the thread has. */
static int64_t
look_at_time(struct dispatcher *dispatcher)
{
    const struct config *config = dispatcher->setup->config;
    int64_t now_ms = clock_now_ms();
    struct due due = {.upkeep = {.ledger = dispatcher->ledger,
                                 .now_ms = now_ms,
                                 .boot_ms = clock_boot_ms(),
                                 .retention_ms = config->server.retention_d * DAY_MS,
                                 .horizon_ms = horizon_ms(config),
                                 .next_due_at_ms = INT64_MAX},
                      .discovers = config->audit.discover_interval_s > 0,
                      .repository = {.now_ms = now_ms,
                                     .window_ms = config->audit.discover_window_s * 1000,
                                     .named = dispatcher->setup->repositories},
                      .redelivers = config->audit.redeliver_interval_s > 0};
    struct rh_reason reason;

    if (ledger_read(dispatcher->ledger, read_next_due, &due, &reason) != LEDGER_OK) {
        log_message(dispatcher->log, LOG_LEVEL_ERROR, "ledger", "no look at it: %s", reason.text);
        return TICK_MS;
    }
    if (due.has_upkeep)
        keep_up(dispatcher, &due.upkeep);
    if (due.has_upkeep || due.at_ms <= now_ms) {
        wake_all(dispatcher);
        return TICK_MS;
    }
    return due.at_ms - now_ms < TICK_MS ? due.at_ms - now_ms : TICK_MS;
}

/* Takes up another setup that was put into force. Threads that rest are woken for it, so that none
 * keeps the old one, with its secrets, until there is work. */
static void
keep_current(struct dispatcher *dispatcher)
{
    if (!current_is(dispatcher->setups, dispatcher->setup)) {
        current_return(dispatcher->setups, dispatcher->setup);
        dispatcher->setup = current_take(dispatcher->setups);
        dispatcher->prepared = false;
        dispatcher->asks_anew = true;
        wake_all(dispatcher);
    }
    if (!dispatcher->prepared && prepare(dispatcher)) {
        dispatcher->prepared = true;
        wake_all(dispatcher);
    }
}

int64_t
dispatcher_tick(struct dispatcher *dispatcher)
{
    keep_current(dispatcher);
    return look_at_time(dispatcher);
}

int64_t
dispatcher_drain(struct dispatcher *dispatcher, int64_t deadline_ms)
{
    struct worker worker = {.dispatcher = dispatcher};
    enum work_end end = WORK_DONE;
    int64_t failed = 0;

    atomic_store(&dispatcher->deadline, deadline_ms);
    (void)dispatcher_tick(dispatcher);
    if (!worker_equip(&worker))
        failed++;
    else
        while (clock_monotonic_ms() < deadline_ms && end != WORK_NONE && end != WORK_LEDGER) {
            end = do_next(dispatcher, &worker.tools, true);
            failed += end == WORK_FAILED || end == WORK_LEDGER;
        }
    worker_strip(&worker);
    return failed;
}

void
dispatcher_stop(struct dispatcher *dispatcher, int64_t deadline_ms)
{
    (void)pthread_mutex_lock(&dispatcher->lock);
    dispatcher->stopping = true;
    (void)pthread_cond_broadcast(&dispatcher->woken);
    (void)pthread_cond_broadcast(&dispatcher->ending);
    (void)pthread_mutex_unlock(&dispatcher->lock);
    atomic_store(&dispatcher->deadline, deadline_ms);
    while (dispatcher->workers_len > 0) {
        struct worker *worker = &dispatcher->workers[--dispatcher->workers_len];

        (void)pthread_join(worker->thread, NULL);
        worker_strip(worker);
    }
}
