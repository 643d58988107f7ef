/*
 * Deliveries and dispatches under failures, by seeds alone: the same in every run, with any
 * compiler and without libFuzzer. SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "failure.h"
#include "faults.h"

int
main(int argc, char **argv)
{
    uint64_t first, count;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: %s FIRST_SEED COUNT\n", argv[0]);
        return 2;
    }
    first = strtoull(argv[1], NULL, 10);
    count = strtoull(argv[2], NULL, 10);
    failure_prepare();
    for (uint64_t seed = first; seed - first < count; seed++) {
        /* Said before it runs: where it ends the program, the last line is how to run it again. */
        faults_plan(seed);
        (void)printf("%s %" PRIu64 " 1 # %s\n", argv[0], seed, faults_text());
        (void)fflush(stdout);
        failure_try(seed, NULL, 0);
    }
    return EXIT_SUCCESS;
}
