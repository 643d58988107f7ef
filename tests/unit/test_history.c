/* SPDX-License-Identifier: MIT */
#include "ledger_sample.h"

#include <stdio.h>
#include <string.h>

#include "ledger/history.h"

static enum ledger_error
add(struct ledger_txn *txn, void *arg)
{
    return history_add(txn, arg);
}

static void
happen(struct ledger *ledger, struct history_event event)
{
    assert_int_equal(ledger_write(ledger, add, &event, NULL), LEDGER_OK);
}

struct told {
    char text[512];
    size_t left;
};

static bool
note(const struct history_event *event, void *arg)
{
    struct told *told = arg;
    size_t len = strlen(told->text);

    (void)snprintf(told->text + len, sizeof told->text - len, "%d@%d %s %s %s; ",
                   (int)event->job_id, (int)event->at_ms, event->what,
                   event->runner == NULL ? "-" : event->runner,
                   event->detail == NULL ? "-" : event->detail);
    return --told->left > 0;
}

static struct told
told_of(struct ledger *ledger, int64_t job_id, size_t most)
{
    struct told told = {.left = most};
    struct history_list list = {.job_id = job_id, .visit = note, .arg = &told};

    assert_int_equal(ledger_read(ledger, history_list, &list, NULL), LEDGER_OK);
    return told;
}

static void
a_jobs_story_is_told_in_order(void **state)
{
    struct ledger *ledger = *state;

    happen(ledger, (struct history_event){.job_id = 1, .at_ms = 20, .what = "one"});
    happen(ledger, (struct history_event){.job_id = 2, .at_ms = 5, .what = "other"});
    /* In the order in which they were written: a clock may be set back. */
    happen(ledger, (struct history_event){.job_id = 1, .at_ms = 10, .what = "two", .runner = "r1"});
    happen(ledger, (struct history_event){
                       .job_id = 1, .at_ms = 30, .what = "three", .detail = "it's \"so\""});
    assert_string_equal(told_of(ledger, 1, 9).text,
                        "1@20 one - -; 1@10 two r1 -; 1@30 three - it's \"so\"; ");
    assert_string_equal(told_of(ledger, 1, 2).text, "1@20 one - -; 1@10 two r1 -; ");
    assert_string_equal(told_of(ledger, 2, 9).text, "2@5 other - -; ");
    assert_string_equal(told_of(ledger, 3, 9).text, "");
}

static void
what_is_of_no_job_is_not_told(void **state)
{
    happen(*state, (struct history_event){.job_id = 0, .at_ms = 1, .what = "one"});
    assert_int_equal(number_of(*state, "SELECT count(*) FROM history"), 0);
}

int
main(void)
{
#define ON_LEDGER(test) cmocka_unit_test_setup_teardown(test, ledger_make, ledger_remove)
    const struct CMUnitTest tests[] = {
        ON_LEDGER(a_jobs_story_is_told_in_order),
        ON_LEDGER(what_is_of_no_job_is_not_told),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
