/*
 * What GitHub's REST API answers about accounts, read and checked. No I/O, and no trust: an answer
 * that lacks what is asked of it, or has it in another form, is no answer.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_ACCOUNT_READ_H
#define UPSTREAM_GITHUB_ACCOUNT_READ_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "text/buffer.h"
#include "upstream/github_account.h"

/* `scopes` and `expires` are the headers x-oauth-scopes and github-authentication-token-expiration;
 * NULL where they are missing. */
bool github_read_token_self(const struct buffer *body, const char *scopes, const char *expires,
                            struct github_token *token);

bool github_read_app(const struct buffer *body, struct github_app *app);

bool github_read_installation(const cJSON *json, struct github_installation *installation);

bool github_read_rate(const struct buffer *body, struct github_rate *rate);

/* One of the list of a webhook's deliveries. */
bool github_read_last_delivery(const cJSON *json, struct github_last_delivery *last);

/* A time as that header has it: "2026-01-31 23:59:59 UTC", or with an offset like "-0700". */
bool github_read_expiry(const char *text, int64_t *at_ms);

#endif
