/*
 * The fields of a `workflow_job` delivery.
 * SPDX-License-Identifier: MIT
 */
#ifndef RH_WORKFLOW_JOB_H
#define RH_WORKFLOW_JOB_H

#include <cjson/cJSON.h>
#include <runhook/delivery.h>

#include "json_prune.h"

/* The members of a delivery's `workflow_job`, `repository` and `installation` that
 * rh_workflow_job_read reads. */
extern const struct rh_json_member rh_workflow_job_members[];
extern const struct rh_json_member rh_repository_members[];
extern const struct rh_json_member rh_installation_members[];

/* Reads the number of an id field. False, and `*out` 0, where it is not a whole number from 1 to
 * RH_ID_MAX. `item` may be NULL. */
bool rh_id_read(const cJSON *item, int64_t *out) RH_MUST_CHECK;

/*
 * Reads the job out of a delivery's top-level object, in which `workflow_job` is an object. `*job`
 * is zeroed on entry, and rh_workflow_job_fini frees what it holds after success and failure alike.
 * RH_ERR_FIELD with a reason, RH_ERR_NO_MEMORY.
 */
enum rh_error rh_workflow_job_read(const cJSON *root, struct rh_workflow_job *job,
                                   struct rh_reason *reason) RH_MUST_CHECK;

void rh_workflow_job_fini(struct rh_workflow_job *job);

#endif
