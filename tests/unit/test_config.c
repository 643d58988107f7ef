/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/keys.h"

/* The environment that config_load sees: pairs, ended by NULL. */
static const char *const *variables;

static char *
environment(const char *name)
{
    static char value[512];

    for (const char *const *pair = variables; pair != NULL && *pair != NULL; pair += 2) {
        if (strcmp(pair[0], name) == 0) {
            (void)snprintf(value, sizeof value, "%s", pair[1]);
            return value;
        }
    }
    return NULL;
}

static const char *const none[] = {NULL};
static const char *const secrets_set[] = {"GITHUB_TOKEN", "t", "GITHUB_WEBHOOK_SECRET", "s", NULL};

/* Enough of a configuration for everything else to be at its default. */
#define SECRETS "[github]\nwebhook_secret = hunter2\ntoken = ghp_hunter2\n"
#define POOL "[pool linux]\nlabels = self-hosted, linux\nnomad_job = github-runner\n"

static struct config *
load(const char *text, const char *const *env, struct problems *problems)
{
    struct path path = scratch_write("conf", text, 0600);

    *problems = (struct problems){0};
    variables = env;
    return config_load(path.text, environment, CONFIG_WHOLE, problems);
}

/* Loads what must be good. */
static struct config *
load_good(const char *text, const char *const *env)
{
    struct problems problems;
    struct config *config = load(text, env, &problems);

    if (config == NULL)
        fail_msg("%s", problems.len == 0 ? "no reason" : problems.items[0].text);
    assert_int_equal(problems.len, 0);
    problems_fini(&problems);
    return config;
}

static void
defaults(void **state)
{
    (void)state;
    struct config *config = load_good(SECRETS POOL, none);

    assert_string_equal(config->server.ledger, "/var/lib/runhook/ledger.db");
    assert_null(config->server.listen);
    assert_int_equal(config->server.socket_mode, 0660);
    assert_null(config->server.socket_group);
    assert_int_equal(config->server.threads, 16);
    assert_int_equal(config->server.dispatchers, 4);
    assert_int_equal(config->server.max_body, 1048576);
    assert_null(config->server.log_file);
    assert_string_equal(config->server.runner_prefix, "runhook");
    assert_int_equal(config->server.retry_initial_s, 2);
    assert_int_equal(config->server.retry_max_s, 300);
    assert_int_equal(config->server.retention_d, 7);
    assert_string_equal(config->github.api_url, "https://api.github.com");
    assert_string_equal(config->github.api_version, "2022-11-28");
    assert_string_equal(rh_secret_bytes(config->github.webhook_secret), "hunter2");
    assert_null(config->github.webhook_secret_previous);
    assert_string_equal(rh_secret_bytes(config->github.account.token), "ghp_hunter2");
    assert_int_equal(config->github.connect_timeout_s, 5);
    assert_int_equal(config->github.timeout_s, 20);
    assert_string_equal(config->nomad.address, "http://127.0.0.1:4646");
    assert_null(config->nomad.token);
    assert_null(config->nomad.ns);
    assert_null(config->nomad.region);
    assert_null(config->nomad.ca_cert);
    assert_null(config->nomad.tls_server_name);
    assert_int_equal(config->nomad.timeout_s, 20);
    assert_null(config->github.repositories.items);
    assert_int_equal(config->github.repositories.len, 0);
    assert_int_equal(config->audit.interval_s, 30);
    assert_int_equal(config->audit.interval_max_s, 480);
    assert_int_equal(config->audit.idle_timeout_s, 600);
    assert_int_equal(config->audit.register_timeout_s, 300);
    assert_int_equal(config->audit.placement_timeout_s, 3000);
    assert_int_equal(config->audit.leave_timeout_s, 60);
    assert_int_equal(config->audit.replacements, 5);
    assert_int_equal(config->audit.github_calls, 2000);
    assert_int_equal(config->audit.discover_interval_s, 300);
    assert_int_equal(config->audit.discover_window_s, 604800);
    assert_int_equal(config->pools_len, 1);
    assert_string_equal(config->pools[0].name, "linux");
    assert_int_equal(config->pools[0].labels.len, 2);
    assert_string_equal(config->pools[0].nomad_job, "github-runner");
    assert_int_equal(config->pools[0].max_runners, 8);
    assert_int_equal(config->pools[0].max_pending, 0);
    assert_true(config->pools[0].require_self_hosted);
    assert_int_equal(config->pools[0].meta.len, 0);
    config_free(config);
    config_free(NULL);
}

static void
every_key_set(void **state)
{
    (void)state;
    struct path secret = scratch_write("secret", "from-file\n", 0600);
    char text[4096];
    struct config *config;

    (void)snprintf(text, sizeof text,
                   "[server]\nledger = /l.db\nlisten = 127.0.0.1:9000\nsocket_mode = 0600\n"
                   "socket_group = www-data\nthreads = 64\ndispatchers = 1\nmax_body = 1024\n"
                   "log_file = /log\nrunner_prefix = ci\nretry_initial = 3600\n"
                   "retry_max = 86400\nretention = 30\n"
                   "[github]\napi_url = https://ghe.example/api/v3/\nwebhook_secret_file = %s\n"
                   "webhook_secret_previous = before\ntoken_file = %s\napi_version = x\n"
                   "connect_timeout = 60\ntimeout = 300\n"
                   "repositories = octo-harbor/lighthouse,\n    octo-harbor/.github\n  o/r\n"
                   "[nomad]\naddress = https://nomad.example:4646\ntoken = n\n"
                   "namespace = my ns\nregion = eu\nca_cert = /ca\nclient_cert = /cert\n"
                   "client_key = /key\ntls_server_name = server.global.nomad\n"
                   "cf_access_client_id = i\ncf_access_client_secret_file = %s\n"
                   "connect_timeout = 1\ntimeout = 1\n"
                   "[audit]\ninterval = 2\ninterval_max = 3\nidle_timeout = 4\n"
                   "register_timeout = 5\nplacement_timeout = 6\nleave_timeout = 7\n"
                   "replacements = 8\ngithub_calls = 60\ndiscover_interval = 10\n"
                   "discover_window = 3600\n"
                   "[pool a]\nlabels = gpu\nnomad_job = folder/job\nmax_runners = 1\n"
                   "max_pending = 100000\n"
                   "require_self_hosted = no\nmeta = RUNNER_NAME,\n    DELIVERY_ID\n"
                   "[pool b]\nnomad_job = j\nlabels =\n  self-hosted\n  x64\n",
                   secret.text, secret.text, secret.text);
    config = load_good(text, none);
    assert_string_equal(config->server.ledger, "/l.db");
    assert_string_equal(config->server.listen, "127.0.0.1:9000");
    assert_int_equal(config->server.socket_mode, 0600);
    assert_int_equal(config->server.max_body, 1024);
    assert_string_equal(config->github.api_url, "https://ghe.example/api/v3");
    assert_string_equal(rh_secret_bytes(config->github.webhook_secret), "from-file");
    assert_string_equal(rh_secret_bytes(config->github.webhook_secret_previous), "before");
    assert_string_equal(rh_secret_bytes(config->github.account.token), "from-file");
    assert_string_equal(config->nomad.ns, "my ns");
    assert_string_equal(config->nomad.tls_server_name, "server.global.nomad");
    assert_string_equal(rh_secret_bytes(config->nomad.cf_access_client_id), "i");
    assert_string_equal(rh_secret_bytes(config->nomad.cf_access_client_secret), "from-file");
    assert_int_equal(config->github.repositories.len, 3);
    assert_string_equal(config->github.repositories.items[0], "octo-harbor/lighthouse");
    assert_string_equal(config->github.repositories.items[1], "octo-harbor/.github");
    assert_string_equal(config->github.repositories.items[2], "o/r");
    assert_int_equal(config->audit.interval_s, 2);
    assert_int_equal(config->audit.interval_max_s, 3);
    assert_int_equal(config->audit.idle_timeout_s, 4);
    assert_int_equal(config->audit.register_timeout_s, 5);
    assert_int_equal(config->audit.placement_timeout_s, 6);
    assert_int_equal(config->audit.leave_timeout_s, 7);
    assert_int_equal(config->audit.replacements, 8);
    assert_int_equal(config->audit.github_calls, 60);
    assert_int_equal(config->audit.discover_interval_s, 10);
    assert_int_equal(config->audit.discover_window_s, 3600);
    assert_int_equal(config->pools[0].max_pending, 100000);
    assert_int_equal(config->pools_len, 2);
    assert_string_equal(config->pools[0].name, "a");
    assert_string_equal(config->pools[0].nomad_job, "folder/job");
    assert_false(config->pools[0].require_self_hosted);
    assert_int_equal(config->pools[0].meta.len, 2);
    assert_int_equal(config->pools[0].meta.items[0], META_RUNNER_NAME);
    assert_int_equal(config->pools[0].meta.items[1], META_DELIVERY_ID);
    assert_string_equal(config->pools[1].name, "b");
    assert_true(rh_labels_has(&config->pools[1].labels, "x64"));
    assert_int_equal(config->pools[1].labels.len, 2);
    config_free(config);
}

/* Each row is wrong in one way; the message says where, and what is allowed. None shows a secret,
 * and every secret here has "hunter2" in it. */
static void
errors(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        const char *want; /* after the file's name */
    } rows[] = {
        {"an indented header, which would go on with a list", SECRETS POOL "  [server]\n",
         ":7: a section's header begins at the start of its line"},
        {"an indented header at the start", "  [server]\n" SECRETS POOL,
         ":1: a section's header begins at the start of its line"},
        {"a comment behind a list", SECRETS "[pool linux]\nlabels = a # mine\nnomad_job = j\n",
         ":5: [pool linux] labels: a label holds none of"},
        {"quotes around a list", SECRETS "[pool linux]\nlabels = \"a\"\nnomad_job = j\n",
         ":5: [pool linux] labels: a label holds none of"},
        {"an indented key after a list, which would be a label",
         SECRETS "[pool linux]\nlabels = a\n  require_self_hosted = no\nnomad_job = j\n",
         ":5: [pool linux] labels: goes on with \"require_self_hosted = no\""},
        {"unknown section", SECRETS POOL "[sever]\nthreads = 4\n", ":7: unknown section [sever]"},
        {"section in capitals", "[Server]\n" SECRETS POOL, ":1: unknown section [Server]"},
        {"empty section", "[]\n" SECRETS POOL, ":1: unknown section []"},
        {"a key before any section", "threads = 4\n" SECRETS POOL, ":1: unknown section []"},
        {"unknown key", SECRETS POOL "[server]\n\nthread = 4\n",
         ":9: [server] has no key \"thread\""},
        {"a key of another section", SECRETS POOL "[server]\ntoken = hunter2\n",
         ":8: [server] has no key \"token\""},
        {"a key in capitals", SECRETS POOL "[server]\nThreads = 4\n",
         ":8: [server] has no key \"Threads\""},
        {"a file where there is no secret", SECRETS POOL "[server]\nthreads_file = /x\n",
         ":8: [server] has no key \"threads_file\""},
        {"unknown key of a pool", SECRETS POOL "label = x\n",
         ":7: [pool linux] has no key \"label\""},
        {"a pool without a name", SECRETS "[pool]\n", ":4: [pool NAME]: the name must be"},
        {"a pool with blanks", SECRETS "[pool a b]\n", ":4: [pool NAME]: the name must be"},
        {"a pool with a long name", SECRETS "[pool 123456789012345678901234567890123]\n",
         ":4: [pool NAME]: the name must be"},
        {"a pool twice", SECRETS POOL POOL, ":7: [pool linux] stands there twice"},
        {"a pool twice, blanks", SECRETS POOL "[pool  linux]\n",
         ":7: [pool linux] stands there twice"},
        {"a pool without labels", SECRETS "[pool a]\nnomad_job = j\n", ":4: [pool a] needs labels"},
        {"a pool without a job", SECRETS "[pool a]\nlabels = l\n", ":4: [pool a] needs nomad_job"},
        {"an empty pool", SECRETS "[pool a]\n", ":4: [pool a] needs labels"},
        {"no labels", SECRETS "[pool a]\nnomad_job = j\nlabels =\n",
         ":6: [pool a] labels: must be one or more labels"},
        {"a key twice", SECRETS POOL "[server]\nthreads = 4\nthreads = 4\n",
         ":9: threads is set already, on line 8"},
        {"a key twice, in two sections",
         "[server]\nthreads = 4\n" SECRETS POOL "[server]\nthreads = 5\n",
         ":10: threads is set already, on line 2"},
        {"a secret twice", SECRETS "token_file = /x\n" POOL,
         ":4: token_file is set already, on line 3"},
        {"a pool's key twice", SECRETS POOL "nomad_job = k\n",
         ":7: nomad_job is set already, on line 6"},
        {"under the range", SECRETS POOL "[server]\nthreads = 0\n",
         ":8: [server] threads: must be a whole number from 1 to 64, not \"0\""},
        {"over the range", SECRETS POOL "[server]\nmax_body = 26214401\n",
         ":8: [server] max_body: must be a whole number from 1024 to 26214400"},
        {"not a number", SECRETS POOL "max_runners = many\n",
         ":7: [pool linux] max_runners: must be a whole number from 1"},
        {"not a boolean", SECRETS POOL "require_self_hosted = maybe\n",
         ":7: [pool linux] require_self_hosted: must be yes or no"},
        {"not a mode", SECRETS POOL "[server]\nsocket_mode = 0999\n",
         ":8: [server] socket_mode: must be a file mode in octal"},
        {"a long prefix", SECRETS POOL "[server]\nrunner_prefix = 1234567890123456789012345\n",
         ":8: [server] runner_prefix: must be 1 to 24 letters"},
        {"an unknown meta key", SECRETS POOL "meta = SECRET\n",
         ":7: [pool linux] meta: \"SECRET\" is not a meta key"},
        {"a URL with a password", SECRETS POOL "[nomad]\naddress = http://u:hunter2@h\n",
         ":8: [nomad] address: must not hold a user or password"},
        {"a URL without its scheme", SECRETS POOL "[nomad]\naddress = hunter2:4646\n",
         ":8: [nomad] address: must begin with http://"},
        {"GitHub over a unix socket", SECRETS "api_url = unix:///x\n" POOL,
         ":4: [github] api_url: must begin with http:// or https://"},
        {"a relative path", SECRETS POOL "[server]\nledger = ledger.db\n",
         ":8: [server] ledger: must be a path that begins with /"},
        {"an empty secret", "[github]\nwebhook_secret =\ntoken = t\n" POOL,
         ":2: [github] webhook_secret: must be 1 to 16384 bytes"},
        {"a secret with a comment", "[github]\nwebhook_secret = hunter2 ;hunter2\ntoken = t\n" POOL,
         ":2: webhook_secret is cut at the ';'"},
        {"a secret that is a comment", "[github]\nwebhook_secret = ;hunter2\ntoken = t\n" POOL,
         ":2: webhook_secret is cut at the ';'"},
        {"a secret over two lines",
         "[github]\nwebhook_secret = hunter2\n  hunter2\ntoken = t\n" POOL,
         ":2: webhook_secret goes on over an indented line, and only lists may"},
        {"a number over two lines", SECRETS POOL "[server]\nthreads = 4\n  5\n",
         ":8: threads goes on over an indented line, and only lists may"},
        {"a secret with a control character",
         "[github]\nwebhook_secret = hunter2\x01\ntoken = t\n" POOL,
         ":2: [github] webhook_secret: must be 1 to 16384 bytes"},
        {"a secret under a wrong name", SECRETS POOL "[nomad]\ntokens = hunter2\n",
         ":8: [nomad] has no key \"tokens\""},
        {"a missing secret file",
         "[github]\nwebhook_secret_file = /nonexistent/x\ntoken = t\n" POOL,
         ":2: [github] webhook_secret_file: cannot open the secret file /nonexistent/x: No such"},
        {"no webhook secret", "[github]\ntoken = hunter2\n" POOL,
         ": [github] needs webhook_secret_file (or webhook_secret, or the environment variable "
         "GITHUB_WEBHOOK_SECRET)"},
        {"no token", "[github]\nwebhook_secret = hunter2\n" POOL, ": [github] needs token_file"},
        {"nothing", "", ": [github] needs webhook_secret_file"},
        {"half of a client certificate",
         SECRETS POOL "[nomad]\naddress = https://h\nclient_cert = /c\n",
         ": [nomad] client_cert and client_key go together"},
        {"half of Cloudflare's", SECRETS POOL "[nomad]\ncf_access_client_secret = hunter2\n",
         ": [nomad] cf_access_client_id and cf_access_client_secret go together"},
        {"retries the wrong way round",
         SECRETS POOL "[server]\nretry_initial = 10\nretry_max = 9\n",
         ": [server] retry_initial must not be over retry_max"},
        {"audits the wrong way round", SECRETS POOL "[audit]\ninterval = 10\ninterval_max = 9\n",
         ": [audit] interval must not be over interval_max"},
        {"audits slower than the default's slowest", SECRETS POOL "[audit]\ninterval = 481\n",
         ": [audit] interval must not be over interval_max"},
        {"audits whose slowest is under the default", SECRETS POOL "[audit]\ninterval_max = 29\n",
         ": [audit] interval must not be over interval_max"},
        {"an audit of a name", SECRETS POOL "[audit x]\ninterval = 1\n",
         ":7: unknown section [audit x]: there are [server], [github], [nomad], [audit], "
         "[access], [pool NAME] and [owner NAME]"},
        {"an audit's key elsewhere", SECRETS POOL "[server]\nidle_timeout = 60\n",
         ":8: [server] has no key \"idle_timeout\""},
        {"a number with its unit", SECRETS POOL "[audit]\nidle_timeout = 10m\n",
         ":8: [audit] idle_timeout: must be a whole number from 1 to 86400, not \"10m\""},
        {"fewer replacements than none", SECRETS POOL "[audit]\nreplacements = -1\n",
         ":8: [audit] replacements: must be a whole number from 0 to 1000"},
        {"fewer pending than none", SECRETS POOL "max_pending = -1\n",
         ":7: [pool linux] max_pending: must be a whole number from 0 to 100000"},
        {"more pending than a pool can have", SECRETS POOL "max_pending = 100001\n",
         ":7: [pool linux] max_pending: must be a whole number from 0 to 100000"},
        {"max_pending for all", SECRETS POOL "[server]\nmax_pending = 1\n",
         ":8: [server] has no key \"max_pending\""},
        {"a repository without an owner", SECRETS "repositories = o/r, lighthouse\n" POOL,
         ":4: [github] repositories: \"lighthouse\" is not a repository's owner/name"},
        {"repositories with blanks between", SECRETS "repositories = o/r o/q\n" POOL,
         ":4: [github] repositories: \"o/r o/q\" is not a repository's owner/name"},
        {"a repository twice", SECRETS "repositories = o/r,\n  O/R\n" POOL,
         ":4: [github] repositories: O/R stands there twice"},
        {"an indented key after repositories", SECRETS "repositories = o/r\n  timeout = 5\n" POOL,
         ":4: [github] repositories: \"timeout = 5\" is not a repository's owner/name"},
        {"a pattern of two names", SECRETS POOL "repositories = o/r x\n",
         ":7: [pool linux] repositories: \"o/r x\" is not a pattern of owner/name"},
        {"a pattern of an owner with a slash", SECRETS POOL "[access]\nowners = o/*\n",
         ":8: [access] owners: \"o/*\" is not a pattern of an owner's name"},
        {"an empty list of who may", SECRETS POOL "owners =\n",
         ":7: [pool linux] owners: must not be empty"},
        {"a permission that is none", SECRETS POOL "public_repositories = no\n",
         ":7: [pool linux] public_repositories: must be one of allow, deny, not \"no\""},
        {"forks to nowhere", SECRETS POOL "fork_pull_requests = pool\n",
         ":7: [pool linux] fork_pull_requests: must be allow, deny or pool NAME, not \"pool\""},
        {"forks to a pool that is not there", SECRETS POOL "fork_pull_requests = pool guests\n",
         ":4: [pool linux] fork_pull_requests: there is no [pool guests]"},
        {"forks to a pool that denies them",
         SECRETS POOL "fork_pull_requests = pool guests\n[pool guests]\nlabels = a\n"
                      "nomad_job = j\nfork_pull_requests = deny\n",
         ":4: [pool linux] fork_pull_requests: [pool guests] does not take them itself"},
        {"forks in a circle",
         SECRETS POOL "fork_pull_requests = pool guests\n[pool guests]\nlabels = a\n"
                      "nomad_job = j\nfork_pull_requests = pool linux\n",
         ":4: [pool linux] fork_pull_requests: [pool guests] does not take them itself"},
        {"a scope that is none", SECRETS POOL "scope = team\n",
         ":7: [pool linux] scope: must be one of repository, organization, enterprise, not "
         "\"team\""},
        {"an enterprise without its name", SECRETS POOL "scope = enterprise\n",
         ":4: [pool linux] scope = enterprise needs enterprise = its slug"},
        {"an enterprise's name without the scope", SECRETS POOL "enterprise = e\n",
         ":4: [pool linux] enterprise goes with scope = enterprise"},
        {"a group in a repository", SECRETS POOL "runner_group = ci\n",
         ":4: [pool linux] runner_group goes with scope = organization or enterprise"},
        {"a credential that is none", SECRETS POOL "credential = token\n",
         ":7: [pool linux] credential: must be one of registration-token, jit, not \"token\""},
        {"an owner without a name", SECRETS POOL "[owner]\ntoken = t\n",
         ":7: [owner NAME]: the name must be"},
        {"an owner of two parts", SECRETS POOL "[owner a/b]\ntoken = t\n",
         ":7: [owner NAME]: the name must be"},
        {"an owner twice", SECRETS POOL "[owner a]\ntoken = t\n[owner A]\n",
         ":9: [owner a] stands there twice"},
        {"an owner without a credential", SECRETS POOL "[owner a]\n",
         ":7: [owner a] needs token_file (or token), or for a GitHub App app_id and"},
        {"an owner with two", SECRETS POOL "[owner a]\ntoken = t\napp_id = 7\n",
         ":7: [owner a] has both a token and a GitHub App"},
        {"an App without its key", "[github]\nwebhook_secret = hunter2\napp_id = 7\n" POOL,
         ": [github] app_id and private_key_file go together"},
        {"a key that is none", SECRETS POOL "[owner a]\napp_id = 7\nprivate_key = hunter2\n",
         ":9: [owner a] private_key: the key is no private key in PEM form"},
        {"a key of an owner that it has not", SECRETS POOL "[owner a]\nwebhook_secret = hunter2\n",
         ":8: [owner a] has no key \"webhook_secret\""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct problems problems;
        struct config *config = load(rows[i].text, none, &problems);
        size_t path_len = strlen(scratch_path("conf").text), found = 0;

        assert_row(config == NULL, rows[i].name);
        assert_row(problems.errors > 0, rows[i].name);
        for (size_t j = 0; j < problems.len; j++) {
            const char *text = problems.items[j].text;

            assert_row(strncmp(text, scratch_path("conf").text, path_len) == 0, rows[i].name);
            if (strstr(text, "hunter2") != NULL)
                fail_msg("row \"%s\": shows a secret: %s", rows[i].name, text);
            found += problems.items[j].is_error &&
                     strncmp(text + path_len, rows[i].want, strlen(rows[i].want)) == 0;
        }
        if (found != 1)
            fail_msg("row \"%s\": found %zu times, the first is: %s", rows[i].name, found,
                     problems.items[0].text);
        problems_fini(&problems);
    }
}

/* Each key of [audit] takes both ends of its range, and neither neighbour. */
static void
audit_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t min, max;
    } rows[] = {
        {"interval", 1, 86400},          {"interval_max", 1, 86400},
        {"idle_timeout", 1, 86400},      {"register_timeout", 1, 86400},
        {"placement_timeout", 1, 86400}, {"leave_timeout", 1, 86400},
        {"replacements", 0, 1000},       {"github_calls", 60, 1000000},
        {"discover_interval", 0, 86400}, {"discover_window", 3600, 31536000},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        const int64_t values[] = {rows[i].min, rows[i].max, rows[i].min - 1, rows[i].max + 1};
        /* The two that are compared stand at the end that lets the other be anything. */
        const char *other = strcmp(rows[i].name, "interval") == 0       ? "interval_max = 86400\n"
                            : strcmp(rows[i].name, "interval_max") == 0 ? "interval = 1\n"
                                                                        : "";

        for (size_t j = 0; j < COUNT(values); j++) {
            struct problems problems;
            char text[512], want[128];
            struct config *config;

            (void)snprintf(text, sizeof text, SECRETS POOL "[audit]\n%s%s = %" PRId64 "\n", other,
                           rows[i].name, values[j]);
            config = load(text, none, &problems);
            assert_row((config != NULL) == (j < 2), rows[i].name);
            if (config == NULL) {
                (void)snprintf(want, sizeof want,
                               "[audit] %s: must be a whole number from %" PRId64 " to %" PRId64
                               ", not",
                               rows[i].name, rows[i].min, rows[i].max);
                assert_row(strstr(problems.items[0].text, want) != NULL, rows[i].name);
            }
            config_free(config);
            problems_fini(&problems);
        }
    }
}

static void
all_errors_are_told_at_once(void **state)
{
    (void)state;
    struct problems problems;

    assert_null(
        load("[server]\nthreads = 0\nx = y\n[bad]\nz = 1\nw = 2\n[pool a]\n", none, &problems));
    /* threads, x, [bad] alone without its keys, the pool's two, the two secrets. */
    assert_int_equal(problems.errors, 7);
    problems_fini(&problems);
}

static void
pools_are_counted(void **state)
{
    (void)state;
    char *text = calloc(1, 10000);
    struct problems problems;

    assert_non_null(text);
    for (int extra = 0; extra < 2; extra++) {
        size_t len = (size_t)snprintf(text, 10000, "%s", SECRETS);
        for (int i = 0; i < CONFIG_POOLS_MAX + extra; i++)
            len += (size_t)snprintf(text + len, 10000 - len,
                                    "[pool p%d]\nlabels = l%d\nnomad_job = j\n", i, i);
        struct config *config = load(text, none, &problems);
        assert_int_equal(config != NULL, extra == 0);
        if (config != NULL) {
            assert_int_equal(config->pools_len, CONFIG_POOLS_MAX);
            assert_string_equal(config->pools[63].name, "p63");
        } else {
            assert_non_null(strstr(problems.items[0].text, "at most 64 pools"));
        }
        config_free(config);
        problems_fini(&problems);
    }
    free(text);
}

/* Some editors begin a file with it; it must not hide the section that follows. */
static void
a_byte_order_mark_hides_no_section(void **state)
{
    (void)state;
    struct path path = scratch_write("conf", "\xef\xbb\xbf" POOL SECRETS, 0600);
    struct problems problems = {0};
    struct config *config;

    variables = none;
    config = config_load(path.text, environment, CONFIG_WHOLE, &problems);
    assert_non_null(config);
    assert_int_equal(config->pools_len, 1);
    assert_string_equal(config->pools[0].name, "linux");
    config_free(config);
    problems_fini(&problems);
}

static void
a_warning_is_no_error(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        mode_t mode;
        const char *want;
    } rows[] = {
        {"secrets in a file for all", SECRETS POOL, 0644, "others can read this file"},
        {"TLS keys without TLS", SECRETS POOL "[nomad]\nca_cert = /ca\n", 0600,
         "its address does not begin with https://"},
        {"repositories without discovery",
         SECRETS "repositories = o/r\n" POOL "[audit]\ndiscover_interval = 0\n", 0600,
         "[github] repositories does nothing: [audit] discover_interval is 0"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct path path = scratch_write("conf", rows[i].text, rows[i].mode);
        struct problems problems = {0};
        struct config *config;

        variables = none;
        config = config_load(path.text, environment, CONFIG_WHOLE, &problems);
        assert_row(config != NULL, rows[i].name);
        assert_row(problems.errors == 0 && problems.len > 0, rows[i].name);
        for (size_t j = 0; j < problems.len; j++) {
            assert_row(!problems.items[j].is_error, rows[i].name);
            assert_row(strstr(problems.items[j].text, rows[i].want) != NULL, rows[i].name);
            assert_row(strstr(problems.items[j].text, "hunter2") == NULL, rows[i].name);
        }
        config_free(config);
        problems_fini(&problems);
    }
}

static void
the_environment_overrides_the_file(void **state)
{
    (void)state;
    static const char *const env[] = {"GITHUB_TOKEN",
                                      "t",
                                      "GITHUB_WEBHOOK_SECRET",
                                      "s",
                                      "GITHUB_API_URL",
                                      "https://ghe.example/api/v3",
                                      "NOMAD_ADDR",
                                      "unix:///secrets/api.sock",
                                      "NOMAD_TOKEN",
                                      "n",
                                      "NOMAD_NAMESPACE",
                                      "ns",
                                      "NOMAD_REGION",
                                      "", /* set to nothing is not set */
                                      "RUNHOOK_LEDGER",
                                      "/elsewhere.db",
                                      "RUNHOOK_LISTEN",
                                      "localhost:0",
                                      "RUNHOOK_LABELS",
                                      "ignored",
                                      NULL};
    struct config *config =
        load_good(SECRETS POOL "[server]\nledger = /l.db\n[nomad]\nregion = eu\n", env);

    assert_string_equal(rh_secret_bytes(config->github.account.token), "t");
    assert_string_equal(rh_secret_bytes(config->github.webhook_secret), "s");
    assert_string_equal(config->github.api_url, "https://ghe.example/api/v3");
    assert_string_equal(config->nomad.address, "unix:///secrets/api.sock");
    assert_string_equal(rh_secret_bytes(config->nomad.token), "n");
    assert_string_equal(config->nomad.ns, "ns");
    assert_string_equal(config->nomad.region, "eu");
    assert_string_equal(config->server.ledger, "/elsewhere.db");
    assert_string_equal(config->server.listen, "localhost:0");
    assert_true(rh_labels_has(&config->pools[0].labels, "linux"));
    config_free(config);
}

static void
every_variable_reaches_its_key(void **state)
{
    (void)state;
    static const char *const names[] = {"NOMAD_ADDR",
                                        "NOMAD_TOKEN",
                                        "NOMAD_NAMESPACE",
                                        "NOMAD_REGION",
                                        "NOMAD_CACERT",
                                        "NOMAD_CLIENT_CERT",
                                        "NOMAD_CLIENT_KEY",
                                        "NOMAD_TLS_SERVER_NAME",
                                        "GITHUB_TOKEN",
                                        "GITHUB_WEBHOOK_SECRET",
                                        "GITHUB_API_URL",
                                        "CF_ACCESS_CLIENT_ID",
                                        "CF_ACCESS_CLIENT_SECRET",
                                        "RUNHOOK_LEDGER",
                                        "RUNHOOK_LISTEN"};

    for (size_t i = 0; i < COUNT(names); i++) {
        const char *const env[] = {names[i], "\x01", NULL}; /* right for none of them */
        struct problems problems;
        char want[64];
        size_t found = 0;

        assert_null(load(SECRETS POOL, env, &problems));
        (void)snprintf(want, sizeof want, "environment %s: ", names[i]);
        for (size_t j = 0; j < problems.len; j++)
            found += strncmp(problems.items[j].text, want, strlen(want)) == 0;
        assert_row(found == 1, names[i]);
        problems_fini(&problems);
    }
}

static void
a_secrets_variable_may_name_a_file(void **state)
{
    (void)state;
    struct path good = scratch_write("good", "from-file\n", 0600);
    struct path open = scratch_write("open", "hunter2\n", 0644);
    const char *const env[] = {
        "GITHUB_TOKEN_FILE", good.text, "GITHUB_WEBHOOK_SECRET_FILE", good.text, "NOMAD_TOKEN_FILE",
        good.text,           NULL};
    const char *const both[] = {"GITHUB_TOKEN", "itself", "GITHUB_TOKEN_FILE", good.text, NULL};
    const char *const bad[] = {"GITHUB_TOKEN_FILE", open.text, NULL};
    struct problems problems;
    struct config *config = load_good(POOL, env);

    assert_string_equal(rh_secret_bytes(config->github.account.token), "from-file");
    assert_string_equal(rh_secret_bytes(config->github.webhook_secret), "from-file");
    assert_string_equal(rh_secret_bytes(config->nomad.token), "from-file");
    config_free(config);

    config = load_good(SECRETS POOL, both);
    assert_string_equal(rh_secret_bytes(config->github.account.token), "itself");
    config_free(config);

    assert_null(load(SECRETS POOL, bad, &problems));
    assert_int_equal(problems.errors, 1);
    assert_memory_equal(problems.items[0].text, "environment GITHUB_TOKEN_FILE: the secret file ",
                        47);
    assert_null(strstr(problems.items[0].text, "hunter2"));
    problems_fini(&problems);
}

/* A machine that runs the tests may have a file in the default place. */
static struct config *
load_from_environment(const char *const *env, struct problems *problems)
{
    variables = env;
    *problems = (struct problems){0};
    return config_load(NULL, environment, CONFIG_WHOLE, problems);
}

static void
the_environment_alone_makes_one_pool(void **state)
{
    (void)state;
    static const char *const labels_set[] = {"GITHUB_TOKEN",
                                             "t",
                                             "GITHUB_WEBHOOK_SECRET",
                                             "s",
                                             "RUNHOOK_LABELS",
                                             "self-hosted, x64",
                                             "RUNHOOK_NOMAD_JOB",
                                             "ci/runner",
                                             NULL};
    static const char *const bad[] = {
        "GITHUB_TOKEN", "t", "GITHUB_WEBHOOK_SECRET", "s", "RUNHOOK_LABELS", ",", NULL};
    struct problems problems;
    struct config *config;

    if (access(CONFIG_DEFAULT_PATH, F_OK) != 0) {
        config = load_from_environment(secrets_set, &problems);
        assert_non_null(config);
        assert_int_equal(config->pools_len, 1);
        assert_string_equal(config->pools[0].name, "default");
        assert_string_equal(config->pools[0].labels.items[0], "self-hosted");
        assert_int_equal(config->pools[0].labels.len, 1);
        assert_string_equal(config->pools[0].nomad_job, "github-runner");
        assert_int_equal(config->pools[0].max_runners, 8);
        assert_true(config->pools[0].require_self_hosted);
        config_free(config);
    }
    config = load_good("", labels_set);
    assert_string_equal(config->pools[0].labels.items[1], "x64");
    assert_string_equal(config->pools[0].nomad_job, "ci/runner");
    config_free(config);
    assert_null(load("", bad, &problems));
    assert_string_equal(problems.items[0].text, "environment RUNHOOK_LABELS: must be one or more "
                                                "labels with commas between");
    problems_fini(&problems);
}

static void
which_file_is_read(void **state)
{
    (void)state;
    struct path named = scratch_write("named", SECRETS POOL "[nomad]\nregion = named\n", 0600);
    struct path in_env = scratch_write("in-env", SECRETS POOL "[nomad]\nregion = env\n", 0600);
    const char *const env[] = {"RUNHOOK_CONFIG", in_env.text, NULL};
    const char *const missing[] = {"RUNHOOK_CONFIG", "/nonexistent/runhook.conf", NULL};
    struct problems problems = {0};
    struct config *config;

    variables = env;
    config = config_load(named.text, environment, CONFIG_WHOLE, &problems);
    assert_string_equal(config->nomad.region, "named");
    config_free(config);
    config = load_from_environment(env, &problems);
    assert_string_equal(config->nomad.region, "env");
    config_free(config);
    assert_null(load_from_environment(missing, &problems));
    assert_non_null(strstr(problems.items[0].text, "/nonexistent/runhook.conf: cannot read"));
    problems_fini(&problems);
}

/* A command that reads the ledger alone may be run by somebody who may not read the secrets. */
static void
without_secrets_their_files_stay_unread(void **state)
{
    (void)state;
    struct path path = scratch_write("conf",
                                     "[github]\nwebhook_secret_file = /nonexistent/a\n"
                                     "token_file = /nonexistent/b\n[nomad]\n"
                                     "cf_access_client_id = hunter2\n[server]\nledger = /l.db\n",
                                     0600);
    struct problems problems = {0};
    struct config *config;

    variables = none;
    config = config_load(path.text, environment, CONFIG_WITHOUT_SECRETS, &problems);
    assert_non_null(config);
    assert_int_equal(problems.len, 0);
    assert_null(config->github.webhook_secret);
    assert_null(config->github.account.token);
    assert_null(config->nomad.cf_access_client_id);
    assert_string_equal(config->server.ledger, "/l.db");
    config_free(config);

    path = scratch_write("conf",
                         "[server]\nthreads = 0\n[github]\ntoken = t\n"
                         "webhook_secret = s\n",
                         0600);
    assert_null(config_load(path.text, environment, CONFIG_WITHOUT_SECRETS, &problems));
    assert_int_equal(problems.errors, 1);
    problems_fini(&problems);
}

/* Sections, keys and values are quoted from the file, and so may hold anything. */
static void
problems_steer_no_terminal(void **state)
{
    (void)state;
    struct problems problems;

    assert_null(load("[github]\n\x1b[31m = x\n\xff = y\nwebhook_secret = s\ntoken = t\n"
                     "api_version = \xe2\x80\xae\n[\x1b[2J\xc2\x9b]\n" POOL,
                     none, &problems));
    assert_true(problems.len >= 4);
    for (size_t i = 0; i < problems.len; i++) {
        for (const char *c = problems.items[i].text; *c != '\0'; c++)
            assert_row((unsigned char)*c >= ' ' && *c != 0x7f && *c != '\xff' && *c != '\xe2' &&
                           *c != '\xc2',
                       problems.items[i].text);
    }
    problems_fini(&problems);
}

/* It was counted, and nothing said which file it is about. */
static void
a_path_that_is_too_long_is_told(void **state)
{
    (void)state;
    struct problems problems = {0};
    char path[5000];

    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    variables = none;
    assert_null(config_load(path, environment, CONFIG_WHOLE, &problems));
    assert_int_equal(problems.errors, 1);
    assert_int_equal(problems.len, 1);
    assert_non_null(strstr(problems.items[0].text, "cannot read the configuration"));
    problems_fini(&problems);
}

/* The table of keys itself. */
static void
every_key_is_found_by_its_name(void **state)
{
    (void)state;

    for (size_t i = 0; i < config_keys_len; i++) {
        const struct key *key = &config_keys[i];
        char name[80];
        bool is_file = true;

        assert_ptr_equal(key_find(key->section, key->name, &is_file), key);
        assert_false(is_file);
        assert_true(key_section_known(key->section));
        (void)snprintf(name, sizeof name, "%s_file", key->name);
        const struct key *as_file = key_find(key->section, name, &is_file);
        if (key->kind == VALUE_SECRET) {
            assert_ptr_equal(as_file, key);
            assert_true(is_file);
        } else {
            assert_row(as_file == NULL || as_file->kind != VALUE_SECRET, key->name);
        }
        (void)snprintf(name, sizeof name, "%s_", key->name);
        assert_null(key_find(key->section, name, &is_file));
        assert_null(key_find("nowhere", key->name, &is_file));
    }
    assert_false(key_section_known(""));
    assert_false(key_section_known("servers"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults, scratch_clear),
        cmocka_unit_test_setup(every_key_set, scratch_clear),
        cmocka_unit_test_setup(errors, scratch_clear),
        cmocka_unit_test_setup(audit_ranges, scratch_clear),
        cmocka_unit_test_setup(all_errors_are_told_at_once, scratch_clear),
        cmocka_unit_test_setup(pools_are_counted, scratch_clear),
        cmocka_unit_test_setup(a_byte_order_mark_hides_no_section, scratch_clear),
        cmocka_unit_test_setup(problems_steer_no_terminal, scratch_clear),
        cmocka_unit_test_setup(a_path_that_is_too_long_is_told, scratch_clear),
        cmocka_unit_test_setup(a_warning_is_no_error, scratch_clear),
        cmocka_unit_test_setup(the_environment_overrides_the_file, scratch_clear),
        cmocka_unit_test_setup(every_variable_reaches_its_key, scratch_clear),
        cmocka_unit_test_setup(a_secrets_variable_may_name_a_file, scratch_clear),
        cmocka_unit_test_setup(the_environment_alone_makes_one_pool, scratch_clear),
        cmocka_unit_test_setup(which_file_is_read, scratch_clear),
        cmocka_unit_test_setup(without_secrets_their_files_stay_unread, scratch_clear),
        cmocka_unit_test_setup(every_key_is_found_by_its_name, scratch_clear),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
