/*
 * A delivery's whole way: body, signature, parse, pool, ledger, answer. It is sent unsigned and
 * wrongly signed, and then rightly, as JSON and as a form, to an empty ledger and to one that knows
 * the job; what it is answered follows from what stands in it (DESIGN.md, section 3, read here by
 * rules of the harness's own), and the ledger has what the answer says, and nothing else.
 *
 * Input: the body. mutate.c changes it as JSON. SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "estate.h"
#include "fuzz.h"
#include "moment.h"
#include "receiver.h"
#include "specimen.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct receiver receiver;

static void
close_all(void)
{
    receiver_close(&receiver);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    receiver_prepare();
    FUZZ_CHECK(receiver_open(&receiver, true) && atexit(close_all) == 0);
    return 0;
}

/* -- What the body says, by the harness's own reading -------------------------------------------
 */

enum reading {
    READ_NOT_JSON,
    READ_NO_OBJECT,
    READ_JOB, /* an object `workflow_job` */
    READ_PING,
    READ_OTHER,
};

struct content {
    enum reading reading;
    bool has_fields;   /* those that a job must have */
    bool starts;       /* a job that waits now, and that a pool serves */
    bool is_undecided; /* by rules that are not repeated here: when it was made */
    bool is_doubtful;  /* what it is read as is not told here at all */
    int64_t id;
};

static const cJSON *
member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static bool
is_id(const cJSON *item)
{
    return cJSON_IsNumber(item) && item->valuedouble >= 1 &&
           item->valuedouble <= 9007199254740991.0 &&
           item->valuedouble == (double)(int64_t)item->valuedouble;
}

static bool
is_name(const char *text, size_t len)
{
    return len > 0 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "._-") >= len &&
           !(len == 1 && text[0] == '.') && !(len == 2 && strncmp(text, "..", 2) == 0);
}

static bool
is_repository(const char *text)
{
    const char *slash = text == NULL ? NULL : strchr(text, '/');

    return slash != NULL && strlen(text) <= 256 && is_name(text, (size_t)(slash - text)) &&
           strchr(slash + 1, '/') == NULL && is_name(slash + 1, strlen(slash + 1));
}

/* Whether all of the labels are among a pool's, and one of them is "self-hosted". */
static bool
serves(const cJSON *labels, const char *const pool[])
{
    bool is_self_hosted = false;
    const cJSON *label;

    cJSON_ArrayForEach(label, labels)
    {
        size_t i = 0;

        while (pool[i] != NULL && strcasecmp(pool[i], label->valuestring) != 0)
            i++;
        if (pool[i] == NULL)
            return false;
        is_self_hosted = is_self_hosted || i == 0;
    }
    return is_self_hosted;
}

static bool
are_labels(const cJSON *labels)
{
    const cJSON *label;

    cJSON_ArrayForEach(label, labels)
    {
        if (!cJSON_IsString(label))
            return false;
    }
    return cJSON_IsArray(labels);
}

static void
read_job(const cJSON *root, struct content *content)
{
    static const char *const pools[][8] = {{"self-hosted", "linux", "x64"},
                                           {"self-hosted", "gpu"},
                                           {"self-hosted", "arm64", "linux"},
                                           {"self-hosted", "forks", "arm64", "linux"}};
    const cJSON *job = member(root, "workflow_job"), *labels = member(job, "labels");
    const char *action = cJSON_GetStringValue(member(root, "action"));
    const char *status = cJSON_GetStringValue(member(job, "status"));
    const char *repository = cJSON_GetStringValue(member(member(root, "repository"), "full_name"));
    const char *created_at = cJSON_GetStringValue(member(job, "created_at"));
    bool is_served = false;

    content->has_fields = action != NULL && status != NULL && are_labels(labels) &&
                          is_id(member(job, "id")) && is_id(member(job, "run_id")) &&
                          cJSON_IsObject(member(root, "repository")) && is_repository(repository);
    if (!content->has_fields)
        return;
    content->id = (int64_t)member(job, "id")->valuedouble;
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++)
        is_served = is_served || serves(labels, pools[i]);
    content->starts = is_served && strcmp(action, "queued") == 0 && strcmp(status, "queued") == 0;
    content->is_undecided =
        created_at != NULL && strncmp(created_at, "2026-01-17T1", strlen("2026-01-17T1")) != 0;
}

/* Longer numbers are read by nobody, and refused by cJSON alone, in what it is given. */
#define NUMBER_LEN_MAX 60

/* How long a number is that begins here, by RFC 8259, section 6; 0 where none does. */
static size_t
number_len(const char *text)
{
    static const char digits[] = "0123456789";
    size_t len = text[0] == '-';
    size_t whole = strspn(text + len, digits);

    if (whole == 0 || (whole > 1 && text[len] == '0'))
        return 0;
    len += whole;
    if (text[len] == '.') {
        size_t fraction = strspn(text + len + 1, digits);

        if (fraction == 0)
            return 0;
        len += 1 + fraction;
    }
    if (text[len] == 'e' || text[len] == 'E') {
        size_t sign = text[len + 1] == '+' || text[len + 1] == '-';
        size_t exponent = strspn(text + len + 1 + sign, digits);

        if (exponent == 0)
            return 0;
        len += 1 + sign + exponent;
    }
    return strchr("0123456789.eE+-", text[len]) == NULL || text[len] == '\0' ? len : 0;
}

/* A \u with its four digits, and not of a NUL, which would end a text before its end. */
static bool
is_good_escape(const char *text)
{
    unsigned int code = 0;

    return strspn(text + 1, "0123456789abcdefABCDEF") >= 4 && sscanf(text + 1, "%4x", &code) == 1 &&
           code != 0;
}

/* What cJSON reads and JSON has not: a byte order mark, control characters, and numbers like 01 and
 * 1. Sets `*is_doubtful` where a number is too long. */
static bool
has_flaw(const char *text, bool *is_doubtful)
{
    bool is_in_string = false;

    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        return true;
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 && (is_in_string || strchr("\t\n\r", *at) == NULL))
            return true;
        if (*at == '"')
            is_in_string = !is_in_string;
        if (*at == '\\' && *++at == 'u' && !is_good_escape(at))
            return true;
        if (*at == '\0')
            return true;
        if (!is_in_string && strchr("-0123456789", *at) != NULL) {
            size_t len = number_len(at);

            if (len == 0)
                return true;
            *is_doubtful = *is_doubtful || len > NUMBER_LEN_MAX;
            at += len - 1;
        }
    }
    return false;
}

static struct content
read_content(const char *body, size_t len)
{
    struct content content = {.reading = READ_NOT_JSON};
    char *text = strndup(body, len);
    cJSON *root;

    FUZZ_CHECK(text != NULL);
    root =
        !has_flaw(text, &content.is_doubtful) && fuzz_is_json(body, len) ? cJSON_Parse(text) : NULL;
    free(text);
    if (root == NULL)
        return content;
    content.reading = READ_OTHER;
    if (!cJSON_IsObject(root)) {
        content.reading = READ_NO_OBJECT;
    } else if (cJSON_IsObject(member(root, "workflow_job"))) {
        content.reading = READ_JOB;
        read_job(root, &content);
    } else if (cJSON_IsString(member(root, "zen")) && is_id(member(root, "hook_id"))) {
        content.reading = READ_PING;
    }
    cJSON_Delete(root);
    return content;
}

/* -- What is answered, and what is stored -------------------------------------------------------
 */

static bool
is_there(int64_t job_id)
{
    char sql[96];

    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM job WHERE id = %lld", (long long)job_id);
    return receiver_number(sql) == 1;
}

/* The statuses are DESIGN.md's. */
static void
check_status(const struct receiver_reply *reply)
{
    static const int statuses[] = {
        [OUTCOME_ACCEPTED] = 202,  [OUTCOME_DUPLICATE] = 200,        [OUTCOME_IGNORED] = 200,
        [OUTCOME_PONG] = 200,      [OUTCOME_REFUSED] = 403,          [OUTCOME_INVALID] = 400,
        [OUTCOME_TOO_LARGE] = 413, [OUTCOME_UNSUPPORTED_TYPE] = 415,
    };

    FUZZ_CHECK((size_t)reply->outcome < sizeof statuses / sizeof statuses[0]);
    FUZZ_CHECK(reply->http_status == statuses[reply->outcome]);
    FUZZ_CHECK(reply->is_rendered);
}

/* One that is not let in, and changes nothing. */
static void
send_in_vain(struct receiver_delivery delivery, enum receiver_signature signature,
             enum outcome outcome)
{
    int64_t sum = receiver_ledger_sum();
    struct receiver_reply reply;

    delivery.signature = signature;
    reply = receiver_deliver(&receiver, &delivery);
    check_status(&reply);
    FUZZ_CHECK(reply.outcome == outcome && reply.job_id == 0);
    FUZZ_CHECK(receiver_ledger_sum() == sum);
}

/* What it must be answered, to an empty ledger. */
static void
check_outcome(const struct content *content, const struct receiver_delivery *delivery,
              const struct receiver_reply *reply)
{
    bool is_hinted = delivery->event != NULL && strcmp(delivery->event, "workflow_job") == 0;
    enum outcome wanted = OUTCOME_IGNORED;

    switch (content->reading) {
    case READ_NOT_JSON:
    case READ_NO_OBJECT:
        wanted = OUTCOME_INVALID;
        break;
    case READ_PING:
        wanted = is_hinted ? OUTCOME_INVALID : OUTCOME_PONG;
        break;
    case READ_OTHER:
        wanted = is_hinted ? OUTCOME_INVALID : OUTCOME_IGNORED;
        break;
    case READ_JOB:
        wanted = !content->has_fields ? OUTCOME_INVALID
                 : content->starts    ? OUTCOME_ACCEPTED
                                      : OUTCOME_IGNORED;
        break;
    }
    FUZZ_CHECK(reply->outcome == wanted ||
               (content->starts && content->is_undecided && reply->outcome == OUTCOME_IGNORED));
}

/* One that is let in, to an empty ledger, and the same again. Returns what it was answered. */
static enum outcome
send_twice(const struct content *content, const struct receiver_delivery *delivery)
{
    struct receiver_reply first, again;
    int64_t sum;

    receiver_forget();
    first = receiver_deliver(&receiver, delivery);
    check_status(&first);
    if (first.outcome == OUTCOME_TOO_LARGE)
        FUZZ_CHECK(delivery->len * (delivery->as_form ? 3 : 1) + 8 > RECEIVER_MAX_BODY);
    else
        check_outcome(content, delivery, &first);
    if (first.outcome == OUTCOME_ACCEPTED)
        FUZZ_CHECK(first.job_id == content->id && is_there(content->id) &&
                   receiver_number("SELECT count(*) FROM job WHERE state = 'queued'") == 1);
    else if (content->starts || content->reading != READ_JOB)
        FUZZ_CHECK(receiver_number("SELECT count(*) FROM job") == 0);
    receiver_check_ledger(true);

    sum = receiver_ledger_sum();
    again = receiver_deliver(&receiver, delivery);
    check_status(&again);
    FUZZ_CHECK(again.outcome ==
               (first.outcome == OUTCOME_ACCEPTED ? OUTCOME_DUPLICATE : first.outcome));
    FUZZ_CHECK(receiver_ledger_sum() == sum);
    return first.outcome;
}

/* To a ledger that knows a job, waiting or on its way to a runner, which the delivery may be about.
 */
static void
send_to_known(const struct receiver_delivery *delivery, bool is_dispatched)
{
    const struct receiver_delivery known = {.body = specimen_body(0),
                                            .len = strlen(specimen_body(0))};
    struct receiver_reply reply;
    int64_t sum;

    receiver_forget();
    FUZZ_CHECK(receiver_deliver(&receiver, &known).outcome == OUTCOME_ACCEPTED);
    if (is_dispatched)
        FUZZ_CHECK(story_tell(&receiver.tools) == WORK_DONE);
    reply = receiver_deliver(&receiver, delivery);
    check_status(&reply);
    receiver_check_ledger(true);
    sum = receiver_ledger_sum();
    reply = receiver_deliver(&receiver, delivery);
    check_status(&reply);
    FUZZ_CHECK(reply.outcome != OUTCOME_ACCEPTED && receiver_ledger_sum() == sum);
    receiver_check_ledger(true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct content content = read_content((const char *)bytes, len);
    struct receiver_delivery delivery = {.body = bytes, .len = len};
    enum outcome as_json, as_form;

    moment_reset();
    estate_reset();
    receiver_forget();
    if (len <= RECEIVER_MAX_BODY) {
        send_in_vain(delivery, RECEIVER_UNSIGNED, OUTCOME_REFUSED);
        send_in_vain(delivery, RECEIVER_SIGNED_WRONG, OUTCOME_REFUSED);
        send_in_vain(delivery, RECEIVER_CHANGED, OUTCOME_REFUSED);
        delivery.content_type = "text/plain";
        send_in_vain(delivery, RECEIVER_SIGNED, OUTCOME_UNSUPPORTED_TYPE);
        delivery.content_type = NULL;
    }
    if (content.is_doubtful)
        return 0;
    (void)send_twice(&content, &delivery);
    delivery.event = "workflow_job";
    as_json = send_twice(&content, &delivery);
    delivery.as_form = true;
    as_form = send_twice(&content, &delivery);
    FUZZ_CHECK(as_json == as_form || as_form == OUTCOME_TOO_LARGE);
    delivery.as_form = false;
    send_to_known(&delivery, false);
    send_to_known(&delivery, true);
    return 0;
}
