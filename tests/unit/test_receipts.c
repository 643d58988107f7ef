/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

#include "clock/clock.h"
#include "ledger/received.h"
#include "serve/receipts.h"

static void
receive(struct receipts *receipts, bool is_signed, int64_t job_id)
{
    struct answer answer = {.outcome = is_signed ? OUTCOME_ACCEPTED : OUTCOME_REFUSED,
                            .job_id = job_id};

    receipts_note(receipts, &(struct receipt){.is_signed = is_signed,
                                              .guid = "guid",
                                              .event = "workflow_job",
                                              .action = is_signed ? "queued" : NULL,
                                              .repository = is_signed ? "o/r" : NULL,
                                              .sender = "203.0.113.9",
                                              .answer = &answer});
}

static int64_t
rows(struct ledger *ledger, bool is_signed)
{
    return number_of(ledger, is_signed ? "SELECT count(*) FROM received WHERE signed = 1"
                                       : "SELECT count(*) FROM received WHERE signed = 0");
}

static void
what_is_noted_is_written_once(void **state)
{
    struct ledger *ledger = *state;
    struct receipts *receipts = receipts_new();
    int64_t before_ms = clock_now_ms();

    assert_true(receipts_write(receipts, ledger, RECEIPTS_ALL, NULL));
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM received"), 0);
    receive(receipts, true, 7);
    assert_int_equal(number_of(ledger, "SELECT count(*) FROM received"), 0); /* no write for it */
    assert_true(receipts_write(receipts, ledger, RECEIPTS_DUE, NULL));
    assert_true(receipts_write(receipts, ledger, RECEIPTS_ALL, NULL));
    assert_string_equal(text_of(ledger, "SELECT group_concat(signed || ',' || status || ',' ||"
                                        " outcome || ',' || reason || ',' || guid || ',' || event"
                                        " || ',' || action || ',' || repository || ',' || job_id"
                                        " || ',' || sender) FROM received")
                            .bytes,
                        "1,202,accepted,,guid,workflow_job,queued,o/r,7,203.0.113.9");
    assert_in_range(number_of(ledger, "SELECT at_ms FROM received"), before_ms, clock_now_ms());
    receipts_free(receipts);
}

static void
they_are_brought_in_now_and_then(void **state)
{
    struct ledger *ledger = *state;
    struct receipts *receipts = receipts_new();

    receive(receipts, true, 1);
    assert_true(receipts_write(receipts, ledger, RECEIPTS_DUE, NULL));
    receive(receipts, true, 2);
    assert_true(receipts_write(receipts, ledger, RECEIPTS_DUE, NULL));
    assert_int_equal(rows(ledger, true), 1); /* not yet */
    assert_true(receipts_write(receipts, ledger, RECEIPTS_ALL, NULL));
    assert_int_equal(rows(ledger, true), 2);
    receipts_free(receipts);
}

/* However many forged ones come, the good ones stay; and of each kind the newest. */
static void
a_flood_pushes_nothing_good_out(void **state)
{
    struct ledger *ledger = *state;
    struct receipts *receipts = receipts_new();

    for (int64_t i = 1; i <= 3; i++)
        receive(receipts, true, i);
    for (int round = 0; round < 3; round++) {
        for (int64_t i = 1; i <= 1000; i++)
            receive(receipts, false, i);
        assert_true(receipts_write(receipts, ledger, RECEIPTS_ALL, NULL));
    }
    assert_int_equal(rows(ledger, true), 3);
    assert_int_equal(rows(ledger, false), RECEIVED_REFUSED_MAX);
    assert_int_equal(number_of(ledger, "SELECT min(job_id) FROM received WHERE signed = 0"),
                     1000 - RECEIVED_REFUSED_MAX + 1);
    for (int64_t i = 1; i <= 100; i++)
        receive(receipts, true, 100 + i);
    assert_true(receipts_write(receipts, ledger, RECEIPTS_ALL, NULL));
    assert_int_equal(rows(ledger, true), RECEIVED_SIGNED_MAX);
    assert_int_equal(number_of(ledger, "SELECT min(job_id) FROM received WHERE signed = 1"),
                     200 - RECEIVED_SIGNED_MAX + 1);
    assert_int_equal(rows(ledger, false), RECEIVED_REFUSED_MAX);
    receipts_free(receipts);
}

/* Several processes bring theirs in turn: what counts is when a delivery came. */
static void
of_several_processes_the_newest_stay(void **state)
{
    struct ledger *ledger = *state;
    struct received items[RECEIVED_SIGNED_MAX];
    struct received_batch batch = {.items = items, .len = COUNT(items), .now_ms = NOW_MS};

    for (size_t process = 0; process < 2; process++) {
        for (size_t i = 0; i < COUNT(items); i++)
            items[i] = (struct received){.at_ms = NOW_MS - 1000 + (int64_t)(2 * i + process),
                                         .is_signed = true,
                                         .job_id = (int64_t)process};
        assert_int_equal(ledger_write(ledger, received_add, &batch, NULL), LEDGER_OK);
    }
    assert_int_equal(rows(ledger, true), RECEIVED_SIGNED_MAX);
    assert_in_range(number_of(ledger, "SELECT sum(job_id) FROM received"), RECEIVED_SIGNED_MAX / 2,
                    RECEIVED_SIGNED_MAX / 2 + 1);
}

/* Rows from before the clock was set back do not stand before those of now. */
static void
a_clock_that_is_set_back_hides_nothing(void **state)
{
    struct ledger *ledger = *state;
    struct received items[RECEIVED_SIGNED_MAX];
    struct received_batch batch = {.items = items, .len = COUNT(items)};

    for (size_t round = 0; round < 2; round++) {
        batch.now_ms = NOW_MS - (int64_t)round * 3600000;
        for (size_t i = 0; i < COUNT(items); i++)
            items[i] = (struct received){
                .at_ms = batch.now_ms, .is_signed = true, .job_id = (int64_t)round};
        assert_int_equal(ledger_write(ledger, received_add, &batch, NULL), LEDGER_OK);
    }
    assert_int_equal(number_of(ledger, "SELECT min(job_id) FROM received"), 1);
}

/* Headers of strangers are as long and as odd as they like. */
static void
what_strangers_send_is_bounded(void **state)
{
    struct ledger *ledger = *state;
    struct receipts *receipts = receipts_new();
    struct answer answer = {.outcome = OUTCOME_REFUSED};
    char longer[4096];
    size_t i;

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    for (i = 39; i + 3 < sizeof longer; i += 3)
        memcpy(longer + i, "\xe2\x82\xac", 3);
    answer_set(&answer, OUTCOME_REFUSED, "%s", longer);
    receipts_note(receipts, &(struct receipt){.guid = longer,
                                              .event = longer,
                                              .action = longer,
                                              .repository = longer,
                                              .sender = longer,
                                              .answer = &answer});
    assert_true(receipts_write(receipts, ledger, RECEIPTS_ALL, NULL));
    assert_int_equal(number_of(ledger, "SELECT length(CAST(event AS BLOB)) FROM received"), 39);
    assert_true(number_of(ledger, "SELECT max(length(reason), length(guid), length(event),"
                                  " length(action), length(repository), length(sender))"
                                  " FROM received") <= RH_REPOSITORY_LEN_MAX);
    receipts_free(receipts);
}

static void
of_plain_cgi_not_each_forged_one_is_written(void **state)
{
    struct ledger *ledger = *state;

    for (int64_t i = 1; i <= 5; i++) {
        struct receipts *receipts = receipts_new();

        receive(receipts, i == 3, i);
        assert_true(receipts_write(receipts, ledger, RECEIPTS_ONE, NULL));
        receipts_free(receipts);
    }
    assert_int_equal(rows(ledger, true), 1);
    assert_int_equal(rows(ledger, false), 1);
    change(ledger, "UPDATE received SET at_ms = at_ms - 6000");
    for (int64_t i = 6; i <= 9; i++) {
        struct receipts *receipts = receipts_new();

        receive(receipts, false, i);
        assert_true(receipts_write(receipts, ledger, RECEIPTS_ONE, NULL));
        receipts_free(receipts);
    }
    assert_int_equal(rows(ledger, false), 2);
}

static void
a_ledger_that_fails_gets_them_later(void **state)
{
    struct ledger *ledger = *state;
    struct receipts *receipts = receipts_new();
    struct rh_reason reason;

    change(ledger, "ALTER TABLE received RENAME TO away");
    receive(receipts, true, 1);
    assert_false(receipts_write(receipts, ledger, RECEIPTS_DUE, &reason));
    assert_non_null(strstr(reason.text, "received"));
    change(ledger, "ALTER TABLE away RENAME TO received");
    assert_true(receipts_write(receipts, ledger, RECEIPTS_DUE, NULL)); /* not every second */
    assert_int_equal(rows(ledger, true), 0);
    assert_true(receipts_write(receipts, ledger, RECEIPTS_ALL, NULL));
    assert_int_equal(rows(ledger, true), 1);
    receipts_free(receipts);
}

static bool
first_only(const struct received *received, void *arg)
{
    *(struct received *)arg = *received;
    return false;
}

static void
the_newest_are_listed_first(void **state)
{
    struct ledger *ledger = *state;
    struct receipts *receipts = receipts_new();
    struct received found = {0};
    struct received_list list = {.is_signed = true, .visit = first_only, .arg = &found};

    receive(receipts, true, 1);
    receive(receipts, true, 2);
    receive(receipts, false, 3);
    assert_true(receipts_write(receipts, ledger, RECEIPTS_ALL, NULL));
    assert_int_equal(ledger_read(ledger, received_list, &list, NULL), LEDGER_OK);
    assert_int_equal(found.job_id, 2);
    assert_true(found.is_signed);
    assert_int_equal(found.http_status, 202);
    assert_string_equal(found.repository, "o/r");
    receipts_free(receipts);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(what_is_noted_is_written_once),
        ON_LEDGER(they_are_brought_in_now_and_then),
        ON_LEDGER(a_flood_pushes_nothing_good_out),
        ON_LEDGER(of_several_processes_the_newest_stay),
        ON_LEDGER(a_clock_that_is_set_back_hides_nothing),
        ON_LEDGER(what_strangers_send_is_bounded),
        ON_LEDGER(of_plain_cgi_not_each_forged_one_is_written),
        ON_LEDGER(a_ledger_that_fails_gets_them_later),
        ON_LEDGER(the_newest_are_listed_first),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
