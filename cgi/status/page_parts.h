/*
 * The parts of the status page, in their order. Each has an end and takes back a row that went
 * beyond it: so the page has its bound whatever names and reasons there are, and the parts behind
 * keep their room.
 * SPDX-License-Identifier: MIT
 */
#ifndef STATUS_PAGE_PARTS_H
#define STATUS_PAGE_PARTS_H

#include "status/pen.h"

/* Where the rows of parts end, in bytes from the page's beginning. */
#define KIB ((size_t)1024)
#define POOLS_END (44 * KIB)
#define GATES_END (52 * KIB)
#define WAITING_END (64 * KIB)
#define RUNNING_END (74 * KIB)
#define LATELY_END (84 * KIB)
#define SIGNED_END (93 * KIB)
#define REFUSED_END (98 * KIB)

/* Whether nothing needs a person. */
bool page_is_well(const struct view *view);

/* That, or what does. */
void page_add_verdict(struct pen *pen);

/* The last day: its picture, in words, and in numbers. */
void page_add_day(struct pen *pen);

/* Pools and upstreams. */
void page_add_supply(struct pen *pen);

/* The jobs that wait, run, and ended lately. */
void page_add_jobs(struct pen *pen);

/* The last deliveries, and those that were refused. */
void page_add_deliveries(struct pen *pen);

/* An upstream by its name; and when one that is shut is tried next. */
void page_add_gate_name(struct pen *pen, const struct gate *gate);
void page_add_gate_until(struct pen *pen, const struct gate *gate);

#endif
