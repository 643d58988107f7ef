/*
 * libcurl's easy interface, put in place by the linker: a request goes to the estate, unless the
 * plan of faults.h breaks it off on its way there or back. SPDX-License-Identifier: MIT
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "estate.h"
#include "faults.h"
#include "fuzz.h"

#define HEADERS_MAX 4

struct wire {
    const char *url;
    const char *method;
    const char *body;
    curl_off_t body_len;
    const struct curl_slist *headers;
    char *error;
    curl_write_callback write;
    void *write_arg;
    curl_xferinfo_callback progress;
    void *progress_arg;
    long status;
    struct curl_header answer_headers[HEADERS_MAX];
    size_t answer_headers_len;
};

CURL *__wrap_curl_easy_init(void);
void __wrap_curl_easy_cleanup(CURL *curl);
void __wrap_curl_easy_reset(CURL *curl);
CURLcode __wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...);
CURLcode __wrap_curl_easy_perform(CURL *curl);
CURLcode __wrap_curl_easy_getinfo(CURL *curl, CURLINFO info, ...);
CURLHcode __wrap_curl_easy_header(CURL *curl, const char *name, size_t index, unsigned int origin,
                                  int request, struct curl_header **out);
struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list, const char *text);
struct curl_slist *__real_curl_slist_append(struct curl_slist *list, const char *text);

static size_t wires;

CURL *
__wrap_curl_easy_init(void)
{
    struct wire *wire = faults_strike(FAULT_OPTION) ? NULL : calloc(1, sizeof *wire);

    wires += wire != NULL;
    return wire;
}

void
__wrap_curl_easy_cleanup(CURL *curl)
{
    wires -= curl != NULL;
    free(curl);
}

void
__wrap_curl_easy_reset(CURL *curl)
{
    *(struct wire *)curl = (struct wire){0};
}

CURLcode
__wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    struct wire *wire = curl;
    CURLcode code = CURLE_OK;
    va_list args;

    va_start(args, option);
    switch (option) {
    case CURLOPT_URL:
        wire->url = va_arg(args, const char *);
        break;
    case CURLOPT_CUSTOMREQUEST:
        wire->method = va_arg(args, const char *);
        break;
    case CURLOPT_POSTFIELDS:
        wire->body = va_arg(args, const char *);
        break;
    case CURLOPT_POSTFIELDSIZE_LARGE:
        wire->body_len = va_arg(args, curl_off_t);
        break;
    case CURLOPT_HTTPHEADER:
        wire->headers = va_arg(args, struct curl_slist *);
        break;
    case CURLOPT_ERRORBUFFER:
        wire->error = va_arg(args, char *);
        break;
    case CURLOPT_WRITEFUNCTION:
        wire->write = va_arg(args, curl_write_callback);
        break;
    case CURLOPT_WRITEDATA:
        wire->write_arg = va_arg(args, void *);
        break;
    case CURLOPT_XFERINFOFUNCTION:
        wire->progress = va_arg(args, curl_xferinfo_callback);
        break;
    case CURLOPT_XFERINFODATA:
        wire->progress_arg = va_arg(args, void *);
        break;
    default:
        break; /* how, and not what */
    }
    va_end(args);
    /* libcurl may have taken the value, and fail all the same. */
    if (faults_strike(FAULT_OPTION))
        code = CURLE_OUT_OF_MEMORY;
    return code;
}

CURLcode
__wrap_curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
    va_list args;

    FUZZ_CHECK(info == CURLINFO_RESPONSE_CODE);
    if (faults_strike(FAULT_OPTION))
        return CURLE_OUT_OF_MEMORY;
    va_start(args, info);
    *va_arg(args, long *) = ((struct wire *)curl)->status;
    va_end(args);
    return CURLE_OK;
}

CURLHcode
__wrap_curl_easy_header(CURL *curl, const char *name, size_t index, unsigned int origin,
                        int request, struct curl_header **out)
{
    struct wire *wire = curl;

    (void)index;
    (void)origin;
    (void)request;
    for (size_t i = 0; i < wire->answer_headers_len; i++) {
        if (strcasecmp(wire->answer_headers[i].name, name) == 0) {
            *out = &wire->answer_headers[i];
            return CURLHE_OK;
        }
    }
    return CURLHE_MISSING;
}

struct curl_slist *
__wrap_curl_slist_append(struct curl_slist *list, const char *text)
{
    return faults_strike(FAULT_MEMORY) ? NULL : __real_curl_slist_append(list, text);
}

static const char *
token_of(const struct wire *wire)
{
    static const char start[] = "Authorization: Bearer ";

    for (const struct curl_slist *item = wire->headers; item != NULL; item = item->next) {
        if (strncmp(item->data, start, strlen(start)) == 0)
            return item->data + strlen(start);
    }
    return "";
}

/* Hands the answer's body over as it comes in, in two pieces. */
static CURLcode
give(struct wire *wire, char *bytes, size_t len)
{
    size_t first = len / 3;

    if (first > 0 && wire->write(bytes, 1, first, wire->write_arg) != first)
        return CURLE_WRITE_ERROR;
    if (wire->write(bytes + first, 1, len - first, wire->write_arg) != len - first)
        return CURLE_WRITE_ERROR;
    return CURLE_OK;
}

static CURLcode
break_off(struct wire *wire, CURLcode code)
{
    if (wire->error != NULL && faults_draw(2) == 0)
        (void)snprintf(wire->error, CURL_ERROR_SIZE, "%s, says the harness",
                       curl_easy_strerror(code));
    return code;
}

/* What stands before an upstream, or it itself in trouble: nothing was done. */
static void
refuse(struct wire *wire, struct estate_answer *answer)
{
    static const struct {
        long status;
        const char *body;
    } rows[] = {
        {500, "No cluster leader"},
        {500, "something that nobody has heard of"},
        {502, "<html>502 Bad Gateway</html>"},
        {503, ""},
        {429, "{\"message\":\"rate limit\"}"},
        {403, "{\"message\":\"API rate limit exceeded\"}"},
        {404, "{\"message\":\"Not Found\"}"},
        {401, "{\"message\":\"Bad credentials\"}"},
        {302, ""},
        {422, "{\"message\":\"Validation Failed\"}"},
        {200, "<html>a login page</html>"},
        {201, "{}"},
        {200, ""},
        {204, ""},
    };
    size_t row = faults_draw(sizeof rows / sizeof rows[0]);
    static char after[] = "17", name[] = "retry-after";

    answer->status = rows[row].status;
    (void)snprintf(answer->body, sizeof answer->body, "%s", rows[row].body);
    if (faults_draw(4) == 0) {
        wire->answer_headers[0] = (struct curl_header){.name = name, .value = after};
        wire->answer_headers_len = 1;
    }
}

CURLcode
__wrap_curl_easy_perform(CURL *curl)
{
    static const CURLcode before[] = {
        CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_PEER_FAILED_VERIFICATION,
        CURLE_SSL_CONNECT_ERROR,    CURLE_OUT_OF_MEMORY,   CURLE_OPERATION_TIMEDOUT,
        CURLE_FAILED_INIT};
    static const CURLcode after[] = {CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_OPERATION_TIMEDOUT,
                                     CURLE_PARTIAL_FILE, CURLE_OUT_OF_MEMORY};
    static struct estate_answer answer;
    struct wire *wire = curl;
    const struct estate_request request = {.method = wire->method,
                                           .url = wire->url,
                                           .body = wire->body == NULL ? "" : wire->body,
                                           .body_len = (size_t)wire->body_len,
                                           .token = token_of(wire)};
    bool strikes = faults_strike(FAULT_WIRE), was_on;
    uint64_t way = strikes ? faults_draw(3) : 3;
    CURLcode code;

    answer.body[0] = '\0';
    wire->answer_headers_len = 0;
    if (wire->progress(wire->progress_arg, 0, 0, 0, 0) != 0)
        return break_off(wire, CURLE_ABORTED_BY_CALLBACK);
    if (way == 0)
        return break_off(wire, before[faults_draw(sizeof before / sizeof before[0])]);
    was_on = faults_end(); /* the estate itself is not what is tried */
    if (way == 1)
        refuse(wire, &answer);
    else
        estate_ask(&request, &answer);
    if (was_on)
        faults_begin();
    wire->status = answer.status;
    if (way == 2) {
        if (faults_draw(2) == 0)
            (void)give(wire, answer.body, strlen(answer.body) / 2);
        return break_off(wire, after[faults_draw(sizeof after / sizeof after[0])]);
    }
    code = give(wire, answer.body, strlen(answer.body));
    return code == CURLE_OK ? code : break_off(wire, code);
}
