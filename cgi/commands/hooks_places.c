/*
 * The repositories and organizations that a verb of `runhook hooks` is about.
 * SPDX-License-Identifier: MIT
 */
#include "commands/hooks_places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "commands/common.h"
#include "ledger/ledger.h"
#include "ledger/repository.h"
#include "upstream/github_owner.h"

static struct hooks_place *
add(struct hooks_places *places, const char *place)
{
    struct hooks_place *grown;

    for (size_t i = 0; i < places->len; i++) {
        if (strcasecmp(places->items[i].place, place) == 0)
            return &places->items[i];
    }
    grown = reallocarray(places->items, places->len + 1, sizeof *grown);
    if (grown == NULL) {
        places->failed = true;
        return NULL;
    }
    places->items = grown;
    grown[places->len] = (struct hooks_place){0};
    (void)snprintf(grown[places->len].place, sizeof grown[0].place, "%s", place);
    return &grown[places->len++];
}

static struct hooks_place *
add_repository(struct hooks_places *places, const char *name)
{
    char place[PLACE_CAP];

    return place_of_repository(name, place) ? add(places, place) : NULL;
}

struct choice {
    struct hooks_places *places;
    const struct hooks_options *options;
    size_t listed, chosen;
};

static bool
choose(const struct github_repository *repository, void *arg)
{
    struct choice *choice = arg;
    const struct hooks_options *options = choice->options;
    struct hooks_place *place;

    choice->listed++;
    if ((repository->is_archived && !hooks_given(options, HOOKS_ARCHIVED)) ||
        (repository->is_fork && !hooks_given(options, HOOKS_FORKS)) ||
        (options->topic != NULL && !github_repository_has_topic(repository, options->topic)))
        return true;
    choice->chosen++;
    place = add_repository(choice->places, repository->name);
    if (place != NULL)
        place->lacks_admin = repository->lacks_admin;
    return !choice->places->failed;
}

static void
add_owner(struct hooks_places *places, struct hooks_desk *desk, const struct hooks_options *options,
          const char *owner)
{
    struct choice choice = {.places = places, .options = options};
    struct hooks_place *place;
    struct failure failure;
    bool done;

    progress_show(&desk->progress, 0, 0, owner);
    do {
        choice.listed = choice.chosen = 0;
        done = github_owner_repositories(desk->github, owner, choose, &choice, &failure);
    } while (!done && hooks_desk_again(desk, &failure));
    if (done) {
        desk->waits = 0;
        if (choice.chosen == 0)
            progress_say(&desk->progress,
                         "runhook: warning: of the %zu repositories of %s that GitHub shows, none "
                         "is meant\n",
                         choice.listed, owner);
        return;
    }
    place = add(places, owner);
    if (place != NULL && place->failure == NULL)
        place->failure = strdup(failure.text.text);
    places->failed = places->failed || place == NULL || place->failure == NULL;
}

static bool
finish(const struct hooks_places *places)
{
    if (places->failed)
        (void)fprintf(stderr, "runhook: error: out of memory\n");
    return !places->failed;
}

bool
hooks_places_find(struct hooks_places *places, struct hooks_desk *desk,
                  const struct hooks_options *options)
{
    char place[PLACE_CAP];

    if (options->organization != NULL && place_of_owner(options->organization, place))
        (void)add(places, place);
    for (size_t i = 0; i < options->targets_len && !places->failed; i++) {
        const char *target = options->targets[i];

        if (strchr(target, '/') != NULL)
            (void)add_repository(places, target);
        else if (!desk->is_stopped)
            add_owner(places, desk, options, target);
        else
            (void)add(places, target);
    }
    progress_clear(&desk->progress);
    return finish(places);
}

static bool
add_known(const char *name, void *arg)
{
    struct hooks_places *places = arg;

    (void)add_repository(places, name);
    return !places->failed;
}

bool
hooks_places_known(struct hooks_places *places, struct hooks_desk *desk)
{
    const struct names *named = &desk->config->github.repositories;
    struct repository_list list = {.visit = add_known, .arg = places};
    struct rh_reason reason;
    struct ledger *ledger;
    bool done;

    for (size_t i = 0; i < named->len; i++)
        (void)add_repository(places, named->items[i]);
    if (access(desk->config->server.ledger, F_OK) != 0)
        return finish(places); /* nothing was ever served */
    ledger = common_ledger(desk->config, LEDGER_LOOK);
    if (ledger == NULL)
        return false;
    done = ledger_read(ledger, repository_list, &list, &reason) == LEDGER_OK;
    if (!done)
        (void)fprintf(stderr, "runhook: error: %s\n", reason.text);
    ledger_close(ledger);
    return done && finish(places);
}

void
hooks_places_fini(struct hooks_places *places)
{
    for (size_t i = 0; i < places->len; i++)
        free(places->items[i].failure);
    free(places->items);
    *places = (struct hooks_places){0};
}
