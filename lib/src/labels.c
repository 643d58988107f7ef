/*
 * Sets of labels, and which pool serves which job.
 * SPDX-License-Identifier: MIT
 */
#include <runhook/labels.h>

#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "utf8.h"

static bool
label_valid(const char *label, size_t label_len)
{
    if (label_len == 0 || label_len > RH_LABEL_LEN_MAX)
        return false;
    for (size_t i = 0; i < label_len; i++) {
        unsigned char byte = (unsigned char)label[i];
        if (byte < 0x20 || byte == 0x7F)
            return false;
    }
    return rh_utf8_flaw(label, label_len) == label_len;
}

static bool
has_bytes(const struct rh_labels *labels, const char *label, size_t label_len)
{
    for (size_t i = 0; i < labels->len; i++)
        if (rh_ascii_equal_nocase(labels->items[i], strlen(labels->items[i]), label, label_len))
            return true;
    return false;
}

enum rh_error
rh_labels_add(struct rh_labels *labels, const char *label, size_t label_len)
{
    if (!label_valid(label, label_len))
        return RH_ERR_ARGUMENT;
    if (has_bytes(labels, label, label_len))
        return RH_OK;
    if (labels->len >= RH_LABELS_MAX)
        return RH_ERR_TOO_LARGE;

    if (labels->len == labels->cap) {
        size_t cap = labels->cap > 0 ? 2 * labels->cap : 8;
        char **items = realloc(labels->items, cap * sizeof *items);
        if (items == NULL)
            return RH_ERR_NO_MEMORY;
        labels->items = items;
        labels->cap = cap;
    }
    char *copy = malloc(label_len + 1);
    if (copy == NULL)
        return RH_ERR_NO_MEMORY;
    memcpy(copy, label, label_len);
    copy[label_len] = '\0';
    labels->items[labels->len++] = copy;
    return RH_OK;
}

bool
rh_labels_has(const struct rh_labels *labels, const char *label)
{
    return has_bytes(labels, label, strlen(label));
}

void
rh_labels_fini(struct rh_labels *labels)
{
    for (size_t i = 0; i < labels->len; i++)
        free(labels->items[i]);
    free(labels->items);
    *labels = (struct rh_labels){0};
}

enum rh_match
rh_labels_match(const struct rh_labels *asked, const struct rh_labels *offered,
                bool require_self_hosted, const char **missing_out)
{
    if (missing_out != NULL)
        *missing_out = NULL;
    if (asked->len == 0)
        return RH_MATCH_NO_LABELS;
    if (require_self_hosted && !rh_labels_has(asked, "self-hosted"))
        return RH_MATCH_NOT_SELF_HOSTED;
    for (size_t i = 0; i < asked->len; i++) {
        if (!rh_labels_has(offered, asked->items[i])) {
            if (missing_out != NULL)
                *missing_out = asked->items[i];
            return RH_MATCH_LABEL_MISSING;
        }
    }
    return RH_MATCH_SERVES;
}
