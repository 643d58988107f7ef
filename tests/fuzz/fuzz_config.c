/*
 * A configuration: a file, and an environment.
 *
 * Input: lines "NAME=VALUE" of the environment; an empty line; the file. What is a secret in either
 * gets a word put before it, which no message may show.
 * Checked: every problem is one plain line, and shows no secret; there is a configuration exactly
 * where there is no error; and each of its values keeps to what is documented of it.
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/place.h"
#include "fuzz.h"
#include "text/buffer.h"

#define VARIABLES_MAX 64
#define CANARY "SECRETCANARY"

static char *variables[VARIABLES_MAX];
static size_t variables_len;

static const char *const secret_keys[] = {
    "token",       "webhook_secret",      "webhook_secret_previous",
    "private_key", "cf_access_client_id", "cf_access_client_secret"};
static const char *const secret_variables[] = {"GITHUB_TOKEN",           "GITHUB_WEBHOOK_SECRET",
                                               "GITHUB_APP_PRIVATE_KEY", "NOMAD_TOKEN",
                                               "CF_ACCESS_CLIENT_ID",    "CF_ACCESS_CLIENT_SECRET"};

static char *
environment(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < variables_len; i++) {
        if (strncmp(variables[i], name, len) == 0 && variables[i][len] == '=')
            return variables[i] + len + 1;
    }
    return NULL;
}

/* Where the value of a secret begins in a line "NAME = VALUE"; NULL where there is none. */
static const char *
secret_value(const char *line, const char *const *names, size_t names_len)
{
    for (size_t i = 0; i < names_len; i++) {
        size_t len = strlen(names[i]);
        const char *equals = line + len;

        if (strncmp(line, names[i], len) != 0)
            continue;
        equals += strspn(equals, " \t");
        if (*equals == '=')
            return equals + 1;
    }
    return NULL;
}

static void
add_line(struct buffer *out, const char *line, const char *value)
{
    size_t before = value == NULL ? 0 : (size_t)(value - line);

    (void)buffer_add(out, line, before);
    (void)buffer_add_text(out, value == NULL ? "" : CANARY);
    FUZZ_CHECK(buffer_add_text(out, line + before));
}

static void
read_variables(struct fuzz_input *input)
{
    char *line;

    variables_len = 0;
    while ((line = fuzz_line(input))[0] != '\0' && variables_len < VARIABLES_MAX) {
        const char *value = secret_value(line, secret_variables,
                                         sizeof secret_variables / sizeof secret_variables[0]);
        struct buffer out = BUFFER_INIT(1 << 20);

        add_line(&out, line, value);
        variables[variables_len++] = buffer_take(&out);
        free(line);
    }
    free(line);
}

/* The file in memory, under a path. */
static int
make_file(struct fuzz_input *input, char path[64])
{
    struct buffer out = BUFFER_INIT(4 << 20);
    int fd = memfd_create("config", MFD_CLOEXEC);

    while (input->len > 0) {
        char *line = fuzz_line(input);

        add_line(&out, line,
                 secret_value(line, secret_keys, sizeof secret_keys / sizeof secret_keys[0]));
        (void)buffer_add_text(&out, "\n");
        free(line);
    }
    FUZZ_CHECK(fd >= 0 && write(fd, buffer_text(&out), out.len) == (ssize_t)out.len);
    FUZZ_CHECK(fchmod(fd, 0600) == 0);
    buffer_fini(&out);
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void
check_problems(const struct problems *problems, bool has_secrets)
{
    size_t errors = 0;

    for (size_t i = 0; i < problems->len; i++) {
        const char *text = problems->items[i].text;

        FUZZ_CHECK(fuzz_is_plain(text) && text[0] != '\0');
        FUZZ_CHECK(!has_secrets || strstr(text, CANARY) == NULL);
        errors += problems->items[i].is_error;
    }
    FUZZ_CHECK(errors == problems->errors);
}

static void
check_text(const char *text)
{
    if (text == NULL)
        return;
    for (const char *c = text; *c != '\0'; c++)
        FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void
check_pool(const struct config *config, const struct pool *pool)
{
    char place[PLACE_CAP];

    FUZZ_CHECK(pool->name != NULL && strlen(pool->name) <= CONFIG_POOL_NAME_MAX);
    FUZZ_CHECK(pool->labels.len >= 1 && pool->nomad_job != NULL && pool->max_runners >= 1);
    FUZZ_CHECK(pool->scope != POOL_SCOPE_ENTERPRISE || pool->enterprise != NULL);
    FUZZ_CHECK(pool->runner_group == NULL || pool->scope != POOL_SCOPE_REPOSITORY);
    FUZZ_CHECK(place_of_runner(pool, "octo/repo", place));
    FUZZ_CHECK(place_valid(place));
    for (size_t i = 0; i < config->pools_len; i++)
        FUZZ_CHECK(&config->pools[i] == pool || strcmp(config->pools[i].name, pool->name) != 0);
    check_text(pool->runner_group);
    check_text(pool->work_folder);
}

static void
check_account(const struct account_config *account, bool must)
{
    FUZZ_CHECK(account->token == NULL || account->app_id == NULL);
    FUZZ_CHECK((account->app_id == NULL) == (account->private_key == NULL));
    FUZZ_CHECK(!must || account->token != NULL || account->app_id != NULL);
}

static void
check_config(const struct config *config)
{
    FUZZ_CHECK(config->github.webhook_secret != NULL && config->pools_len >= 1);
    FUZZ_CHECK(config->pools_len <= CONFIG_POOLS_MAX && config->owners_len <= CONFIG_OWNERS_MAX);
    FUZZ_CHECK(config->server.retry_initial_s <= config->server.retry_max_s);
    FUZZ_CHECK(config->audit.interval_s <= config->audit.interval_max_s);
    FUZZ_CHECK(config->server.threads >= 1 && config->server.threads <= 64);
    FUZZ_CHECK((config->nomad.client_cert == NULL) == (config->nomad.client_key == NULL));
    check_text(config->server.ledger);
    check_text(config->server.listen);
    check_text(config->nomad.address);
    check_text(config->nomad.ns);
    check_text(config->github.api_url);
    check_account(&config->github.account, config->owners_len == 0);
    for (size_t i = 0; i < config->owners_len; i++)
        check_account(&config->owners[i].account, true);
    for (size_t i = 0; i < config->pools_len; i++)
        check_pool(config, &config->pools[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    struct problems problems = {0}, again = {0};
    struct config *config, *other;
    /* An input that says the word itself may have it shown. */
    bool has_secrets = len == 0 || memmem(bytes, len, CANARY, strlen(CANARY)) == NULL;
    char path[64];
    int fd;

    read_variables(&input);
    fd = make_file(&input, path);
    config = config_load(path, environment, CONFIG_WHOLE, &problems);
    FUZZ_CHECK((config != NULL) == (problems.errors == 0));
    check_problems(&problems, has_secrets);
    if (config != NULL)
        check_config(config);
    other = config_load(path, environment, CONFIG_WITHOUT_SECRETS, &again);
    check_problems(&again, has_secrets);
    FUZZ_CHECK(other == NULL || other->github.webhook_secret == NULL);
    FUZZ_CHECK(config == NULL || other != NULL);
    config_free(config);
    config_free(other);
    problems_fini(&problems);
    problems_fini(&again);
    for (size_t i = 0; i < variables_len; i++)
        free(variables[i]);
    (void)close(fd);
    return 0;
}
