/*
 * One key of the configuration and its value.
 *
 * Input: the key as "section.key", as one line, a secret's with "_file" for its file; the value.
 * Checked: a refusal is one plain sentence that does not show a secret; what is taken keeps to the
 * key's bounds; taking it again comes to the same.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "fuzz.h"
#include "text/buffer.h"

/* What every kind of key can be set in. */
union base {
    struct config config;
    struct pool pool;
    struct owner_config owner;
};

static void
check_plain(const char *text, int64_t max)
{
    FUZZ_CHECK(text != NULL && text[0] != '\0' && (int64_t)strlen(text) <= max);
    for (const char *c = text; *c != '\0'; c++)
        FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void
check_names(const struct names *names)
{
    FUZZ_CHECK(names->len <= CONFIG_REPOSITORIES_MAX);
    for (size_t i = 0; i < names->len; i++)
        FUZZ_CHECK(fuzz_is_plain(names->items[i]) && strpbrk(names->items[i], " ,\"'<>") == NULL);
}

static bool
holds_text(const struct key *key)
{
    return key->kind == VALUE_TEXT || key->kind == VALUE_NAME || key->kind == VALUE_NOMAD_JOB ||
           key->kind == VALUE_PATH || key->kind == VALUE_LISTEN || key->kind == VALUE_URL ||
           key->kind == VALUE_ADDRESS;
}

/* No query, no fragment, and nobody's name before the host; a path may have an '@'. */
static void
check_url(const char *url)
{
    const char *host = strstr(url, "://") + 3;

    FUZZ_CHECK(url[strlen(url) - 1] != '/' && strpbrk(url, "?# ") == NULL);
    FUZZ_CHECK(memchr(host, '@', strcspn(host, "/")) == NULL);
}

/* What a key was set to is within its bounds. */
static void
check_set(const struct key *key, const union base *base, const char *text)
{
    const void *member = (const char *)base + key->offset;
    const char *string = NULL;

    if (holds_text(key))
        string = *(char *const *)member;
    switch (key->kind) {
    case VALUE_NUMBER:
        FUZZ_CHECK(*(const int64_t *)member >= key->min && *(const int64_t *)member <= key->max);
        FUZZ_CHECK(*(const int64_t *)member == strtoll(text, NULL, 10));
        break;
    case VALUE_MODE:
        FUZZ_CHECK(*(const int64_t *)member >= 0 && *(const int64_t *)member <= 0777);
        break;
    case VALUE_TEXT:
        check_plain(string, key->max);
        break;
    case VALUE_NAME:
    case VALUE_NOMAD_JOB:
        check_plain(string, key->max);
        FUZZ_CHECK(fuzz_is_plain(string) && strpbrk(string, " ?#%&\"'\\") == NULL);
        break;
    case VALUE_PATH:
        check_plain(string, 1 << 20);
        FUZZ_CHECK(string[0] == '/');
        break;
    case VALUE_LISTEN:
        check_plain(string, 1 << 20);
        break;
    case VALUE_URL:
    case VALUE_ADDRESS:
        check_plain(string, 1 << 20);
        FUZZ_CHECK(strncmp(string, "http://", 7) == 0 || strncmp(string, "https://", 8) == 0 ||
                   (key->kind == VALUE_ADDRESS && strncmp(string, "unix:///", 8) == 0));
        if (strncmp(string, "unix:", 5) != 0)
            check_url(string);
        break;
    case VALUE_LABELS:
        FUZZ_CHECK(((const struct rh_labels *)member)->len >= 1);
        FUZZ_CHECK(((const struct rh_labels *)member)->len <= RH_LABELS_MAX);
        break;
    case VALUE_META:
        FUZZ_CHECK(((const struct meta_keys *)member)->len <= META_KEYS);
        break;
    case VALUE_REPOSITORIES:
    case VALUE_REPOSITORY_PATTERNS:
    case VALUE_OWNER_PATTERNS:
        check_names(member);
        break;
    case VALUE_FORKS:
        FUZZ_CHECK((((const struct fork_rule *)member)->permit == PERMIT_POOL) ==
                   (strncmp(text, "pool ", 5) == 0));
        break;
    case VALUE_NETWORKS:
        FUZZ_CHECK(((const struct networks *)member)->len <= CONFIG_NETWORKS_MAX);
        break;
    case VALUE_SECRET:
        FUZZ_CHECK(strcmp(rh_secret_bytes(*(struct rh_secret *const *)member), text) == 0);
        check_plain(text, RH_SECRET_MAX);
        break;
    case VALUE_PRIVATE_KEY:
    case VALUE_BOOL:
    case VALUE_CHOICE:
        break;
    }
}

/* A secret with a word in it, before and behind: no refusal may show that word. */
static void
check_secret(const struct key *key, union base *base, const char *text)
{
    static const char word[] = "SECRETCANARY";
    struct buffer marked = BUFFER_INIT(1 << 20);
    struct rh_reason reason;

    FUZZ_CHECK(
        buffer_addf(&marked, "%.9s%s%s%s", text, word, strlen(text) < 9 ? "" : text + 9, word));
    if (strstr(text, word) == NULL && !key_set(key, base, buffer_text(&marked), false, &reason))
        FUZZ_CHECK(strstr(reason.text, word) == NULL);
    buffer_fini(&marked);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    char *name = fuzz_line(&input), *text = fuzz_rest_text(&input), *dot = strchr(name, '.');
    union base base;
    struct rh_reason reason, again;
    const struct key *key = NULL;
    bool is_file = false, done;

    memset(&base, 0, sizeof base);
    if (dot != NULL) {
        *dot = '\0';
        key = key_find(name, dot + 1, &is_file);
    }
    if (key != NULL && !is_file) {
        done = key_set(key, &base, text, false, &reason);
        FUZZ_CHECK(key_set(key, &base, text, false, &again) == done);
        if (done)
            check_set(key, &base, text);
        else
            FUZZ_CHECK(fuzz_is_plain(reason.text) && reason.text[0] != '\0');
        if (key_is_secret(key) || key->kind == VALUE_URL || key->kind == VALUE_ADDRESS)
            check_secret(key, &base, text);
        key_fini(key, &base);
    }
    free(name);
    free(text);
    return 0;
}
