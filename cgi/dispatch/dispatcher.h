/*
 * The dispatcher: gives waiting jobs their runners, and follows those to their end. Each of its
 * threads takes up one piece of work after another and does its steps in plain blocking order: a
 * job's dispatch first (dispatch/story.h), else an audit that is due (audit/auditor.h), else a
 * webhook whose failed deliveries are to be asked for again (audit/redelivery.h), else a repository
 * that is to be asked for its runs (audit/discovery.h).
 * SPDX-License-Identifier: MIT
 */
#ifndef DISPATCH_DISPATCHER_H
#define DISPATCH_DISPATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger/ledger.h"
#include "log/log.h"
#include "setup/current.h"
#include "upstream/observer.h"

struct dispatcher;

/*
 * Makes a dispatcher of a ledger that this process owns leases in (ledger_become_owner). Borrows
 * all that it is given. `observer` is told of each request to an upstream; NULL for nobody. NULL
 * when out of memory.
 *
 * Another setup that is put into force is taken up by each thread before its next piece of work,
 * and by dispatcher_tick, which then brings the ledger in line with it.
 */
struct dispatcher *dispatcher_new(struct current *setups, struct ledger *ledger, struct log *log,
                                  const struct upstream_observer *observer);

/* Starts the threads that the setup in force asks for. False where none could be started. */
bool dispatcher_start(struct dispatcher *dispatcher);

/* A job was queued: a thread that rests takes it up. */
void dispatcher_wake_for_job(struct dispatcher *dispatcher);

/* Something changed: a thread that rests takes a job up, or follows up what is due by now. */
void dispatcher_wake(struct dispatcher *dispatcher);

/*
 * What the passing of time does: ends leases of dead processes, expires jobs, wakes threads for
 * what is due. Returns in how many milliseconds to call again, at most a second. From one thread.
 */
int64_t dispatcher_tick(struct dispatcher *dispatcher);

/* Does all work on the calling thread until nothing is due or `deadline_ms` (of clock_monotonic_ms)
 * has come; instead of dispatcher_start. Returns how much of it failed. */
int64_t dispatcher_drain(struct dispatcher *dispatcher, int64_t deadline_ms);

/*
 * Takes no more jobs up, lets what is in hand go on until `deadline_ms` (of clock_monotonic_ms),
 * then breaks its requests off, and waits for the threads. What was broken off is in the ledger as
 * waiting.
 */
void dispatcher_stop(struct dispatcher *dispatcher, int64_t deadline_ms);

void dispatcher_free(struct dispatcher *dispatcher);

#endif
