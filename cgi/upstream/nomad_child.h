/*
 * Nomad's HTTP API, as far as dispatched jobs (children) go.
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_NOMAD_CHILD_H
#define UPSTREAM_NOMAD_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upstream/failure.h"
#include "upstream/nomad.h"

#define NOMAD_REASON_CAP 256

/* Clocks of Nomad's servers, whose seconds stand in the ids of children, and ours may differ by
 * this. */
#define NOMAD_SKEW_S 600

enum nomad_status {
    NOMAD_PENDING, /* no allocation lives */
    NOMAD_RUNNING, /* at least one does, or is about to */
    NOMAD_DEAD,    /* stopped, or its work is over */
};

struct nomad_child {
    enum nomad_status status;
    bool is_stopped;         /* somebody asked for its end */
    char *runner_name;       /* from its payload; NULL where that has none */
    char *idempotency_token; /* NULL where it has none */
};

void nomad_child_fini(struct nomad_child *child);

/*
 * Reads a child: GET /v1/job/{child}. FAILURE_NOT_FOUND where Nomad has none of that id, by now or
 * at all, as Nomad itself says: another 404 is FAILURE_GARBAGE. FAILURE_FORBIDDEN where the token
 * may not read it. On success the caller ends `*child`.
 */
bool nomad_child(struct nomad *nomad, const char *id, struct nomad_child *child,
                 struct failure *failure);

/* Where a child is. */
struct nomad_placement {
    size_t allocations;    /* that live: placed, and not over (not complete, failed or lost) */
    int64_t started_at_ms; /* when the first task of the latest of them (by its CreateIndex)
                              started; 0 where none has */
};

/* GET /v1/job/{child}/allocations. A job that Nomad has not is one without allocations. */
bool nomad_placement(struct nomad *nomad, const char *id, struct nomad_placement *placement,
                     struct failure *failure);

/*
 * Why Nomad cannot place a child, in few words ("2 nodes: memory exhausted"; "3 nodes: constraint
 * ${attr.kernel.name} = linux filtered"; "no nodes in dc1"), from the FailedTGAllocs of its latest
 * evaluation: GET /v1/job/{child}/evaluations. "" where none failed to place. `reason` is
 * printable.
 */
bool nomad_unplaced(struct nomad *nomad, const char *id, char reason[NOMAD_REASON_CAP],
                    struct failure *failure);

/* Stops a child: DELETE /v1/job/{child}. Nomad says 200 to one that it has not, too.
 * FAILURE_FORBIDDEN where the token may not stop it. */
bool nomad_stop(struct nomad *nomad, const char *id, struct failure *failure);

/* What nomad_children calls with each child. */
typedef void (*nomad_visitor)(const char *id, enum nomad_status status, bool is_stopped, void *arg);

/*
 * Lists the children of `parent` that were dispatched from `from_s` to `to_s`, and a few others:
 * GET /v1/jobs?prefix=…. FAILURE_FORBIDDEN where the token may not list jobs, FAILURE_OVERSIZED
 * where there are more than can be read at once.
 */
bool nomad_children(struct nomad *nomad, const char *parent, int64_t from_s, int64_t to_s,
                    nomad_visitor visit, void *arg, struct failure *failure);

/*
 * Finds the child that a dispatch made whose answer was lost: of the children of `parent` that were
 * dispatched from `from_s` to `to_s` (their ids carry the second), the one with this idempotency
 * token and this runner in its payload. One of the same token with another runner is another
 * receiver's, and there can be no second one under that token. GET /v1/jobs?prefix=…, then each of
 * these children. `*child` is NULL where there is none; else the caller frees it. FAILURE_FORBIDDEN
 * where the token may not list or read jobs, FAILURE_OVERSIZED where there are more than 512 to
 * read.
 */
bool nomad_find_child(struct nomad *nomad, const char *parent, const char *idempotency_token,
                      const char *runner_name, int64_t from_s, int64_t to_s, char **child,
                      struct failure *failure);

#endif
