/*
 * How a request to GitHub or Nomad can fail, told apart by what is to be done about it.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_FAILURE_H
#define UPSTREAM_FAILURE_H

#include <stdbool.h>
#include <stdint.h>

#include <runhook/error.h>

enum upstream {
    UPSTREAM_GITHUB,
    UPSTREAM_NOMAD,
};

enum failure_kind {
    FAILURE_NONE = 0,
    FAILURE_UNRESOLVED, /* the name has no address now */
    FAILURE_REFUSED,    /* nothing listens there */
    FAILURE_TIMEOUT,    /* no connection, or no whole answer, within the time allowed */
    FAILURE_TLS,        /* the handshake or a certificate */
    FAILURE_RESET,      /* the connection broke */
    FAILURE_TRUNCATED,  /* the answer ended early */
    FAILURE_OVERSIZED,  /* the answer is longer than any real one */
    FAILURE_GARBAGE,    /* the answer is not what the API promises */
    FAILURE_UNAUTHORIZED,
    FAILURE_FORBIDDEN,
    FAILURE_RATE_LIMITED,
    FAILURE_NOT_FOUND,
    FAILURE_CONFLICT,
    FAILURE_UNPROCESSABLE,
    FAILURE_REDIRECTED,    /* never followed: credentials go to the configured origin only */
    FAILURE_REJECTED,      /* another 4xx */
    FAILURE_SERVER,        /* a 5xx that passes by itself */
    FAILURE_NOMAD_JOB,     /* Nomad's 500 for a dispatch that its job does not take */
    FAILURE_NOMAD_ODD,     /* Nomad's 500 for this dispatch, with words that we do not know */
    FAILURE_NO_CHILD,      /* Nomad named a child that is not there: a race between dispatches */
    FAILURE_CONFIGURATION, /* nothing was sent: what we hold does not make a request */
    FAILURE_STOPPED,       /* given up because the program ends */
    FAILURE_LOCAL,         /* out of memory, or libcurl itself */
};
#define FAILURE_KINDS (FAILURE_LOCAL + 1)

/* "enterprises/" and the longest owner's name. */
#define FAILURE_OWNER_CAP 272

struct failure {
    enum failure_kind kind;
    enum upstream upstream;
    long status;                   /* the HTTP status; 0 where there was no answer */
    bool is_apis_word;             /* GitHub's API itself said so: see github_is_api_error */
    int64_t retry_after_ms;        /* what the upstream asked to wait; -1 where it did not say */
    char owner[FAILURE_OWNER_CAP]; /* whose account at GitHub alone is in trouble; "" for all */
    struct rh_reason text; /* one sentence for the person who has to act, without any secret */
};

/* "github" or "nomad". */
const char *upstream_text(enum upstream upstream);

/* A word for logs: "refused", "timeout", "rate_limited", … */
const char *failure_text(enum failure_kind kind);

/* Whether a request that failed so has certainly changed nothing: it was never sent, or the
 * upstream said no. After any other failure it may have been done: a conflict is one, since what it
 * met is there, by whomever. */
bool failure_changed_nothing(const struct failure *failure);

/* Sets kind, upstream and text, and clears the rest. What of the text would steer a terminal, or is
 * not UTF-8, becomes "?": names and an upstream's words are in it. Returns false, so that a request
 * can end in it. */
bool failure_set(struct failure *failure, enum upstream upstream, enum failure_kind kind,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same of an answer that json_parse has just read, where it is not what the API promises:
 * FAILURE_GARBAGE. Where only memory was missing to read it, as errno says then, it is
 * FAILURE_LOCAL, and the upstream is not blamed. */
bool failure_garbage(struct failure *failure, enum upstream upstream, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
