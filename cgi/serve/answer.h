/*
 * An answer, as data and as what is sent: a small JSON object with a status and a reason that a
 * person can act on, or a page. SPDX-License-Identifier: MIT
 */
#ifndef SERVE_ANSWER_H
#define SERVE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "text/buffer.h"

/* The outcomes that a request can have. Their HTTP statuses stand in one table, in answer.c. */
enum outcome {
    OUTCOME_ACCEPTED,
    OUTCOME_DUPLICATE,
    OUTCOME_IGNORED,
    OUTCOME_PONG,
    OUTCOME_OK,      /* a page */
    OUTCOME_REFUSED, /* the signature */
    OUTCOME_INVALID, /* not what a delivery looks like */
    OUTCOME_TOO_LARGE,
    OUTCOME_UNSUPPORTED_TYPE,
    OUTCOME_METHOD,      /* not a POST */
    OUTCOME_FORBIDDEN,   /* a page, to a client that may not see it */
    OUTCOME_UNAVAILABLE, /* not on disk, so not taken */
};

#define ANSWER_REASON_CAP 512

/* Longest page, in bytes. */
#define ANSWER_PAGE_MAX ((size_t)1024 * 1024)

/* A page stands in the place of the JSON object. */
struct page {
    const char *content_type; /* static; NULL: there is no page */
    const char *headers;      /* static: further headers, each ended by CR LF; NULL for none */
    struct buffer body;
};

struct answer {
    enum outcome outcome;
    char reason[ANSWER_REASON_CAP];      /* "" where there is nothing to say */
    int64_t job_id;                      /* 0 where it is about no job */
    char pool[CONFIG_POOL_NAME_MAX + 1]; /* "" likewise */
    bool head_only;                      /* it answers HEAD: headers, and no body */
    bool is_news;                        /* the ledger changed: there may be work */
    struct page page;                    /* answer_fini frees it */
};

int answer_http_status(enum outcome outcome);

/* "accepted", "duplicate", …: the JSON's `status`, and the log's `outcome`. */
const char *answer_status_text(enum outcome outcome);

/* Sets outcome and reason. */
void answer_set(struct answer *answer, enum outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The most that a response can come to, in bytes. */
#define ANSWER_RESPONSE_MAX (ANSWER_PAGE_MAX + 8192)

/* Appends the whole CGI response: headers, a blank line, the body. False when out of memory. */
bool answer_render(const struct answer *answer, struct buffer *out);

/* Frees what the answer holds. */
void answer_fini(struct answer *answer);

#endif
