/*
 * The arguments of the verbs of `runhook hooks`.
 * SPDX-License-Identifier: MIT
 */
#include "commands/hooks_options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <runhook/error.h>

#include "commands/hooks.h"
#include "config/place.h"
#include "hooks/hook_url.h"

/* Places a flag's value; 0 is that of `targets`, which no flag has. */
#define VALUE(member) offsetof(struct hooks_options, member)

static const struct flag {
    const char *name;
    enum hooks_flags bit;
    size_t value;     /* offset of its value; 0 for none */
    const char *what; /* of a value */
} flags[] = {
    {"--url", HOOKS_URL, VALUE(url), "the address that GitHub delivers to"},
    {"--topic", HOOKS_TOPIC, VALUE(topic), "a topic of repositories"},
    {"--archived", HOOKS_ARCHIVED, 0, NULL},
    {"--forks", HOOKS_FORKS, 0, NULL},
    {"--organization", HOOKS_ORGANIZATION, VALUE(organization), "the name of an organization"},
    {"--app", HOOKS_APP, 0, NULL},
    {"--app-of", HOOKS_APP_OF, VALUE(app_of), "the NAME of an [owner NAME] that has an App"},
    {"--since", HOOKS_SINCE, VALUE(since), "a span or a time"},
    {"--secret", HOOKS_SECRET, 0, NULL},
    {"--dry-run", HOOKS_DRY_RUN, 0, NULL},
    {"--json", HOOKS_JSON, 0, NULL},
    {"--insecure-url", HOOKS_INSECURE_URL, 0, NULL},
    {"--nginx", HOOKS_NGINX, 0, NULL},
    {"--lighttpd", HOOKS_LIGHTTPD, 0, NULL},
    {"--output", HOOKS_OUTPUT, VALUE(output), "a file"},
};
static const size_t flags_len = sizeof flags / sizeof flags[0];

bool
hooks_given(const struct hooks_options *options, enum hooks_flags flag)
{
    return (options->given & flag) != 0;
}

static const struct flag *
find(const char *argument, unsigned allowed)
{
    size_t len = strcspn(argument, "=");

    for (size_t i = 0; i < flags_len; i++) {
        if ((allowed & flags[i].bit) != 0 && strlen(flags[i].name) == len &&
            strncmp(flags[i].name, argument, len) == 0)
            return &flags[i];
    }
    return NULL;
}

/* Takes the flag at argv[*at], and its value. */
static int
take(struct hooks_options *options, unsigned allowed, const char *verb, int *at, int argc,
     char **argv)
{
    const struct flag *flag = find(argv[*at], allowed);
    const char *value = strchr(argv[*at], '=');

    if (flag == NULL)
        return hooks_usage(verb, "%s has no %s", verb, argv[*at]);
    if (hooks_given(options, flag->bit))
        return hooks_usage(verb, "%s is given twice", flag->name);
    options->given |= flag->bit;
    if (flag->value == 0)
        return value == NULL ? EXIT_DONE : hooks_usage(verb, "%s has no value", flag->name);
    if (value != NULL)
        value++;
    else if (*at + 1 < argc)
        value = argv[++*at];
    if (value == NULL || value[0] == '\0')
        return hooks_usage(verb, "%s needs %s", flag->name, flag->what);
    memcpy((char *)options + flag->value, &value, sizeof value);
    return EXIT_DONE;
}

static bool
is_target(const char *text)
{
    char place[PLACE_CAP];

    return (strchr(text, '/') == NULL ? place_of_owner(text, place)
                                      : place_of_repository(text, place)) &&
           place_valid(place);
}

/* What no single argument can tell. */
static int
check(const struct hooks_options *options, unsigned needed, const char *verb)
{
    struct rh_reason reason;

    for (size_t i = 0; i < flags_len; i++) {
        if ((needed & flags[i].bit) != 0 && !hooks_given(options, flags[i].bit))
            return hooks_usage(verb, "%s needs %s, %s", verb, flags[i].name, flags[i].what);
    }
    if (options->url != NULL &&
        !hook_url_check(options->url, hooks_given(options, HOOKS_INSECURE_URL), &reason))
        return hooks_usage(verb, "the URL %s", reason.text);
    if (options->organization != NULL &&
        (strchr(options->organization, '/') != NULL || !is_target(options->organization)))
        return hooks_usage(verb, "--organization needs the name of one");
    for (size_t i = 0; i < options->targets_len; i++) {
        if (!is_target(options->targets[i]))
            return hooks_usage(verb, "\"%s\" is neither OWNER nor OWNER/REPO", options->targets[i]);
    }
    return EXIT_DONE;
}

int
hooks_options_read(struct hooks_options *options, unsigned allowed, unsigned needed, int argc,
                   char **argv)
{
    int status = EXIT_DONE;

    *options = (struct hooks_options){.targets = argv + 1};
    for (int i = 1; i < argc && status == EXIT_DONE; i++) {
        if (argv[i][0] == '-')
            status = take(options, allowed, argv[0], &i, argc, argv);
        else
            options->targets[options->targets_len++] = argv[i];
    }
    return status == EXIT_DONE ? check(options, needed, argv[0]) : status;
}
