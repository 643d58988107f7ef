/*
 * Runs a harness once with every file of a folder, in the order of their names, with any compiler
 * and without libFuzzer. SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

/* What libFuzzer offers to a mutator, which is not called here. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t len, size_t cap);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

size_t
LLVMFuzzerMutate(uint8_t *bytes, size_t len, size_t cap)
{
    (void)bytes;
    (void)cap;
    return len;
}

/* The inputs run before this one cannot hide what it does: it is in memory of its own. */
static bool
run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    uint8_t *bytes = NULL;
    size_t len = 0;
    bool is_read = false;

    if (file != NULL && fstat(fileno(file), &status) == 0 &&
        (bytes = malloc(status.st_size == 0 ? 1 : (size_t)status.st_size)) != NULL) {
        len = fread(bytes, 1, (size_t)status.st_size, file);
        is_read = len == (size_t)status.st_size;
    }
    if (file != NULL)
        (void)fclose(file);
    if (is_read)
        (void)LLVMFuzzerTestOneInput(bytes, len);
    else
        perror(path);
    free(bytes);
    return is_read;
}

static int
is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool
run_folder(const char *folder, size_t *run)
{
    struct dirent **entries = NULL;
    int len = scandir(folder, &entries, is_file, alphasort);
    bool good = len >= 0;

    if (len < 0)
        perror(folder);
    for (int i = 0; i < len; i++) {
        char path[4096];

        (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        /* Said before it runs: the last line names the input that ended the program. */
        (void)printf("%s\n", path);
        (void)fflush(stdout);
        good = run_file(path) && good;
        free(entries[i]);
        *run += 1;
    }
    free(entries);
    return good;
}

int
main(int argc, char **argv)
{
    size_t run = 0;
    bool good = true;

    if (LLVMFuzzerInitialize != NULL)
        (void)LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        struct stat status;

        if (stat(argv[i], &status) == 0 && !S_ISDIR(status.st_mode)) {
            good = run_file(argv[i]) && good;
            run++;
        } else {
            good = run_folder(argv[i], &run) && good;
        }
    }
    (void)printf("%zu inputs\n", run);
    return good && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
