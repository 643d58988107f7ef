/*
 * FastCGI as it comes from whoever reached the socket.
 *
 * Input: two bytes that say how the rest is cut into pieces, and how large a body may be; the rest.
 * Checked: however it is cut, the same comes of it; what is given on is whole records of one
 * request, whose names and values fit; answers and memory have their bounds.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "serve/intake.h"

#define BEGIN_REQUEST 1
#define PARAMS 4
#define STDIN 5

/* The length before a name or a value. False where it is not there whole. */
static bool
take_length(const unsigned char **at, const unsigned char *end, size_t *len)
{
    if (*at >= end)
        return false;
    *len = *(*at)++;
    if (*len < 0x80)
        return true;
    if (end - *at < 3)
        return false;
    *len = (*len & 0x7f) << 24 | (size_t)(*at)[0] << 16 | (size_t)(*at)[1] << 8 | (*at)[2];
    *at += 3;
    return true;
}

static void
check_pairs(const struct buffer *pairs)
{
    const unsigned char *at = (const unsigned char *)buffer_text(pairs), *end = at + pairs->len;
    size_t count = 0;

    while (at < end) {
        size_t name, value;

        FUZZ_CHECK(take_length(&at, end, &name) && take_length(&at, end, &value));
        FUZZ_CHECK(name + value <= (size_t)(end - at));
        at += name + value;
        count++;
    }
    FUZZ_CHECK(count <= INTAKE_PAIRS_MAX && pairs->len <= INTAKE_PARAMS_MAX);
}

static void
check_request(const struct intake *intake, size_t body_max)
{
    const unsigned char *at = (const unsigned char *)buffer_text(&intake->request);
    const unsigned char *end = at + intake->request.len, *first = at;
    struct buffer pairs = BUFFER_INIT(1 << 20);
    size_t body_len = 0, ends = 0;

    while (at < end) {
        size_t len;

        FUZZ_CHECK(end - at >= 8 && at[0] == 1 && at[6] == 0);
        FUZZ_CHECK(at[2] == first[2] && at[3] == first[3]);
        FUZZ_CHECK((at[1] == BEGIN_REQUEST) == (at == first));
        len = (size_t)at[4] << 8 | at[5];
        FUZZ_CHECK(len <= (size_t)(end - at) - 8);
        if (at[1] == PARAMS)
            FUZZ_CHECK(buffer_add(&pairs, at + 8, len));
        else
            FUZZ_CHECK(at[1] == STDIN || at[1] == BEGIN_REQUEST);
        body_len += at[1] == STDIN ? len : 0;
        ends += at[1] != BEGIN_REQUEST && len == 0;
        at += 8 + len;
    }
    FUZZ_CHECK(ends == 2 && body_len <= body_max + 1);
    check_pairs(&pairs);
    buffer_fini(&pairs);
}

/* Reads all of it in pieces of this size, a request after another, and gives what it came to. */
static struct buffer
run(const char *bytes, size_t len, size_t piece, size_t body_max)
{
    struct buffer out = BUFFER_INIT(64 << 20);
    struct intake intake;
    size_t at = 0;

    intake_init(&intake, body_max);
    while (at < len) {
        size_t part = len - at < piece ? len - at : piece, took;
        char *copy = malloc(part);

        FUZZ_CHECK(copy != NULL);
        memcpy(copy, bytes + at, part);
        took = intake_take(&intake, copy, part);
        free(copy);
        FUZZ_CHECK(took <= part);
        at += took;
        FUZZ_CHECK(intake_held(&intake) <= 16 * len + (1 << 20));
        if (intake.state < INTAKE_WHOLE) {
            FUZZ_CHECK(took == part);
            continue;
        }
        (void)buffer_addf(&out, "[%d %d ", intake.state, intake.keep);
        (void)buffer_add(&out, buffer_text(&intake.reply), intake.reply.len);
        if (intake.state == INTAKE_WHOLE) {
            check_request(&intake, body_max);
            (void)buffer_add(&out, buffer_text(&intake.request), intake.request.len);
        }
        (void)buffer_add_text(&out, "]");
        if (intake.state != INTAKE_WHOLE)
            break;
        intake_next(&intake, body_max);
    }
    (void)buffer_addf(&out, "%d", intake.state);
    FUZZ_CHECK(!out.failed);
    intake_fini(&intake);
    return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    size_t piece = (size_t)fuzz_byte(&input) + 1, body_max = 8 * (size_t)fuzz_byte(&input);
    size_t rest_len;
    char *rest = fuzz_rest(&input, &rest_len);
    struct buffer whole = run(rest, rest_len, rest_len + 1, body_max);
    struct buffer pieces = run(rest, rest_len, piece, body_max);

    FUZZ_CHECK(whole.len == pieces.len &&
               memcmp(buffer_text(&whole), buffer_text(&pieces), whole.len) == 0);
    buffer_fini(&whole);
    buffer_fini(&pieces);
    free(rest);
    return 0;
}
