/*
 * Where a webhook delivers to: which addresses will do, and which two are the same. Pure.
 * SPDX-License-Identifier: MIT
 */
#ifndef HOOKS_HOOK_URL_H
#define HOOKS_HOOK_URL_H

#include <stdbool.h>

#include <runhook/error.h>

/* Whether GitHub can deliver to it: https:// (with `may_be_http` http:// too), a host, no user and
 * no fragment, shorter than GITHUB_HOOK_URL_CAP. Otherwise `reason` says what is wrong, without the
 * URL, which may hold a password. */
bool hook_url_check(const char *url, bool may_be_http, struct rh_reason *reason);

/* Whether both are one address: scheme and host without case, a port that is the scheme's own as if
 * it were not there, and no path as "/". What is no URL is the same as its very bytes alone. */
bool hook_url_same(const char *a, const char *b);

#endif
