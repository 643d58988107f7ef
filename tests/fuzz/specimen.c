/*
 * Deliveries that start a runner.
 * SPDX-License-Identifier: MIT
 */
#include "specimen.h"

#define SPECIMEN(run_id, labels)                                                               \
    "{\"action\":\"queued\",\"workflow_job\":{\"id\":59871034412,\"run_id\":" run_id           \
    ",\"workflow_name\":\"CI\",\"head_branch\":\"main\",\"run_attempt\":1,\"html_url\":"       \
    "\"https://github.com/octo-harbor/lighthouse/actions/runs/1/job/59871034412\","            \
    "\"status\":\"queued\",\"conclusion\":null,\"created_at\":\"2026-01-17T11:59:00Z\","       \
    "\"name\":\"build (ubuntu, 18) \xe6\x97\xa5\xe6\x9c\xac\",\"labels\":" labels              \
    ",\"runner_id\":0,\"runner_name\":null},\"repository\":{\"id\":1,\"name\":\"lighthouse\"," \
    "\"full_name\":\"octo-harbor/lighthouse\",\"private\":true,\"fork\":false,\"html_url\":"   \
    "\"https://github.com/octo-harbor/lighthouse\"},\"sender\":{\"login\":\"octocat\"}}"

const char *
specimen_body(uint64_t number)
{
    static const char *const bodies[] = {
        SPECIMEN("20917244608", "[\"self-hosted\",\"linux\",\"x64\"]"), /* by a token */
        SPECIMEN("20917244608", "[\"self-hosted\",\"gpu\"]"),           /* just in time */
        SPECIMEN("20917244609", "[\"self-hosted\",\"arm64\"]"),         /* asked for, of its own */
        SPECIMEN("20917244610", "[\"self-hosted\",\"arm64\"]"),         /* and of a fork */
    };

    return bodies[number % (sizeof bodies / sizeof bodies[0])];
}
