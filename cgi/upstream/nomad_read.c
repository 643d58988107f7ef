/*
 * What Nomad's HTTP API answers about dispatched jobs, read and checked. Forms: nomad/structs/ and
 * api/ of Nomad's source (Job, AllocListStub, Evaluation, AllocMetric, JobListStub).
 * SPDX-License-Identifier: MIT
 */
#include "upstream/nomad_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <runhook/delivery.h>
#include <runhook/payload.h>

#include "text/escape.h"
#include "text/json.h"

#define DISPATCH_INFIX "/dispatch-"

/* Longer than any idempotency token of ours: a longer one is not told from none. */
#define IDEMPOTENCY_TOKEN_MAX 128

/* A reason before it is cut to NOMAD_REASON_CAP. Of one of Nomad's words so many characters. */
#define REASON_MAX 4096
#define WORD_CHARS 80

static bool
garbage(struct failure *failure, const char *what)
{
    return failure_garbage(failure, UPSTREAM_NOMAD,
                           "Nomad's answer about %s cannot be read: is [nomad] address Nomad's?",
                           what);
}

/* The runner's name in a payload, which Nomad gives in base64. A payload that is none of ours has
 * no such name, which is no failure: `*name` is NULL. False when out of memory. */
static bool
read_runner_name(const char *base64, char **name)
{
    size_t len = strlen(base64);
    struct buffer payload = BUFFER_INIT(RH_PAYLOAD_MAX + 3);
    unsigned char *bytes;
    const char *text;
    cJSON *json;
    int decoded;
    bool done = true;

    *name = NULL;
    if (len == 0 || len % 4 != 0)
        return true;
    bytes = malloc(len / 4 * 3 + 1);
    if (bytes == NULL)
        return false;
    decoded = EVP_DecodeBlock(bytes, (const unsigned char *)base64, (int)len);
    for (size_t i = len; decoded > 0 && base64[i - 1] == '='; i--)
        decoded--; /* padding, which OpenSSL decodes to zero bytes */
    if (decoded > 0 && (size_t)decoded <= payload.max) {
        done = buffer_add(&payload, bytes, (size_t)decoded);
        json = done ? json_parse(&payload) : NULL;
        done = done && (json != NULL || errno != ENOMEM);
        text = json_text(json, "runner_name");
        if (text != NULL && strlen(text) <= RH_RUNNER_NAME_MAX) {
            *name = strdup(text);
            done = *name != NULL;
        }
        json_wipe(json);
    }
    buffer_wipe(&payload);
    rh_wipe_free(bytes, len / 4 * 3);
    return done;
}

bool
nomad_read_status(const char *text, enum nomad_status *status)
{
    static const char *const texts[] = {
        [NOMAD_PENDING] = "pending", [NOMAD_RUNNING] = "running", [NOMAD_DEAD] = "dead"};

    for (size_t i = 0; text != NULL && i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(text, texts[i]) == 0) {
            *status = (enum nomad_status)i;
            return true;
        }
    }
    return false;
}

bool
nomad_read_child(const struct buffer *body, const char *id, struct nomad_child *child,
                 struct failure *failure)
{
    cJSON *json = json_parse(body);
    const cJSON *stop = cJSON_GetObjectItemCaseSensitive(json, "Stop");
    const char *read_id = json_text(json, "ID");
    const char *payload = json_text(json, "Payload");
    const char *token = json_text(json, "DispatchIdempotencyToken");
    bool done = false;

    *child = (struct nomad_child){0};
    if (read_id == NULL || strcmp(read_id, id) != 0 ||
        !nomad_read_status(json_text(json, "Status"), &child->status) || !cJSON_IsBool(stop)) {
        *child = (struct nomad_child){0};
        (void)garbage(failure, "a job");
        goto out;
    }
    child->is_stopped = cJSON_IsTrue(stop);
    done = payload == NULL || read_runner_name(payload, &child->runner_name);
    if (done && token != NULL && token[0] != '\0' && strlen(token) <= IDEMPOTENCY_TOKEN_MAX) {
        child->idempotency_token = strdup(token);
        done = child->idempotency_token != NULL;
    }
    if (!done) {
        nomad_child_fini(child);
        (void)failure_set(failure, UPSTREAM_NOMAD, FAILURE_LOCAL, "out of memory");
    }
out:
    json_wipe(json);
    return done;
}

/* Whether an allocation is over by its ClientStatus (Allocation.ClientTerminalStatus). One whose
 * status we do not know lives on, since only of the dead may be said that they are. */
static bool
is_over(const char *client_status)
{
    static const char *const texts[] = {"complete", "failed", "lost"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(client_status, texts[i]) == 0)
            return true;
    }
    return false;
}

/* When the first of an allocation's tasks started; 0 where none has. False where a time is none. A
 * task that waits has null, or Go's zero time, which is of the year 1. */
static bool
read_started_at(const cJSON *allocation, int64_t *started_at_ms)
{
    const cJSON *tasks = cJSON_GetObjectItemCaseSensitive(allocation, "TaskStates");
    const cJSON *task;

    *started_at_ms = 0;
    cJSON_ArrayForEach(task, tasks)
    {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(task, "StartedAt");
        const char *text = cJSON_GetStringValue(item);
        int64_t at_s;

        if (item == NULL || cJSON_IsNull(item))
            continue;
        if (text == NULL || !rh_time_parse(text, &at_s))
            return false;
        if (at_s > 0 && (*started_at_ms == 0 || at_s * 1000 < *started_at_ms))
            *started_at_ms = at_s * 1000;
    }
    return true;
}

bool
nomad_read_placement(const struct buffer *body, struct nomad_placement *placement,
                     struct failure *failure)
{
    cJSON *json = json_parse_array(body);
    int64_t latest = -1;
    const cJSON *item;
    bool done = json != NULL;

    *placement = (struct nomad_placement){0};
    cJSON_ArrayForEach(item, json)
    {
        const char *client_status = json_text(item, "ClientStatus");
        int64_t index, started_at_ms;

        if (client_status == NULL || !read_started_at(item, &started_at_ms)) {
            done = false;
            break;
        }
        if (is_over(client_status))
            continue;
        placement->allocations++;
        (void)json_number(item, "CreateIndex", RH_ID_MAX, &index);
        if (index >= latest) {
            latest = index;
            placement->started_at_ms = started_at_ms;
        }
    }
    cJSON_Delete(json);
    if (!done) {
        *placement = (struct nomad_placement){0};
        return garbage(failure, "a job's allocations");
    }
    return true;
}

/* Begins one of the reasons. `nodes` is 0 where it is not of a number of nodes. */
static void
begin_reason(struct buffer *out, int64_t nodes)
{
    if (out->len > 0)
        (void)buffer_add_text(out, "; ");
    if (nodes > 0)
        (void)buffer_addf(out, "%" PRId64 " node%s: ", nodes, nodes == 1 ? "" : "s");
}

static void
add_word(struct buffer *out, const char *before, const char *word, const char *after)
{
    (void)buffer_add_text(out, before);
    (void)escape_plain(out, word, strlen(word), WORD_CHARS);
    (void)buffer_add_text(out, after);
}

static bool
begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* "memory" (before Nomad 0.9 "memory exhausted"), "network: bandwidth exceeded", … */
static void
add_dimension(struct buffer *out, const char *dimension)
{
    bool is_sentence = strstr(dimension, "exhausted") != NULL ||
                       strstr(dimension, "exceeded") != NULL || strstr(dimension, ": ") != NULL;

    add_word(out, "", dimension, is_sentence ? "" : " exhausted");
}

/* "${attr.kernel.name} = linux", "distinct_hosts", "missing drivers", "computed class ineligible"
 */
static void
add_constraint(struct buffer *out, const char *constraint)
{
    bool is_sentence =
        begins_with(constraint, "missing ") || begins_with(constraint, "computed class ");

    add_word(out, is_sentence ? "" : "constraint ", constraint, is_sentence ? "" : " filtered");
}

static void
add_class_exhausted(struct buffer *out, const char *class)
{
    add_word(out, "resources exhausted in class ", class, "");
}

static void
add_class_filtered(struct buffer *out, const char *class)
{
    add_word(out, "class ", class, " filtered");
}

/* Adds a reason for each entry of a map of counts, {"memory": 2}. False where there is none. */
static bool
add_counts(const cJSON *metric, const char *name, void (*add)(struct buffer *out, const char *key),
           struct buffer *out)
{
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(metric, name);
    const cJSON *item;
    bool is_any = false;

    cJSON_ArrayForEach(item, counts)
    {
        if (!cJSON_IsObject(counts) || !cJSON_IsNumber(item) || !(item->valuedouble >= 1) ||
            !(item->valuedouble <= INT32_MAX))
            continue;
        begin_reason(out, (int64_t)item->valuedouble);
        add(out, item->string);
        is_any = true;
    }
    return is_any;
}

static void
add_total(const cJSON *metric, const char *name, const char *what, struct buffer *out)
{
    int64_t nodes;

    if (json_number(metric, name, INT32_MAX, &nodes) && nodes > 0) {
        begin_reason(out, nodes);
        (void)buffer_add_text(out, what);
    }
}

/* Datacenters and node pools that have no node. */
static void
add_empty(const cJSON *metric, struct buffer *out)
{
    const cJSON *datacenters = cJSON_GetObjectItemCaseSensitive(metric, "NodesAvailable");
    const char *pool = json_text(metric, "NodePool");
    const cJSON *item;
    int64_t nodes;

    cJSON_ArrayForEach(item, datacenters)
    {
        if (cJSON_IsObject(datacenters) && cJSON_IsNumber(item) && item->valuedouble == 0) {
            begin_reason(out, 0);
            add_word(out, "no nodes in ", item->string, "");
        }
    }
    if (pool != NULL && pool[0] != '\0' && json_number(metric, "NodesInPool", INT32_MAX, &nodes) &&
        nodes == 0) {
        begin_reason(out, 0);
        add_word(out, "no nodes in pool ", pool, "");
    }
}

/* Why one task group could not be placed: what command/monitor.go (formatAllocMetrics) of Nomad
 * prints, in fewer words. Totals only where nothing says what they are made of. */
static void
add_metric(const cJSON *metric, struct buffer *out)
{
    const cJSON *quotas = cJSON_GetObjectItemCaseSensitive(metric, "QuotaExhausted");
    const cJSON *quota;
    size_t len = out->len;

    if (!add_counts(metric, "DimensionExhausted", add_dimension, out) &&
        !add_counts(metric, "ClassExhausted", add_class_exhausted, out))
        add_total(metric, "NodesExhausted", "resources exhausted", out);
    cJSON_ArrayForEach(quota, quotas)
    {
        if (cJSON_IsString(quota)) {
            begin_reason(out, 0);
            add_word(out, "quota: ", quota->valuestring, "");
        }
    }
    if (!add_counts(metric, "ConstraintFiltered", add_constraint, out) &&
        !add_counts(metric, "ClassFiltered", add_class_filtered, out))
        add_total(metric, "NodesFiltered", "filtered", out);
    add_empty(metric, out);
    if (out->len == len) {
        begin_reason(out, 0);
        (void)buffer_add_text(out, "no eligible nodes");
    }
}

/*
 * Whether an evaluation says something of the placement. One that waits for its turn or was
 * canceled (a second blocked one of the same job) does not; a blocked one only repeats what failed
 * before, and Nomad before 1.3 does not even do that.
 */
static bool
has_result(const cJSON *evaluation)
{
    const char *status = json_text(evaluation, "Status");
    const cJSON *failed = cJSON_GetObjectItemCaseSensitive(evaluation, "FailedTGAllocs");

    if (strcmp(status, "complete") == 0)
        return true;
    return (strcmp(status, "blocked") == 0 || strcmp(status, "failed") == 0) &&
           cJSON_GetArraySize(failed) > 0;
}

static bool
is_later(const cJSON *evaluation, const cJSON *than)
{
    static const char *const names[] = {"ModifyIndex", "CreateIndex"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t index, than_index;

        (void)json_number(evaluation, names[i], RH_ID_MAX, &index);
        (void)json_number(than, names[i], RH_ID_MAX, &than_index);
        if (index != than_index)
            return index > than_index;
    }
    return false;
}

bool
nomad_read_unplaced(const struct buffer *body, char reason[NOMAD_REASON_CAP],
                    struct failure *failure)
{
    struct buffer out = BUFFER_INIT(REASON_MAX);
    cJSON *json = json_parse_array(body);
    const cJSON *latest = NULL;
    const cJSON *item;
    bool done = json != NULL;

    reason[0] = '\0';
    cJSON_ArrayForEach(item, json)
    {
        if (json_text(item, "Status") == NULL) {
            done = false;
            break;
        }
        if (has_result(item) && (latest == NULL || is_later(item, latest)))
            latest = item;
    }
    if (!done) {
        (void)garbage(failure, "a job's evaluations");
        goto out;
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(latest, "FailedTGAllocs"))
    {
        if (cJSON_IsObject(item))
            add_metric(item, &out);
    }
    /* What is over either cap is cut: the first reasons are enough to act on. */
    (void)snprintf(reason, NOMAD_REASON_CAP, "%s", buffer_text(&out));
    escape_trim(reason);
out:
    buffer_fini(&out);
    cJSON_Delete(json);
    return done;
}

cJSON *
nomad_read_jobs(const struct buffer *body, struct failure *failure)
{
    cJSON *json = json_parse_array(body);
    const cJSON *item;
    bool good = json != NULL;

    cJSON_ArrayForEach(item, json)
    {
        if (json_text(item, "ID") == NULL)
            good = false;
    }
    if (good)
        return json;
    (void)garbage(failure, "its jobs");
    cJSON_Delete(json);
    return NULL;
}

bool
nomad_read_dispatched_at(const char *id, const char *parent, int64_t *at_s)
{
    const char *at = id;
    int64_t value = 0;
    size_t digits = 0;

    *at_s = 0;
    if (!begins_with(id, parent) || !begins_with(id + strlen(parent), DISPATCH_INFIX))
        return false;
    at += strlen(parent) + strlen(DISPATCH_INFIX);
    for (; at[digits] >= '0' && at[digits] <= '9'; digits++) {
        if (value > RH_ID_MAX / 10)
            return false;
        value = 10 * value + (at[digits] - '0');
    }
    if (digits == 0 || at[digits] != '-' || at[digits + 1] == '\0')
        return false;
    *at_s = value;
    return true;
}
