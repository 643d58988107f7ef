/*
 * Any bytes, made fit for a log line, a terminal, JSON, HTML, and a label of a metric.
 *
 * Input: how many characters are to be taken at most, as one line; the bytes.
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "log/log.h"
#include "metrics/family.h"
#include "serve/answer.h"
#include "text/escape.h"
#include "text/html.h"
#include "text/json.h"
#include "text/table.h"

#define SERIES_SHORT 64

static void
check_escape(const char *bytes, size_t len, size_t max)
{
    struct buffer escaped = BUFFER_INIT(1 << 20), plain = BUFFER_INIT(1 << 20);
    struct buffer again = BUFFER_INIT(1 << 20);

    FUZZ_CHECK(escape_add_len(&escaped, bytes, len, max));
    FUZZ_CHECK(fuzz_is_plain(buffer_text(&escaped)));
    FUZZ_CHECK(escape_plain(&plain, bytes, len, max));
    FUZZ_CHECK(fuzz_is_plain(buffer_text(&plain)) && plain.len <= len + strlen("…"));
    FUZZ_CHECK(escape_plain(&again, buffer_text(&plain), plain.len, SIZE_MAX));
    FUZZ_CHECK(strcmp(buffer_text(&again), buffer_text(&plain)) == 0);
    buffer_fini(&escaped);
    buffer_fini(&plain);
    buffer_fini(&again);
}

static void
check_copies(const char *text, size_t cap)
{
    char *tame = strdup(text), *copy = malloc(cap);

    FUZZ_CHECK(tame != NULL && copy != NULL);
    escape_tame(tame);
    FUZZ_CHECK(fuzz_is_plain(tame) && strlen(tame) <= strlen(text));
    escape_copy(copy, cap, text);
    FUZZ_CHECK(strlen(copy) < cap && strncmp(copy, text, strlen(copy)) == 0);
    if (fuzz_is_utf8(text, strlen(text)))
        FUZZ_CHECK(fuzz_is_utf8(copy, strlen(copy)) && strlen(copy) + 4 >= strnlen(text, cap));
    free(tame);
    free(copy);
}

static void
check_html(const char *text, size_t max)
{
    static const char *const references[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    struct buffer out = BUFFER_INIT(1 << 20);
    struct html html = {&out};

    html_text(&html, text, max);
    FUZZ_CHECK(!out.failed && fuzz_is_plain(buffer_text(&out)));
    FUZZ_CHECK(strpbrk(buffer_text(&out), "<>\"'") == NULL);
    for (const char *at = buffer_text(&out); (at = strchr(at, '&')) != NULL; at++) {
        bool is_known = false;

        for (size_t i = 0; i < 5; i++)
            is_known = is_known || strncmp(at, references[i], strlen(references[i])) == 0;
        FUZZ_CHECK(is_known);
    }
    if (html_can_link(text))
        FUZZ_CHECK(strncmp(text, "https://", 8) == 0 && strpbrk(text, " \\@\t\n") == NULL);
    buffer_fini(&out);
}

static void
check_json(const char *text)
{
    cJSON *json = cJSON_CreateObject();
    struct buffer out = BUFFER_INIT(1 << 20);
    char *printed;

    FUZZ_CHECK(json_add_text(json, "a", text));
    printed = cJSON_PrintUnformatted(json);
    escape_json(&out, printed);
    FUZZ_CHECK(fuzz_is_json(buffer_text(&out), out.len) && fuzz_is_plain(buffer_text(&out)));
    cJSON_free(printed);
    cJSON_Delete(json);
    buffer_fini(&out);
}

static void
check_table(const char *text, size_t max)
{
    static const char *const heading[] = {"A", "B"};
    char *bytes = NULL;
    size_t len = 0, lines = 0;
    FILE *out = open_memstream(&bytes, &len);
    struct table table;

    table_init(&table, heading, 2);
    table_add(&table, text, max);
    table_add(&table, "b", SIZE_MAX);
    FUZZ_CHECK(table_print(&table, out) || table.failed);
    FUZZ_CHECK(fclose(out) == 0);
    for (size_t i = 0; i < len; i++)
        lines += bytes[i] == '\n';
    FUZZ_CHECK(table.failed || (lines == 2 && fuzz_is_utf8(bytes, len)));
    table_fini(&table);
    free(bytes);
}

/* One line, whose pairs are those that were given. */
static void
check_log(const char *text)
{
    static struct log *log;
    static int fd;
    char bytes[8192];
    ssize_t len;
    struct log_line line;

    if (log == NULL) {
        char path[64];

        fd = memfd_create("log", MFD_CLOEXEC);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        log = log_open(path);
        FUZZ_CHECK(log != NULL);
    }
    FUZZ_CHECK(ftruncate(fd, 0) == 0);
    log_begin(&line, LOG_LEVEL_INFO, "delivery");
    log_text(&line, "a", text);
    log_number(&line, "b", 7);
    log_text(&line, "c", text);
    log_text(&line, "d", "end");
    log_end(log, &line);
    len = pread(fd, bytes, sizeof bytes - 1, 0);
    FUZZ_CHECK(len > 0 && len < (ssize_t)sizeof bytes - 1 && bytes[len - 1] == '\n');
    bytes[len - 1] = '\0';
    FUZZ_CHECK(strlen(bytes) == (size_t)len - 1 && fuzz_is_plain(bytes));
    FUZZ_CHECK(strncmp(bytes, "time=", 5) == 0 && strstr(bytes, " b=7") != NULL);
    /* What has no room is left out. */
    FUZZ_CHECK(strcmp(bytes + len - 1 - strlen(" d=end"), " d=end") == 0 || len > 4080);
}

static void
check_answer(const char *text)
{
    struct answer answer = {0};
    struct buffer out = BUFFER_INIT(1 << 20);
    const char *body;

    answer_set(&answer, OUTCOME_INVALID, "%s", text);
    FUZZ_CHECK(answer_render(&answer, &out));
    body = strstr(buffer_text(&out), "\r\n\r\n");
    FUZZ_CHECK(body != NULL && strncmp(buffer_text(&out), "Status: 400 ", 12) == 0);
    FUZZ_CHECK(strcmp(body + strlen(body) - 2, "}\n") == 0);
    FUZZ_CHECK(!fuzz_is_utf8(text, strlen(text)) || fuzz_is_json(body + 4, strlen(body + 4)));
    buffer_fini(&out);
}

/* Every family of metrics of a short text, and of a longer one the family of that number: all of
 * them would take most of the time. */
static void
check_series(const char *text, size_t number)
{
    const char *const values[] = {text, text, text, text};
    bool is_short = strlen(text) <= SERIES_SHORT;
    char series[FAMILY_SERIES_CAP];

    for (size_t family = 0; family < FAMILIES; family++) {
        enum family found;
        const char *labels;

        if ((!is_short && family != number % FAMILIES) ||
            !family_series((enum family)family, values, series))
            continue;
        FUZZ_CHECK(fuzz_is_plain(series));
        FUZZ_CHECK(family_of(series, &found, &labels) && found == (enum family)family);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len}, copy;
    int64_t number = fuzz_number(&input);
    size_t max = number < 0 ? SIZE_MAX : (size_t)number, rest_len;
    char *text, *rest;

    copy = input;
    text = fuzz_rest_text(&copy);
    rest = fuzz_rest(&input, &rest_len);
    check_escape(rest, rest_len, max);
    check_copies(text, max % 600 + 1);
    check_html(text, max);
    check_json(text);
    check_table(text, max);
    check_log(text);
    check_answer(text);
    check_series(text, max);
    free(text);
    free(rest);
    return 0;
}
