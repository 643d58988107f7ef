/*
 * What Nomad's API answers, by each of its readers.
 *
 * Input: the reader's name, as one line; the body.
 * Checked: as of GitHub's; and that reasons and failures are plain.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <runhook/delivery.h>
#include <runhook/payload.h>

#include "fuzz.h"
#include "upstream/nomad_job_read.h"
#include "upstream/nomad_read.h"
#include "upstream/quote.h"

#define ID "ci/dispatch-1769903999-0a1b2c3d"

static void
check_text(const char *text, size_t cap)
{
    FUZZ_CHECK(memchr(text, '\0', cap) != NULL && fuzz_is_utf8(text, strlen(text)));
}

static bool
check(bool done, const struct failure *failure)
{
    if (!done)
        FUZZ_CHECK(fuzz_is_plain(failure->text.text) && failure->text.text[0] != '\0' &&
                   failure->kind == FAILURE_GARBAGE && failure->upstream == UPSTREAM_NOMAD);
    return done;
}

static void
read_child(const struct buffer *body, struct failure *failure)
{
    struct nomad_child child;

    if (check(nomad_read_child(body, ID, &child, failure), failure)) {
        FUZZ_CHECK(child.status <= NOMAD_DEAD);
        if (child.runner_name != NULL)
            check_text(child.runner_name, RH_RUNNER_NAME_MAX + 1);
        if (child.idempotency_token != NULL)
            check_text(child.idempotency_token, 129);
    } else {
        FUZZ_CHECK(child.runner_name == NULL && child.idempotency_token == NULL);
    }
    nomad_child_fini(&child);
}

static void
read_placement(const struct buffer *body, struct failure *failure)
{
    struct nomad_placement placement;

    if (!check(nomad_read_placement(body, &placement, failure), failure))
        FUZZ_CHECK(placement.allocations == 0);
    FUZZ_CHECK(placement.started_at_ms >= 0 && placement.allocations <= body->len);
    FUZZ_CHECK(placement.started_at_ms <= INT64_C(253500000000000));
}

static void
read_unplaced(const struct buffer *body, struct failure *failure)
{
    char reason[NOMAD_REASON_CAP];

    if (!check(nomad_read_unplaced(body, reason, failure), failure))
        FUZZ_CHECK(reason[0] == '\0');
    check_text(reason, sizeof reason);
    FUZZ_CHECK(fuzz_is_plain(reason));
}

static void
read_jobs(const struct buffer *body, struct failure *failure)
{
    cJSON *jobs = nomad_read_jobs(body, failure);
    const cJSON *job;
    int64_t at_s;

    (void)check(jobs != NULL, failure);
    cJSON_ArrayForEach(job, jobs)
    {
        const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(job, "ID"));

        FUZZ_CHECK(id != NULL && fuzz_is_utf8(id, strlen(id)));
        if (nomad_read_dispatched_at(id, "ci", &at_s))
            FUZZ_CHECK(at_s >= 0 && strncmp(id, "ci/dispatch-", 12) == 0);
    }
    cJSON_Delete(jobs);
}

static void
read_leader(const struct buffer *body, struct failure *failure)
{
    bool has_leader;

    if (!check(nomad_read_leader(body, &has_leader, failure), failure))
        FUZZ_CHECK(!has_leader);
}

static void
read_agent(const struct buffer *body, struct failure *failure)
{
    struct nomad_agent agent;

    (void)check(nomad_read_agent(body, &agent, failure), failure);
    check_text(agent.version, sizeof agent.version);
    FUZZ_CHECK(agent.job_gc_s >= -1 && agent.job_gc_s <= INT64_C(1000) * 365 * 86400);
}

static void
read_token(const struct buffer *body, struct failure *failure)
{
    struct nomad_token token;

    (void)check(nomad_read_token(body, &token, failure), failure);
    check_text(token.name, sizeof token.name);
    FUZZ_CHECK(token.expires_at_ms >= 0 && token.expires_at_ms <= INT64_C(253500000000000));
}

static void
read_job(const struct buffer *body, struct failure *failure)
{
    struct nomad_job job;
    const struct names *const lists[] = {&job.meta_required, &job.meta_optional};

    (void)check(nomad_read_job(body, "ci", &job, failure), failure);
    check_text(job.again.restart, sizeof job.again.restart);
    check_text(job.again.reschedule, sizeof job.again.reschedule);
    check_text(job.again.replace, sizeof job.again.replace);
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < lists[i]->len; k++)
            FUZZ_CHECK(fuzz_is_utf8(lists[i]->items[k], strlen(lists[i]->items[k])));
    }
    nomad_job_fini(&job);
}

/* The words of an error, which may repeat what was sent. */
static void
quote(const struct buffer *body, struct failure *failure)
{
    static const char secret[] = "0123456789abcdef-SECRET";
    const struct quote_secret secrets[] = {{secret, sizeof secret - 1}};
    struct buffer out = BUFFER_INIT(1024);

    (void)failure;
    FUZZ_CHECK(quote_add(&out, buffer_text(body), secrets, 1) && fuzz_is_plain(buffer_text(&out)));
    for (size_t at = 0; at + 8 < sizeof secret; at++)
        FUZZ_CHECK(memmem(buffer_text(&out), out.len, secret + at, 8) == NULL);
    buffer_fini(&out);
}

static const struct {
    const char *name;
    void (*read)(const struct buffer *body, struct failure *failure);
} readers[] = {
    {"child", read_child},
    {"placement", read_placement},
    {"unplaced", read_unplaced},
    {"jobs", read_jobs},
    {"leader", read_leader},
    {"agent", read_agent},
    {"token", read_token},
    {"job", read_job},
    {"quote", quote},
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    char *name = fuzz_line(&input);
    struct buffer body = BUFFER_INIT(1 << 20);
    struct failure failure = {0};

    (void)buffer_add(&body, input.bytes, input.len);
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (strcmp(readers[i].name, name) == 0)
            readers[i].read(&body, &failure);
    }
    buffer_fini(&body);
    free(name);
    return 0;
}
