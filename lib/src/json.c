/*
 * A text's wanted members, as cJSON's tree.
 * SPDX-License-Identifier: MIT
 */
#include "json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "reason.h"

enum rh_error
rh_json_parse(const char *text, size_t text_len, const struct rh_json_member *wanted, cJSON **out,
              struct rh_reason *reason)
{
    enum rh_error error = RH_ERR_NO_MEMORY;
    char *pruned = malloc(text_len + 1);
    size_t pruned_len = 0;

    *out = NULL;
    if (pruned == NULL)
        return error;
    error = rh_json_prune(text, text_len, wanted, pruned, &pruned_len, reason);
    if (error)
        goto out;

    /* The NUL counts as part of the text: it keeps cJSON before 1.7.18 from reading one byte past
     * the end of `{"a":1,`. cJSON gives NULL for what it cannot read, which of well-formed text are
     * numbers of more than 63 characters, and for no memory alike; malloc leaves its mark in errno.
     */
    errno = 0;
    *out = cJSON_ParseWithLengthOpts(pruned, pruned_len + 1, NULL, true);
    if (*out == NULL && errno == ENOMEM) {
        error = RH_ERR_NO_MEMORY;
    } else if (*out == NULL) {
        rh_reason_set(reason, "a number in it has too many digits");
        error = RH_ERR_NOT_JSON;
    }
out:
    free(pruned);
    return error;
}
