/*
 * The configuration: the file's entries, then the environment over them, then the defaults, then
 * what is required. SPDX-License-Identifier: MIT
 */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/file.h"
#include "config/keys.h"
#include "config/values.h"

/* While loading: what was set, and where, so that twice and not at all can be told. */
struct loader {
    struct config *config;
    enum config_use use;
    struct problems *problems;
    const char *path; /* NULL where there is no file */
    /* By pool (0: the other sections) and key: the line that set it, -1 for the environment, 0 for
     * nothing. */
    int lines[CONFIG_POOLS_MAX + 1][CONFIG_KEYS_CAP];
    int pool_lines[CONFIG_POOLS_MAX];
};

static struct pool *
pool_find(struct config *config, const char *name)
{
    for (size_t i = 0; i < config->pools_len; i++) {
        if (strcmp(config->pools[i].name, name) == 0)
            return &config->pools[i];
    }
    return NULL;
}

static struct pool *
pool_add(struct loader *loader, const char *name, const struct origin *origin)
{
    struct config *config = loader->config;
    struct rh_reason reason;
    struct pool *pool;

    if (config->pools_len == CONFIG_POOLS_MAX) {
        problems_error(loader->problems, origin, "at most %d pools", CONFIG_POOLS_MAX);
        return NULL;
    }
    pool = &config->pools[config->pools_len];
    if (!value_name(name, CONFIG_POOL_NAME_MAX, false, &pool->name, &reason)) {
        problems_error(loader->problems, origin, "[pool NAME]: the name %s", reason.text);
        return NULL;
    }
    loader->pool_lines[config->pools_len++] = origin->line;
    return pool;
}

/* Which member a key's value goes to, and the row of its marks. */
static void *
key_base(struct loader *loader, struct pool *pool, int **marks)
{
    if (pool == NULL) {
        *marks = loader->lines[0];
        return loader->config;
    }
    *marks = loader->lines[pool - loader->config->pools + 1];
    return pool;
}

/* Applies one value. `mark` is its line, or -1 for the environment, which overrides. */
static void
apply(struct loader *loader, const struct key *key, struct pool *pool, const char *name,
      const char *text, bool is_file, const struct origin *origin, int mark)
{
    struct rh_reason reason;
    int *marks;
    void *base = key_base(loader, pool, &marks);
    int *set_by = &marks[key - config_keys];

    if (*set_by != 0 && mark > 0) {
        problems_error(loader->problems, origin, "%s is set already, on line %d", name, *set_by);
        return;
    }
    *set_by = mark;
    if (key->kind == VALUE_SECRET && loader->use == CONFIG_WITHOUT_SECRETS)
        return;
    if (key_set(key, base, text, is_file, &reason))
        return;
    if (origin->file != NULL)
        problems_error(loader->problems, origin, "[%s%s%s] %s: %s", key->section,
                       pool == NULL ? "" : " ", pool == NULL ? "" : pool->name, name, reason.text);
    else
        problems_error(loader->problems, origin, "%s", reason.text);
}

/* Splits "pool NAME". Returns the section as the table names it; NULL where it is unknown. */
static const char *
section_kind(const char *section, const char **pool_name)
{
    *pool_name = NULL;
    if (strncmp(section, "pool", 4) == 0 && (section[4] == ' ' || section[4] == '\0')) {
        *pool_name = section + 4 + strspn(section + 4, " ");
        return "pool";
    }
    return key_section_known(section) ? section : NULL;
}

static void
apply_entry(struct loader *loader, const struct file_entries *entries, struct file_entry *entry)
{
    struct origin origin = {.file = loader->path, .line = entry->line};
    const char *pool_name, *section = section_kind(entry->section, &pool_name);
    const struct key *key;
    struct pool *pool = NULL;
    bool is_file = false;

    if (section == NULL || (entry->section[0] == '\0' && entry->name != NULL)) {
        if (entry->name == NULL || entry->section[0] == '\0')
            problems_error(loader->problems, &origin,
                           "unknown section [%.64s]: there are [server], [github], [nomad], "
                           "[audit] and [pool NAME]",
                           entry->section);
        return; /* its keys are not worth a line each */
    }
    if (pool_name != NULL) {
        pool = pool_find(loader->config, pool_name);
        if (pool == NULL && entry->name == NULL) {
            (void)pool_add(loader, pool_name, &origin);
            return;
        }
        if (pool == NULL) { /* its header was refused; or, against all care, not seen */
            if (loader->problems->errors == 0)
                problems_error(loader->problems, &origin, "%s stands in no section", entry->name);
            return;
        }
        if (entry->name == NULL)
            problems_error(loader->problems, &origin, "[pool %s] stands there twice", pool->name);
    }
    if (entry->name == NULL)
        return;
    key = key_find(section, entry->name, &is_file);
    if (key == NULL) {
        problems_error(loader->problems, &origin, "[%.64s] has no key \"%.64s\"", entry->section,
                       entry->name);
        return;
    }
    if (entry->is_continued && !key_is_list(key)) {
        problems_error(loader->problems, &origin,
                       "%s goes on over an indented line, and only lists may", entry->name);
        return;
    }
    if (key->kind == VALUE_SECRET && !is_file) {
        if (entry->has_comment) {
            problems_error(loader->problems, &origin,
                           "%s is cut at the ';', which begins a comment: put the secret into a "
                           "file and name it with %s_file",
                           entry->name, entry->name);
            return;
        }
        if (entries->others_can_read)
            problems_warning(loader->problems, &origin,
                             "%s is a secret and others can read this file: run chmod o= on it, or "
                             "use %s_file",
                             entry->name, entry->name);
    }
    apply(loader, key, pool, entry->name, entry->value, is_file, &origin, entry->line);
}

/* The variable's own value, or for a secret the file that NAME_FILE names. */
static void
apply_variable(struct loader *loader, config_environment environment, const struct key *key,
               struct pool *pool)
{
    char name[64];
    const char *text = environment(key->environment);
    struct origin origin = {.name = key->environment};

    if (text != NULL && text[0] != '\0') {
        apply(loader, key, pool, key->name, text, false, &origin, -1);
        return;
    }
    if (key->kind != VALUE_SECRET)
        return;
    (void)snprintf(name, sizeof name, "%s_FILE", key->environment);
    text = environment(name);
    origin.name = name;
    if (text != NULL && text[0] != '\0')
        apply(loader, key, pool, key->name, text, true, &origin, -1);
}

static void
apply_environment(struct loader *loader, config_environment environment)
{
    for (size_t i = 0; i < config_keys_len; i++) {
        if (config_keys[i].environment != NULL)
            apply_variable(loader, environment, &config_keys[i], NULL);
    }
}

/* With no pool in any file, one serves `self-hosted`; its two keys then have variables of their
 * own. */
static void
add_default_pool(struct loader *loader, config_environment environment)
{
    static const struct {
        const char *key, *variable, *fallback;
    } values[] = {
        {"labels", "RUNHOOK_LABELS", "self-hosted"},
        {"nomad_job", "RUNHOOK_NOMAD_JOB", "github-runner"},
    };
    struct origin origin = {0};
    struct pool *pool = pool_add(loader, "default", &origin);

    for (size_t i = 0; pool != NULL && i < sizeof values / sizeof values[0]; i++) {
        const char *text = environment(values[i].variable);
        bool is_file;

        origin.name = values[i].variable;
        if (text == NULL || text[0] == '\0')
            text = values[i].fallback;
        apply(loader, key_find("pool", values[i].key, &is_file), pool, values[i].key, text, false,
              &origin, -1);
    }
}

/* Gives every key that nothing set its default, and says which are missing. */
static void
complete(struct loader *loader, struct pool *pool)
{
    struct origin origin = {.file = loader->path};
    struct rh_reason reason;
    int *marks;
    void *base = key_base(loader, pool, &marks);

    if (pool != NULL)
        origin.line = loader->pool_lines[pool - loader->config->pools];
    for (size_t i = 0; i < config_keys_len; i++) {
        const struct key *key = &config_keys[i];

        if (marks[i] != 0 || (strcmp(key->section, "pool") == 0) != (pool != NULL))
            continue;
        if (key->fallback != NULL && !key_set(key, base, key->fallback, false, &reason))
            problems_error(loader->problems, &origin, "%s: %s", key->name, reason.text);
        if (!key->required || (key->kind == VALUE_SECRET && loader->use == CONFIG_WITHOUT_SECRETS))
            continue;
        if (pool != NULL)
            problems_error(loader->problems, &origin, "[pool %s] needs %s", pool->name, key->name);
        else if (key->environment != NULL)
            problems_error(loader->problems, &origin,
                           "[%s] needs %s_file (or %s, or the environment variable %s)",
                           key->section, key->name, key->name, key->environment);
    }
}

/* What no single key can tell. */
static void
check_together(struct loader *loader)
{
    const struct config *config = loader->config;
    struct origin origin = {.file = loader->path};
    bool is_https =
        config->nomad.address != NULL && strncmp(config->nomad.address, "https:", 6) == 0;

    if ((config->nomad.client_cert == NULL) != (config->nomad.client_key == NULL))
        problems_error(loader->problems, &origin,
                       "[nomad] client_cert and client_key go together: set both or neither");
    /* Only a warning: NOMAD_CACERT often stands in an environment whatever the address is. */
    if (!is_https && (config->nomad.ca_cert != NULL || config->nomad.client_cert != NULL ||
                      config->nomad.tls_server_name != NULL))
        problems_warning(loader->problems, &origin,
                         "[nomad] has TLS keys, which do nothing: its address does not begin with "
                         "https://");
    if (loader->use == CONFIG_WHOLE && (config->nomad.cf_access_client_id == NULL) !=
                                           (config->nomad.cf_access_client_secret == NULL))
        problems_error(loader->problems, &origin,
                       "[nomad] cf_access_client_id and cf_access_client_secret go together: set "
                       "both or neither");
    if (config->server.retry_initial_s > config->server.retry_max_s)
        problems_error(loader->problems, &origin,
                       "[server] retry_initial must not be over retry_max");
    if (config->audit.interval_s > config->audit.interval_max_s)
        problems_error(loader->problems, &origin, "[audit] interval must not be over interval_max");
    if (config->github.repositories.len > 0 && config->audit.discover_interval_s == 0)
        problems_warning(loader->problems, &origin,
                         "[github] repositories does nothing: [audit] discover_interval is 0");
}

/* Which file to read; NULL for none. */
static const char *
choose_path(const char *path, config_environment environment)
{
    if (path != NULL)
        return path;
    path = environment("RUNHOOK_CONFIG");
    if (path != NULL && path[0] != '\0')
        return path;
    /* One that is there but cannot be read is an error, not an absence. */
    return access(CONFIG_DEFAULT_PATH, F_OK) == 0 ? CONFIG_DEFAULT_PATH : NULL;
}

struct config *
config_load(const char *path, config_environment environment, enum config_use use,
            struct problems *problems)
{
    struct file_entries entries = {0};
    const struct origin nowhere = {0};
    struct loader *loader = calloc(1, sizeof *loader);
    struct config *config = calloc(1, sizeof *config);

    if (loader == NULL || config == NULL ||
        (config->pools = calloc(CONFIG_POOLS_MAX, sizeof *config->pools)) == NULL) {
        problems_error(problems, &nowhere, "out of memory");
        goto out;
    }
    *loader = (struct loader){
        .config = config, .use = use, .problems = problems, .path = choose_path(path, environment)};
    if (loader->path != NULL && !file_read(loader->path, &entries, problems))
        goto out;
    for (size_t i = 0; i < entries.len; i++)
        apply_entry(loader, &entries, &entries.items[i]);
    if (config->pools_len == 0 && problems->errors == 0)
        add_default_pool(loader, environment);
    apply_environment(loader, environment);
    complete(loader, NULL);
    for (size_t i = 0; i < config->pools_len; i++)
        complete(loader, &config->pools[i]);
    check_together(loader);
out:
    file_entries_fini(&entries);
    free(loader);
    if (problems->errors == 0)
        return config;
    config_free(config);
    return NULL;
}

void
config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config_keys_len; i++) {
        const struct key *key = &config_keys[i];

        if (strcmp(key->section, "pool") != 0) {
            key_fini(key, config);
            continue;
        }
        for (size_t j = 0; j < config->pools_len; j++)
            key_fini(key, &config->pools[j]);
    }
    for (size_t i = 0; i < config->pools_len; i++)
        free(config->pools[i].name);
    free(config->pools);
    free(config);
}
