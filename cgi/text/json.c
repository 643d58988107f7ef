/*
 * JSON that we read from upstreams, and that we print.
 * SPDX-License-Identifier: MIT
 */
#include "text/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "clock/clock.h"
#include "text/escape.h"
#include "text/utf8.h"

/* Makes a "\u0000" "\ufffd", and whether there is anything that JSON has not and cJSON lets
 * through: bytes that are not UTF-8; control characters, a NUL among them, which it takes for
 * blanks; an escape without its digits, which it takes for that of a NUL, and that ends the text
 * early. Outside of texts a backslash is an error anyway. */
static bool
mend(char *json, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t point;
        size_t size = utf8_decode((const unsigned char *)json + at, len - at, &point);

        if (size == 0 || (point < 0x20 && point != '\t' && point != '\n' && point != '\r'))
            return false;
        at += size;
        if (point != '\\')
            continue;
        if (at < len && json[at] == 'u') {
            char *digits = json + at + 1;

            if (strspn(digits, "0123456789abcdefABCDEF") < 4)
                return false;
            if (memcmp(digits, "0000", 4) == 0)
                memcpy(digits, "fffd", 4);
        } else if (at < len && (unsigned char)json[at] >= 0x80) {
            return false;
        }
        at++;
    }
    return true;
}

static cJSON *
parse(const struct buffer *body, cJSON_bool (*is_wanted)(const cJSON *const json))
{
    char *copy;
    cJSON *json = NULL;

    errno = 0; /* malloc leaves its mark there: cJSON gives NULL for bad text and no memory alike */
    copy = body->len == 0 ? NULL : malloc(body->len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, body->bytes, body->len);
    copy[body->len] = '\0';
    /* With the NUL counted, cJSON also refuses what follows the value. */
    if (mend(copy, body->len))
        json = cJSON_ParseWithLengthOpts(copy, body->len + 1, NULL, 1);
    OPENSSL_cleanse(copy, body->len); /* one of its texts may be a credential */
    free(copy);
    if (json != NULL && !is_wanted(json)) {
        json_wipe(json);
        return NULL;
    }
    return json;
}

cJSON *
json_parse(const struct buffer *body)
{
    return parse(body, cJSON_IsObject);
}

cJSON *
json_parse_array(const struct buffer *body)
{
    return parse(body, cJSON_IsArray);
}

cJSON *
json_parse_text(const struct buffer *body)
{
    return parse(body, cJSON_IsString);
}

const char *
json_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

bool
json_number(const cJSON *object, const char *name, int64_t max, int64_t *number)
{
    double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, name));

    *number = 0;
    /* A NaN, which stands for anything but a number, fails each of these. */
    if (!(value >= 0) || !(value <= (double)max) || value != (double)(int64_t)value)
        return false;
    *number = (int64_t)value;
    return true;
}

void
json_wipe(cJSON *object)
{
    /* Only the first level: the credentials that upstreams send stand there. */
    for (cJSON *item = object == NULL ? NULL : object->child; item != NULL; item = item->next) {
        if (cJSON_IsString(item))
            OPENSSL_cleanse(item->valuestring, strlen(item->valuestring));
    }
    cJSON_Delete(object);
}

bool
json_add_text(cJSON *object, const char *name, const char *text)
{
    return text == NULL ? cJSON_AddNullToObject(object, name) != NULL
                        : cJSON_AddStringToObject(object, name, text) != NULL;
}

bool
json_add_number(cJSON *object, const char *name, int64_t number)
{
    char digits[24];

    (void)snprintf(digits, sizeof digits, "%" PRId64, number);
    return cJSON_AddRawToObject(object, name, digits) != NULL;
}

bool
json_add_time(cJSON *object, const char *name, int64_t at_ms)
{
    char text[CLOCK_TEXT_CAP];

    return json_add_text(object, name, at_ms == 0 ? NULL : clock_text(at_ms, 0, text));
}

bool
json_print_text(const char *text)
{
    struct buffer safe = BUFFER_INIT(SIZE_MAX / 2);
    bool done;

    escape_json(&safe, text);
    done = !safe.failed && puts(buffer_text(&safe)) >= 0 && fflush(stdout) == 0;
    buffer_fini(&safe);
    return done;
}

bool
json_print(const cJSON *json)
{
    char *text = cJSON_Print(json);
    bool done = text != NULL && json_print_text(text);

    cJSON_free(text);
    return done;
}
