/*
 * The dispatcher's threads, and what wakes them.
 * SPDX-License-Identifier: MIT
 */
#include "dispatch/dispatcher.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "audit/auditor.h"
#include "audit/discovery.h"
#include "audit/redelivery.h"
#include "audit/rollcall.h"
#include "clock/clock.h"
#include "config/access.h"
#include "config/place.h"
#include "config/pool.h"
#include "config/values.h"
#include "dispatch/story.h"
#include "ledger/audit.h"
#include "ledger/hook.h"
#include "ledger/order.h"
#include "ledger/repository.h"
#include "ledger/upkeep.h"
#include "upstream/http.h"

/* How often time is looked at: what another process left is taken up within this. */
#define TICK_MS 1000

/* The ledger's own waiting is over when a story ends with its trouble: no need to press it. */
#define LEDGER_REST_MS 1000

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
    struct tools tools;
    pthread_t thread;
};

struct dispatcher {
    const struct config *config;
    struct ledger *ledger;
    struct log *log;
    struct token_cache *tokens;
    struct runner_groups *groups;
    struct accounts *accounts;
    struct credential *nomad_token;
    char *limits;       /* of the pools: see order_limits */
    char *repositories; /* that the configuration names, as a JSON array */
    bool prepared;      /* by the thread that ticks */
    http_deadline deadline;

    pthread_mutex_t lock;
    pthread_cond_t woken;
    uint64_t
        calls; /* goes up with every wake, so that none is missed between looking and resting */
    bool stopping;
    int64_t auditing;      /* threads that audit or discover now */
    int64_t roll_after_ms; /* of clock_now_ms: the next roll call is not before this */

    struct worker *workers;
    size_t workers_len; /* with a running thread */
};

static char *
limits_of(const struct config *config)
{
    struct order_limit limits[CONFIG_POOLS_MAX];
    char owners[CONFIG_POOLS_MAX][PLACE_CAP];

    for (size_t i = 0; i < config->pools_len; i++) {
        const struct pool *pool = &config->pools[i];

        enum permit forks = access_forks(config, pool)->permit;

        limits[i] = (struct order_limit){.pool = pool->name,
                                         .max_runners = pool->max_runners,
                                         .max_pending = pool->max_pending,
                                         .is_jit = pool->credential == POOL_CREDENTIAL_JIT,
                                         .asks_origin =
                                             forks == PERMIT_DENY || forks == PERMIT_POOL};
        if (pool->scope == POOL_SCOPE_ENTERPRISE) {
            (void)snprintf(owners[i], sizeof owners[i], PLACE_ENTERPRISE "%s", pool->enterprise);
            limits[i].owner = owners[i];
        }
    }
    return order_limits(limits, config->pools_len);
}

/* Texts as a JSON array; the caller frees. NULL when out of memory. */
static char *
text_array(const char *const *texts, size_t len)
{
    cJSON *array = len == 0 ? cJSON_CreateArray() : cJSON_CreateStringArray(texts, (int)len);
    char *json = array == NULL ? NULL : cJSON_PrintUnformatted(array);

    cJSON_Delete(array);
    return json;
}

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
    dispatcher->groups = runner_groups_new();
    dispatcher->accounts = accounts_new(&config->github, config->owners, config->owners_len);
    dispatcher->nomad_token =
        credential_new(config->nomad.token, config->nomad.token_file, value_secret_file);
    dispatcher->workers = calloc((size_t)config->server.dispatchers, sizeof *dispatcher->workers);
    dispatcher->limits = limits_of(config);
    dispatcher->repositories = text_array((const char *const *)config->github.repositories.items,
                                          config->github.repositories.len);
    if (dispatcher->limits == NULL || dispatcher->repositories == NULL ||
        dispatcher->tokens == NULL || dispatcher->groups == NULL ||
        dispatcher->accounts == NULL || dispatcher->nomad_token == NULL || dispatcher->workers == NULL) {
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
    accounts_free(dispatcher->accounts);
    runner_groups_free(dispatcher->groups);
    credential_free(dispatcher->nomad_token);
    token_cache_free(dispatcher->tokens);
    free(dispatcher->limits);
    free(dispatcher->repositories);
    free(dispatcher->workers);
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

/* The names of the pools, likewise. */
static char *
pool_names(const struct config *config)
{
    const char *names[CONFIG_POOLS_MAX];

    for (size_t i = 0; i < config->pools_len; i++)
        names[i] = config->pools[i].name;
    return text_array(names, config->pools_len);
}

/* Adds who may use it to an array. False when out of memory, as where that is NULL. */
static bool
add_access(cJSON *array, const struct access_config *access)
{
    const struct names *const lists[] = {&access->repositories, &access->owners};
    bool done = array != NULL &&
                cJSON_AddItemToArray(array, cJSON_CreateNumber(access->public_repositories));

    for (size_t i = 0; done && i < sizeof lists / sizeof lists[0]; i++) {
        cJSON *names =
            lists[i]->len == 0
                ? cJSON_CreateArray()
                : cJSON_CreateStringArray((const char *const *)lists[i]->items, (int)lists[i]->len);

        done = names != NULL && cJSON_AddItemToArray(array, names);
    }
    return done;
}

/* Which pools there are, what they serve and for whom, as one text; the caller frees. NULL likewise.
 */
static char *
pool_labels(const struct config *config)
{
    cJSON *root = cJSON_CreateObject();
    bool done = root != NULL;
    char *text;

    for (size_t i = 0; done && i < config->pools_len; i++) {
        const struct pool *pool = &config->pools[i];
        cJSON *labels =
            cJSON_CreateStringArray((const char *const *)pool->labels.items, (int)pool->labels.len);

        done = labels != NULL && cJSON_AddItemToObject(root, pool->name, labels);
        if (!done)
            cJSON_Delete(labels);
        done = done && add_access(labels, &pool->access);
    }
    done = done && add_access(cJSON_AddArrayToObject(root, ""), &config->access);
    text = done ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return text;
}

static bool
write_one(struct dispatcher *dispatcher, ledger_work work, void *arg)
{
    struct rh_reason reason;

    if (arg != NULL && ledger_write(dispatcher->ledger, work, arg, &reason) == LEDGER_OK)
        return true;
    log_message(dispatcher->log, LOG_LEVEL_ERROR, "ledger",
                "the configuration could not be noted: %s",
                arg == NULL ? "out of memory" : reason.text);
    return false;
}

/* Enters the Apps' webhooks; and where this is a process that stays, it may have been away while
 * any of them delivered. */
static bool
prepare_hooks(struct dispatcher *dispatcher)
{
    int64_t now_ms = clock_now_ms();
    struct redelivery_apps apps = {.accounts = dispatcher->accounts, .now_ms = now_ms};
    struct hook_start start = {.now_ms = now_ms, .pause_ms = SWEPT_LATELY_MS};

    return write_one(dispatcher, redelivery_enter_apps, &apps) &&
           (dispatcher->workers_len == 0 || write_one(dispatcher, hook_make_due, &start));
}

/* Brings the ledger in line with the configuration, which may have been changed: pools that are no
 * more, repositories that it names. False where it has to be tried again. */
static bool
prepare(struct dispatcher *dispatcher)
{
    const struct config *config = dispatcher->config;
    char *names = pool_names(config), *labels = pool_labels(config);
    struct job_rehome rehome = {.pools = names, .choose = choose_pool, .config = config};
    bool done = write_one(dispatcher, job_rehome, names == NULL ? NULL : &rehome) &&
                write_one(dispatcher, listing_renew, labels);

    cJSON_free(names);
    cJSON_free(labels);
    for (size_t i = 0; done && i < config->github.repositories.len; i++) {
        struct repository_entry entry = {.name = config->github.repositories.items[i],
                                         .now_ms = clock_now_ms()};

        done = write_one(dispatcher, repository_enter, &entry);
    }
    return done && prepare_hooks(dispatcher);
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

static void
wake_one(void *arg)
{
    dispatcher_wake(arg);
}

static bool
tools_init(struct dispatcher *dispatcher, struct tools *tools)
{
    *tools = (struct tools){
        .config = dispatcher->config,
        .limits = dispatcher->limits,
        .repositories = dispatcher->repositories,
        .ledger = dispatcher->ledger,
        .log = dispatcher->log,
        .tokens = dispatcher->tokens,
        .groups = dispatcher->groups,
        .github = github_new(&dispatcher->config->github, dispatcher->accounts,
                             &dispatcher->deadline),
        .nomad =
            nomad_new(&dispatcher->config->nomad, dispatcher->nomad_token, &dispatcher->deadline),
        .rest = rest_a_moment,
        .wake = wake_one,
        .arg = dispatcher,
    };
    return tools->github != NULL && tools->nomad != NULL;
}

static void
tools_fini(struct tools *tools)
{
    github_free(tools->github);
    nomad_free(tools->nomad);
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

/* Whether it is this thread's to call the roll: once in a while is enough, since what it leaves
 * over is for looks of their own. */
static bool
may_call_roll(struct dispatcher *dispatcher)
{
    int64_t now_ms = clock_now_ms();
    int64_t pause_ms = dispatcher->config->audit.interval_s * 1000 / 2;
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

    if (may_call_roll(dispatcher))
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
may_follow_up(struct dispatcher *dispatcher)
{
    int64_t most = dispatcher->config->server.dispatchers - 1;
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
do_next(struct dispatcher *dispatcher, const struct tools *tools)
{
    enum work_end end = story_tell(tools);

    if (end != WORK_NONE || !may_follow_up(dispatcher))
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
    uint64_t calls;

    while (look(dispatcher, &calls)) {
        enum work_end end = do_next(dispatcher, &worker->tools);

        if (end == WORK_NONE)
            (void)rest(dispatcher, calls, 0);
        else if (end == WORK_LEDGER)
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
        if (!tools_init(dispatcher, &worker->tools) ||
            pthread_create(&worker->thread, NULL, work, worker) != 0) {
            tools_fini(&worker->tools);
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

int64_t
dispatcher_tick(struct dispatcher *dispatcher)
{
    const struct config *config = dispatcher->config;
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
                                     .named = dispatcher->repositories},
                      .redelivers = config->audit.redeliver_interval_s > 0};
    struct rh_reason reason;

    if (!dispatcher->prepared)
        dispatcher->prepared = prepare(dispatcher);
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

int64_t
dispatcher_drain(struct dispatcher *dispatcher, int64_t deadline_ms)
{
    struct tools tools;
    enum work_end end = WORK_DONE;
    int64_t failed = 0;

    atomic_store(&dispatcher->deadline, deadline_ms);
    (void)dispatcher_tick(dispatcher);
    if (!tools_init(dispatcher, &tools))
        failed++;
    else
        while (clock_monotonic_ms() < deadline_ms && end != WORK_NONE && end != WORK_LEDGER) {
            end = do_next(dispatcher, &tools);
            failed += end == WORK_FAILED || end == WORK_LEDGER;
        }
    tools_fini(&tools);
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
        tools_fini(&worker->tools);
    }
}
