/*
 * A sample `workflow_job` delivery, and ways to change a field of it and to parse it. What is true
 * of every result is asserted here: whether there is a delivery, and that a reason is one bounded
 * line of printable ASCII.
 * SPDX-License-Identifier: MIT
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "unit.h"

#include <runhook/delivery.h>

#define JSON_TYPE "application/json"
#define FORM_TYPE "application/x-www-form-urlencoded"

extern const char job_body[];

struct parsed {
    enum rh_error error;
    struct rh_delivery *delivery; /* the caller's to free; NULL on failure */
    struct rh_reason reason;
};

struct parsed parse_as(const void *body, size_t len, const char *content_type,
                       const char *event_hint);

/* Parses as JSON, with the hint of a workflow_job. */
struct parsed parse(const char *json);

/* The sample with the field at `path` ("workflow_job.id") replaced by the text `raw`, as it stands,
 * or taken out where that is NULL. The caller frees. */
char *body_with(const char *path, const char *raw);

struct parsed parse_with(const char *path, const char *raw);

#endif
