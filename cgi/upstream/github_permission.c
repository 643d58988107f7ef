/*
 * What a request to GitHub's API needs to be allowed.
 * SPDX-License-Identifier: MIT
 */
#include "upstream/github_permission.h"

#include "config/place.h"

const struct github_permission_row *
github_permission(enum github_permission permission)
{
    static const struct github_permission_row rows[] = {
        [GITHUB_METADATA] = {"metadata", "read", "metadata (read)", "repo"},
        [GITHUB_ACTIONS] = {"actions", "read", "actions (read)", "repo"},
        [GITHUB_ADMINISTRATION] = {"administration", "write", "administration (write)", "repo"},
        [GITHUB_ORGANIZATION_RUNNERS] = {"organization_self_hosted_runners", "write",
                                         "self-hosted runners (write)", "admin:org"},
        [GITHUB_ENTERPRISE_RUNNERS] = {"", "", "manage_runners:enterprise (of a classic token)",
                                       "manage_runners:enterprise"},
        [GITHUB_REPOSITORY_HOOKS] = {"repository_hooks", "write", "webhooks (write)",
                                     "admin:repo_hook"},
        [GITHUB_ORGANIZATION_HOOKS] = {"organization_hooks", "write",
                                       "organization webhooks (write)", "admin:org_hook"},
    };

    return &rows[permission];
}

enum github_permission
github_permission_of_runners(const char *place)
{
    if (place_is_organization(place))
        return GITHUB_ORGANIZATION_RUNNERS;
    return place_is_enterprise(place) ? GITHUB_ENTERPRISE_RUNNERS : GITHUB_ADMINISTRATION;
}

enum github_permission
github_permission_of_hooks(const char *place)
{
    return place_is_organization(place) ? GITHUB_ORGANIZATION_HOOKS : GITHUB_REPOSITORY_HOOKS;
}
