/*
 * The input of a harness, taken apart.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

uint8_t
fuzz_byte(struct fuzz_input *input)
{
    if (input->len == 0)
        return 0;
    input->len--;
    return *input->bytes++;
}

static char *
text_of(const uint8_t *bytes, size_t len)
{
    size_t text_len = len == 0 ? 0 : strnlen((const char *)bytes, len);
    char *text = malloc(text_len + 1);

    FUZZ_CHECK(text != NULL);
    if (text_len > 0)
        memcpy(text, bytes, text_len);
    text[text_len] = '\0';
    return text;
}

char *
fuzz_line(struct fuzz_input *input)
{
    const uint8_t *bytes = input->bytes;
    const uint8_t *end = input->len == 0 ? NULL : memchr(bytes, '\n', input->len);
    size_t len = end == NULL ? input->len : (size_t)(end - bytes);
    size_t taken = end == NULL ? len : len + 1;

    if (taken > 0)
        input->bytes += taken;
    input->len -= taken;
    return text_of(bytes, len);
}

int64_t
fuzz_number(struct fuzz_input *input)
{
    char *line = fuzz_line(input);
    int64_t number = strtoll(line, NULL, 10);

    free(line);
    return number;
}

char *
fuzz_rest(struct fuzz_input *input, size_t *len)
{
    /* Never of size 0, for which malloc may give NULL. */
    char *rest = malloc(input->len == 0 ? 1 : input->len);

    FUZZ_CHECK(rest != NULL);
    if (input->len > 0) {
        memcpy(rest, input->bytes, input->len);
        input->bytes += input->len;
    }
    *len = input->len;
    input->len = 0;
    return rest;
}

char *
fuzz_rest_text(struct fuzz_input *input)
{
    char *text = text_of(input->bytes, input->len);

    input->len = 0;
    return text;
}
