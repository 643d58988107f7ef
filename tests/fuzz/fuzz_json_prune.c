/*
 * JSON cut to the members that are read, against cJSON's tree of all of it.
 *
 * Input: the text.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "fuzz.h"
#include "json_prune.h"

static const struct rh_json_member inner[] = {RH_JSON_MEMBER("id", NULL),
                                              RH_JSON_MEMBER("name", NULL), RH_JSON_MEMBERS_END};
static const struct rh_json_member middle[] = {RH_JSON_MEMBER("job", inner),
                                               RH_JSON_MEMBER("", NULL), RH_JSON_MEMBERS_END};
static const struct rh_json_member wanted[] = {RH_JSON_MEMBER("a", NULL),
                                               RH_JSON_MEMBER("job", inner),
                                               RH_JSON_MEMBER("m", middle), RH_JSON_MEMBERS_END};

/* Takes away from a tree what is not wanted. */
static void
filter(cJSON *object, const struct rh_json_member *members)
{
    cJSON *item = object->child;

    while (item != NULL) {
        const struct rh_json_member *member = members;
        cJSON *next = item->next;

        while (member->name != NULL && strcmp(member->name, item->string) != 0)
            member++;
        if (member->name == NULL)
            cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
        else if (member->members != NULL && cJSON_IsObject(item))
            filter(item, member->members);
        item = next;
    }
}

/* What is wanted of a text, printed; NULL where cJSON takes it for no JSON. What was cut goes the
 * same way, since a member whose name has an escape in it is left to cJSON. */
static char *
model(const char *text, size_t len)
{
    cJSON *json = cJSON_ParseWithLengthOpts(text, len + 1, NULL, 1);
    char *printed;

    if (json == NULL)
        return NULL;
    if (cJSON_IsObject(json))
        filter(json, wanted);
    printed = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    FUZZ_CHECK(printed != NULL);
    return printed;
}

static void
check_same(const char *text, size_t len, const char *pruned, size_t pruned_len)
{
    char *got = model(pruned, pruned_len), *want = model(text, len);

    FUZZ_CHECK(got != NULL && want != NULL && strcmp(got, want) == 0);
    cJSON_free(got);
    cJSON_free(want);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    struct rh_reason reason;
    size_t text_len, pruned_len = 0;
    char *text = fuzz_rest(&input, &text_len), *pruned = malloc(text_len + 1);
    enum rh_error error;

    FUZZ_CHECK(pruned != NULL);
    error = rh_json_prune(text, text_len, wanted, pruned, &pruned_len, &reason);
    if (error == RH_OK) {
        size_t mark = text_len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        char *terminated = strndup(text + mark, text_len - mark);

        FUZZ_CHECK(terminated != NULL && strlen(terminated) == text_len - mark);
        FUZZ_CHECK(fuzz_is_json(terminated, text_len - mark));
        FUZZ_CHECK(pruned_len <= text_len && strlen(pruned) == pruned_len);
        FUZZ_CHECK(fuzz_is_json(pruned, pruned_len));
        check_same(terminated, text_len - mark, pruned, pruned_len);
        free(terminated);
    } else {
        FUZZ_CHECK(error == RH_ERR_NOT_JSON && fuzz_is_plain(reason.text));
        FUZZ_CHECK(reason.text[0] != '\0');
    }
    free(text);
    free(pruned);
    return 0;
}
