/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "sample.h"

static void
content_types(void **state)
{
    (void)state;
    static const struct {
        const char *content_type;
        enum rh_error json;
        enum rh_error form;
    } rows[] = {
        {"application/json", RH_OK, RH_ERR_NOT_JSON},
        {"application/json;charset=utf-8", RH_OK, RH_ERR_NOT_JSON},
        {"Application/JSON ; charset=UTF-8", RH_OK, RH_ERR_NOT_JSON},
        {"\t application/json ", RH_OK, RH_ERR_NOT_JSON},
        {"application/x-www-form-urlencoded", RH_ERR_FIELD, RH_OK},
        {"APPLICATION/X-WWW-FORM-URLENCODED; a=b", RH_ERR_FIELD, RH_OK},
        {NULL, RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {" ", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {";", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"text/plain", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"application", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"application/jso", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"application/jsonx", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"application/json5", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"application/json, text/plain", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"application/json text", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"application /json", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"text/plain; application/json", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"multipart/form-data; boundary=x", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"application/vnd.github+json", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
        {"\x1b[31m\xff", RH_ERR_CONTENT_TYPE, RH_ERR_CONTENT_TYPE},
    };
    const char *form = "payload=%7B%7D";

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *type = rows[i].content_type;
        const char *name = type != NULL ? type : "none";
        struct parsed outcome = parse_as("{}", 2, type, NULL);
        assert_row(outcome.error == rows[i].json, name);
        rh_delivery_free(outcome.delivery);
        outcome = parse_as(form, strlen(form), type, NULL);
        assert_row(outcome.error == rows[i].form, name);
        rh_delivery_free(outcome.delivery);
    }
    struct parsed outcome = parse_as("{}", 2, "text/plain", NULL);
    assert_string_equal(outcome.reason.text, "the content type is \"text/plain\", not "
                                             "application/json or "
                                             "application/x-www-form-urlencoded");
    outcome = parse_as("{}", 2, NULL, NULL);
    assert_string_equal(outcome.reason.text, "the content type is missing, not application/json or "
                                             "application/x-www-form-urlencoded");
}

static void
forms(void **state)
{
    (void)state;
#define PING "%7B%22zen%22%3A%22a+b%22%2C%22hook_id%22%3A7%7D"
    static const struct {
        const char *body;
        enum rh_error want;
    } rows[] = {
        {"payload=" PING, RH_OK},
        {"payload=" PING "&", RH_OK},
        {"a=b&payload=" PING, RH_OK},
        {"&&payload=" PING "&c=d", RH_OK},
        {"payload&payload=" PING, RH_OK},
        {"payload=" PING "&payload=garbage", RH_OK},
        {"payload={\"zen\":\"x\",\"hook_id\":7}", RH_OK},
        {"payload=%7b%22zen%22:%22=%22%2c%22hook_id%22:7%7d", RH_OK},
        {"a=%zz&payload=" PING, RH_OK}, /* another field's escapes are not ours to judge */
        {"", RH_ERR_FIELD},
        {"&", RH_ERR_FIELD},
        {"payload", RH_ERR_FIELD},
        {"Payload=" PING, RH_ERR_FIELD},
        {"xpayload=" PING, RH_ERR_FIELD},
        {"payloads=" PING, RH_ERR_FIELD},
        {"%70ayload=" PING, RH_ERR_FIELD},
        {"a=payload=" PING, RH_ERR_FIELD},
        {"a=b;payload=" PING, RH_ERR_FIELD},
        {"{\"zen\":\"x\"}", RH_ERR_FIELD},
        {"payload=", RH_ERR_NOT_JSON},
        {"payload=&payload=" PING, RH_ERR_NOT_JSON},
        {"payload=garbage&payload=" PING, RH_ERR_NOT_JSON},
        {"payload=" PING "%", RH_ERR_NOT_JSON},
        {"payload=" PING "%2", RH_ERR_NOT_JSON},
        {"payload=" PING "%2&", RH_ERR_NOT_JSON},
        {"payload=" PING "%&20", RH_ERR_NOT_JSON},
        {"payload=%", RH_ERR_NOT_JSON},
        {"payload=%7", RH_ERR_NOT_JSON},
        {"payload=%g7", RH_ERR_NOT_JSON},
        {"payload=%7g", RH_ERR_NOT_JSON},
        {"payload=%-1", RH_ERR_NOT_JSON},
        {"payload=%%7B", RH_ERR_NOT_JSON},
        {"payload=" PING "%00", RH_ERR_NOT_JSON},
        {"payload=" PING "x", RH_ERR_NOT_JSON},
        {"payload=%7B%22a%22%3A%22%FF%22%7D", RH_ERR_NOT_JSON},
        {"payload=%7B%22a%22%3A%22%C0%AF%22%7D", RH_ERR_NOT_JSON},
        {"payload=%7B%22a%22%3A%22%5Cu0000%22%7D", RH_ERR_NOT_JSON},
        {"payload=%257B%257D", RH_ERR_NOT_JSON},
    };
#undef PING

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct parsed outcome = parse_as(rows[i].body, strlen(rows[i].body), FORM_TYPE, NULL);
        assert_row(outcome.error == rows[i].want, rows[i].body);
        if (outcome.error == RH_OK) {
            assert_row(outcome.delivery->event == RH_EVENT_PING, rows[i].body);
            assert_row(outcome.delivery->hook_id == 7, rows[i].body);
        }
        rh_delivery_free(outcome.delivery);
    }
    struct rh_delivery *delivery = NULL;
    struct rh_reason reason;
    assert_int_equal(rh_delivery_parse(NULL, 0, FORM_TYPE, NULL, &delivery, &reason), RH_ERR_FIELD);
    assert_string_equal(reason.text, "the form has no field \"payload\"");
    assert_int_equal(rh_delivery_parse("payload=%x", 10, FORM_TYPE, NULL, &delivery, &reason),
                     RH_ERR_NOT_JSON);
    assert_string_equal(reason.text, "the form's field \"payload\" has a malformed % escape");
}

static void
a_form_says_the_same_as_its_json(void **state)
{
    (void)state;
    static const char digits[] = "0123456789ABCDEF";
    char *json = body_with("workflow_job.name", "\"1 + 1 = 100% & \xe6\x97\xa5\xf0\x9f\x9a\x80\"");
    char *form = malloc(3 * strlen(json) + 16);
    size_t len = 8;

    assert_non_null(form);
    memcpy(form, "payload=", len);
    for (const char *at = json; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == ' ') {
            form[len++] = '+';
        } else {
            form[len++] = '%';
            form[len++] = digits[byte >> 4];
            form[len++] = digits[byte & 15];
        }
    }
    struct parsed outcome = parse_as(form, len, FORM_TYPE, "workflow_job");
    assert_int_equal(outcome.error, RH_OK);
    assert_string_equal(outcome.delivery->job.name, "1 + 1 = 100% & \xe6\x97\xa5\xf0\x9f\x9a\x80");
    assert_int_equal(outcome.delivery->job.id, 45678901234);
    rh_delivery_free(outcome.delivery);
    free(form);
    free(json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_types),
        cmocka_unit_test(forms),
        cmocka_unit_test(a_form_says_the_same_as_its_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
