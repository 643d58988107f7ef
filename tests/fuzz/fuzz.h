/*
 * What every harness includes: the entry that libFuzzer calls, the input taken apart, and what is
 * said of the results. A harness aborts where a property does not hold; it is single-threaded.
 * SPDX-License-Identifier: MIT
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs one input: llvm.org/docs/LibFuzzer.html. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Aborts, and says where, unless the condition holds. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_failed(const char *what, const char *file, int line);

/* What is left of the input. Zero bytes and "" are taken from one that is at its end. */
struct fuzz_input {
    const uint8_t *bytes;
    size_t len;
};

uint8_t fuzz_byte(struct fuzz_input *input);

/* A number of the line that comes next: its first digits, with a minus before them. */
int64_t fuzz_number(struct fuzz_input *input);

/* The line that comes next, without its end, as a text of just that size (up to its first NUL).
 * The caller frees it. */
char *fuzz_line(struct fuzz_input *input);

/* All that is left, in memory of just that size, so that a byte read too many is seen; `*len` is
 * how much. The caller frees it. */
char *fuzz_rest(struct fuzz_input *input, size_t *len);

/* The same with a NUL after it. */
char *fuzz_rest_text(struct fuzz_input *input);

/* Checks, by rules of their own and not by the program's: that bytes are UTF-8 (RFC 3629); that a
 * text is UTF-8 without control characters, line separators or overrides of direction; that bytes
 * are one JSON value in UTF-8 and nothing else. */
bool fuzz_is_utf8(const void *bytes, size_t len);
bool fuzz_is_plain(const char *text);
bool fuzz_is_json(const char *bytes, size_t len);

#endif
