/*
 * The table of configuration keys.
 * SPDX-License-Identifier: MIT
 */
#include "config/keys.h"

#include <stdlib.h>
#include <string.h>

#include "config/values.h"

#define PATH_LEN_MAX 4096

/* One row. What follows the member are designated initializers of the rest. */
#define ROW(base, section_name, key_name, value_kind, member, ...)           \
    {                                                                        \
        .section = (section_name), .name = (key_name), .kind = (value_kind), \
        .offset = offsetof(struct base, member), __VA_ARGS__                 \
    }
#define SERVER(name, kind, member, ...) \
    ROW(config, "server", name, kind, server.member, __VA_ARGS__)
#define GITHUB(name, kind, member, ...) \
    ROW(config, "github", name, kind, github.member, __VA_ARGS__)
#define NOMAD(name, kind, member, ...) ROW(config, "nomad", name, kind, nomad.member, __VA_ARGS__)
#define AUDIT(name, kind, member, ...) ROW(config, "audit", name, kind, audit.member, __VA_ARGS__)
#define ACCESS(name, kind, member, ...) \
    ROW(config, "access", name, kind, access.member, __VA_ARGS__)
#define POOL(name, kind, member, ...) ROW(pool, "pool", name, kind, member, __VA_ARGS__)
#define OWNER(name, kind, member, ...) \
    ROW(owner_config, "owner", name, kind, account.member, __VA_ARGS__)

static const char *const scopes[] = {"repository", "organization", "enterprise", NULL};
static const char *const credentials[] = {"registration-token", "jit", NULL};
static const char *const permits[] = {"allow", "deny", NULL};

const struct key config_keys[] = {
    SERVER("ledger", VALUE_PATH, ledger, .fallback = "/var/lib/runhook/ledger.db",
           .environment = "RUNHOOK_LEDGER", .is_fixed = true),
    SERVER("listen", VALUE_LISTEN, listen, .environment = "RUNHOOK_LISTEN", .is_fixed = true),
    SERVER("socket_mode", VALUE_MODE, socket_mode, .fallback = "0660", .is_fixed = true),
    SERVER("socket_group", VALUE_NAME, socket_group, .max = 64, .is_fixed = true),
    SERVER("threads", VALUE_NUMBER, threads, .min = 1, .max = 64, .fallback = "16",
           .is_fixed = true),
    SERVER("dispatchers", VALUE_NUMBER, dispatchers, .min = 1, .max = 64, .fallback = "4",
           .is_fixed = true),
    SERVER("syscall_filter", VALUE_BOOL, syscall_filter, .fallback = "yes", .is_fixed = true),
    SERVER("max_body", VALUE_NUMBER, max_body, .min = 1024, .max = 26214400, .fallback = "1048576"),
    SERVER("log_file", VALUE_PATH, log_file),
    /* The rest of a runner's name is 8 + 16 + 10 digits and 3 dashes; GitHub takes 64. */
    SERVER("runner_prefix", VALUE_NAME, runner_prefix, .max = 24, .fallback = "runhook"),
    SERVER("retry_initial", VALUE_NUMBER, retry_initial_s, .min = 1, .max = 3600, .fallback = "2"),
    /* Over the day after which GitHub gives up on a job, or a delivery replayed after that would
     * find its job forgotten. */
    SERVER("retention", VALUE_NUMBER, retention_d, .min = 2, .max = 3650, .fallback = "7"),
    SERVER("retry_max", VALUE_NUMBER, retry_max_s, .min = 1, .max = 86400, .fallback = "300"),
    /* Loopback, private (RFC 1918, RFC 4193), link-local, and shared address space (RFC 6598),
     * which overlay networks use. */
    SERVER("pages_from", VALUE_NETWORKS, pages_from,
           .fallback = "127.0.0.0/8, ::1, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7, "
                       "169.254.0.0/16, fe80::/10, 100.64.0.0/10"),
    SERVER("pages_via_proxy", VALUE_BOOL, pages_via_proxy, .fallback = "no"),

    GITHUB("api_url", VALUE_URL, api_url, .fallback = "https://api.github.com",
           .environment = "GITHUB_API_URL"),
    GITHUB("api_version", VALUE_NAME, api_version, .max = 32, .fallback = "2022-11-28"),
    GITHUB("webhook_secret", VALUE_SECRET, webhook_secret, .environment = "GITHUB_WEBHOOK_SECRET",
           .required = true),
    GITHUB("webhook_secret_previous", VALUE_SECRET, webhook_secret_previous,
           .environment = "GITHUB_WEBHOOK_SECRET_PREVIOUS"),
    GITHUB("token", VALUE_SECRET, account.token, .environment = "GITHUB_TOKEN",
           .path_offset = offsetof(struct config, github.account.token_file)),
    GITHUB("app_id", VALUE_NAME, account.app_id, .max = 64, .environment = "GITHUB_APP_ID"),
    GITHUB("private_key", VALUE_PRIVATE_KEY, account.private_key,
           .environment = "GITHUB_APP_PRIVATE_KEY",
           .path_offset = offsetof(struct config, github.account.private_key_file)),
    GITHUB("repositories", VALUE_REPOSITORIES, repositories),
    /* GitHub's own bound of what it calls content-generating requests (docs.github.com, "Rate
     * limits for the REST API", secondary rate limits). */
    GITHUB("content_per_minute", VALUE_NUMBER, content_per_minute, .min = 1, .max = 100000,
           .fallback = "80"),
    GITHUB("connect_timeout", VALUE_NUMBER, connect_timeout_s, .min = 1, .max = 60,
           .fallback = "5"),
    GITHUB("timeout", VALUE_NUMBER, timeout_s, .min = 1, .max = 300, .fallback = "20"),

    NOMAD("address", VALUE_ADDRESS, address, .fallback = "http://127.0.0.1:4646",
          .environment = "NOMAD_ADDR"),
    NOMAD("token", VALUE_SECRET, token, .environment = "NOMAD_TOKEN",
          .path_offset = offsetof(struct config, nomad.token_file)),
    NOMAD("namespace", VALUE_TEXT, ns, .max = 128, .environment = "NOMAD_NAMESPACE"),
    NOMAD("region", VALUE_TEXT, region, .max = 128, .environment = "NOMAD_REGION"),
    NOMAD("ca_cert", VALUE_PATH, ca_cert, .environment = "NOMAD_CACERT"),
    NOMAD("client_cert", VALUE_PATH, client_cert, .environment = "NOMAD_CLIENT_CERT"),
    NOMAD("client_key", VALUE_PATH, client_key, .environment = "NOMAD_CLIENT_KEY"),
    NOMAD("tls_server_name", VALUE_NAME, tls_server_name, .max = 253,
          .environment = "NOMAD_TLS_SERVER_NAME"),
    NOMAD("cf_access_client_id", VALUE_SECRET, cf_access_client_id,
          .environment = "CF_ACCESS_CLIENT_ID"),
    NOMAD("cf_access_client_secret", VALUE_SECRET, cf_access_client_secret,
          .environment = "CF_ACCESS_CLIENT_SECRET"),
    NOMAD("connect_timeout", VALUE_NUMBER, connect_timeout_s, .min = 1, .max = 60, .fallback = "5"),
    NOMAD("timeout", VALUE_NUMBER, timeout_s, .min = 1, .max = 300, .fallback = "20"),

    AUDIT("interval", VALUE_NUMBER, interval_s, .min = 1, .max = 86400, .fallback = "30"),
    AUDIT("interval_max", VALUE_NUMBER, interval_max_s, .min = 1, .max = 86400, .fallback = "480"),
    AUDIT("idle_timeout", VALUE_NUMBER, idle_timeout_s, .min = 1, .max = 86400, .fallback = "600"),
    AUDIT("register_timeout", VALUE_NUMBER, register_timeout_s, .min = 1, .max = 86400,
          .fallback = "300"),
    /* Under the hour for which a registration token lives, with time left to register in. */
    AUDIT("placement_timeout", VALUE_NUMBER, placement_timeout_s, .min = 1, .max = 86400,
          .fallback = "3000"),
    AUDIT("leave_timeout", VALUE_NUMBER, leave_timeout_s, .min = 1, .max = 86400, .fallback = "60"),
    AUDIT("replacements", VALUE_NUMBER, replacements, .min = 0, .max = 1000, .fallback = "5"),
    /* Under half of the 5000 requests an hour that GitHub grants a user: registration tokens and
     * whatever else the user runs need the rest. */
    AUDIT("github_calls", VALUE_NUMBER, github_calls, .min = 60, .max = 1000000,
          .fallback = "2000"),
    AUDIT("discover_interval", VALUE_NUMBER, discover_interval_s, .min = 0, .max = 86400,
          .fallback = "300"),
    AUDIT("discover_window", VALUE_NUMBER, discover_window_s, .min = 3600, .max = 31536000,
          .fallback = "604800"),
    AUDIT("redeliver_interval", VALUE_NUMBER, redeliver_interval_s, .min = 0, .max = 86400,
          .fallback = "1800"),

    ACCESS("repositories", VALUE_REPOSITORY_PATTERNS, repositories),
    ACCESS("owners", VALUE_OWNER_PATTERNS, owners),
    ACCESS("public_repositories", VALUE_CHOICE, public_repositories, .choices = permits,
           .min = PERMIT_ALLOW, .fallback = "allow"),
    ACCESS("fork_pull_requests", VALUE_FORKS, fork_pull_requests, .fallback = "allow"),

    OWNER("token", VALUE_SECRET, token,
          .path_offset = offsetof(struct owner_config, account.token_file)),
    OWNER("app_id", VALUE_NAME, app_id, .max = 64),
    OWNER("private_key", VALUE_PRIVATE_KEY, private_key,
          .path_offset = offsetof(struct owner_config, account.private_key_file)),

    POOL("labels", VALUE_LABELS, labels, .required = true),
    POOL("nomad_job", VALUE_NOMAD_JOB, nomad_job, .max = 128, .required = true),
    POOL("max_runners", VALUE_NUMBER, max_runners, .min = 1, .max = 100000, .fallback = "8"),
    POOL("max_pending", VALUE_NUMBER, max_pending, .min = 0, .max = 100000, .fallback = "0"),
    POOL("require_self_hosted", VALUE_BOOL, require_self_hosted, .fallback = "yes"),
    POOL("meta", VALUE_META, meta),
    POOL("scope", VALUE_CHOICE, scope, .choices = scopes, .fallback = "repository"),
    POOL("enterprise", VALUE_NAME, enterprise, .max = 64),
    POOL("credential", VALUE_CHOICE, credential, .choices = credentials,
         .fallback = "registration-token"),
    POOL("runner_group", VALUE_TEXT, runner_group, .max = 128),
    POOL("work_folder", VALUE_TEXT, work_folder, .max = 255),
    POOL("repositories", VALUE_REPOSITORY_PATTERNS, access.repositories),
    POOL("owners", VALUE_OWNER_PATTERNS, access.owners),
    POOL("public_repositories", VALUE_CHOICE, access.public_repositories, .choices = permits,
         .min = PERMIT_ALLOW),
    POOL("fork_pull_requests", VALUE_FORKS, access.fork_pull_requests),
};
const size_t config_keys_len = sizeof config_keys / sizeof config_keys[0];
_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_CAP,
               "a mark for each key");

const struct key *
key_find(const char *section, const char *name, bool *is_file)
{
    for (size_t i = 0; i < config_keys_len; i++) {
        const struct key *key = &config_keys[i];
        size_t len = strlen(key->name);

        if (strcmp(key->section, section) != 0 || strncmp(key->name, name, len) != 0)
            continue;
        *is_file = key_is_secret(key) && strcmp(name + len, "_file") == 0;
        if (*is_file || name[len] == '\0')
            return key;
    }
    return NULL;
}

bool
key_section_known(const char *section)
{
    for (size_t i = 0; i < config_keys_len; i++) {
        if (strcmp(config_keys[i].section, section) == 0)
            return true;
    }
    return false;
}

bool
key_is_secret(const struct key *key)
{
    return key->kind == VALUE_SECRET || key->kind == VALUE_PRIVATE_KEY;
}

bool
key_is_list(const struct key *key)
{
    switch (key->kind) {
    case VALUE_LABELS:
    case VALUE_META:
    case VALUE_REPOSITORIES:
    case VALUE_REPOSITORY_PATTERNS:
    case VALUE_OWNER_PATTERNS:
    case VALUE_NETWORKS:
        return true;
    default:
        return false;
    }
}

/* The environment may put a token in place over one from a file: then there is no file. */
static bool
set_secret(const struct key *key, void *base, const char *text, bool is_file,
           struct rh_reason *reason)
{
    struct rh_secret **member = (void *)((char *)base + key->offset);
    char **path = key->path_offset == 0 ? NULL : (void *)((char *)base + key->path_offset);

    if (path != NULL) {
        free(*path);
        *path = NULL;
    }
    if (key->kind == VALUE_PRIVATE_KEY) {
        if (!(is_file ? value_private_key_file : value_private_key)(text, member, reason))
            return false;
    } else if (!(is_file ? value_secret_file : value_secret)(text, member, reason)) {
        return false;
    }
    return !is_file || path == NULL || value_text(text, PATH_LEN_MAX, path, reason);
}

bool
key_set(const struct key *key, void *base, const char *text, bool is_file, struct rh_reason *reason)
{
    void *member = (char *)base + key->offset;

    switch (key->kind) {
    case VALUE_NUMBER:
        return value_number(text, key->min, key->max, member, reason);
    case VALUE_MODE:
        return value_mode(text, member, reason);
    case VALUE_BOOL:
        return value_bool(text, member, reason);
    case VALUE_TEXT:
        return value_text(text, key->max, member, reason);
    case VALUE_PATH:
        return value_path(text, member, reason);
    case VALUE_URL:
        return value_url(text, false, member, reason);
    case VALUE_ADDRESS:
        return value_url(text, true, member, reason);
    case VALUE_LISTEN:
        return value_listen(text, member, reason);
    case VALUE_NAME:
        return value_name(text, key->max, false, member, reason);
    case VALUE_NOMAD_JOB: /* Nomad takes any job id without blanks; a slash stands in names of
                             folders */
        return value_name(text, key->max, true, member, reason);
    case VALUE_LABELS:
        return value_labels(text, member, reason);
    case VALUE_META:
        return value_meta(text, member, reason);
    case VALUE_REPOSITORIES:
        return value_repositories(text, member, reason);
    case VALUE_REPOSITORY_PATTERNS:
        return value_patterns(text, true, member, reason);
    case VALUE_OWNER_PATTERNS:
        return value_patterns(text, false, member, reason);
    case VALUE_CHOICE:
        return value_choice(text, key->choices, (int)key->min, member, reason);
    case VALUE_FORKS:
        return value_forks(text, member, reason);
    case VALUE_NETWORKS:
        return value_networks(text, member, reason);
    case VALUE_SECRET:
    case VALUE_PRIVATE_KEY:
        return set_secret(key, base, text, is_file, reason);
    }
    return false;
}

/* The size of a member without anything behind it; 0 of a text. */
static size_t
plain_size(const struct key *key)
{
    switch (key->kind) {
    case VALUE_NUMBER:
    case VALUE_MODE:
        return sizeof(int64_t);
    case VALUE_BOOL:
        return sizeof(bool);
    default:
        return 0;
    }
}

bool
key_same(const struct key *key, const void *one, const void *other)
{
    const void *members[] = {(const char *)one + key->offset, (const char *)other + key->offset};
    const char *texts[2];

    if (plain_size(key) > 0)
        return memcmp(members[0], members[1], plain_size(key)) == 0;
    for (size_t i = 0; i < 2; i++)
        texts[i] = *(char *const *)members[i];
    if (texts[0] == NULL || texts[1] == NULL)
        return texts[0] == texts[1];
    return strcmp(texts[0], texts[1]) == 0;
}

bool
key_copy(const struct key *key, void *to, const void *from)
{
    void *member = (char *)to + key->offset;
    const void *source = (const char *)from + key->offset;
    const char *text;
    char *copy;

    if (plain_size(key) > 0) {
        memcpy(member, source, plain_size(key));
        return true;
    }
    text = *(char *const *)source;
    copy = text == NULL ? NULL : strdup(text);
    if (text != NULL && copy == NULL)
        return false;
    free(*(char **)member);
    *(char **)member = copy;
    return true;
}

void
key_fini(const struct key *key, void *base)
{
    void *member = (char *)base + key->offset;

    switch (key->kind) {
    case VALUE_TEXT:
    case VALUE_PATH:
    case VALUE_URL:
    case VALUE_ADDRESS:
    case VALUE_LISTEN:
    case VALUE_NAME:
    case VALUE_NOMAD_JOB:
        free(*(char **)member);
        break;
    case VALUE_LABELS:
        rh_labels_fini(member);
        break;
    case VALUE_REPOSITORIES:
    case VALUE_REPOSITORY_PATTERNS:
    case VALUE_OWNER_PATTERNS:
        names_fini(member);
        break;
    case VALUE_FORKS:
        free(((struct fork_rule *)member)->pool);
        break;
    case VALUE_NETWORKS:
        networks_fini(member);
        break;
    case VALUE_SECRET:
    case VALUE_PRIVATE_KEY:
        rh_secret_free(*(struct rh_secret **)member);
        if (key->path_offset != 0)
            free(*(char **)(void *)((char *)base + key->path_offset));
        break;
    case VALUE_NUMBER:
    case VALUE_MODE:
    case VALUE_BOOL:
    case VALUE_META:
    case VALUE_CHOICE:
        break;
    }
}
