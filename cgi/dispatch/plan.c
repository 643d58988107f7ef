/*
 * What exactly is dispatched for a job of a pool.
 * SPDX-License-Identifier: MIT
 */
#include "dispatch/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/place.h"
#include "config/pool.h"
#include "text/buffer.h"

#define NUMBER_CAP 24
#define LABELS_TEXT_MAX (RH_LABELS_MAX * (RH_LABEL_LEN_MAX + 1))
#define URL_MAX 1024

const struct pool *
plan_pool(const struct config *config, const char *name, const struct job *job)
{
    const struct pool *pool = pool_named(config, name);

    return pool != NULL ? pool
                        : pool_serving_json(config, job->labels, job->repository, job->is_private);
}

bool
plan_registers(const void *config, const char *pool, const char *repository,
               struct order_registration *registration)
{
    const struct pool *found = pool_named(config, pool);
    char place[PLACE_CAP];

    if (found == NULL || !place_of_runner(found, repository, place))
        return false;
    (void)snprintf(registration->place, sizeof registration->place, "%s", place);
    registration->is_jit = found->credential == POOL_CREDENTIAL_JIT;
    return true;
}

enum rh_credential
plan_credential(const struct pool *pool)
{
    return pool->credential == POOL_CREDENTIAL_JIT ? RH_CREDENTIAL_JIT_CONFIG
                                                   : RH_CREDENTIAL_REGISTRATION_TOKEN;
}

static bool
begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool
ends(const char *text, const char *suffix)
{
    size_t len = strlen(text), suffix_len = strlen(suffix);

    return len > suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

/* The site of an API: github.com and SUBDOMAIN.ghe.com have theirs at api.SITE, a GitHub Enterprise
 * Server under /api/v3 of the site. False, and nothing added, of any other address. */
static bool
add_site(struct buffer *url, const char *api_url)
{
    static const char hosted[] = "https://api.", enterprise[] = "/api/v3";

    if (begins(api_url, hosted) && (ends(api_url, "github.com") || ends(api_url, ".ghe.com")))
        return buffer_addf(url, "https://%s", api_url + strlen(hosted));
    return ends(api_url, enterprise) &&
           buffer_add(url, api_url, strlen(api_url) - strlen(enterprise));
}

/* A repository's page. The runner shows its credential to whoever answers there: so what a delivery
 * says counts only where the configuration does not tell the site, as behind a proxy of the API. */
static void
add_page(struct buffer *url, const struct job *job, const char *api_url)
{
    if (add_site(url, api_url))
        (void)buffer_addf(url, "/%s", job->repository);
    else if (ends(job->repository_url, job->repository))
        (void)buffer_add_text(url, job->repository_url);
    else
        (void)buffer_addf(url, "%s/%s", api_url, job->repository);
}

char *
plan_url(const struct job *job, const struct pool *pool, const struct github_config *github)
{
    struct buffer url = BUFFER_INIT(URL_MAX);
    size_t name_len = strlen(strchrnul(job->repository, '/')); /* with its slash */

    if (pool->scope == POOL_SCOPE_ENTERPRISE) {
        if (!add_site(&url, github->api_url))
            (void)buffer_add_text(&url, github->api_url);
        (void)buffer_addf(&url, "/enterprises/%s", pool->enterprise);
        return buffer_take(&url);
    }
    add_page(&url, job, github->api_url);
    if (pool->scope == POOL_SCOPE_ORGANIZATION && !url.failed && url.len > name_len) {
        url.len -= name_len;
        url.bytes[url.len] = '\0';
    }
    return buffer_take(&url);
}

/* Texts made for meta values, which live as long as the body is being built. */
struct meta_texts {
    char job_id[NUMBER_CAP];
    char run_attempt[NUMBER_CAP];
    char *labels; /* comma-separated, as config.sh takes them */
};

static bool
meta_texts_init(struct meta_texts *texts, const struct job *job, const struct pool *pool)
{
    struct buffer labels = BUFFER_INIT(LABELS_TEXT_MAX);

    (void)snprintf(texts->job_id, sizeof texts->job_id, "%" PRId64, job->id);
    (void)snprintf(texts->run_attempt, sizeof texts->run_attempt, "%" PRId64, job->run_attempt);
    for (size_t i = 0; i < pool->labels.len; i++)
        (void)buffer_addf(&labels, "%s%s", i == 0 ? "" : ",", pool->labels.items[i]);
    texts->labels = buffer_take(&labels);
    return texts->labels != NULL;
}

static const char *
meta_value(enum meta_key key, const struct meta_texts *texts, const struct job *job,
           const struct pool *pool, const char *runner_name)
{
    switch (key) {
    case META_DELIVERY_ID:
        return job->delivery;
    case META_WORKFLOW_JOB:
        return texts->job_id;
    case META_JOB_NAME:
        return job->name;
    case META_RUNNER_NAME:
        return runner_name;
    case META_RUN_ATTEMPT:
        return texts->run_attempt;
    case META_WORKFLOW_NAME:
        return job->workflow_name;
    case META_HEAD_BRANCH:
        return job->head_branch;
    case META_LABELS:
        return texts->labels;
    case META_POOL:
        return pool->name;
    }
    return "";
}

/* What rh_payload_build and rh_dispatch_body_build have in common as functions. */
typedef enum rh_error (*dispatch_builder)(const struct rh_dispatch *dispatch, char **out,
                                          size_t *out_len);

static enum rh_error
build(dispatch_builder builder, const struct job *job, const struct pool *pool,
      const struct github_config *github, const struct plan_runner *runner, char **out,
      size_t *out_len)
{
    struct rh_meta meta[CONFIG_META_MAX];
    struct meta_texts texts = {0};
    char *url = plan_url(job, pool, github);
    enum rh_error error = RH_ERR_NO_MEMORY;

    *out = NULL;
    *out_len = 0;
    if (url == NULL || !meta_texts_init(&texts, job, pool))
        goto out;
    for (size_t i = 0; i < pool->meta.len; i++) {
        enum meta_key key = pool->meta.items[i];

        meta[i] = (struct rh_meta){.key = meta_key_names[key],
                                   .value = meta_value(key, &texts, job, pool, runner->name)};
    }
    error = builder(&(struct rh_dispatch){.repository = job->repository,
                                          .repository_short = job->repository_short,
                                          .fork = job->fork,
                                          .job_name = job->name,
                                          .run_id = job->run_id,
                                          .job_id = job->id,
                                          .labels = &pool->labels,
                                          .url = url,
                                          .runner_name = runner->name,
                                          .runner_group = pool->runner_group,
                                          .credential_kind = runner->credential_kind,
                                          .credential = runner->credential,
                                          .meta = meta,
                                          .meta_len = pool->meta.len},
                    out, out_len);
out:
    free(texts.labels);
    free(url);
    return error;
}

enum rh_error
plan_body(const struct job *job, const struct pool *pool, const struct github_config *github,
          const struct plan_runner *runner, char **out, size_t *out_len)
{
    return build(rh_dispatch_body_build, job, pool, github, runner, out, out_len);
}

enum rh_error
plan_payload(const struct job *job, const struct pool *pool, const struct github_config *github,
             const struct plan_runner *runner, char **out, size_t *out_len)
{
    return build(rh_payload_build, job, pool, github, runner, out, out_len);
}
