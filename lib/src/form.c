/*
 * Form bodies: GitHub's default for a new webhook.
 * SPDX-License-Identifier: MIT
 */
#include "form.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "reason.h"

/* The value as it stands in the body, or NULL. */
static const char *
value_find(const char *body, size_t body_len, const char *name, size_t *value_len)
{
    size_t name_len = strlen(name);
    const char *end = body + body_len;
    const char *field = body;

    *value_len = 0;
    while (field < end) {
        const char *field_end = memchr(field, '&', (size_t)(end - field));
        if (field_end == NULL)
            field_end = end;
        size_t field_len = (size_t)(field_end - field);
        if (field_len > name_len && field[name_len] == '=' && memcmp(field, name, name_len) == 0) {
            *value_len = field_len - name_len - 1;
            return field + name_len + 1;
        }
        field = field_end < end ? field_end + 1 : end;
    }
    return NULL;
}

/* Decodes into `out`, which has room for `value_len` bytes. False at a malformed escape. */
static bool
value_decode(const char *value, size_t value_len, char *out, size_t *out_len)
{
    size_t len = 0;

    for (size_t i = 0; i < value_len; i++) {
        if (value[i] == '%') {
            int high = value_len - i > 2 ? rh_ascii_hex_value(value[i + 1]) : -1;
            int low = value_len - i > 2 ? rh_ascii_hex_value(value[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            out[len++] = (char)(high << 4 | low);
            i += 2;
        } else if (value[i] == '+') {
            out[len++] = ' ';
        } else {
            out[len++] = value[i];
        }
    }
    *out_len = len;
    return true;
}

enum rh_error
rh_form_field(const char *body, size_t body_len, const char *name, char **out, size_t *out_len,
              struct rh_reason *reason)
{
    char *text = NULL;
    size_t text_len = 0;
    size_t value_len = 0;
    enum rh_error error = RH_OK;

    *out = NULL;
    *out_len = 0;
    const char *value = body_len > 0 ? value_find(body, body_len, name, &value_len) : NULL;
    if (value == NULL) {
        rh_reason_set(reason, "the form has no field \"%s\"", name);
        error = RH_ERR_FIELD;
        goto out;
    }
    text = malloc(value_len + 1);
    if (text == NULL) {
        error = RH_ERR_NO_MEMORY;
        goto out;
    }
    if (!value_decode(value, value_len, text, &text_len)) {
        rh_reason_set(reason, "the form's field \"%s\" has a malformed %% escape", name);
        error = RH_ERR_NOT_JSON;
        goto out;
    }
    text[text_len] = '\0';
    *out = text;
    *out_len = text_len;
    text = NULL;

out:
    free(text);
    return error;
}
