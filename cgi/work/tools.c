/*
 * What dispatching, auditing and discovering have in common.
 * SPDX-License-Identifier: MIT
 */
#include "work/tools.h"

#include <stdio.h>

#include "clock/clock.h"
#include "config/place.h"
#include "config/pool.h"

#define LEASE_SLACK_MS (60 * 1000)

bool
tools_record(const struct tools *tools, ledger_work work, void *step, const char *what)
{
    struct rh_reason reason;
    bool said = false;

    while (ledger_write(tools->ledger, work, step, &reason) != LEDGER_OK) {
        if (!said)
            log_message(tools->log, LOG_LEVEL_ERROR, "ledger", "%s, and is tried again: %s", what,
                        reason.text);
        said = true;
        if (!tools->rest(tools->arg))
            return false;
    }
    return true;
}

/* FNV-1a. */
uint32_t
tools_jitter(const char *name, int64_t n)
{
    uint32_t hash = 2166136261U;

    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619U;
    hash = (hash ^ (uint32_t)n) * 16777619U;
    hash = (hash ^ hash >> 15) * 16777619U; /* so that a small n tells in every bit */
    return hash ^ hash >> 13;
}

struct policy_decision
tools_decide(const struct tools *tools, const struct failure *failure, const char *name,
             int64_t attempts)
{
    const struct server_config *server = &tools->config->server;
    const struct policy_delays delays = {.initial_ms = server->retry_initial_s * 1000,
                                         .max_ms = server->retry_max_s * 1000};

    return policy_decide(failure, attempts, &delays, tools_jitter(name, attempts));
}

struct gate_failure
tools_gate_failure(const struct failure *failure, const struct policy_decision *decision)
{
    struct gate_failure gate = {.error = failure->text.text,
                                .at_once = decision->shuts_at_once,
                                .asked_ms = decision->asked_ms,
                                .initial_ms = decision->gate_initial_ms,
                                .max_ms = decision->gate_max_ms,
                                .jitter = decision->gate_jitter};

    (void)snprintf(gate.upstream, sizeof gate.upstream, "%s%s%s", upstream_text(failure->upstream),
                   failure->owner[0] == '\0' ? "" : "/", failure->owner);
    return gate;
}

bool
tools_tell_gate(const struct tools *tools, const char *repository, const struct failure *failure)
{
    struct policy_decision decision;
    struct gate_failure gate;
    char place[PLACE_CAP];
    struct gate_news news = {.place = place, .now_ms = clock_now_ms()};

    (void)place_of_repository(repository, place);
    if (failure != NULL) {
        decision = tools_decide(tools, failure, "", 1);
        if (!decision.is_upstreams)
            return true;
        gate = tools_gate_failure(failure, &decision);
        news.failure = &gate;
    }
    return tools_record(tools, gate_tell, &news, "an answer of GitHub could not be recorded");
}

void
tools_log_failure(struct log_line *line, const struct failure *failure)
{
    log_text(line, "upstream", upstream_text(failure->upstream));
    log_text(line, "failure", failure_text(failure->kind));
    if (failure->status != 0)
        log_number(line, "status", failure->status);
    log_text(line, "error", failure->text.text);
}

int64_t
tools_lease_until(const struct config *config, int64_t github_requests, int64_t nomad_requests)
{
    return clock_boot_ms() + LEASE_SLACK_MS +
           (github_requests * config->github.timeout_s + nomad_requests * config->nomad.timeout_s) *
               1000;
}

struct job_report
tools_report(const struct config *config, const struct rh_workflow_job *job, enum job_event event,
             const struct pool *pool, const char *source)
{
    return (struct job_report){.job = job,
                               .event = event,
                               .pool = pool == NULL ? NULL : pool->name,
                               .delivery = source,
                               .now_ms = clock_now_ms(),
                               .audit_interval_ms = config->audit.interval_s * 1000,
                               .discover_interval_ms = config->audit.discover_interval_s * 1000,
                               .covers = pool_covers,
                               .config = config};
}
