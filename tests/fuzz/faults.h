/*
 * What fails, and when: every call that the linker has put under a harness's word (see
 * fault_points.c, disk.c, wire.c) asks here whether it is to fail now. One seed decides it all.
 * SPDX-License-Identifier: MIT
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault {
    FAULT_MEMORY,       /* malloc and its like, as the program and cJSON call them */
    FAULT_STORE_MEMORY, /* SQLite's own */
    FAULT_DISK,         /* SQLite's files: full, unreadable, not synced, not to be opened */
    FAULT_LOCK,         /* their locks: another process has them */
    FAULT_CRYPTO,       /* OpenSSL */
    FAULT_OPTION,       /* libcurl, before it sends anything */
    FAULT_WIRE,         /* a request to GitHub or Nomad, or its answer, on its way */
    FAULTS,
};

/* Draws from a seed which kinds fail, and when: once, for a while, from some moment on, or every
 * now and then. Nothing fails before faults_begin. */
void faults_plan(uint64_t seed);

/* From now on calls fail as planned; and do not any more. The plan's counting goes on where it
 * was. The latter returns whether they did. */
void faults_begin(void);
bool faults_end(void);

/* Whether the call that asks is to fail. */
bool faults_strike(enum fault fault);

/* Whether the plan has any of this kind fail at all. */
bool faults_has(enum fault fault);

/* How many calls were told to fail since the plan was drawn. */
size_t faults_struck(void);

/* A number from 0 to below `end`, of the plan's chance. */
uint64_t faults_draw(uint64_t end);

/* The plan in words, for a person. Static storage, until the next plan. */
const char *faults_text(void);

/* Memory that was allocated through the calls above and not freed yet, in blocks. */
size_t faults_blocks(void);
size_t faults_store_blocks(void);

/* Puts the allocators of cJSON and SQLite under the plan. Once, before either is used. */
void faults_install(void);

#endif
