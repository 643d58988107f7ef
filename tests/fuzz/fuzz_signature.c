/*
 * The signature's header, against secrets and a body: only what the secret signs is let in.
 *
 * Input: the secrets, as one line with blanks between them; the header, as one line; the body.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <runhook/runhook.h>

#include "fuzz.h"

static size_t
secrets_of(char *line, struct rh_secret *secrets[RH_SIGNATURE_SECRETS_MAX])
{
    size_t len = 0;
    char *rest = NULL;

    for (char *word = strtok_r(line, " ", &rest); word != NULL && len < RH_SIGNATURE_SECRETS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        if (rh_secret_new(word, strlen(word), &secrets[len]) == RH_OK)
            len++;
    }
    return len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    struct rh_secret *secrets[RH_SIGNATURE_SECRETS_MAX] = {NULL};
    char *line = fuzz_line(&input), *header = fuzz_line(&input);
    size_t secrets_len = secrets_of(line, secrets), header_len = strlen(header), body_len;
    char *body = fuzz_rest(&input, &body_len);
    const struct rh_secret *const *borrowed = (const struct rh_secret *const *)secrets;
    size_t matched = SIZE_MAX, wanted = SIZE_MAX;
    enum rh_error error =
        rh_signature_verify(borrowed, secrets_len, body, body_len, header, header_len, &matched);

    for (size_t i = 0; i < secrets_len; i++) {
        char own[RH_SIGNATURE_CAP];

        FUZZ_CHECK(rh_signature_sign(secrets[i], body, body_len, own) == RH_OK);
        FUZZ_CHECK(strlen(own) == RH_SIGNATURE_CAP - 1);
        FUZZ_CHECK(rh_signature_verify(borrowed, secrets_len, body, body_len, own, strlen(own),
                                       NULL) == RH_OK);
        if (wanted == SIZE_MAX && strncmp(header, "sha256=", 7) == 0 &&
            strcasecmp(header, own) == 0)
            wanted = i;
    }
    FUZZ_CHECK((error == RH_OK) == (wanted != SIZE_MAX));
    FUZZ_CHECK(matched == (error == RH_OK ? wanted : 0));
    if (secrets_len == 0)
        FUZZ_CHECK(error == RH_ERR_ARGUMENT);
    else if (header_len == 0)
        FUZZ_CHECK(error == RH_ERR_SIGNATURE_MISSING);
    else if (header_len != RH_SIGNATURE_CAP - 1)
        FUZZ_CHECK(error == RH_ERR_SIGNATURE_MALFORMED);

    for (size_t i = 0; i < secrets_len; i++)
        rh_secret_free(secrets[i]);
    free(line);
    free(header);
    free(body);
    return 0;
}
