/*
 * What GitHub's REST API answers, read and checked. No I/O, and no trust: an answer that lacks what
 * is asked of it, or has it in another form, is no answer.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_GITHUB_READ_H
#define UPSTREAM_GITHUB_READ_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "text/buffer.h"
#include "upstream/github_run.h"
#include "upstream/github_runner.h"

/*
 * A page of a list: {"total_count": n, "member": [{…}, …]}. Gives the array, all of objects, which
 * the caller deletes, and how many there are on all pages. NULL, and `*total` 0, where the body is
 * anything else.
 */
cJSON *github_read_page(const struct buffer *body, const char *member, int64_t *total);

/*
 * Looks for a runner of this name, exactly, in a page's array. False where an entry has no name, or
 * the one looked for lacks what is asked of it: then it cannot be said whether it is there.
 */
bool github_read_runner(const cJSON *runners, const char *name, struct github_runner *runner);

/* Reads the job of this id. A runner's name that is longer than GitHub's limit is cut, and ends in
 * "…": it is none of ours, and is not taken for one. */
bool github_read_job(const struct buffer *body, int64_t id, struct github_job *job);

/* Reads the run of this id: whether its head repository is another than its own, by their ids. A
 * head repository that is null was deleted, and so is another. */
bool github_read_origin(const struct buffer *body, int64_t run_id, bool *is_forks);

#endif
