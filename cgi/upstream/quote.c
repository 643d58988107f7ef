/*
 * An upstream's own words, made fit for a log and a table.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/quote.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "text/escape.h"

#define QUOTE_CHARS 140

/* Only so much of a long text is looked at, and quoted from. */
#define SAID_MAX 4096

#define SECRET_WINDOW 8

struct quote_secret
quote_secret_of(const struct rh_secret *secret)
{
    if (secret == NULL)
        return (struct quote_secret){0};
    return (struct quote_secret){.bytes = rh_secret_bytes(secret), .len = rh_secret_len(secret)};
}

static bool
repeats(const char *said, size_t said_len, const struct quote_secret *secret)
{
    size_t window = secret->len < SECRET_WINDOW ? secret->len : SECRET_WINDOW;

    if (secret->bytes == NULL || window == 0)
        return false;
    for (size_t at = 0; at + window <= said_len; at++) {
        if (memmem(secret->bytes, secret->len, said + at, window) != NULL)
            return true;
    }
    return false;
}

bool
quote_repeats(const char *said, const struct quote_secret *secret)
{
    return repeats(said, strlen(said), secret);
}

bool
quote_add(struct buffer *out, const char *said, const struct quote_secret *secrets,
          size_t secrets_len)
{
    size_t len;

    while (isspace((unsigned char)*said))
        said++;
    if (strncasecmp(said, "<!doctype", 9) == 0 || strncasecmp(said, "<html", 5) == 0)
        return buffer_add_text(out, "an HTML page, so a proxy or a login answered");
    len = strnlen(said, SAID_MAX);
    for (size_t i = 0; i < secrets_len; i++) {
        if (repeats(said, len, &secrets[i]))
            return buffer_add_text(out, "its words are withheld, since they repeat a secret");
    }
    while (len > 0 && isspace((unsigned char)said[len - 1]))
        len--;
    return escape_plain(out, said, len, QUOTE_CHARS);
}
