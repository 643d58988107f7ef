/*
 * What GitHub's answers about an account mean for the runners to be. Pure.
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCTOR_JUDGE_ACCOUNT_H
#define DOCTOR_JUDGE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doctor/finding.h"
#include "upstream/github_account.h"
#include "upstream/github_hook.h"

/* How much it matters that an account lacks a permission: OK for one that nothing needs. */
struct needs {
    enum finding_level levels[GITHUB_PERMISSIONS];
};

/* This machine's clock against GitHub's. An App signs with its time, and GitHub takes no other. */
void judge_clock(struct findings *findings, int64_t now_ms, int64_t server_now_ms, bool has_app);

/* Whether scopes as the header has them ("repo, admin:org") hold what a permission takes of a
 * classic token: the scope itself, or one that includes it (docs.github.com, "Scopes for OAuth
 * apps"). */
bool judge_scopes_hold(const char *scopes, enum github_permission permission);

/* A token that GitHub took. Of a fine-grained one the permissions are not told. */
void judge_token(struct findings *findings, const char *subject, const struct github_token *token,
                 const struct needs *needs, int64_t now_ms);

/* An App that GitHub took, whose id is `id`. */
void judge_app(struct findings *findings, const char *subject, const char *id,
               const struct github_app *app, const struct needs *needs);

/* One of its installations; `is_ours` where jobs are to come from its owner. Another's is told of
 * where something is wrong with it. */
void judge_installation(struct findings *findings, const char *subject,
                        const struct github_installation *installation,
                        const struct github_app *app, const struct needs *needs, bool is_ours);

/* The App's own webhook, whose last delivery is `last`. It need not have one, nor must it be ours:
 * `url` is that of ours, or NULL. */
void judge_app_hook(struct findings *findings, const char *subject, const struct github_app *app,
                    const struct github_hook *hook, const struct github_last_delivery *last,
                    const char *url);

/* What is left of the rate limit, against the calls an hour that [audit] github_calls allows. */
void judge_rate(struct findings *findings, const char *subject, const struct github_rate *rate,
                int64_t github_calls, int64_t now_ms);

#endif
