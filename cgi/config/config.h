/*
 * The configuration: one INI file, overridden by the environment names that people already use.
 * Unknown keys and sections are errors; every error names the file, line and key, and what is
 * allowed; no message ever shows a secret. SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <runhook/labels.h>
#include <runhook/secret.h>

#include "config/network.h"
#include "config/problems.h"

#define CONFIG_DEFAULT_PATH "/etc/runhook/runhook.conf"
#define CONFIG_POOLS_MAX 64
#define CONFIG_POOL_NAME_MAX 32 /* bytes */
#define CONFIG_META_MAX 16
#define CONFIG_REPOSITORIES_MAX 256
#define CONFIG_OWNERS_MAX 64
#define CONFIG_NETWORKS_MAX 64

/* A meta key that a pool's Nomad job declares beyond the three that are always sent. */
enum meta_key {
    META_DELIVERY_ID,
    META_WORKFLOW_JOB,
    META_JOB_NAME,
    META_RUNNER_NAME,
    META_RUN_ATTEMPT,
    META_WORKFLOW_NAME,
    META_HEAD_BRANCH,
    META_LABELS,
    META_POOL,
};
#define META_KEYS 9
/* As Nomad is told them, by enum meta_key. */
extern const char *const meta_key_names[META_KEYS];

struct meta_keys {
    enum meta_key items[CONFIG_META_MAX];
    size_t len;
};

/* A list in the order of the file; its strings are its own. */
struct names {
    char **items;
    size_t len;
};

/* Whether something may use the cluster. In a pool, UNSET leaves it to [access]. */
enum permit {
    PERMIT_UNSET = 0,
    PERMIT_ALLOW,
    PERMIT_DENY,
    PERMIT_POOL, /* by another pool: of pull requests from forks alone */
};

/* What becomes of the jobs of pull requests that come from a fork. */
struct fork_rule {
    enum permit permit;
    char *pool; /* of PERMIT_POOL */
};

/* Who may use the cluster. In a pool, what is not set is as [access] has it: see
 * config/access.h. */
struct access_config {
    struct names repositories; /* patterns of "owner/name", with '*'; none: no such list */
    struct names owners;       /* patterns of owners, likewise */
    enum permit public_repositories;
    struct fork_rule fork_pull_requests;
};

/* Where a pool's runners register. */
enum pool_scope {
    POOL_SCOPE_REPOSITORY,
    POOL_SCOPE_ORGANIZATION,
    POOL_SCOPE_ENTERPRISE,
};

/* With what they do: see enum rh_credential. */
enum pool_credential {
    POOL_CREDENTIAL_REGISTRATION_TOKEN,
    POOL_CREDENTIAL_JIT,
};

/* A kind of runner: which jobs it serves, and which Nomad job makes one. */
struct pool {
    char *name;
    struct rh_labels labels;
    char *nomad_job;
    int64_t max_runners;
    int64_t max_pending; /* children that may wait for placement; 0 for any number */
    bool require_self_hosted;
    struct meta_keys meta;
    enum pool_scope scope;
    enum pool_credential credential;
    char *enterprise;   /* its slug, where the scope is one; else NULL */
    char *runner_group; /* by its name; NULL for the default one */
    char *work_folder;  /* of a just-in-time runner */
    struct access_config access;
};

/* A way into GitHub's API: a token, or a GitHub App. Exactly one of `token` and `app_id` is set,
 * or neither where other sections have it. */
struct account_config {
    struct rh_secret *token;
    char *token_file; /* where it came from, to be read again; NULL where it stands in place */
    char *app_id;     /* the App's id, or its client id */
    struct rh_secret *private_key; /* the App's, in PEM form */
    char *private_key_file;        /* as above */
};

/* The account for what belongs to one owner. */
struct owner_config {
    char *name; /* of a user or an organization, or "enterprises/SLUG" */
    struct account_config account;
};

struct server_config {
    char *ledger;
    char *listen; /* "unix:PATH" or "HOST:PORT"; NULL where not set */
    int64_t socket_mode;
    char *socket_group; /* NULL where not set */
    int64_t threads;
    int64_t dispatchers;
    bool syscall_filter; /* harden/filter.h */
    int64_t max_body;    /* bytes */
    char *log_file;      /* NULL for standard error */
    char *runner_prefix;
    int64_t retention_d; /* days for which ended jobs are kept */
    int64_t retry_initial_s;
    int64_t retry_max_s;
    struct networks pages_from; /* who may see the pages of serve/pages.h */
    bool pages_via_proxy;       /* also where a request names another client than its sender */
};

struct github_config {
    char *api_url; /* without a slash at its end */
    char *api_version;
    struct rh_secret *webhook_secret;
    struct rh_secret *webhook_secret_previous; /* NULL where not set */
    struct account_config account;             /* for every owner that has none of its own */
    struct names repositories;  /* each "owner/name", asked by discovery whatever the ledger saw */
    int64_t content_per_minute; /* requests that make something on GitHub, at most */
    int64_t connect_timeout_s;
    int64_t timeout_s;
};

/* Paths and names are NULL where not set. */
struct nomad_config {
    char *address; /* http://…, https://… or unix:///…, without a slash at its end */
    struct rh_secret *token;
    char *token_file; /* as above */
    char *ns;
    char *region;
    char *ca_cert;
    char *client_cert;
    char *client_key;
    char *tls_server_name;
    struct rh_secret *cf_access_client_id;
    struct rh_secret *cf_access_client_secret;
    int64_t connect_timeout_s;
    int64_t timeout_s;
};

/* How runners are followed after their dispatch, and how lost deliveries are found. */
struct audit_config {
    int64_t interval_s; /* from a runner's last event to the first look; then doubling */
    int64_t interval_max_s;
    int64_t idle_timeout_s;       /* for which a registered runner may be without a job */
    int64_t register_timeout_s;   /* from its task's start until a runner is on GitHub */
    int64_t placement_timeout_s;  /* for which a child may wait for placement */
    int64_t leave_timeout_s;      /* for which a child may outlive its job */
    int64_t replacements;         /* runners that a job may lose before it is failed */
    int64_t github_calls;         /* an hour, of those that only confirm what is believed */
    int64_t discover_interval_s;  /* 0 for never */
    int64_t discover_window_s;    /* for which a repository is asked after its last event */
    int64_t redeliver_interval_s; /* between two looks at a hook's failed deliveries; 0 for never */
};

struct config {
    struct server_config server;
    struct github_config github;
    struct nomad_config nomad;
    struct audit_config audit;
    struct access_config access;
    struct pool *pools; /* in file order: the first that serves a job gets it */
    size_t pools_len;
    struct owner_config *owners;
    size_t owners_len;
};

enum config_use {
    CONFIG_WHOLE,          /* everything, and every secret read */
    CONFIG_WITHOUT_SECRETS /* for commands that only read the ledger: secrets stay NULL, their files
                              unread */
};

/* Looks up an environment variable; NULL where it is not set. getenv, or a test's own table. */
typedef char *(*config_environment)(const char *name);

/*
 * Loads the configuration. Secrets that are named without a folder are found as secret_path_find
 * does. `path` is the file that the user named; NULL takes RUNHOOK_CONFIG, or
 * CONFIG_DEFAULT_PATH where that exists, or else the environment alone.
 *
 * Returns the configuration, which config_free frees, or NULL where `problems` then holds at least
 * one error. Warnings may be there in either case. A configuration never changes once loaded, so
 * threads share it.
 */
struct config *config_load(const char *path, config_environment environment, enum config_use use,
                           struct problems *problems);

void config_free(struct config *config);

#endif
