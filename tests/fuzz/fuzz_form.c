/*
 * A form body, against a decoder of the harness's own.
 *
 * Input: the body.
 * SPDX-License-Identifier: MIT
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <runhook/runhook.h>

#include "fuzz.h"

static int
hex(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* The value of the first field named "payload", decoded in place. NULL where there is none, or an
 * escape is broken, which `*broken` tells apart. */
static char *
payload_of(char *body, size_t body_len, size_t *len, bool *broken)
{
    static const char name[] = "payload=";
    size_t at = 0;
    char *value, *to;

    *broken = false;
    *len = 0;
    while (body_len - at < sizeof name - 1 || memcmp(body + at, name, sizeof name - 1) != 0) {
        const char *next = at < body_len ? memchr(body + at, '&', body_len - at) : NULL;

        if (next == NULL)
            return NULL;
        at = (size_t)(next - body) + 1;
    }
    value = to = body + at + sizeof name - 1;
    for (char *from = value; from < body + body_len && *from != '&'; from++) {
        if (*from != '%') {
            *to++ = (char)(*from == '+' ? ' ' : *from);
            continue;
        }
        if (body + body_len - from < 3 || hex(from[1]) < 0 || hex(from[2]) < 0) {
            *broken = true;
            return NULL;
        }
        *to++ = (char)(hex(from[1]) << 4 | hex(from[2]));
        from += 2;
    }
    *len = (size_t)(to - value);
    return value;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    struct rh_delivery *formed, *plain = NULL;
    struct rh_reason reason, plain_reason;
    size_t body_len, value_len;
    char *body = fuzz_rest(&input, &body_len), *value;
    enum rh_error error = rh_delivery_parse(body, body_len, "application/x-www-form-urlencoded",
                                            NULL, &formed, &reason);
    bool broken;

    value = payload_of(body, body_len, &value_len, &broken);
    if (value == NULL) {
        FUZZ_CHECK(error == (broken ? RH_ERR_NOT_JSON : RH_ERR_FIELD));
    } else {
        FUZZ_CHECK(rh_delivery_parse(value, value_len, "application/json", NULL, &plain,
                                     &plain_reason) == error);
        FUZZ_CHECK(strcmp(reason.text, plain_reason.text) == 0);
        FUZZ_CHECK((formed == NULL) == (plain == NULL));
    }
    if (formed != NULL)
        FUZZ_CHECK(formed->event == plain->event && formed->job.id == plain->job.id);
    rh_delivery_free(formed);
    rh_delivery_free(plain);
    free(body);
    return 0;
}
