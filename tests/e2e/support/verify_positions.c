/*
 * Verifies a signature that differs from the right one in one digit, for each of the 64 digits in
 * turn, and has callgrind write what each took. A digit is changed to one of its own kind, 0 to 9
 * or a to f: of which kind it is may be seen, since the header is no secret.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include <runhook/signature.h>

#include <valgrind/callgrind.h>

#define WARM_UP 8

int
main(void)
{
    static const char digits[] = "1032547698badcfe";
    static const char body[] = "{\"zen\":\"Keep it logically awesome.\"}";
    char right[RH_SIGNATURE_CAP], header[RH_SIGNATURE_CAP], name[16];
    struct rh_secret *secret = NULL;
    const struct rh_secret *secrets[1];
    int failed = 0;

    if (rh_secret_new("webhook-secret", 14, &secret) != RH_OK ||
        rh_signature_sign(secret, body, sizeof body - 1, right) != RH_OK)
        return 2;
    secrets[0] = secret;
    for (int i = -WARM_UP; i < 64; i++) {
        size_t at = strlen("sha256=") + (size_t)(i < 0 ? 0 : i);

        memcpy(header, right, sizeof header);
        header[at] = digits[header[at] <= '9' ? header[at] - '0' : header[at] - 'a' + 10];
        (void)snprintf(name, sizeof name, "digit %d", i);
        CALLGRIND_ZERO_STATS;
        failed += rh_signature_verify(secrets, 1, body, sizeof body - 1, header, strlen(header),
                                      NULL) != RH_ERR_SIGNATURE_MISMATCH;
        CALLGRIND_DUMP_STATS_AT(name);
    }
    rh_secret_free(secret);
    return failed > 0;
}
