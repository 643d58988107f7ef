/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock/clock.h"
#include "log/log.h"

/* What stands after "time=… " in the one line of the log, which the caller frees. */
static char *
line_after_time(const char *name)
{
    char *text = scratch_read(name);
    char *rest = strchr(text, ' ');
    char *line;

    assert_memory_equal(text, "time=20", 7);
    assert_non_null(rest);
    assert_int_equal(rest - text, strlen("time=2026-01-31T23:59:59.123Z"));
    assert_int_equal(rest[-1], 'Z');
    line = strdup(rest + 1);
    assert_non_null(line);
    free(text);
    return line;
}

static void
a_line_of_pairs(void **state)
{
    (void)state;
    struct log *log = log_open(scratch_path("log").text);
    struct log_line line;
    char *text;

    assert_non_null(log);
    log_begin(&line, LOG_LEVEL_INFO, "delivery");
    log_text(&line, "repository", "octo-org/hello-world");
    log_text(&line, "nothing", NULL);
    log_text(&line, "empty", "");
    log_number(&line, "job", INT64_C(9007199254740991));
    log_number(&line, "zero", 0);
    log_number(&line, "least", INT64_MIN);
    log_end(log, &line);
    log_close(log);
    text = line_after_time("log");
    assert_string_equal(text, "level=info event=delivery repository=octo-org/hello-world "
                              "job=9007199254740991 zero=0 least=-9223372036854775808\n");
    free(text);
}

static void
values_cannot_forge_a_pair_or_a_line(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *want;
    } rows[] = {
        {"bare", "v=bare"},
        {"a/b:c,d;e%", "v=a/b:c,d;e%"},
        {"two words", "v=\"two words\""},
        {"k=v", "v=\"k=v\""},
        {"x status=202", "v=\"x status=202\""},
        {"x\ntime=1 level=error", "v=\"x\\ntime=1 level=error\""},
        {"\r", "v=\"\\u{d}\""},
        {"say \"hi\"", "v=\"say \\\"hi\\\"\""},
        {"\"", "v=\"\\\"\""},
        {"\\", "v=\"\\\\\""},
        {" ", "v=\" \""},
        {"\x1b[2J", "v=\"\\u{1b}[2J\""},
        {"\x7f", "v=\"\\u{7f}\""},
        {"日本", "v=\"日本\""},
        {"\xe2\x80\xae", "v=\"\\u{202e}\""},
        {"\xff", "v=\"\\xff\""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct log *log = log_open(scratch_path("log").text);
        struct log_line line;
        char want[256], *text;

        log_begin(&line, LOG_LEVEL_WARNING, "e");
        log_text(&line, "v", rows[i].value);
        log_number(&line, "end", 1);
        log_end(log, &line);
        log_close(log);
        text = line_after_time("log");
        (void)snprintf(want, sizeof want, "level=warning event=e %s end=1\n", rows[i].want);
        assert_string_equal(text, want);
        free(text);
        assert_int_equal(unlink(scratch_path("log").text), 0);
    }
}

static void
a_long_value_is_cut(void **state)
{
    (void)state;
    struct log *log = log_open(scratch_path("log").text);
    struct log_line line;
    char value[2001], *text;

    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_begin(&line, LOG_LEVEL_INFO, "e");
    log_text(&line, "v", value);
    log_number(&line, "end", 1);
    log_end(log, &line);
    log_close(log);
    text = line_after_time("log");
    assert_non_null(strstr(text, "x…\" end=1\n"));
    assert_true(strlen(text) < 600);
    free(text);
}

static void
a_long_line_is_cut_and_still_one_line(void **state)
{
    (void)state;
    struct log *log = log_open(scratch_path("log").text);
    struct log_line line;
    char value[501], *text;

    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_begin(&line, LOG_LEVEL_INFO, "e");
    for (int i = 0; i < 100; i++)
        log_text(&line, "v", value);
    log_end(log, &line);
    log_message(log, LOG_LEVEL_INFO, "next", "%s", "after");
    log_close(log);
    text = scratch_read("log");
    assert_true(strlen(text) < 8192 + 200);
    assert_non_null(strstr(text, "\ntime="));
    assert_non_null(strstr(text, "event=next message=after\n"));
    assert_ptr_equal(strchr(strchr(text, '\n') + 1, '\n'), text + strlen(text) - 1);
    free(text);
}

/* A pair was cut in its middle, and all after it was lost: how a delivery was answered, say. */
static void
a_pair_that_finds_no_room_is_left_out_whole(void **state)
{
    (void)state;
    struct log *log = log_open(scratch_path("log").text);
    struct log_line line;
    char value[512 * 3 + 1], *text;

    for (size_t i = 0; i < 512; i++)
        memcpy(value + 3 * i, "\xe2\x80\xae", 3); /* each escaped to eight characters */
    value[sizeof value - 1] = '\0';
    log_begin(&line, LOG_LEVEL_INFO, "e");
    log_text(&line, "before", "1");
    log_text(&line, "action", value);
    log_number(&line, "status", 202);
    log_text(&line, "outcome", "accepted");
    log_end(log, &line);
    log_close(log);
    text = line_after_time("log");
    assert_string_equal(text, "level=info event=e before=1 status=202 outcome=accepted\n");
    free(text);
}

static void
a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    struct log *log = log_open(scratch_path("log").text);
    char message[1100] = "", *text;

    while (strlen(message) < sizeof message - 3)
        strcat(message, "é");
    log_message(log, LOG_LEVEL_INFO, "e", "%s", message);
    log_close(log);
    text = scratch_read("log");
    assert_null(strstr(text, "\\x"));
    free(text);
}

static void
levels_and_messages(void **state)
{
    (void)state;
    struct log *log = log_open(scratch_path("log").text);
    char *text;

    log_message(log, LOG_LEVEL_ERROR, "ledger", "%s: %d", "the disk is full", 13);
    log_close(log);
    text = line_after_time("log");
    assert_string_equal(text, "level=error event=ledger message=\"the disk is full: 13\"\n");
    free(text);
}

static void
the_file_is_appended_to_and_not_for_others(void **state)
{
    (void)state;
    struct path path = scratch_path("log");
    struct stat status;
    mode_t before = umask(0);
    char *text;

    for (int i = 0; i < 2; i++) {
        struct log *log = log_open(path.text);
        log_message(log, LOG_LEVEL_INFO, "e", "run%d", i);
        log_close(log);
    }
    (void)umask(before);
    assert_int_equal(stat(path.text, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    text = scratch_read("log");
    assert_non_null(strstr(text, "message=run0\n"));
    assert_non_null(strstr(text, "message=run1\n"));
    free(text);
}

static void
a_file_that_cannot_be_opened(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int want;
    } rows[] = {{"no/such/folder/log", ENOENT}, {"", EISDIR}};

    for (size_t i = 0; i < COUNT(rows); i++) {
        errno = 0;
        assert_null(log_open(scratch_path(rows[i].name).text));
        assert_int_equal(errno, rows[i].want);
    }
    log_close(NULL);
}

static void
a_log_that_cannot_be_written_stops_nobody(void **state)
{
    (void)state;
    struct log *log = log_open("/dev/full");

    assert_non_null(log);
    log_message(log, LOG_LEVEL_INFO, "e", "lost");
    log_close(log);
}

static void
fill(int fd)
{
    char bytes[4096] = "";

    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
    assert_int_equal(errno, EAGAIN);
}

static void
empty(int fd)
{
    char bytes[4096];

    while (read(fd, bytes, sizeof bytes) > 0)
        continue;
    assert_int_equal(errno, EAGAIN);
}

static int64_t
log_for_ms(struct log *log)
{
    int64_t began_ms = clock_monotonic_ms();

    log_message(log, LOG_LEVEL_INFO, "e", "a line");
    return clock_monotonic_ms() - began_ms;
}

/* Once a line had been dropped, every line was that found the pipe full for an instant, for ever.
 */
static void
a_pipe_that_was_full_is_waited_for_again(void **state)
{
    (void)state;
    struct path path = scratch_path("pipe");
    struct log *log;
    int fd;

    assert_int_equal(mkfifo(path.text, 0600), 0);
    fd = open(path.text, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    log = log_open(path.text);
    assert_non_null(log);
    for (int i = 0; i < 2; i++) {
        fill(fd);
        assert_true(log_for_ms(log) >= 150);
        empty(fd);
        (void)log_for_ms(log);
        empty(fd);
    }
    log_close(log);
    (void)close(fd);
}

#define WRITERS 4
#define LINES 200

static void *
write_lines(void *arg)
{
    for (int i = 0; i < LINES; i++) {
        struct log_line line;
        log_begin(&line, LOG_LEVEL_INFO, "e");
        log_text(&line, "text", "some words of no account, to make the line longer");
        log_number(&line, "end", 7);
        log_end(arg, &line);
    }
    return NULL;
}

static void
lines_of_threads_never_mix(void **state)
{
    (void)state;
    struct log *log = log_open(scratch_path("log").text);
    pthread_t threads[WRITERS];
    size_t lines = 0;
    char *text;

    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    log_close(log);
    text = scratch_read("log");
    for (char *line = text, *end; *line != '\0'; line = end + 1, lines++) {
        end = strchr(line, '\n');
        assert_non_null(end);
        assert_memory_equal(line, "time=", 5);
        assert_memory_equal(end - 6, " end=7", 6);
        assert_null(memmem(line + 1, (size_t)(end - line - 1), "time=", 5));
    }
    assert_int_equal(lines, WRITERS * LINES);
    free(text);
}

static size_t
lines_in(const char *name)
{
    char *text = scratch_read(name);
    size_t lines = 0;

    for (char *line = text, *end; *line != '\0'; line = end + 1, lines++) {
        end = strchr(line, '\n');
        assert_non_null(end);
        assert_memory_equal(line, "time=", 5);
    }
    free(text);
    return lines;
}

static void
a_log_that_was_moved_away_is_made_anew(void **state)
{
    (void)state;
    struct log *log = log_open(scratch_path("log").text);

    log_message(log, LOG_LEVEL_INFO, "e", "before");
    assert_int_equal(rename(scratch_path("log").text, scratch_path("log.1").text), 0);
    log_message(log, LOG_LEVEL_INFO, "e", "between");
    assert_true(log_reopen(log, scratch_path("log").text));
    log_message(log, LOG_LEVEL_INFO, "e", "after");
    assert_true(log_reopen(log, scratch_path("other").text));
    log_message(log, LOG_LEVEL_INFO, "e", "elsewhere");
    log_close(log);
    assert_int_equal(lines_in("log.1"), 2);
    assert_int_equal(lines_in("log"), 1);
    assert_int_equal(lines_in("other"), 1);
}

static void
a_log_that_cannot_be_opened_anew_goes_on_where_it_was(void **state)
{
    (void)state;
    struct log *log = log_open(scratch_path("log").text);

    assert_false(log_reopen(log, scratch_path("nowhere/log").text));
    assert_int_equal(errno, ENOENT);
    log_message(log, LOG_LEVEL_INFO, "e", "still here");
    log_close(log);
    assert_int_equal(lines_in("log"), 1);
}

/* Standard error stays what it is, whatever the log was moved to. */
static void
a_log_comes_back_to_standard_error(void **state)
{
    (void)state;
    int kept = dup(STDERR_FILENO);
    int fd = open(scratch_path("stderr").text, O_WRONLY | O_CREAT | O_APPEND, 0600);
    struct log *log;

    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    log = log_open(NULL);
    log_message(log, LOG_LEVEL_INFO, "e", "one");
    assert_true(log_reopen(log, scratch_path("log").text));
    (void)fprintf(stderr, "time=now, of another\n");
    log_message(log, LOG_LEVEL_INFO, "e", "two");
    assert_true(log_reopen(log, NULL));
    log_message(log, LOG_LEVEL_INFO, "e", "three");
    log_close(log);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    (void)close(kept);
    (void)close(fd);
    assert_int_equal(lines_in("stderr"), 3);
    assert_int_equal(lines_in("log"), 1);
}

static void
a_program_without_a_standard_error_logs_to_nobody(void **state)
{
    (void)state;
    int kept = dup(STDERR_FILENO);
    struct log *log;

    (void)close(STDERR_FILENO);
    log = log_open(NULL);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    (void)close(kept);
    assert_non_null(log);
    log_close(log);
}

static void
no_line_is_lost_or_torn_while_it_is_opened_anew(void **state)
{
    (void)state;
    struct log *log = log_open(scratch_path("log-0").text);
    pthread_t threads[WRITERS];
    size_t lines = 0;
    char name[24];

    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
    for (int i = 1; i < 50; i++) {
        (void)snprintf(name, sizeof name, "log-%d", i);
        assert_true(log_reopen(log, scratch_path(name).text));
    }
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    log_close(log);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "log-%d", i);
        lines += lines_in(name);
    }
    assert_int_equal(lines, WRITERS * LINES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_of_pairs, scratch_clear),
        cmocka_unit_test_setup(values_cannot_forge_a_pair_or_a_line, scratch_clear),
        cmocka_unit_test_setup(a_long_value_is_cut, scratch_clear),
        cmocka_unit_test_setup(a_long_line_is_cut_and_still_one_line, scratch_clear),
        cmocka_unit_test_setup(a_pair_that_finds_no_room_is_left_out_whole, scratch_clear),
        cmocka_unit_test_setup(a_pipe_that_was_full_is_waited_for_again, scratch_clear),
        cmocka_unit_test_setup(a_long_message_is_cut_between_characters, scratch_clear),
        cmocka_unit_test_setup(levels_and_messages, scratch_clear),
        cmocka_unit_test_setup(the_file_is_appended_to_and_not_for_others, scratch_clear),
        cmocka_unit_test_setup(a_file_that_cannot_be_opened, scratch_clear),
        cmocka_unit_test_setup(a_log_that_cannot_be_written_stops_nobody, scratch_clear),
        cmocka_unit_test_setup(lines_of_threads_never_mix, scratch_clear),
        cmocka_unit_test_setup(a_log_that_was_moved_away_is_made_anew, scratch_clear),
        cmocka_unit_test_setup(a_log_that_cannot_be_opened_anew_goes_on_where_it_was,
                               scratch_clear),
        cmocka_unit_test_setup(a_log_comes_back_to_standard_error, scratch_clear),
        cmocka_unit_test_setup(a_program_without_a_standard_error_logs_to_nobody, scratch_clear),
        cmocka_unit_test_setup(no_line_is_lost_or_torn_while_it_is_opened_anew, scratch_clear),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
