/*
 * GitHub's REST API, as far as GitHub itself goes. Form: docs.github.com, "REST API endpoints for
 * meta data". SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_META_H
#define UPSTREAM_GITHUB_META_H

#include <stdbool.h>

#include "hooks/hook_addresses.h"
#include "upstream/failure.h"
#include "upstream/github.h"

/*
 * The networks that webhooks come from, in order: the `hooks` of GET /meta. Anybody may ask, few
 * times an hour; so it asks with the token of [github] where there is one, and where that does not
 * do, or there is none, without. FAILURE_GARBAGE where GitHub names none, or one of them is no
 * network: then none of them is to be used.
 */
bool github_hook_addresses(struct github *github, struct hook_addresses *addresses,
                           struct failure *failure);

#endif
