/*
 * runhook.conf(5) and the configuration as installed have every key, and no other.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"

#define ITEM_MAX 4096

/* A walk through a document, line by line. */
struct walk {
    FILE *file;
    char *line;
    size_t cap;
    char section[64]; /* as the table of keys has it */
};

static void
walk_begin(struct walk *walk, const char *path)
{
    *walk = (struct walk){.file = fopen(path, "re")};
    if (walk->file == NULL)
        fail_msg("cannot open %s", path);
}

static bool
walk_on(struct walk *walk)
{
    if (getline(&walk->line, &walk->cap, walk->file) < 0)
        return false;
    walk->line[strcspn(walk->line, "\n")] = '\0';
    return true;
}

static void
walk_end(struct walk *walk)
{
    free(walk->line);
    (void)fclose(walk->file);
}

/* What follows `begin` in the line; NULL where it does not begin so. */
static const char *
after(const char *line, const char *begin)
{
    size_t len = strlen(begin);

    return strncmp(line, begin, len) == 0 ? line + len : NULL;
}

static void
assert_all_seen(const bool *seen)
{
    for (size_t i = 0; i < config_keys_len; i++) {
        if (!seen[i])
            fail_msg("[%s] %s is not there", config_keys[i].section, config_keys[i].name);
    }
}

/* -- runhook.conf(5) ----------------------------------------------------------------------------
 */

static void
assert_says(const struct key *key, const char *item, const char *what)
{
    if (strstr(item, what) == NULL)
        fail_msg("[%s] %s does not say \"%s\" but: %s", key->section, key->name, what, item);
}

/* `intro` is what stands before the section's first item. */
static void
assert_item(const struct key *key, const char *intro, const char *item)
{
    char what[128];

    if (key->fallback != NULL && strcmp(key->section, "owner") != 0) {
        assert_says(key, item, "Default: ");
        assert_says(key, item, key->fallback);
    }
    if (key->environment != NULL) {
        (void)snprintf(what, sizeof what, "Variable: .Ev %s .", key->environment);
        assert_says(key, item, what);
    }
    if (key->required)
        assert_says(key, item, "eeded");
    if (key_is_secret(key))
        assert_says(key, item, "Secret");
    if (key->kind != VALUE_NUMBER || (key->min == 0 && strstr(item, "0 turns") != NULL))
        return;
    (void)snprintf(what, sizeof what, "%" PRId64 " to %" PRId64, key->min, key->max);
    if (strstr(intro, what) == NULL || strstr(item, " to ") != NULL)
        assert_says(key, item, what);
}

static void
the_page_has_every_key(void **state)
{
    (void)state;
    char intro[ITEM_MAX], item[ITEM_MAX], name[64], *text = intro;
    bool seen[CONFIG_KEYS_CAP] = {false}, is_file;
    const struct key *key = NULL;
    struct walk walk;

    walk_begin(&walk, CONFIG_PAGE);
    intro[0] = '\0';
    while (walk_on(&walk)) {
        const char *section = after(walk.line, ".Ss Section ");
        const char *begun = after(walk.line, ".It Cm ");

        if (key != NULL && (begun != NULL || strcmp(walk.line, ".El") == 0)) {
            assert_item(key, intro, item);
            key = NULL;
        }
        if (section != NULL) {
            (void)snprintf(walk.section, sizeof walk.section, "%.*s", (int)strcspn(section, " "),
                           section);
            assert_row(key_section_known(walk.section), walk.line);
            text = intro;
            text[0] = '\0';
        } else if (begun != NULL) {
            (void)snprintf(name, sizeof name, "%s", begun);
            key = key_find(walk.section, name, &is_file);
            assert_row(key != NULL && !is_file, walk.line);
            assert_row(!seen[key - config_keys], walk.line);
            seen[key - config_keys] = true;
            text = item;
            text[0] = '\0';
        } else {
            size_t len = strlen(text);

            (void)snprintf(text + len, ITEM_MAX - len, "%s%s", len == 0 ? "" : " ", walk.line);
        }
    }
    walk_end(&walk);
    assert_all_seen(seen);
}

/* -- The configuration as installed -------------------------------------------------------------
 */

/* What a value goes to: large enough for each of the structs that keys are members of. */
union home {
    struct config config;
    struct pool pool;
    struct owner_config owner;
};

static void
assert_value(const struct key *key, const char *line, const char *value)
{
    struct rh_reason reason;
    union home home;

    memset(&home, 0, sizeof home);
    if (!key_set(key, &home, value, false, &reason))
        fail_msg("%s: %s", line, reason.text);
    key_fini(key, &home);
    if (key->fallback != NULL)
        assert_string_equal(value, key->fallback);
}

static void
the_installed_file_has_every_key(void **state)
{
    (void)state;
    bool seen[CONFIG_KEYS_CAP] = {false}, is_file;
    struct walk walk;

    walk_begin(&walk, CONFIG_INSTALLED);
    while (walk_on(&walk)) {
        const char *line = walk.line + (walk.line[0] == '#');
        const char *value = strstr(line, " = ");
        const struct key *key;
        char name[64];

        if (line[0] == '[') {
            (void)snprintf(walk.section, sizeof walk.section, "%.*s", (int)strcspn(line + 1, " ]"),
                           line + 1);
            assert_row(key_section_known(walk.section), walk.line);
            continue;
        }
        if (line[0] == '\0' || line[0] == ' ')
            continue; /* a blank line, or a comment in words */
        assert_row(value != NULL, walk.line);
        (void)snprintf(name, sizeof name, "%.*s", (int)(value - line), line);
        key = key_find(walk.section, name, &is_file);
        assert_row(key != NULL && is_file == key_is_secret(key), walk.line);
        assert_row(!seen[key - config_keys], walk.line);
        seen[key - config_keys] = true;
        if (!is_file)
            assert_value(key, walk.line, value + strlen(" = "));
    }
    walk_end(&walk);
    assert_all_seen(seen);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_every_key),
        cmocka_unit_test(the_installed_file_has_every_key),
    };

    return cmocka_run_group_tests_name("config_document", tests, NULL, NULL);
}
