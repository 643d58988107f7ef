/*
 * Times and durations as GitHub and Nomad write them, against the C library's calendar.
 *
 * Input: a text.
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <runhook/delivery.h>

#include "clock/clock.h"
#include "fuzz.h"
#include "upstream/github_account_read.h"
#include "upstream/nomad_job_read.h"
#include "upstream/nomad_read.h"

/* The year 10000, less what an offset may add. */
#define LAST_S (INT64_C(253402300800) + 86400)

static void
check_iso(const char *text)
{
    int64_t at_s = 1, again_s;
    char written[64];
    struct tm tm;

    if (!rh_time_parse(text, &at_s)) {
        FUZZ_CHECK(at_s == 0);
        return;
    }
    FUZZ_CHECK(at_s < LAST_S && at_s > -LAST_S);
    memset(&tm, 0, sizeof tm);
    tm.tm_year = atoi(text) - 1900;
    FUZZ_CHECK(sscanf(text, "%*4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
                      &tm.tm_min, &tm.tm_sec) == 5);
    tm.tm_mon--;
    FUZZ_CHECK(llabs(timegm(&tm) - at_s) < 86400);
    if (text[strlen(text) - 1] == 'Z')
        FUZZ_CHECK(timegm(&tm) == at_s);
    /* What the program writes itself it reads back. */
    if (at_s > 0 && at_s < INT64_C(253402300800)) {
        (void)clock_text(at_s * 1000, 0, written);
        FUZZ_CHECK(rh_time_parse(written, &again_s) && again_s == at_s);
    }
}

static void
check_expiry(const char *text)
{
    int64_t at_ms = 1;

    if (github_read_expiry(text, &at_ms))
        FUZZ_CHECK(at_ms % 1000 == 0 && at_ms < LAST_S * 1000 && at_ms > -LAST_S * 1000);
    else
        FUZZ_CHECK(at_ms == 0);
}

static void
check_duration(const char *text)
{
    int64_t seconds = 1;

    if (nomad_read_duration(text, &seconds)) {
        FUZZ_CHECK(seconds >= 0 && seconds <= INT64_C(1000) * 365 * 86400);
        FUZZ_CHECK(strspn(text, "0123456789.nsuµmh") == strlen(text));
    } else {
        FUZZ_CHECK(seconds == 0);
    }
}

static void
check_child(const char *text)
{
    int64_t at_s = 1;
    char again[64];

    if (!nomad_read_dispatched_at(text, "job", &at_s)) {
        FUZZ_CHECK(at_s == 0);
        return;
    }
    FUZZ_CHECK(at_s >= 0 && strncmp(text, "job/dispatch-", 13) == 0);
    (void)snprintf(again, sizeof again, "%" PRId64 "-", at_s);
    text += 13;
    while (text[0] == '0' && text[1] != '-')
        text++;
    FUZZ_CHECK(strncmp(text, again, strlen(again)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    char *text = fuzz_rest_text(&input);

    check_iso(text);
    check_expiry(text);
    check_duration(text);
    check_child(text);
    free(text);
    return 0;
}
