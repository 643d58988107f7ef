/*
 * Deliveries that start a runner.
 * SPDX-License-Identifier: MIT
 */
#include "specimen.h"

#include "estate.h"

#define SPECIMEN(id, owner, run_id, labels, more)                                              \
    "{\"action\":\"queued\",\"workflow_job\":{\"id\":" id ",\"run_id\":" run_id                \
    ",\"workflow_name\":\"CI\",\"head_branch\":\"main\",\"run_attempt\":1,\"html_url\":"       \
    "\"https://github.com/" owner "/lighthouse/actions/runs/1/job/" id "\","                   \
    "\"status\":\"queued\",\"conclusion\":null,\"created_at\":\"2026-01-17T11:59:00Z\","       \
    "\"name\":\"build (ubuntu, 18) \xe6\x97\xa5\xe6\x9c\xac\",\"labels\":" labels              \
    ",\"runner_id\":0,\"runner_name\":null},\"repository\":{\"id\":1,\"name\":\"lighthouse\"," \
    "\"full_name\":\"" owner "/lighthouse\",\"private\":true,\"fork\":false,\"html_url\":"     \
    "\"https://github.com/" owner "/lighthouse\"},\"sender\":{\"login\":\"octocat\"}" more "}"

/* By a token; just in time; asked whose code it is, which is its own, and a fork's. By a GitHub
 * App, whose installation is told, or has to be asked for. */
#define SPECIMENS(id)                                                                          \
    {                                                                                          \
        SPECIMEN(id, "octo-harbor", "20917244608", "[\"self-hosted\",\"linux\",\"x64\"]", ""), \
            SPECIMEN(id, "octo-harbor", "20917244608", "[\"self-hosted\",\"gpu\"]", ""),       \
            SPECIMEN(id, "octo-harbor", "20917244609", "[\"self-hosted\",\"arm64\"]", ""),     \
            SPECIMEN(id, "octo-harbor", "20917244610", "[\"self-hosted\",\"arm64\"]", ""),     \
            SPECIMEN(id, ESTATE_APP_OWNER, "20917244609", "[\"self-hosted\",\"arm64\"]",       \
                     ",\"installation\":{\"id\":" ESTATE_INSTALLATION "}"),                    \
            SPECIMEN(id, ESTATE_APP_OWNER, "20917244608", "[\"self-hosted\",\"gpu\"]", ""),    \
    }

const char *
specimen_body(uint64_t number)
{
    static const char *const bodies[] = SPECIMENS("59871034412");

    return bodies[number % (sizeof bodies / sizeof bodies[0])];
}

const char *
specimen_sibling(uint64_t number)
{
    static const char *const bodies[] = SPECIMENS("59871034413");

    return bodies[number % (sizeof bodies / sizeof bodies[0])];
}
