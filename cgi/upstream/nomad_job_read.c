/*
 * What Nomad's HTTP API answers about an agent, a token and a parameterized job. Forms: api/ of
 * Nomad's source (AgentSelf, ACLToken, Job, TaskGroup), and command/agent/config.go.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/nomad_job_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <runhook/delivery.h>

#include "text/escape.h"
#include "text/json.h"

/* The longest duration that is read. */
#define DURATION_MAX_S (INT64_C(1000) * 365 * 86400)

static bool
garbage(struct failure *failure, const char *what)
{
    return failure_garbage(failure, UPSTREAM_NOMAD,
                           "Nomad's answer about %s cannot be read: is [nomad] address Nomad's?",
                           what);
}

bool
nomad_read_leader(const struct buffer *body, bool *has_leader, struct failure *failure)
{
    cJSON *json = json_parse_text(body);
    const char *text = cJSON_GetStringValue(json);
    bool done = text != NULL;

    *has_leader = done && text[0] != '\0';
    cJSON_Delete(json);
    return done || garbage(failure, "its leader");
}

bool
nomad_read_duration(const char *text, int64_t *seconds)
{
    static const struct {
        const char *name; /* the longer ones first */
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"µs", 1e-6}, {"ms", 1e-3},
                 {"s", 1},     {"m", 60},    {"h", 3600}};
    double total = 0;

    *seconds = 0;
    if (text[0] == '\0')
        return false;
    while (*text != '\0') {
        size_t digits = strspn(text, "0123456789."), i;
        char *end;
        double number = strtod(text, &end);

        /* strtod also takes signs, exponents and names, and none of these is a duration's. */
        if (digits == 0 || end != text + digits)
            return false;
        text = end;
        for (i = 0; i < sizeof units / sizeof units[0]; i++) {
            if (strncmp(text, units[i].name, strlen(units[i].name)) == 0)
                break;
        }
        if (i == sizeof units / sizeof units[0])
            return false;
        text += strlen(units[i].name);
        total += number * units[i].seconds;
    }
    if (!(total <= (double)DURATION_MAX_S))
        return false;
    *seconds = (int64_t)total;
    return true;
}

/* {"Version": "1.6.1", "VersionPrerelease": "beta.1", …} */
static bool
read_version(const cJSON *version, char out[NOMAD_NAME_CAP])
{
    const char *number = json_text(version, "Version");
    const char *prerelease = json_text(version, "VersionPrerelease");
    bool has_more = prerelease != NULL && prerelease[0] != '\0';

    if (number == NULL)
        return false;
    (void)snprintf(out, NOMAD_NAME_CAP, "%.64s%s%.64s", number, has_more ? "-" : "",
                   has_more ? prerelease : "");
    escape_trim(out);
    return true;
}

bool
nomad_read_agent(const struct buffer *body, struct nomad_agent *agent, struct failure *failure)
{
    cJSON *json = json_parse(body);
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(json, "config");
    const cJSON *server = cJSON_GetObjectItemCaseSensitive(config, "Server");
    const char *gc = json_text(server, "JobGCThreshold");
    bool done;

    *agent = (struct nomad_agent){.job_gc_s = -1};
    done = read_version(cJSON_GetObjectItemCaseSensitive(config, "Version"), agent->version);
    agent->is_server = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(server, "Enabled"));
    if (agent->is_server && gc != NULL && gc[0] != '\0' &&
        !nomad_read_duration(gc, &agent->job_gc_s))
        done = false;
    cJSON_Delete(json);
    if (done)
        return true;
    *agent = (struct nomad_agent){.job_gc_s = -1};
    return garbage(failure, "its agent");
}

bool
nomad_read_token(const struct buffer *body, struct nomad_token *token, struct failure *failure)
{
    cJSON *json = json_parse(body);
    const char *name = json_text(json, "Name"), *type = json_text(json, "Type");
    const cJSON *expires = cJSON_GetObjectItemCaseSensitive(json, "ExpirationTime");
    int64_t expires_at_s = 0;
    bool done =
        name != NULL && type != NULL &&
        (expires == NULL || cJSON_IsNull(expires) ||
         (cJSON_IsString(expires) && rh_time_parse(cJSON_GetStringValue(expires), &expires_at_s)));

    *token = (struct nomad_token){0};
    if (done) {
        escape_copy(token->name, sizeof token->name, name);
        token->is_management = strcmp(type, "management") == 0;
        /* Go's zero time, which is of the year 1, is none. */
        token->expires_at_ms = expires_at_s > 0 ? expires_at_s * 1000 : 0;
    }
    json_wipe(json); /* its SecretID is among them */
    return done || garbage(failure, "the token");
}

/* A list of texts, or null. */
static bool
read_names(const cJSON *object, const char *member, struct names *out)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, member), *item;

    if (array == NULL || cJSON_IsNull(array))
        return true;
    if (!cJSON_IsArray(array))
        return false;
    out->items = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof *out->items);
    if (out->items == NULL)
        return false;
    cJSON_ArrayForEach(item, array)
    {
        const char *text = cJSON_GetStringValue(item);

        if (text == NULL || (out->items[out->len] = strdup(text)) == NULL)
            return false;
        out->len++;
    }
    return true;
}

static bool
read_payload(const char *text, enum nomad_payload *payload)
{
    static const struct {
        const char *text;
        enum nomad_payload payload;
    } known[] = {{"", NOMAD_PAYLOAD_OPTIONAL},
                 {"optional", NOMAD_PAYLOAD_OPTIONAL},
                 {"required", NOMAD_PAYLOAD_REQUIRED},
                 {"forbidden", NOMAD_PAYLOAD_FORBIDDEN}};

    for (size_t i = 0; text != NULL && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(text, known[i].text) == 0) {
            *payload = known[i].payload;
            return true;
        }
    }
    return false;
}

/* Whether a policy of restarts starts anything: one that only delays goes on for ever. */
static bool
restarts(const cJSON *policy)
{
    const char *mode = json_text(policy, "Mode");
    int64_t attempts;

    return cJSON_IsObject(policy) &&
           ((json_number(policy, "Attempts", RH_ID_MAX, &attempts) && attempts > 0) ||
            (mode != NULL && strcmp(mode, "delay") == 0));
}

/* A group's tasks have policies of their own, which Nomad has merged with the group's. One that
 * follows the others (a poststop task, say) starts no runner. */
static bool
task_restarts(const cJSON *group)
{
    const cJSON *tasks = cJSON_GetObjectItemCaseSensitive(group, "Tasks"), *task;

    cJSON_ArrayForEach(task, tasks)
    {
        const cJSON *lifecycle = cJSON_GetObjectItemCaseSensitive(task, "Lifecycle");

        if (!cJSON_IsObject(lifecycle) &&
            restarts(cJSON_GetObjectItemCaseSensitive(task, "RestartPolicy")))
            return true;
    }
    return false;
}

static bool
reschedules(const cJSON *group)
{
    const cJSON *policy = cJSON_GetObjectItemCaseSensitive(group, "ReschedulePolicy");
    int64_t attempts;

    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(policy, "Unlimited")) ||
           (json_number(policy, "Attempts", RH_ID_MAX, &attempts) && attempts > 0);
}

/* Nomad before 1.7 has neither member, and cannot be told. */
static bool
replaces_lost(const cJSON *group)
{
    const cJSON *disconnect = cJSON_GetObjectItemCaseSensitive(group, "Disconnect");
    const cJSON *prevent = cJSON_GetObjectItemCaseSensitive(group, "PreventRescheduleOnLost");

    if (disconnect == NULL && prevent == NULL)
        return false;
    return !cJSON_IsTrue(prevent) &&
           !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(disconnect, "Replace"));
}

static void
note_group(const cJSON *group, char out[NOMAD_NAME_CAP])
{
    const char *name = json_text(group, "Name");

    if (out[0] == '\0')
        escape_copy(out, NOMAD_NAME_CAP, name == NULL || name[0] == '\0' ? "?" : name);
}

static void
read_groups(const cJSON *groups, struct nomad_again *again)
{
    const cJSON *group;

    cJSON_ArrayForEach(group, groups)
    {
        if (restarts(cJSON_GetObjectItemCaseSensitive(group, "RestartPolicy")) ||
            task_restarts(group))
            note_group(group, again->restart);
        if (reschedules(group))
            note_group(group, again->reschedule);
        if (replaces_lost(group))
            note_group(group, again->replace);
    }
}

bool
nomad_read_job(const struct buffer *body, const char *id, struct nomad_job *job,
               struct failure *failure)
{
    cJSON *json = json_parse(body);
    const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(json, "ParameterizedJob");
    const cJSON *stop = cJSON_GetObjectItemCaseSensitive(json, "Stop");
    const char *read_id = json_text(json, "ID"), *type = json_text(json, "Type");
    bool done = read_id != NULL && strcmp(read_id, id) == 0 && type != NULL && cJSON_IsBool(stop) &&
                (parameters == NULL || cJSON_IsNull(parameters) || cJSON_IsObject(parameters));

    *job = (struct nomad_job){0};
    if (done) {
        job->is_batch = strcmp(type, "batch") == 0;
        job->is_stopped = cJSON_IsTrue(stop);
        job->is_parameterized = cJSON_IsObject(parameters);
        read_groups(cJSON_GetObjectItemCaseSensitive(json, "TaskGroups"), &job->again);
    }
    if (done && job->is_parameterized)
        done = read_payload(json_text(parameters, "Payload"), &job->payload) &&
               read_names(parameters, "MetaRequired", &job->meta_required) &&
               read_names(parameters, "MetaOptional", &job->meta_optional);
    if (!done)
        nomad_job_fini(job);
    json_wipe(json);
    return done || garbage(failure, "a job");
}
