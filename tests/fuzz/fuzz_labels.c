/*
 * Sets of labels, and which pool serves which job, against the rule in plain loops.
 *
 * Input: "y" or "n" for require_self_hosted, as one line; the pool's labels with commas between, as
 * one line; the job's, likewise.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <runhook/runhook.h>

#include "fuzz.h"

#define MOST 300

/* The labels of a line, as they stand there. */
struct words {
    char *items[MOST];
    size_t len;
};

static struct words
words_of(char *line)
{
    struct words words = {.len = 0};
    char *rest = line, *word;

    while (words.len < MOST && (word = strsep(&rest, ",")) != NULL)
        words.items[words.len++] = word;
    return words;
}

static bool
is_label(const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)word[i] < ' ' || word[i] == 0x7f)
            return false;
    }
    return len >= 1 && len <= RH_LABEL_LEN_MAX && fuzz_is_utf8(word, len);
}

static bool
has(const struct words *words, const char *word)
{
    for (size_t i = 0; i < words->len; i++) {
        if (strcasecmp(words->items[i], word) == 0)
            return true;
    }
    return false;
}

/* Adds all, and keeps of the words those that a set takes. */
static void
fill(struct words *words, struct rh_labels *labels)
{
    struct words kept = {.len = 0};

    for (size_t i = 0; i < words->len; i++) {
        char *word = words->items[i];
        size_t len = strlen(word), before = labels->len;
        /* Without a NUL after it, so that a byte read too many is seen. */
        char *bytes = malloc(len == 0 ? 1 : len);
        enum rh_error error;

        FUZZ_CHECK(bytes != NULL);
        memcpy(bytes, word, len);
        error = rh_labels_add(labels, bytes, len);
        free(bytes);
        if (!is_label(word))
            FUZZ_CHECK(error == RH_ERR_ARGUMENT);
        else if (!has(&kept, word) && kept.len == RH_LABELS_MAX)
            FUZZ_CHECK(error == RH_ERR_TOO_LARGE);
        else
            FUZZ_CHECK(error == RH_OK);
        if (error == RH_OK && !has(&kept, word))
            kept.items[kept.len++] = word;
        FUZZ_CHECK(labels->len == kept.len && labels->len >= before);
        FUZZ_CHECK(rh_labels_has(labels, word) == has(&kept, word));
    }
    for (size_t i = 0; i < kept.len; i++)
        FUZZ_CHECK(strcmp(labels->items[i], kept.items[i]) == 0);
    *words = kept;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    char *flag = fuzz_line(&input), *pools = fuzz_line(&input), *jobs = fuzz_line(&input);
    struct words offered = words_of(pools), asked = words_of(jobs);
    struct rh_labels pool = {0}, job = {0};
    bool must = flag[0] == 'y';
    const char *missing, *wanted = NULL;
    enum rh_match match, expected = RH_MATCH_SERVES;

    fill(&offered, &pool);
    fill(&asked, &job);
    match = rh_labels_match(&job, &pool, must, &missing);
    for (size_t i = asked.len; i-- > 0;) {
        if (!has(&offered, asked.items[i]))
            wanted = asked.items[i];
    }
    if (asked.len == 0)
        expected = RH_MATCH_NO_LABELS;
    else if (must && !has(&asked, "self-hosted"))
        expected = RH_MATCH_NOT_SELF_HOSTED;
    else if (wanted != NULL)
        expected = RH_MATCH_LABEL_MISSING;
    FUZZ_CHECK(match == expected);
    FUZZ_CHECK(match == RH_MATCH_LABEL_MISSING ? strcmp(missing, wanted) == 0 : missing == NULL);
    FUZZ_CHECK(rh_labels_match(&job, &pool, must, NULL) == match);
    rh_labels_fini(&pool);
    rh_labels_fini(&job);
    free(flag);
    free(pools);
    free(jobs);
    return 0;
}
