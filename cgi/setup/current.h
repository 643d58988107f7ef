/*
 * The setup that is in force, shared by threads. Who works with it takes it for the time of a piece
 * of work, and has it whole to the end of that, whatever is put into force meanwhile.
 * SPDX-License-Identifier: MIT
 */
#ifndef SETUP_CURRENT_H
#define SETUP_CURRENT_H

#include <stdbool.h>

#include "setup/setup.h"

struct current;

/* Puts the first setup into force, and owns it from then on, in either case. NULL when out of
 * memory, or where `setup` is. */
struct current *current_new(struct setup *setup);

/* Frees the setup in force. By now everybody must have returned what they took. NULL is fine. */
void current_free(struct current *current);

/* The setup in force. It lives until it is returned, and is not NULL. Any thread. */
struct setup *current_take(struct current *current);

/* Ends the use of a setup that was taken; who is last to return one that is no more in force frees
 * it. NULL is fine. Any thread. */
void current_return(struct current *current, struct setup *setup);

/* Whether a setup that was taken is still the one in force. Any thread. */
bool current_is(struct current *current, const struct setup *setup);

/* Puts another setup into force, and owns it from then on: all that is taken after this is that
 * one. Any thread. */
void current_replace(struct current *current, struct setup *setup);

#endif
