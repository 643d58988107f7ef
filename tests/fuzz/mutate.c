/*
 * Mutates a delivery as what it is: values, keys and members of its JSON. What is none is mutated
 * as bytes. SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "fuzz.h"

#define NODES_MAX 512

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t len, size_t cap);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t cap, unsigned int seed);

/* Values that mean something, or nearly do. */
static const char *const values[] = {
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "1e3",
    "9007199254740991",
    "9007199254740992",
    "1e400",
    "0.5",
    "\"\"",
    "{}",
    "[]",
    "\"queued\"",
    "\"waiting\"",
    "\"in_progress\"",
    "\"completed\"",
    "\"self-hosted\"",
    "\"linux\"",
    "\"X64\"",
    "\"gpu\"",
    "[\"self-hosted\",\"linux\"]",
    "[\"SELF-HOSTED\",\"gpu\"]",
    "[\"ubuntu-latest\"]",
    "\"octo-harbor/lighthouse\"",
    "\"../..\"",
    "\"a/b/c\"",
    "\"runhook-00000000-59871034412-1\"",
    "\"2026-01-17T11:59:00Z\"",
    "\"2026-01-16T11:59:00+02:00\"",
    "\"2024-06-03T10:12:01Z\"",
    "\"https://github.com/octo-harbor/lighthouse\"",
    "\"javascript:alert(1)\"",
    "\"\\u202e\\n\\t\\\"\\\\\"",
    "\"\\ud83d\\ude00 \\u65e5\\u672c\"",
    "59871034412",
};

/* Keys that are read. */
static const char *const keys[] = {
    "action",     "workflow_job", "id",           "run_id",        "run_attempt", "status",
    "conclusion", "created_at",   "name",         "labels",        "runner_id",   "runner_name",
    "html_url",   "head_branch",  "repository",   "full_name",     "private",     "fork",
    "zen",        "hook_id",      "installation", "workflow_name",
};

static unsigned int
draw(unsigned int *seed, size_t end)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (unsigned int)(((uint64_t)(*seed >> 8) * end) >> 24);
}

static void
collect(cJSON *item, cJSON *nodes[NODES_MAX], size_t *len)
{
    for (; item != NULL && *len < NODES_MAX; item = item->next) {
        nodes[(*len)++] = item;
        collect(item->child, nodes, len);
    }
}

static cJSON *
new_value(unsigned int *seed)
{
    return cJSON_CreateRaw(values[draw(seed, sizeof values / sizeof values[0])]);
}

/* Bytes of a text, by libFuzzer, as far as they stay UTF-8 without a NUL. */
static void
change_text(cJSON *item, unsigned int *seed)
{
    uint8_t bytes[300];
    size_t len = strlen(item->valuestring);

    (void)seed;
    if (len > 256)
        return;
    memcpy(bytes, item->valuestring, len);
    len = LLVMFuzzerMutate(bytes, len, 256);
    bytes[len] = '\0';
    if (strlen((const char *)bytes) == len && fuzz_is_utf8(bytes, len))
        (void)cJSON_SetValuestring(item, (const char *)bytes);
}

/* The object or array that has the item; NULL for the root. */
static cJSON *
parent_of(const cJSON *item, cJSON *nodes[], size_t len)
{
    for (size_t i = 0; i < len; i++) {
        for (const cJSON *child = nodes[i]->child; child != NULL; child = child->next) {
            if (child == item)
                return nodes[i];
        }
    }
    return NULL;
}

static void
change(cJSON *root, unsigned int *seed)
{
    cJSON *nodes[NODES_MAX] = {NULL}, *item, *parent;
    size_t len = 0;

    collect(root, nodes, &len);
    item = nodes[draw(seed, len)];
    parent = parent_of(item, nodes, len);
    switch (draw(seed, 6)) {
    case 0: /* another value */
        if (parent != NULL)
            (void)cJSON_ReplaceItemViaPointer(parent, item, new_value(seed));
        break;
    case 1: /* none */
        if (parent != NULL)
            cJSON_Delete(cJSON_DetachItemViaPointer(parent, item));
        break;
    case 2: /* one more */
        if (cJSON_IsObject(item))
            (void)cJSON_AddItemToObject(item, keys[draw(seed, sizeof keys / sizeof keys[0])],
                                        new_value(seed));
        else if (cJSON_IsArray(item))
            (void)cJSON_AddItemToArray(item, new_value(seed));
        break;
    case 3: /* another's value */
        if (parent != NULL)
            (void)cJSON_ReplaceItemViaPointer(parent, item,
                                              cJSON_Duplicate(nodes[draw(seed, len)], 1));
        break;
    case 4: /* another number, not far off */
        if (cJSON_IsNumber(item))
            cJSON_SetNumberValue(item, item->valuedouble + (double)draw(seed, 5) - 2);
        break;
    default:
        if (cJSON_IsString(item))
            change_text(item, seed);
        break;
    }
}

/* A value that was put in as raw text has to be read before it is changed again: each change works
 * on JSON that was parsed. */
static char *
mutate(const uint8_t *bytes, size_t len, unsigned int *seed)
{
    char *text = strndup((const char *)bytes, len);

    for (unsigned int left = 1 + draw(seed, 4); left > 0 && text != NULL; left--) {
        cJSON *root = cJSON_Parse(text);

        if (root == NULL) {
            free(text);
            return NULL;
        }
        change(root, seed);
        free(text);
        text = cJSON_PrintUnformatted(root);
        cJSON_Delete(root);
    }
    return text;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *bytes, size_t len, size_t cap, unsigned int seed)
{
    char *text = draw(&seed, 16) == 0 ? NULL : mutate(bytes, len, &seed);
    size_t text_len = text == NULL ? 0 : strlen(text);

    if (text_len == 0 || text_len > cap) {
        free(text);
        return LLVMFuzzerMutate(bytes, len, cap);
    }
    memcpy(bytes, text, text_len);
    free(text);
    return text_len;
}
