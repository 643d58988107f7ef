/*
 * The configuration: the file's entries, then the environment over them, then the defaults, then
 * what is required. SPDX-License-Identifier: MIT
 */
#include "config/config.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config/access.h"
#include "config/file.h"
#include "config/keys.h"
#include "config/place.h"
#include "config/secret_path.h"
#include "config/values.h"

#define OWNER_NAME_MAX 128

/* GitHub takes no more for one runner (docs.github.com, "Create configuration for a just-in-time
 * runner"). */
#define GITHUB_JIT_LABELS 100

/* What a section's keys go to, and the marks of what was set. */
struct home {
    const char *kind; /* as the table of keys has it */
    const char *name; /* of [pool NAME] and [owner NAME]; NULL for the other sections */
    void *base;
    int *marks;
    int line; /* of its header; 0 where no file has it */
};

/* By key: the line that set it, -1 for the environment, 0 for nothing. */
typedef int marks[CONFIG_KEYS_CAP];

/* While loading: what was set, and where, so that twice and not at all can be told. */
struct loader {
    struct config *config;
    enum config_use use;
    struct problems *problems;
    const char *path; /* NULL where there is no file */
    struct secret_folders folders;
    marks marks; /* of the sections that there is one of */
    marks pool_marks[CONFIG_POOLS_MAX];
    marks owner_marks[CONFIG_OWNERS_MAX];
    int pool_lines[CONFIG_POOLS_MAX];
    int owner_lines[CONFIG_OWNERS_MAX];
};

static struct home
plain_home(struct loader *loader, const char *section)
{
    return (struct home){.kind = section, .base = loader->config, .marks = loader->marks};
}

static struct home
pool_home(struct loader *loader, size_t i)
{
    struct pool *pool = &loader->config->pools[i];

    return (struct home){.kind = "pool",
                         .name = pool->name,
                         .base = pool,
                         .marks = loader->pool_marks[i],
                         .line = loader->pool_lines[i]};
}

static struct home
owner_home(struct loader *loader, size_t i)
{
    struct owner_config *owner = &loader->config->owners[i];

    return (struct home){.kind = "owner",
                         .name = owner->name,
                         .base = owner,
                         .marks = loader->owner_marks[i],
                         .line = loader->owner_lines[i]};
}

/* Finds [KIND NAME]. GitHub tells no case in owners' names. */
static bool
home_find(struct loader *loader, const char *kind, const char *name, struct home *home)
{
    const struct config *config = loader->config;

    for (size_t i = 0; strcmp(kind, "pool") == 0 && i < config->pools_len; i++) {
        *home = pool_home(loader, i);
        if (strcmp(home->name, name) == 0)
            return true;
    }
    for (size_t i = 0; strcmp(kind, "owner") == 0 && i < config->owners_len; i++) {
        *home = owner_home(loader, i);
        if (strcasecmp(home->name, name) == 0)
            return true;
    }
    return false;
}

static bool
pool_add(struct loader *loader, const char *name, const struct origin *origin, struct home *home)
{
    struct config *config = loader->config;
    struct rh_reason reason;

    if (config->pools_len == CONFIG_POOLS_MAX) {
        problems_error(loader->problems, origin, "at most %d pools", CONFIG_POOLS_MAX);
        return false;
    }
    if (!value_name(name, CONFIG_POOL_NAME_MAX, false, &config->pools[config->pools_len].name,
                    &reason)) {
        problems_error(loader->problems, origin, "[pool NAME]: the name %s", reason.text);
        return false;
    }
    loader->pool_lines[config->pools_len] = origin->line;
    *home = pool_home(loader, config->pools_len++);
    return true;
}

static bool
owner_add(struct loader *loader, const char *name, const struct origin *origin, struct home *home)
{
    struct config *config = loader->config;
    struct owner_config *owner = &config->owners[config->owners_len];
    const char *bare = name + strlen(PLACE_ENTERPRISE) * place_is_enterprise(name);
    struct rh_reason reason;

    if (config->owners_len == CONFIG_OWNERS_MAX) {
        problems_error(loader->problems, origin, "at most %d owners", CONFIG_OWNERS_MAX);
        return false;
    }
    if (!value_name(name, OWNER_NAME_MAX, true, &owner->name, &reason) ||
        strchr(bare, '/') != NULL || bare[0] == '\0') {
        problems_error(loader->problems, origin,
                       "[owner NAME]: the name must be a user's, an organization's or "
                       "enterprises/SLUG, of letters, digits, '.', '_' and '-'");
        free(owner->name);
        owner->name = NULL;
        return false;
    }
    loader->owner_lines[config->owners_len] = origin->line;
    *home = owner_home(loader, config->owners_len++);
    return true;
}

/* Sets a secret from its file, wherever that is. */
static bool
set_from_file(struct loader *loader, const struct key *key, const struct home *home,
              const char *name, const char *text, const struct origin *origin,
              struct rh_reason *reason)
{
    char *path = NULL;
    bool newer, done;

    if (!secret_path_find(text, &loader->folders, &path, &newer, reason))
        return false;
    done = key_set(key, home->base, path, true, reason);
    if (done && newer)
        problems_warning(loader->problems, origin,
                         "%s: %s/%s was changed after systemd had copied it: systemctl restart "
                         "runhook takes the new one",
                         name, loader->folders.beside, text);
    free(path);
    return done;
}

/* Applies one value. `mark` is its line, or -1 for the environment, which overrides. */
static void
apply(struct loader *loader, const struct key *key, const struct home *home, const char *name,
      const char *text, bool is_file, const struct origin *origin, int mark)
{
    struct rh_reason reason;
    int *set_by = &home->marks[key - config_keys];

    if (*set_by != 0 && mark > 0) {
        problems_error(loader->problems, origin, "%s is set already, on line %d", name, *set_by);
        return;
    }
    *set_by = mark;
    if (key_is_secret(key) && loader->use == CONFIG_WITHOUT_SECRETS)
        return;
    if (is_file ? set_from_file(loader, key, home, name, text, origin, &reason)
                : key_set(key, home->base, text, false, &reason))
        return;
    if (origin->file != NULL)
        problems_error(loader->problems, origin, "[%s%s%s] %s: %s", key->section,
                       home->name == NULL ? "" : " ", home->name == NULL ? "" : home->name, name,
                       reason.text);
    else
        problems_error(loader->problems, origin, "%s", reason.text);
}

/* Splits "pool NAME" and "owner NAME". Returns the section as the table names it; NULL where it is
 * unknown. `*name` is NULL for a section that has none. */
static const char *
section_kind(const char *section, const char **name)
{
    static const char *const named[] = {"pool", "owner"};

    *name = NULL;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        size_t len = strlen(named[i]);

        if (strncmp(section, named[i], len) == 0 && (section[len] == ' ' || section[len] == '\0')) {
            *name = section + len + strspn(section + len, " ");
            return named[i];
        }
    }
    return key_section_known(section) ? section : NULL;
}

/* Finds or, at its header, makes the home of [KIND NAME]. False where there is none, which was
 * said. */
static bool
named_home(struct loader *loader, const char *kind, const char *name,
           const struct file_entry *entry, const struct origin *origin, struct home *home)
{
    bool is_header = entry->name == NULL;

    if (home_find(loader, kind, name, home)) {
        if (is_header)
            problems_error(loader->problems, origin, "[%s %s] stands there twice", kind,
                           home->name);
        return true;
    }
    if (is_header)
        return strcmp(kind, "pool") == 0 ? pool_add(loader, name, origin, home)
                                         : owner_add(loader, name, origin, home);
    /* Its header was refused; or, against all care, not seen. */
    if (loader->problems->errors == 0)
        problems_error(loader->problems, origin, "%s stands in no section", entry->name);
    return false;
}

static void
apply_entry(struct loader *loader, const struct file_entries *entries, struct file_entry *entry)
{
    struct origin origin = {.file = loader->path, .line = entry->line};
    const char *name, *section = section_kind(entry->section, &name);
    const struct key *key;
    struct home home;
    bool is_file = false;

    if (section == NULL || (entry->section[0] == '\0' && entry->name != NULL)) {
        if (entry->name == NULL || entry->section[0] == '\0')
            problems_error(loader->problems, &origin,
                           "unknown section [%.64s]: there are [server], [github], [nomad], "
                           "[audit], [access], [pool NAME] and [owner NAME]",
                           entry->section);
        return; /* its keys are not worth a line each */
    }
    home = plain_home(loader, section);
    if (name != NULL && !named_home(loader, section, name, entry, &origin, &home))
        return;
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
    if (key_is_secret(key) && !is_file) {
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
    apply(loader, key, &home, entry->name, entry->value, is_file, &origin, entry->line);
}

/* The variable's own value, or for a secret the file that NAME_FILE names. */
static void
apply_variable(struct loader *loader, config_environment environment, const struct key *key)
{
    char name[64];
    const struct home home = plain_home(loader, key->section);
    const char *text = environment(key->environment);
    struct origin origin = {.name = key->environment};

    if (text != NULL && text[0] != '\0') {
        apply(loader, key, &home, key->name, text, false, &origin, -1);
        return;
    }
    if (!key_is_secret(key))
        return;
    (void)snprintf(name, sizeof name, "%s_FILE", key->environment);
    text = environment(name);
    origin.name = name;
    if (text != NULL && text[0] != '\0')
        apply(loader, key, &home, key->name, text, true, &origin, -1);
}

static void
apply_environment(struct loader *loader, config_environment environment)
{
    for (size_t i = 0; i < config_keys_len; i++) {
        if (config_keys[i].environment != NULL)
            apply_variable(loader, environment, &config_keys[i]);
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
    struct home home;

    if (!pool_add(loader, "default", &origin, &home))
        return;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const char *text = environment(values[i].variable);
        bool is_file;

        origin.name = values[i].variable;
        if (text == NULL || text[0] == '\0')
            text = values[i].fallback;
        apply(loader, key_find("pool", values[i].key, &is_file), &home, values[i].key, text, false,
              &origin, -1);
    }
}

/* Gives every key of a home that nothing set its default, and says which are missing. */
static void
complete(struct loader *loader, const struct home *home)
{
    struct origin origin = {.file = loader->path, .line = home->line};
    struct rh_reason reason;

    for (size_t i = 0; i < config_keys_len; i++) {
        const struct key *key = &config_keys[i];

        if (home->marks[i] != 0 || strcmp(key->section, home->kind) != 0)
            continue;
        if (key->fallback != NULL && !key_set(key, home->base, key->fallback, false, &reason))
            problems_error(loader->problems, &origin, "%s: %s", key->name, reason.text);
        if (!key->required || (key_is_secret(key) && loader->use == CONFIG_WITHOUT_SECRETS))
            continue;
        if (home->name != NULL)
            problems_error(loader->problems, &origin, "[%s %s] needs %s", home->kind, home->name,
                           key->name);
        else if (key->environment != NULL)
            problems_error(loader->problems, &origin,
                           "[%s] needs %s_file (or %s, or the environment variable %s)",
                           key->section, key->name, key->name, key->environment);
    }
}

static void
complete_all(struct loader *loader)
{
    static const char *const plain[] = {"server", "github", "nomad", "audit", "access"};
    struct home home;

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        home = plain_home(loader, plain[i]);
        complete(loader, &home);
    }
    for (size_t i = 0; i < loader->config->pools_len; i++) {
        home = pool_home(loader, i);
        complete(loader, &home);
    }
    for (size_t i = 0; i < loader->config->owners_len; i++) {
        home = owner_home(loader, i);
        complete(loader, &home);
    }
}

/* -- What no single key can tell ----------------------------------------------------------------
 */

/* Whether a key was set, by file or environment. */
static bool
is_set(const struct home *home, const char *name)
{
    bool is_file;

    return home->marks[key_find(home->kind, name, &is_file) - config_keys] != 0;
}

/* An account is a token or an App, whole. `must` says that there has to be one. */
static void
check_account(struct loader *loader, const struct home *home, bool must)
{
    const struct origin origin = {.file = loader->path, .line = home->line};
    char section[OWNER_NAME_MAX + 16];
    bool token = is_set(home, "token"), app = is_set(home, "app_id");
    bool key = is_set(home, "private_key");

    (void)snprintf(section, sizeof section, "%s%s%s", home->kind, home->name == NULL ? "" : " ",
                   home->name == NULL ? "" : home->name);
    if (token && (app || key))
        problems_error(
            loader->problems, &origin,
            "[%s] has both a token and a GitHub App (app_id, private_key_file): only one "
            "of them can be used",
            section);
    else if (app != key)
        problems_error(loader->problems, &origin,
                       "[%s] app_id and private_key_file go together: set both or neither",
                       section);
    else if (must && !token && !app)
        problems_error(loader->problems, &origin,
                       "[%s] needs token_file (or token%s), or for a GitHub App app_id and "
                       "private_key_file",
                       section,
                       home->name == NULL ? ", or the environment variable GITHUB_TOKEN" : "");
}

static void
check_accounts(struct loader *loader)
{
    struct home home = plain_home(loader, "github");

    check_account(loader, &home, loader->config->owners_len == 0 && loader->use == CONFIG_WHOLE);
    for (size_t i = 0; i < loader->config->owners_len; i++) {
        home = owner_home(loader, i);
        check_account(loader, &home, loader->use == CONFIG_WHOLE);
    }
}

static bool
is_app(const struct account_config *account)
{
    return account->app_id != NULL;
}

/* Whether what is asked of an enterprise is asked by a GitHub App, which GitHub refuses. */
static bool
enterprise_has_app(const struct config *config, const char *slug)
{
    for (size_t i = 0; i < config->owners_len; i++) {
        const struct owner_config *owner = &config->owners[i];

        if (place_is_enterprise(owner->name) &&
            strcasecmp(owner->name + strlen(PLACE_ENTERPRISE), slug) == 0)
            return is_app(&owner->account);
    }
    return is_app(&config->github.account);
}

static void
check_scope(struct loader *loader, const struct home *home)
{
    const struct origin origin = {.file = loader->path, .line = home->line};
    const struct pool *pool = home->base;
    bool is_enterprise = pool->scope == POOL_SCOPE_ENTERPRISE;

    if (is_enterprise && pool->enterprise == NULL)
        problems_error(loader->problems, &origin,
                       "[pool %s] scope = enterprise needs enterprise = its slug", pool->name);
    else if (!is_enterprise && pool->enterprise != NULL)
        problems_error(loader->problems, &origin,
                       "[pool %s] enterprise goes with scope = enterprise", pool->name);
    else if (is_enterprise && enterprise_has_app(loader->config, pool->enterprise))
        problems_error(loader->problems, &origin,
                       "[pool %s] GitHub takes no App for an enterprise's runners: give "
                       "[owner enterprises/%s] a classic token with manage_runners:enterprise",
                       pool->name, pool->enterprise);
    if (pool->credential == POOL_CREDENTIAL_JIT && pool->labels.len > GITHUB_JIT_LABELS)
        problems_error(loader->problems, &origin,
                       "[pool %s] a just-in-time runner can have at most %d labels", pool->name,
                       GITHUB_JIT_LABELS);
    if (pool->runner_group != NULL && pool->scope == POOL_SCOPE_REPOSITORY)
        problems_error(loader->problems, &origin,
                       "[pool %s] runner_group goes with scope = organization or enterprise: "
                       "a repository has no groups",
                       pool->name);
    if (pool->work_folder != NULL && pool->credential != POOL_CREDENTIAL_JIT)
        problems_warning(loader->problems, &origin,
                         "[pool %s] work_folder does nothing: it goes with credential = jit",
                         pool->name);
}

static bool
keeps_forks(const struct config *config, const struct pool *pool)
{
    const struct fork_rule *rule = access_forks(config, pool);

    return rule->permit == PERMIT_POOL ? strcmp(rule->pool, pool->name) == 0
                                       : rule->permit != PERMIT_DENY;
}

/* Jobs of forks that go to another pool must find it, and stay there. */
static void
check_forks(struct loader *loader, const struct origin *origin, const char *section,
            const struct fork_rule *rule)
{
    const struct config *config = loader->config;
    struct home home;

    if (rule->permit != PERMIT_POOL)
        return;
    if (!home_find(loader, "pool", rule->pool, &home))
        problems_error(loader->problems, origin, "[%s] fork_pull_requests: there is no [pool %s]",
                       section, rule->pool);
    else if (!keeps_forks(config, home.base))
        problems_error(loader->problems, origin,
                       "[%s] fork_pull_requests: [pool %s] does not take them itself: give it "
                       "fork_pull_requests = allow",
                       section, rule->pool);
}

static void
check_pools(struct loader *loader)
{
    struct origin origin = {.file = loader->path};
    char section[CONFIG_POOL_NAME_MAX + 16];

    check_forks(loader, &origin, "access", &loader->config->access.fork_pull_requests);
    for (size_t i = 0; i < loader->config->pools_len; i++) {
        const struct home home = pool_home(loader, i);

        check_scope(loader, &home);
        origin.line = home.line;
        (void)snprintf(section, sizeof section, "pool %s", home.name);
        check_forks(loader, &origin, section, &loader->config->pools[i].access.fork_pull_requests);
    }
}

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
    check_accounts(loader);
    check_pools(loader);
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

/* The folder of a file, from the root; the caller frees it. NULL where there is none. */
static char *
copy_folder(const char *path)
{
    char *copy = path == NULL ? NULL : strdup(path);
    char *folder = copy == NULL ? NULL : realpath(dirname(copy), NULL);

    free(copy);
    return folder;
}

/* A variable's value, which the caller frees; NULL where it is not set. */
static char *
copy_variable(config_environment environment, const char *name)
{
    const char *text = environment(name);

    return text == NULL || text[0] == '\0' ? NULL : strdup(text);
}

struct config *
config_load(const char *path, config_environment environment, enum config_use use,
            struct problems *problems)
{
    struct file_entries entries = {0};
    const struct origin nowhere = {0};
    struct loader *loader = calloc(1, sizeof *loader);
    struct config *config = calloc(1, sizeof *config);
    char *beside = NULL, *credentials = NULL;

    if (loader == NULL || config == NULL ||
        (config->pools = calloc(CONFIG_POOLS_MAX, sizeof *config->pools)) == NULL ||
        (config->owners = calloc(CONFIG_OWNERS_MAX, sizeof *config->owners)) == NULL) {
        problems_error(problems, &nowhere, "out of memory");
        goto out;
    }
    *loader = (struct loader){
        .config = config, .use = use, .problems = problems, .path = choose_path(path, environment)};
    beside = copy_folder(loader->path);
    credentials = copy_variable(environment, "CREDENTIALS_DIRECTORY");
    loader->folders = (struct secret_folders){.beside = beside, .credentials = credentials};
    if (loader->path != NULL && !file_read(loader->path, &entries, problems))
        goto out;
    for (size_t i = 0; i < entries.len; i++)
        apply_entry(loader, &entries, &entries.items[i]);
    if (config->pools_len == 0 && problems->errors == 0)
        add_default_pool(loader, environment);
    apply_environment(loader, environment);
    complete_all(loader);
    check_together(loader);
out:
    file_entries_fini(&entries);
    free(loader);
    free(beside);
    free(credentials);
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

        if (strcmp(key->section, "pool") == 0) {
            for (size_t j = 0; j < config->pools_len; j++)
                key_fini(key, &config->pools[j]);
        } else if (strcmp(key->section, "owner") == 0) {
            for (size_t j = 0; j < config->owners_len; j++)
                key_fini(key, &config->owners[j]);
        } else {
            key_fini(key, config);
        }
    }
    for (size_t i = 0; i < config->pools_len; i++)
        free(config->pools[i].name);
    for (size_t i = 0; i < config->owners_len; i++)
        free(config->owners[i].name);
    free(config->pools);
    free(config->owners);
    free(config);
}
