/*
 * A delivery, its dispatch and its runner's end while calls fail: memory, the disk and its locks,
 * OpenSSL, libcurl, and the requests to GitHub and Nomad. Whatever fails: no crash, leak, hang,
 * lost job or secret that is told; what was answered 202 is on disk; and once nothing fails any
 * more, the same delivery and the same job come right.
 *
 * Input: eight bytes, the seed of what fails (see failure.h); the delivery's body, or nothing for
 * one that starts a runner. SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "failure.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    failure_prepare();
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint64_t seed = 0;
    size_t seed_len = len < sizeof seed ? len : sizeof seed;

    if (seed_len > 0)
        memcpy(&seed, bytes, seed_len);
    failure_try(seed, len > seed_len ? bytes + seed_len : NULL, len - seed_len);
    return 0;
}
