/*
 * One step of a delivery's way, so many times, for callgrind to count its instructions. With 0
 * times it does all but the step. SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <runhook/runhook.h>

struct sample {
    char *body;
    size_t body_len;
    struct rh_secret *secret;
    char signature[RH_SIGNATURE_CAP];
    struct rh_delivery *delivery;
    struct rh_labels pool;
};

static bool
verify(const struct sample *sample)
{
    const struct rh_secret *secrets[] = {sample->secret};

    return rh_signature_verify(secrets, 1, sample->body, sample->body_len, sample->signature,
                               strlen(sample->signature), NULL) == RH_OK;
}

static bool
parse(const struct sample *sample)
{
    struct rh_delivery *delivery = NULL;
    struct rh_reason reason;
    bool done = rh_delivery_parse(sample->body, sample->body_len, "application/json",
                                  "workflow_job", &delivery, &reason) == RH_OK;

    rh_delivery_free(delivery);
    return done;
}

static bool
match(const struct sample *sample)
{
    return rh_labels_match(&sample->delivery->job.labels, &sample->pool, true, NULL) ==
           RH_MATCH_SERVES;
}

static bool
payload(const struct sample *sample)
{
    const struct rh_workflow_job *job = &sample->delivery->job;
    const struct rh_dispatch dispatch = {.repository = job->repository,
                                         .repository_short = job->repository_short,
                                         .fork = job->repository_fork,
                                         .job_name = job->name,
                                         .run_id = job->run_id,
                                         .job_id = job->id,
                                         .labels = &sample->pool,
                                         .url = job->repository_url,
                                         .runner_name = "runhook-3433a326-59871034412-1",
                                         .credential = "AABF3JGZDX3P5PMEXLND6TS6FCWO6"};
    char *out = NULL;
    size_t out_len = 0;
    bool done = rh_dispatch_body_build(&dispatch, &out, &out_len) == RH_OK;

    rh_wipe_free(out, out_len);
    return done;
}

static const struct {
    const char *name;
    bool (*run)(const struct sample *sample);
} steps[] = {{"verify", verify}, {"parse", parse}, {"match", match}, {"payload", payload}};

static bool
read_file(const char *path, struct sample *sample)
{
    FILE *file = fopen(path, "rb");
    long len;
    bool done = file != NULL && fseek(file, 0, SEEK_END) == 0 && (len = ftell(file)) > 0 &&
                fseek(file, 0, SEEK_SET) == 0 && (sample->body = malloc((size_t)len)) != NULL &&
                (sample->body_len = fread(sample->body, 1, (size_t)len, file)) == (size_t)len;

    if (file != NULL)
        (void)fclose(file);
    return done;
}

static bool
sample_init(struct sample *sample, const char *path)
{
    static const char *const labels[] = {"self-hosted", "linux", "x64"};
    struct rh_reason reason;
    bool done = read_file(path, sample) &&
                rh_secret_new("It's a Secret to Everybody", 26, &sample->secret) == RH_OK &&
                rh_signature_sign(sample->secret, sample->body, sample->body_len,
                                  sample->signature) == RH_OK &&
                rh_delivery_parse(sample->body, sample->body_len, "application/json",
                                  "workflow_job", &sample->delivery, &reason) == RH_OK;

    for (size_t i = 0; done && i < sizeof labels / sizeof labels[0]; i++)
        done = rh_labels_add(&sample->pool, labels[i], strlen(labels[i])) == RH_OK;
    return done;
}

static void
sample_fini(struct sample *sample)
{
    rh_labels_fini(&sample->pool);
    rh_delivery_free(sample->delivery);
    rh_secret_free(sample->secret);
    free(sample->body);
}

int
main(int argc, char **argv)
{
    struct sample sample = {0};
    size_t times, step = 0;
    bool done;

    while (argc == 4 && step < sizeof steps / sizeof steps[0] &&
           strcmp(argv[2], steps[step].name) != 0)
        step++;
    if (argc != 4 || step == sizeof steps / sizeof steps[0]) {
        (void)fprintf(stderr, "usage: bench_steps BODY_FILE verify|parse|match|payload TIMES\n");
        return 2;
    }
    times = strtoul(argv[3], NULL, 10);
    done = sample_init(&sample, argv[1]);
    for (size_t i = 0; done && i < times; i++)
        done = steps[step].run(&sample);
    sample_fini(&sample);
    return done ? 0 : 1;
}
