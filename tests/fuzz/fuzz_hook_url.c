/*
 * Addresses of webhooks: which ones will do, and which two are the same.
 *
 * Input: two addresses, one a line.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "hooks/hook_url.h"
#include "upstream/github_hook.h"

static void
check(const char *url)
{
    struct rh_reason reason = {""};
    bool any = hook_url_check(url, true, &reason);

    FUZZ_CHECK(any == (reason.text[0] == '\0') && fuzz_is_plain(reason.text));
    FUZZ_CHECK(strlen(url) < 16 || strstr(reason.text, url) == NULL);
    if (hook_url_check(url, false, &reason))
        FUZZ_CHECK(any && strncasecmp(url, "https://", 8) == 0);
    if (!any)
        return;
    FUZZ_CHECK(strlen(url) < GITHUB_HOOK_URL_CAP && strchr(url, '#') == NULL);
    for (const char *c = url; *c != '\0'; c++)
        FUZZ_CHECK(*c > ' ' && *c <= '~');
    FUZZ_CHECK(hook_url_same(url, url));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    char *one = fuzz_line(&input), *other = fuzz_line(&input);
    bool same = hook_url_same(one, other);

    check(one);
    check(other);
    FUZZ_CHECK(hook_url_same(one, one) && hook_url_same(other, other));
    FUZZ_CHECK(hook_url_same(other, one) == same);
    if (strcmp(one, other) == 0)
        FUZZ_CHECK(same);
    free(one);
    free(other);
    return 0;
}
