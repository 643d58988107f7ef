/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock/clock.h"
#include "serve/roster.h"

#define FAR INT64_MAX

struct end {
    struct connection *connection;
    int peer;
};

static struct end
join(struct roster *roster)
{
    struct end end;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    end.peer = fds[1];
    end.connection = connection_new(fds[0], 1024 * 1024);
    assert_non_null(end.connection);
    roster_join(roster, end.connection);
    return end;
}

/* Gives one in hand to an epoll that nobody asks. */
static void
rest(struct roster *roster, struct connection *connection)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    connection->is_watched = false;
    assert_true(roster_rest(roster, connection, epoll_fd, EPOLLIN | EPOLLONESHOT));
    assert_true(connection->is_watched);
    (void)close(epoll_fd);
}

/* The other side sees the end; the descriptor is still there. */
static bool
is_broken(const struct end *end)
{
    char byte;

    return recv(end->peer, &byte, 1, 0) == 0;
}

static void
leave(struct roster *roster, struct end *end)
{
    roster_hold(roster, end->connection);
    roster_leave(roster, end->connection);
    (void)close(end->peer);
}

static void
hold_bytes(struct end *end, size_t len)
{
    static char bytes[1024 * 1024];

    assert_true(len <= sizeof bytes);
    assert_true(buffer_add(&end->connection->intake.request, bytes, len));
}

static struct roster_losses
losses(struct roster *roster)
{
    struct roster_losses result;

    roster_take_losses(roster, &result);
    return result;
}

static void
test_the_oldest_at_rest_makes_room(void **state)
{
    struct roster *roster = roster_new();
    struct end in_hand, ends[ROSTER_MAX], one;

    (void)state;
    assert_non_null(roster);
    in_hand = join(roster);
    for (size_t i = 0; i < COUNT(ends) - 1; i++) {
        ends[i] = join(roster);
        rest(roster, ends[i].connection);
    }
    assert_int_equal(losses(roster).crowded, 0);
    /* It did something since, and is newer than the next. */
    roster_hold(roster, ends[0].connection);
    roster_renew(roster, ends[0].connection);
    rest(roster, ends[0].connection);
    for (size_t i = 1; i < 4; i++) {
        assert_false(is_broken(&ends[i]));
        one = join(roster);
        assert_true(is_broken(&ends[i]));
        rest(roster, one.connection);
        leave(roster, &one); /* which makes room for the next */
        one = join(roster);
        assert_false(is_broken(&ends[i + 1]));
        rest(roster, one.connection);
    }
    assert_int_equal(losses(roster).crowded, 3);
    assert_false(is_broken(&in_hand));
    assert_false(is_broken(&ends[0]));
    assert_false(is_broken(&ends[4]));
    roster_free(roster);
}

static void
test_who_holds_most_of_the_memory_gives_it_back(void **state)
{
    struct roster *roster = roster_new();
    struct end empty, ends[80];
    size_t broken = 0;

    (void)state;
    assert_non_null(roster);
    empty = join(roster);
    rest(roster, empty.connection);
    for (size_t i = 0; i < COUNT(ends); i++) {
        ends[i] = join(roster);
        hold_bytes(&ends[i], 1000 * 1000);
        rest(roster, ends[i].connection);
    }
    assert_false(is_broken(&empty));
    while (broken < COUNT(ends) && is_broken(&ends[broken]))
        broken++;
    assert_int_equal(broken, COUNT(ends) - ROSTER_HELD_MAX / (1024 * 1024));
    for (size_t i = broken; i < COUNT(ends); i++)
        assert_false(is_broken(&ends[i]));
    assert_int_equal(losses(roster).crowded, broken);
    /* What is gone is not counted. */
    for (size_t i = broken; i < COUNT(ends); i++)
        leave(roster, &ends[i]);
    for (size_t i = 0; i < 60; i++) {
        ends[i] = join(roster);
        hold_bytes(&ends[i], 1000 * 1000);
        rest(roster, ends[i].connection);
    }
    assert_int_equal(losses(roster).crowded, 0);
    roster_free(roster);
}

static void
test_what_is_late(void **state)
{
    struct roster *roster = roster_new();
    struct end silent, partly, kept, sending, in_hand;

    (void)state;
    assert_non_null(roster);
    silent = join(roster);
    partly = join(roster);
    kept = join(roster);
    sending = join(roster);
    in_hand = join(roster);
    assert_int_equal(intake_take(&partly.connection->intake, "\1", 1), 1);
    kept.connection->is_answered = true;
    sending.connection->is_answered = true;
    assert_true(buffer_add(&sending.connection->out, "answer", 6));
    rest(roster, silent.connection);
    assert_false(roster_has_unfinished(roster));
    rest(roster, kept.connection);
    assert_false(roster_has_unfinished(roster));
    rest(roster, partly.connection);
    assert_true(roster_has_unfinished(roster));
    roster_hold(roster, partly.connection);
    assert_false(roster_has_unfinished(roster));
    rest(roster, partly.connection);
    rest(roster, sending.connection);

    roster_break_begun_before(roster, clock_monotonic_ms() - 60 * 1000);
    assert_false(is_broken(&silent) || is_broken(&partly) || is_broken(&sending));
    roster_break_begun_before(roster, FAR);
    roster_break_begun_before(roster, FAR); /* each is counted once */
    assert_true(is_broken(&silent) && is_broken(&partly) && is_broken(&sending));
    assert_false(is_broken(&kept));
    assert_false(is_broken(&in_hand));
    assert_false(roster_has_unfinished(roster));
    assert_int_equal(losses(roster).late, 3);
    assert_int_equal(losses(roster).late, 0);
    roster_free(roster);
}

static void
test_a_descriptor_is_wanted(void **state)
{
    struct roster *roster = roster_new();
    struct end first, second;

    (void)state;
    assert_non_null(roster);
    assert_false(roster_break_oldest(roster));
    first = join(roster);
    assert_false(roster_break_oldest(roster)); /* it is in hand */
    second = join(roster);
    rest(roster, second.connection);
    rest(roster, first.connection);
    assert_true(roster_break_oldest(roster));
    assert_true(is_broken(&first));
    assert_false(is_broken(&second));
    assert_true(roster_break_oldest(roster));
    assert_true(is_broken(&second));
    assert_false(roster_break_oldest(roster));
    roster_count_invalid(roster);
    assert_int_equal(losses(roster).invalid, 1);
    leave(roster, &second);
    leave(roster, &first);
    roster_free(roster);
}

static void
test_one_that_cannot_be_waited_for_stays_in_hand(void **state)
{
    struct roster *roster = roster_new();
    struct end end = join(roster);

    (void)state;
    assert_false(roster_rest(roster, end.connection, -1, EPOLLIN));
    assert_true(end.connection->is_in_hand);
    assert_false(roster_break_oldest(roster));
    roster_leave(roster, end.connection);
    (void)close(end.peer);
    roster_free(roster);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_oldest_at_rest_makes_room),
        cmocka_unit_test(test_one_that_cannot_be_waited_for_stays_in_hand),
        cmocka_unit_test(test_who_holds_most_of_the_memory_gives_it_back),
        cmocka_unit_test(test_what_is_late),
        cmocka_unit_test(test_a_descriptor_is_wanted),
    };

    return cmocka_run_group_tests_name("roster", tests, NULL, NULL);
}
