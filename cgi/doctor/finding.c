/*
 * What `check --online` found.
 * SPDX-License-Identifier: MIT
 */
#include "doctor/finding.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/buffer.h"
#include "text/escape.h"
#include "text/json.h"

#define WORDS_MAX ((size_t)4096)

const char *
finding_level_text(enum finding_level level)
{
    static const char *const texts[] = {
        [FINDING_OK] = "ok", [FINDING_WARNING] = "warning", [FINDING_ERROR] = "error"};

    return texts[level];
}

/* What upstreams said is among the words. NULL when out of memory; the caller frees. */
static char *
plain(const char *text)
{
    struct buffer out = BUFFER_INIT(WORDS_MAX);

    (void)escape_plain(&out, text, strlen(text), SIZE_MAX);
    return out.len == 0 ? strdup("") : buffer_take(&out);
}

void
findings_add(struct findings *findings, enum finding_level level, const char *subject,
             const char *format, ...)
{
    struct finding *grown =
        reallocarray(findings->items, findings->len + 1, sizeof *findings->items);
    struct finding finding = {.level = level};
    char text[WORDS_MAX];
    va_list args;

    if (grown != NULL)
        findings->items = grown;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    escape_trim(text);
    finding.words = plain(text);
    finding.subject = plain(subject);
    if (grown == NULL || finding.words == NULL || finding.subject == NULL) {
        free(finding.words);
        free(finding.subject);
        findings->failed = true;
        return;
    }
    findings->items[findings->len++] = finding;
}

void
findings_add_failure(struct findings *findings, enum finding_level level, const char *subject,
                     const struct failure *failure)
{
    findings_add(findings, level, subject, "%s", failure->text.text);
}

size_t
findings_count(const struct findings *findings, enum finding_level level)
{
    size_t count = 0;

    for (size_t i = 0; i < findings->len; i++)
        count += findings->items[i].level == level;
    return count;
}

bool
findings_print(const struct findings *findings)
{
    size_t errors = findings_count(findings, FINDING_ERROR);
    size_t warnings = findings_count(findings, FINDING_WARNING);

    for (size_t i = 0; i < findings->len; i++) {
        const struct finding *finding = &findings->items[i];

        (void)printf("%-8s %s: %s\n", finding_level_text(finding->level), finding->subject,
                     finding->words);
    }
    if (errors > 0)
        (void)printf("%zu error%s would keep jobs from running", errors, errors == 1 ? "" : "s");
    else
        (void)printf("nothing keeps jobs from running");
    if (warnings > 0)
        (void)printf("; %zu warning%s", warnings, warnings == 1 ? "" : "s");
    (void)printf("\n");
    return fflush(stdout) == 0 && !findings->failed;
}

/* The array is in its root from the start, so that one delete frees all. */
static bool
add_all(const struct findings *findings, cJSON *array)
{
    for (size_t i = 0; i < findings->len; i++) {
        const struct finding *finding = &findings->items[i];
        cJSON *object = cJSON_CreateObject();

        if (!cJSON_AddItemToArray(array, object)) {
            cJSON_Delete(object);
            return false;
        }
        if (!json_add_text(object, "level", finding_level_text(finding->level)) ||
            !json_add_text(object, "subject", finding->subject) ||
            !json_add_text(object, "text", finding->words))
            return false;
    }
    return true;
}

bool
findings_print_json(const struct findings *findings)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *array = root == NULL ? NULL : cJSON_AddArrayToObject(root, "findings");
    bool done =
        array != NULL && add_all(findings, array) &&
        cJSON_AddBoolToObject(root, "good", findings_count(findings, FINDING_ERROR) == 0) != NULL &&
        json_print(root);

    cJSON_Delete(root);
    return done && !findings->failed;
}

void
findings_fini(struct findings *findings)
{
    for (size_t i = 0; i < findings->len; i++) {
        free(findings->items[i].subject);
        free(findings->items[i].words);
    }
    free(findings->items);
    *findings = (struct findings){0};
}
