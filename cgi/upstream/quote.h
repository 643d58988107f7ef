/*
 * An upstream's own words, made fit for a message: short, plain, and withheld where they repeat
 * something that must stay secret. SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_QUOTE_H
#define UPSTREAM_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

#include <runhook/secret.h>

#include "text/buffer.h"

/* Bytes that an upstream was sent and that must not come back into a log. Eight of them in a row,
 * or all of fewer, are too much. */
struct quote_secret {
    const char *bytes; /* NULL where there is none */
    size_t len;
};

/* The bytes of a secret; none of NULL. */
struct quote_secret quote_secret_of(const struct rh_secret *secret);

/* Whether a text has too much of the secret in it. */
bool quote_repeats(const char *said, const struct quote_secret *secret);

/*
 * Appends at most 140 characters of `said`. An HTML page is named, not quoted: it comes from a
 * proxy or a login, and says nothing in its first lines. What holds a secret is withheld whole.
 */
bool quote_add(struct buffer *out, const char *said, const struct quote_secret *secrets,
               size_t secrets_len);

#endif
