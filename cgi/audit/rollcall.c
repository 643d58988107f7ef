/*
 * The roll call.
 * SPDX-License-Identifier: MIT
 */
#include "audit/rollcall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/look.h"
#include "clock/clock.h"
#include "config/pool.h"
#include "upstream/nomad_child.h"

/* Below this, looking at each is as cheap, and a list has the ended children as well. */
#define ROLL_MIN 16
#define ROLL_MAX 2000

struct entry {
    struct audit audit;
    enum child_fact child;
    bool child_is_stopped;
};

struct roll {
    struct entry *entries; /* sorted by their child's id */
    size_t len;
};

static void
add_entry(const struct audit *audit, void *arg)
{
    struct roll *roll = arg;

    if (roll->len < ROLL_MAX && audit->runner.child[0] != '\0')
        roll->entries[roll->len++].audit = *audit;
}

static int
compare(const void *one, const void *two)
{
    const struct entry *first = one, *second = two;

    return strcmp(first->audit.runner.child, second->audit.runner.child);
}

static int
compare_key(const void *key, const void *entry)
{
    return strcmp(key, ((const struct entry *)entry)->audit.runner.child);
}

/* One of Nomad's list. Of one that is over a look of its own decides. */
static void
mark(const char *id, enum nomad_status status, bool is_stopped, void *arg)
{
    struct roll *roll = arg;
    struct entry *entry = bsearch(id, roll->entries, roll->len, sizeof *entry, compare_key);

    if (entry == NULL || status == NOMAD_DEAD)
        return;
    entry->child = status == NOMAD_RUNNING ? CHILD_RUNNING : CHILD_PENDING;
    entry->child_is_stopped = is_stopped;
}

/* Asks for the children of one pool's Nomad job. */
static bool
call_pool(const struct tools *tools, const struct pool *pool, struct roll *roll,
          struct failure *failure)
{
    int64_t now_s = clock_now_ms() / 1000, from_s = INT64_MAX;

    for (size_t i = 0; i < roll->len; i++) {
        const struct runner *runner = &roll->entries[i].audit.runner;

        if (strcmp(runner->pool, pool->name) == 0 && runner->sent_at_ms / 1000 < from_s)
            from_s = runner->sent_at_ms / 1000;
    }
    return from_s == INT64_MAX ||
           nomad_children(tools->nomad, pool->nomad_job, from_s - NOMAD_SKEW_S,
                          now_s + NOMAD_SKEW_S, mark, roll, failure);
}

/* Notes those of which what Nomad said is enough. */
static size_t
find_rested(const struct tools *tools, const struct roll *roll, struct audit_rested *rested)
{
    int64_t calls_left = roll->len == 0 ? 0 : roll->entries[0].audit.calls_left;
    size_t len = 0;

    for (size_t i = 0; i < roll->len; i++) {
        const struct entry *entry = &roll->entries[i];
        struct look look = {.audit = entry->audit};
        struct decision decision;

        if (entry->child == CHILD_UNKNOWN)
            continue;
        look.audit.calls_left = calls_left;
        look_init(&look, tools);
        look.inquiry.child = entry->child;
        look.inquiry.child_is_stopped = entry->child_is_stopped;
        decision = inquiry_next(&look.inquiry);
        if (decision.step != STEP_REST) {
            calls_left -= calls_left > 0; /* as many as GitHub may be asked about, and no more */
            continue;
        }
        rested[len] = (struct audit_rested){.state = entry->audit.runner.state,
                                            .audit_at_ms = entry->audit.runner.audit_at_ms,
                                            .next_look_ms = decision.next_look_ms,
                                            .is_placed = entry->child == CHILD_RUNNING};
        (void)snprintf(rested[len++].name, sizeof rested->name, "%s", entry->audit.runner.name);
    }
    return len;
}

static enum work_end
call(const struct tools *tools, struct roll *roll, struct audit_rested *rested)
{
    struct audit_roll step = {.items = rested, .now_ms = clock_now_ms()};
    struct failure failure;

    for (size_t i = 0; i < tools->config->pools_len; i++) {
        if (!call_pool(tools, &tools->config->pools[i], roll, &failure)) {
            log_message(tools->log, LOG_LEVEL_INFO, "audit",
                        "no roll call, so each child is asked for by itself: %s",
                        failure.text.text);
            return WORK_NONE;
        }
    }
    step.len = find_rested(tools, roll, rested);
    if (step.len == 0)
        return WORK_NONE;
    return tools_record(tools, audit_rest_many, &step, "a roll call could not be recorded")
               ? WORK_DONE
               : WORK_LEDGER;
}

enum work_end
rollcall_take(const struct tools *tools)
{
    struct roll roll = {.entries = calloc(ROLL_MAX, sizeof *roll.entries)};
    struct audit_list list = {.now_ms = clock_now_ms(),
                              .calls_per_hour = tools->config->audit.github_calls,
                              .most = ROLL_MAX,
                              .visit = add_entry,
                              .arg = &roll};
    struct audit_rested *rested = NULL;
    enum work_end end = WORK_NONE;
    struct rh_reason reason;

    if (roll.entries != NULL &&
        ledger_read(tools->ledger, audit_list_due, &list, &reason) == LEDGER_OK &&
        roll.len >= ROLL_MIN) {
        qsort(roll.entries, roll.len, sizeof *roll.entries, compare);
        rested = calloc(roll.len, sizeof *rested);
        if (rested != NULL)
            end = call(tools, &roll, rested);
    }
    free(rested);
    free(roll.entries);
    return end;
}
