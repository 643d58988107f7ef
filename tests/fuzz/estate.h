/*
 * GitHub and Nomad, as far as a dispatch needs them, in memory: what was registered and what was
 * started stays, so that it can be held against the ledger. SPDX-License-Identifier: MIT
 */
#ifndef ESTATE_H
#define ESTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESTATE_GITHUB "http://127.0.0.1:1"
#define ESTATE_NOMAD "http://127.0.0.1:2"

/* What they take for proof. */
#define ESTATE_GITHUB_TOKEN "ghp_5ecretGitHubT0kenOfTheHarness000"
#define ESTATE_NOMAD_TOKEN "5ec2e7d0-0000-4000-8000-n0madt0ken00"
/* What their credentials begin with; of a JSON Web Token, which a GitHub App signs itself, its
 * header. */
#define ESTATE_JWT "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9"
#define ESTATE_INSTALLATION_TOKEN "ghs_5ECRETINSTALLATION"
#define ESTATE_REGISTRATION_TOKEN "AR5ECRETREGISTRATION"
#define ESTATE_JIT_CONFIG "SklUU0VDUkVU"

struct estate_request {
    const char *method;
    const char *url; /* whole */
    const char *body;
    size_t body_len;
    const char *token; /* "" for none */
};

struct estate_answer {
    long status;
    char body[32 * 1024];
};

/* The owner whose repositories a GitHub App answers for, and its installation there. */
#define ESTATE_APP_OWNER "octo-app"
#define ESTATE_INSTALLATION "5"

/* Empties both. */
void estate_reset(void);

/* Does what is asked for, and answers. */
void estate_ask(const struct estate_request *request, struct estate_answer *answer);

/* Another receiver, which was sent the same delivery, has dispatched for the next token first. */
void estate_let_rival_win(void);

/* From now on every job on GitHub is over, cancelled before any runner had it. */
void estate_end_jobs(void);

#define ESTATE_NAME_CAP 160

/* A child of Nomad's: its id, and whose runner lives in it. */
struct estate_child {
    char id[ESTATE_NAME_CAP];
    char token[ESTATE_NAME_CAP];
    char runner[ESTATE_NAME_CAP];
    char payload[24 * 1024]; /* in base64 */
    bool is_rivals;
    bool is_stopped;
};

/* A registration that was made with its name. */
struct estate_registration {
    int64_t id;
    char name[ESTATE_NAME_CAP];
    bool is_gone;
};

/* The n-th, from 0; NULL where there are no more. */
const struct estate_child *estate_child(size_t n);
const struct estate_registration *estate_registration(size_t n);

#endif
