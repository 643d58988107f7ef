/*
 * Where a webhook delivers to.
 * SPDX-License-Identifier: MIT
 */
#include "hooks/hook_url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "upstream/github_hook.h"

static bool
refuse(struct rh_reason *reason, const char *text)
{
    (void)snprintf(reason->text, sizeof reason->text, "%s", text);
    return false;
}

/* Printable ASCII without blanks: anything else has to be escaped in a URL. */
static bool
is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~')
            return false;
    }
    return true;
}

static bool
has(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool found = curl_url_get(url, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return found;
}

bool
hook_url_check(const char *url, bool may_be_http, struct rh_reason *reason)
{
    bool is_https = strncasecmp(url, "https://", 8) == 0;
    bool is_http = strncasecmp(url, "http://", 7) == 0;
    bool good = false;
    CURLU *parsed;

    if (is_http && !may_be_http)
        return refuse(reason,
                      "must be https://: over http:// anybody on the way can read and hold "
                      "deliveries (for a test in your own network there is --insecure-url)");
    if (!is_https && !is_http)
        return refuse(reason, "must begin with https://");
    if (strlen(url) >= GITHUB_HOOK_URL_CAP)
        return refuse(reason, "is too long");
    if (!is_plain(url))
        return refuse(reason, "must be printable ASCII without blanks");
    parsed = curl_url();
    if (parsed == NULL)
        return refuse(reason, "out of memory");
    /* libcurl forgives a third slash. */
    if (url[strlen(is_https ? "https://" : "http://")] == '/' ||
        curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK || !has(parsed, CURLUPART_HOST))
        (void)refuse(reason, "is not a URL with a host");
    else if (has(parsed, CURLUPART_USER) || has(parsed, CURLUPART_PASSWORD))
        (void)refuse(reason, "must not hold a user or password: everybody who may see the "
                             "repository's settings could read it");
    else if (has(parsed, CURLUPART_FRAGMENT) || strchr(url, '#') != NULL)
        (void)refuse(reason, "must not have a fragment (#…)");
    else
        good = true;
    curl_url_cleanup(parsed);
    return good;
}

/* Compares one part of two URLs, where missing ones are the same. */
static bool
same_part(CURLU *a, CURLU *b, CURLUPart part, unsigned flags, bool with_case)
{
    char *of_a = NULL, *of_b = NULL;
    bool has_a = curl_url_get(a, part, &of_a, flags) == CURLUE_OK;
    bool has_b = curl_url_get(b, part, &of_b, flags) == CURLUE_OK;
    bool same = has_a == has_b;

    if (has_a && has_b)
        same = (with_case ? strcmp(of_a, of_b) : strcasecmp(of_a, of_b)) == 0;
    curl_free(of_a);
    curl_free(of_b);
    return same;
}

bool
hook_url_same(const char *a, const char *b)
{
    CURLU *of_a = curl_url(), *of_b = curl_url();
    bool same;

    if (of_a == NULL || of_b == NULL || curl_url_set(of_a, CURLUPART_URL, a, 0) != CURLUE_OK ||
        curl_url_set(of_b, CURLUPART_URL, b, 0) != CURLUE_OK)
        same = strcmp(a, b) == 0;
    else
        same = same_part(of_a, of_b, CURLUPART_SCHEME, 0, false) &&
               same_part(of_a, of_b, CURLUPART_HOST, 0, false) &&
               same_part(of_a, of_b, CURLUPART_PORT, CURLU_DEFAULT_PORT, true) &&
               same_part(of_a, of_b, CURLUPART_PATH, 0, true) &&
               same_part(of_a, of_b, CURLUPART_QUERY, 0, true) &&
               same_part(of_a, of_b, CURLUPART_USER, 0, true) &&
               same_part(of_a, of_b, CURLUPART_PASSWORD, 0, true) &&
               same_part(of_a, of_b, CURLUPART_FRAGMENT, 0, true);
    curl_url_cleanup(of_a);
    curl_url_cleanup(of_b);
    return same;
}
