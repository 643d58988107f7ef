/*
 * The catalogue of what is measured.
 * SPDX-License-Identifier: MIT
 */
#include "metrics/family.h"

#include <string.h>

#include "text/buffer.h"
#include "text/escape.h"

/* Of a label's value, at most: owners' names have fewer. */
#define VALUE_CHARS 272

/* -- Values of labels ---------------------------------------------------------------------------
 */

const char *const family_delivery_outcomes[] = {
    "accepted",  "duplicate",        "ignored", "pong",        "refused", "invalid",
    "too_large", "unsupported_type", "method",  "unavailable", NULL,
};

const char *const family_upstreams[] = {"github", "nomad", NULL};

/* An answer by its status, or why there was none: see meter_upstream_outcome. */
const char *const family_upstream_outcomes[] = {
    "2xx",      "304",        "unauthorized",  "forbidden", "rate_limited", "not_found",
    "conflict", "redirected", "unprocessable", "rejected",  "server",       "unresolved",
    "refused",  "timeout",    "tls",           "reset",     "truncated",    "oversized",
    "garbage",  "stopped",    "local",         NULL,
};

/* The conclusions of audit/inquiry.h, in the words of step_text. */
const char *const family_findings[] = {
    "event_missed", "taken",   "ended", "not_registered", "idle",
    "not_placed",   "surplus", "gone",  "retry",          NULL,
};

static const char *const reload_outcomes[] = {"reloaded", "kept", NULL};
static const char *const dispatch_outcomes[] = {"dispatched", "adopted", "failed", NULL};
static const char *const job_states[] = {"queued", "assigned", "running", NULL};
static const char *const ended_states[] = {"done", "failed", "expired", "refused", NULL};
static const char *const runner_states[] = {"minting", "sent",    "live", "retiring",
                                            "busy",    "leaving", NULL};
static const char *const job_events[] = {"queued", "in_progress", "completed", NULL};
static const char *const finders[] = {"audit", "discovery", NULL};
static const char *const secrets[] = {"current", "previous", NULL};

/* -- Buckets ------------------------------------------------------------------------------------
 */

/* GitHub waits 10 s for an answer. */
static const int64_t delivery_ms[] = {5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 0};

/* An upstream is given up on after `timeout`, 20 s where nothing else is set. */
static const int64_t upstream_ms[] = {10,   25,   50,    100,   250,   500, 1000,
                                      2500, 5000, 10000, 20000, 60000, 0};

/* A dispatch takes two requests; a pool that is full, or an upstream that is away, hours. */
static const int64_t dispatch_ms[] = {100,    250,     500,      1000,     2500,
                                      5000,   10000,   30000,    60000,    300000,
                                      900000, 3600000, 14400000, 43200000, 0};

/* After it a task has to be placed, and a runner to register. */
static const int64_t start_ms[] = {1000,    2500,    5000,     10000,    20000,
                                   30000,   60000,   120000,   300000,   600000,
                                   1800000, 3600000, 14400000, 43200000, 0};

/* -- The catalogue ------------------------------------------------------------------------------
 */

#define POOL                      \
    {                             \
        .name = FAMILY_LABEL_POOL \
    }

static const struct family_description families[] = {
    [FAMILY_BUILD_INFO] = {"runhook_build_info",
                           FAMILY_GAUGE,
                           "The version that answers; always 1.",
                           {{.name = "version"}}},
    [FAMILY_LAST_START] = {"runhook_last_start_timestamp_seconds", FAMILY_GAUGE,
                           "When a process began last to serve this ledger.", .is_ms = true},
    [FAMILY_THREADS] = {"runhook_threads", FAMILY_GAUGE,
                        "Threads of each process that answer requests ([server] threads)."},
    [FAMILY_CONFIG_RELOADS] =
        {"runhook_config_reloads_total",
         FAMILY_COUNTER,
         "Times that SIGHUP had the configuration read again, a process each.",
         {{"outcome", reload_outcomes}}},
    [FAMILY_CONFIG_LAST_RELOAD_SUCCESSFUL] =
        {"runhook_config_last_reload_successful", FAMILY_GAUGE,
         "Whether the configuration was good when it was read last (1), or an older one stays in "
         "force (0)."},
    [FAMILY_CONFIG_LAST_RELOAD_SUCCESS] = {"runhook_config_last_reload_success_timestamp_seconds",
                                           FAMILY_GAUGE, "When a good configuration was read last.",
                                           .is_ms = true},
    [FAMILY_LEDGER_WRITABLE] = {"runhook_ledger_writable", FAMILY_GAUGE,
                                "Whether the ledger could be written just now (1), or deliveries "
                                "are answered 503 (0)."},
    [FAMILY_LEDGER_SIZE] = {"runhook_ledger_size_bytes", FAMILY_GAUGE,
                            "Size of the ledger, without its write-ahead log."},
    [FAMILY_DELIVERIES] = {"runhook_deliveries_total",
                           FAMILY_COUNTER,
                           "Requests to the webhook, by how they were answered.",
                           {{"outcome", family_delivery_outcomes}}},
    [FAMILY_DELIVERY_DURATION] = {"runhook_delivery_duration_seconds", FAMILY_HISTOGRAM,
                                  "Time from a request to the webhook to its answer.",
                                  .is_ms = true, .buckets = delivery_ms},
    [FAMILY_SECRET_LAST_USED] =
        {"runhook_webhook_secret_last_used_timestamp_seconds",
         FAMILY_GAUGE,
         "When a delivery was last signed with a webhook secret; 0 for never.",
         {{"secret", secrets}},
         .is_ms = true},
    [FAMILY_JOBS] = {"runhook_jobs",
                     FAMILY_GAUGE,
                     "Jobs that are not over, by state.",
                     {POOL, {"state", job_states}}},
    [FAMILY_QUEUE_OLDEST_AGE] = {"runhook_queue_oldest_age_seconds",
                                 FAMILY_GAUGE,
                                 "Time since GitHub queued the oldest of the jobs that wait for a "
                                 "runner; 0 where none waits.",
                                 {POOL},
                                 .is_ms = true},
    [FAMILY_JOBS_ENDED] = {"runhook_jobs_ended_total",
                           FAMILY_COUNTER,
                           "Jobs that came to an end, by the state that they ended in.",
                           {POOL, {"state", ended_states}}},
    [FAMILY_DISPATCHES] = {"runhook_dispatches_total",
                           FAMILY_COUNTER,
                           "Attempts to give a job a runner, by how they ended.",
                           {POOL, {"outcome", dispatch_outcomes}}},
    [FAMILY_DISPATCH_WAIT] = {"runhook_dispatch_wait_seconds",
                              FAMILY_HISTOGRAM,
                              "Time from a job's delivery until Nomad had its first runner.",
                              {POOL},
                              .is_ms = true,
                              .buckets = dispatch_ms},
    [FAMILY_START_WAIT] = {"runhook_start_wait_seconds",
                           FAMILY_HISTOGRAM,
                           "Time from a job's delivery to the one that tells of its start.",
                           {POOL},
                           .is_ms = true,
                           .buckets = start_ms},
    [FAMILY_RUNNERS] = {"runhook_runners",
                        FAMILY_GAUGE,
                        "Runners that are not gone, by state.",
                        {POOL, {"state", runner_states}}},
    [FAMILY_RUNNER_OLDEST_AGE] = {"runhook_runner_oldest_age_seconds",
                                  FAMILY_GAUGE,
                                  "Time for which the runner that is longest in a state is in it; "
                                  "0 where none is.",
                                  {POOL, {"state", runner_states}},
                                  .is_ms = true},
    [FAMILY_POOL_RUNNERS] = {"runhook_pool_runners",
                             FAMILY_GAUGE,
                             "Runners that count towards max_runners.",
                             {POOL}},
    [FAMILY_POOL_MAX_RUNNERS] = {"runhook_pool_max_runners",
                                 FAMILY_GAUGE,
                                 "The pool's max_runners.",
                                 {POOL}},
    [FAMILY_AUDIT_FINDINGS] = {"runhook_audit_findings_total",
                               FAMILY_COUNTER,
                               "What looks at runners came to, where something had to be done.",
                               {{"finding", family_findings}}},
    [FAMILY_EVENTS_MISSED] = {"runhook_events_missed_total",
                              FAMILY_COUNTER,
                              "Events of jobs that no delivery told of, by what found them.",
                              {{"event", job_events}, {"found_by", finders}}},
    [FAMILY_REDELIVERIES] = {"runhook_redeliveries_total", FAMILY_COUNTER,
                             "Failed deliveries that GitHub was asked to make again."},
    [FAMILY_UPSTREAM_REQUESTS] = {"runhook_upstream_requests_total",
                                  FAMILY_COUNTER,
                                  "Requests to GitHub and Nomad, by how they ended.",
                                  {{"upstream", family_upstreams},
                                   {"outcome", family_upstream_outcomes}}},
    [FAMILY_UPSTREAM_DURATION] = {"runhook_upstream_request_duration_seconds",
                                  FAMILY_HISTOGRAM,
                                  "Time that requests to GitHub and Nomad took, those that failed "
                                  "among them.",
                                  {{"upstream", family_upstreams}},
                                  .is_ms = true,
                                  .buckets = upstream_ms},
    [FAMILY_UPSTREAM_SHUT] = {"runhook_upstream_shut",
                              FAMILY_GAUGE,
                              "Whether an upstream is left alone since it is in trouble (1).",
                              {{"upstream", family_upstreams}}},
    [FAMILY_OWNERS_SHUT] = {"runhook_owners_shut", FAMILY_GAUGE,
                            "Owners whose account at GitHub alone is in trouble, and is left "
                            "alone."},
    [FAMILY_RATE_LIMIT] = {"runhook_github_rate_limit",
                           FAMILY_GAUGE,
                           "Requests that GitHub allows an account within its window.",
                           {{.name = "account"}, {.name = "resource"}}},
    [FAMILY_RATE_LIMIT_REMAINING] = {"runhook_github_rate_limit_remaining",
                                     FAMILY_GAUGE,
                                     "Requests that are left of them.",
                                     {{.name = "account"}, {.name = "resource"}}},
    [FAMILY_RATE_LIMIT_RESET] = {"runhook_github_rate_limit_reset_timestamp_seconds",
                                 FAMILY_GAUGE,
                                 "When that window ends.",
                                 {{.name = "account"}, {.name = "resource"}},
                                 .is_ms = true},
};
_Static_assert(sizeof families / sizeof families[0] == FAMILIES, "a row for each");

const struct family_description *
family_describe(enum family family)
{
    return &families[family];
}

const char *
family_type_text(enum family_type type)
{
    static const char *const texts[] = {
        [FAMILY_COUNTER] = "counter", [FAMILY_GAUGE] = "gauge", [FAMILY_HISTOGRAM] = "histogram"};

    return texts[type];
}

int64_t
family_bucket(enum family family, int64_t value_ms)
{
    for (const int64_t *bound = families[family].buckets; *bound != 0; bound++) {
        if (value_ms <= *bound)
            return *bound;
    }
    return FAMILY_PART_BEYOND;
}

/* A series as it is written; `len` counts what has no room, too. */
struct text {
    char *out;
    size_t len;
};

static void
add(struct text *text, const char *bytes, size_t len)
{
    if (text->len + len < FAMILY_SERIES_CAP)
        memcpy(text->out + text->len, bytes, len);
    text->len += len;
}

/* Printable ASCII: what nearly every value is made of, and is copied as it is. */
static bool
is_plain(const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value < ' ' || *value > '~')
            return false;
    }
    return true;
}

/* The two characters that the text form escapes, but for the line's end, which is none any more. */
static void
add_escaped(struct text *text, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            add(text, "\\", 1);
        add(text, value, 1);
    }
}

static void
add_value(struct text *text, const char *value)
{
    struct buffer plain = BUFFER_INIT(FAMILY_SERIES_CAP);

    if (is_plain(value)) {
        add_escaped(text, value);
    } else if (escape_plain(&plain, value, strlen(value), VALUE_CHARS)) {
        add_escaped(text, buffer_text(&plain));
    } else {
        text->len = FAMILY_SERIES_CAP;
    }
    buffer_fini(&plain);
}

bool
family_series(enum family family, const char *const values[], char out[FAMILY_SERIES_CAP])
{
    const struct family_description *description = &families[family];
    struct text text = {.out = out};
    bool done;

    add(&text, description->name, strlen(description->name));
    for (size_t i = 0; i < FAMILY_LABELS_MAX && description->labels[i].name != NULL; i++) {
        const char *name = description->labels[i].name;

        add(&text, i == 0 ? "{" : ",", 1);
        add(&text, name, strlen(name));
        add(&text, "=\"", 2);
        add_value(&text, values[i]);
        add(&text, "\"", 1);
    }
    if (description->labels[0].name != NULL)
        add(&text, "}", 1);
    done = text.len < FAMILY_SERIES_CAP;
    out[done ? text.len : 0] = '\0';
    return done;
}

bool
family_of(const char *series, enum family *family, const char **labels)
{
    size_t len = strcspn(series, "{");

    for (size_t i = 0; i < FAMILIES; i++) {
        if (strlen(families[i].name) == len && memcmp(families[i].name, series, len) == 0) {
            *family = (enum family)i;
            *labels = series + len;
            return true;
        }
    }
    return false;
}
