/*
 * The dispatcher's threads, and what wakes them.
 * SPDX-License-Identifier: MIT
 */
#include "dispatch/dispatcher.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock/clock.h"
#include "dispatch/story.h"
#include "ledger/upkeep.h"
#include "upstream/http.h"

/* How often time is looked at: what another process left is taken up within this. */
#define TICK_MS 1000

/* The ledger's own waiting is over when a story ends with its trouble: no need to press it. */
#define LEDGER_REST_MS 1000

#define DAY_MS (INT64_C(24) * 3600 * 1000)

struct worker {
    struct dispatcher *dispatcher;
    struct storyteller teller;
    pthread_t thread;
};

struct dispatcher {
    const struct config *config;
    struct ledger *ledger;
    struct log *log;
    struct token_cache *tokens;
    struct credential *github_token;
    struct credential *nomad_token;
    http_deadline deadline;

    pthread_mutex_t lock;
    pthread_cond_t woken;
    uint64_t
        calls; /* goes up with every wake, so that none is missed between looking and resting */
    bool stopping;

    struct worker *workers;
    size_t workers_len; /* with a running thread */
};

struct dispatcher *
dispatcher_new(const struct config *config, struct ledger *ledger, struct log *log)
{
    struct dispatcher *dispatcher = calloc(1, sizeof *dispatcher);

    if (dispatcher == NULL)
        return NULL;
    dispatcher->config = config;
    dispatcher->ledger = ledger;
    dispatcher->log = log;
    atomic_init(&dispatcher->deadline, INT64_MAX);
    (void)pthread_mutex_init(&dispatcher->lock, NULL);
    (void)pthread_cond_init(&dispatcher->woken, NULL);
    dispatcher->tokens = token_cache_new();
    dispatcher->github_token = credential_new(config->github.token, config->github.token_file);
    dispatcher->nomad_token = credential_new(config->nomad.token, config->nomad.token_file);
    dispatcher->workers = calloc((size_t)config->server.dispatchers, sizeof *dispatcher->workers);
    if (dispatcher->tokens == NULL || dispatcher->github_token == NULL ||
        dispatcher->nomad_token == NULL || dispatcher->workers == NULL) {
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
    credential_free(dispatcher->github_token);
    credential_free(dispatcher->nomad_token);
    token_cache_free(dispatcher->tokens);
    free(dispatcher->workers);
    (void)pthread_cond_destroy(&dispatcher->woken);
    (void)pthread_mutex_destroy(&dispatcher->lock);
    free(dispatcher);
}

/* Rests until a call after `seen`, or for `rest_ms` where that is over 0. False when it is time to
 * stop. */
static bool
rest(struct dispatcher *dispatcher, uint64_t seen, int64_t rest_ms)
{
    struct timespec until;
    bool goes_on;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += rest_ms / 1000;
    (void)pthread_mutex_lock(&dispatcher->lock);
    if (rest_ms > 0) {
        if (!dispatcher->stopping)
            (void)pthread_cond_timedwait(&dispatcher->woken, &dispatcher->lock, &until);
    } else {
        while (!dispatcher->stopping && dispatcher->calls == seen)
            (void)pthread_cond_wait(&dispatcher->woken, &dispatcher->lock);
    }
    goes_on = !dispatcher->stopping;
    (void)pthread_mutex_unlock(&dispatcher->lock);
    return goes_on;
}

/* Rests for a moment, or shorter where it is time to stop: false then. */
static bool
rest_a_moment(void *arg)
{
    struct dispatcher *dispatcher = arg;

    return rest(dispatcher, 0, LEDGER_REST_MS) &&
           clock_monotonic_ms() < atomic_load(&dispatcher->deadline);
}

static bool
teller_init(struct dispatcher *dispatcher, struct storyteller *teller)
{
    *teller = (struct storyteller){
        .config = dispatcher->config,
        .ledger = dispatcher->ledger,
        .log = dispatcher->log,
        .tokens = dispatcher->tokens,
        .github = github_new(&dispatcher->config->github, dispatcher->github_token,
                             &dispatcher->deadline),
        .nomad =
            nomad_new(&dispatcher->config->nomad, dispatcher->nomad_token, &dispatcher->deadline),
        .rest = rest_a_moment,
        .rest_arg = dispatcher,
    };
    return teller->github != NULL && teller->nomad != NULL;
}

static void
teller_fini(struct storyteller *teller)
{
    github_free(teller->github);
    nomad_free(teller->nomad);
}

/* How many calls there were; and whether to go on. */
static bool
look(struct dispatcher *dispatcher, uint64_t *calls)
{
    bool goes_on;

    (void)pthread_mutex_lock(&dispatcher->lock);
    *calls = dispatcher->calls;
    goes_on = !dispatcher->stopping;
    (void)pthread_mutex_unlock(&dispatcher->lock);
    return goes_on;
}

static void *
work(void *arg)
{
    struct worker *worker = arg;
    struct dispatcher *dispatcher = worker->dispatcher;
    uint64_t calls;

    while (look(dispatcher, &calls)) {
        enum story_end end = story_tell(&worker->teller);

        if (end == STORY_NOTHING_DUE)
            (void)rest(dispatcher, calls, 0);
        else if (end == STORY_LEDGER)
            (void)rest(dispatcher, calls, LEDGER_REST_MS);
    }
    return NULL;
}

bool
dispatcher_start(struct dispatcher *dispatcher)
{
    while (dispatcher->workers_len < (size_t)dispatcher->config->server.dispatchers) {
        struct worker *worker = &dispatcher->workers[dispatcher->workers_len];

        worker->dispatcher = dispatcher;
        if (!teller_init(dispatcher, &worker->teller) ||
            pthread_create(&worker->thread, NULL, work, worker) != 0) {
            teller_fini(&worker->teller);
            break;
        }
        dispatcher->workers_len++;
    }
    return dispatcher->workers_len > 0;
}

void
dispatcher_wake(struct dispatcher *dispatcher)
{
    (void)pthread_mutex_lock(&dispatcher->lock);
    dispatcher->calls++;
    (void)pthread_cond_signal(&dispatcher->woken);
    (void)pthread_mutex_unlock(&dispatcher->lock);
}

static void
wake_all(struct dispatcher *dispatcher)
{
    (void)pthread_mutex_lock(&dispatcher->lock);
    dispatcher->calls++;
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
    if (upkeep->recovered == 0 && upkeep->expired == 0 && upkeep->purged == 0)
        return;
    log_begin(&line, upkeep->recovered + upkeep->expired > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
              "upkeep");
    if (upkeep->recovered > 0)
        log_number(&line, "recovered", upkeep->recovered);
    if (upkeep->expired > 0)
        log_number(&line, "expired", upkeep->expired);
    if (upkeep->purged > 0)
        log_number(&line, "purged", upkeep->purged);
    log_end(dispatcher->log, &line);
}

int64_t
dispatcher_tick(struct dispatcher *dispatcher)
{
    struct upkeep state = {
        .ledger = dispatcher->ledger,
        .now_ms = clock_now_ms(),
        .boot_ms = clock_boot_ms(),
        .retention_ms = dispatcher->config->server.retention_d * DAY_MS,
        .next_due_at_ms = INT64_MAX,
    };
    struct rh_reason reason;
    enum ledger_error error = ledger_read(dispatcher->ledger, upkeep_due, &state, &reason);
    int64_t wait_ms;

    if (error == LEDGER_OK) {
        keep_up(dispatcher, &state);
        wake_all(dispatcher);
        return TICK_MS;
    }
    if (error != LEDGER_NOT_FOUND) {
        log_message(dispatcher->log, LOG_LEVEL_ERROR, "ledger", "no look at it: %s", reason.text);
        return TICK_MS;
    }
    if (state.next_due_at_ms == INT64_MAX)
        return TICK_MS;
    wait_ms = state.next_due_at_ms - state.now_ms;
    if (wait_ms <= 0) {
        wake_all(dispatcher);
        return TICK_MS;
    }
    return wait_ms < TICK_MS ? wait_ms : TICK_MS;
}

int64_t
dispatcher_drain(struct dispatcher *dispatcher, int64_t deadline_ms)
{
    struct storyteller teller;
    enum story_end end = STORY_DISPATCHED;
    int64_t failed = 0;

    atomic_store(&dispatcher->deadline, deadline_ms);
    (void)dispatcher_tick(dispatcher);
    if (!teller_init(dispatcher, &teller))
        failed++;
    else
        while (clock_monotonic_ms() < deadline_ms && end != STORY_NOTHING_DUE &&
               end != STORY_LEDGER) {
            end = story_tell(&teller);
            failed += end == STORY_FAILED || end == STORY_LEDGER;
        }
    teller_fini(&teller);
    return failed;
}

void
dispatcher_stop(struct dispatcher *dispatcher, int64_t deadline_ms)
{
    (void)pthread_mutex_lock(&dispatcher->lock);
    dispatcher->stopping = true;
    (void)pthread_cond_broadcast(&dispatcher->woken);
    (void)pthread_mutex_unlock(&dispatcher->lock);
    atomic_store(&dispatcher->deadline, deadline_ms);
    while (dispatcher->workers_len > 0) {
        struct worker *worker = &dispatcher->workers[--dispatcher->workers_len];

        (void)pthread_join(worker->thread, NULL);
        teller_fini(&worker->teller);
    }
}
