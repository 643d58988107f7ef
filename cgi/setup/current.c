/*
 * The setup that is in force.
 * SPDX-License-Identifier: MIT
 */
#include "setup/current.h"

#include <pthread.h>
#include <stdlib.h>

struct current {
    pthread_mutex_t lock;
    struct setup *setup; /* being in force counts as one holder */
};

struct current *
current_new(struct setup *setup)
{
    struct current *current = setup == NULL ? NULL : calloc(1, sizeof *current);

    if (current == NULL) {
        setup_free(setup);
        return NULL;
    }
    (void)pthread_mutex_init(&current->lock, NULL);
    setup->holders = 1;
    current->setup = setup;
    return current;
}

void
current_free(struct current *current)
{
    if (current == NULL)
        return;
    current_return(current, current->setup);
    (void)pthread_mutex_destroy(&current->lock);
    free(current);
}

struct setup *
current_take(struct current *current)
{
    struct setup *setup;

    (void)pthread_mutex_lock(&current->lock);
    setup = current->setup;
    setup->holders++;
    (void)pthread_mutex_unlock(&current->lock);
    return setup;
}

void
current_return(struct current *current, struct setup *setup)
{
    bool was_last;

    if (setup == NULL)
        return;
    (void)pthread_mutex_lock(&current->lock);
    was_last = --setup->holders == 0;
    (void)pthread_mutex_unlock(&current->lock);
    if (was_last) /* nobody can take it any more */
        setup_free(setup);
}

bool
current_is(struct current *current, const struct setup *setup)
{
    bool is;

    (void)pthread_mutex_lock(&current->lock);
    is = current->setup == setup;
    (void)pthread_mutex_unlock(&current->lock);
    return is;
}

void
current_replace(struct current *current, struct setup *setup)
{
    struct setup *former;

    setup->holders = 1;
    (void)pthread_mutex_lock(&current->lock);
    former = current->setup;
    current->setup = setup;
    (void)pthread_mutex_unlock(&current->lock);
    current_return(current, former);
}
