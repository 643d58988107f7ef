/*
 * An upstream that answers as a script says, and what asks it.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_SAMPLE_H
#define UPSTREAM_SAMPLE_H

#include <pthread.h>
#include <stddef.h>

#include "config/config.h"
#include "upstream/credential.h"
#include "upstream/github.h"
#include "upstream/http.h"
#include "upstream/nomad.h"

#define SAMPLE_REQUESTS 32

/* One answer. A script gives them in order, and 599 to what asks for more. */
struct sample_answer {
    int status;
    const char *body;    /* borrowed, like all texts here */
    const char *headers; /* each with its CRLF; NULL for none */
};

struct upstream_sample {
    char url[64];
    struct github *github;
    struct nomad *nomad;

    /* The rest is upstream_sample.c's. */
    int fd;
    pthread_t thread;
    pthread_mutex_t answering; /* held while the script's texts are in use */
    pthread_mutex_t lock;
    const struct sample_answer *script;
    size_t script_len, requests_len;
    char requests[SAMPLE_REQUESTS][2048];
    http_deadline deadline;
    struct github_config github_config;
    struct nomad_config nomad_config;
    struct accounts *accounts;
    struct credential *nomad_token;
};

/* cmocka's set-up and tear-down of a test, and of the whole group. */
int upstream_sample_start(void **state);
int upstream_sample_stop(void **state);
int upstream_sample_group_start(void **state);
int upstream_sample_group_stop(void **state);

/* From now on answers so, and forgets what was asked before. What the last script was made of is
 * not looked at any more. */
void upstream_sample_script(struct upstream_sample *sample, const struct sample_answer *script,
                            size_t script_len);

size_t upstream_sample_requests(struct upstream_sample *sample);

/* Fails unless request `i` began with this line, as "GET /path". */
void upstream_sample_asked(struct upstream_sample *sample, size_t i, const char *line);

/* The head of request `i`. */
const char *upstream_sample_request(struct upstream_sample *sample, size_t i);

#endif
