/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "config/network.h"

static void
networks_that_are_written_well_or_not(void **state)
{
    static const struct {
        const char *text;
        int prefix; /* of the 128 bits; -1 where it is refused */
    } rows[] = {
        {"10.0.0.0/8", 104},
        {"127.0.0.1", 128},
        {"0.0.0.0/0", 96},
        {"192.168.4.0/22", 118},
        {"255.255.255.255/32", 128},
        {"::1", 128},
        {"::/0", 0},
        {"fc00::/7", 7},
        {"2a0a:a440::/29", 29},
        {"::ffff:10.0.0.0/104", 104},
        {"", -1},
        {"/8", -1},
        {"10.0.0.0/", -1},
        {"10.0.0.0/33", -1},
        {"10.0.0.0/-1", -1},
        {"10.0.0.0/+8", -1},
        {"10.0.0.0/8 ", -1},
        {"10.0.0.0/8/8", -1},
        {"10.0.0.0/0008", -1},
        {"10.0.0.0/4294967304", -1},
        {"10.0.0.1/8", -1},
        {"10.0.0/8", -1},
        {"10.1", -1},
        {"010.0.0.0/8", -1},
        {"256.0.0.0/8", -1},
        {"fc00::/129", -1},
        {"fc00::1/7", -1},
        {"fe80::1%eth0", -1},
        {"[::1]", -1},
        {":::", -1},
        {"localhost", -1},
        {"2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct network network = {.prefix = 77};
        bool done = network_parse(rows[i].text, &network) == NETWORK_OK;

        assert_row(done == (rows[i].prefix >= 0), rows[i].text);
        assert_row(network.prefix == (done ? (unsigned)rows[i].prefix : 77), rows[i].text);
    }
}

static void
addresses_that_are_in_a_network_or_not(void **state)
{
    static const struct {
        const char *network;
        const char *address;
        bool is_in;
    } rows[] = {
        {"10.0.0.0/8", "10.0.0.0", true},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"172.16.0.0/12", "172.31.0.1", true},
        {"172.16.0.0/12", "172.32.0.1", false},
        {"100.64.0.0/10", "100.127.0.1", true},
        {"100.64.0.0/10", "100.128.0.1", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", true},
        {"fc00::/7", "fd12::1", true},
        {"fc00::/7", "fe80::1", false},
        {"::1", "::1", true},
        {"::1", "127.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"10.0.0.0/8", "::10.1.2.3", false},
        {"0.0.0.0/0", "", false},
        {"0.0.0.0/0", "unix:", false},
        {"0.0.0.0/0", "10.1.2.3, 8.8.8.8", false},
        {"0.0.0.0/0", "10.1.2.3:80", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct network network;
        struct networks networks = {&network, 1};

        assert_row(network_parse(rows[i].network, &network) == NETWORK_OK, rows[i].network);
        assert_row(networks_have(&networks, rows[i].address) == rows[i].is_in, rows[i].address);
    }
}

static void
any_of_several_networks_will_do(void **state)
{
    struct network items[2];
    const struct networks networks = {items, 2}, none = {items, 0};

    (void)state;
    assert_int_equal(network_parse("10.0.0.0/8", &items[0]), NETWORK_OK);
    assert_int_equal(network_parse("::1", &items[1]), NETWORK_OK);
    assert_true(networks_have(&networks, "10.1.1.1"));
    assert_true(networks_have(&networks, "::1"));
    assert_false(networks_have(&networks, "::2"));
    assert_false(networks_have(&none, "10.1.1.1"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_that_are_written_well_or_not),
        cmocka_unit_test(addresses_that_are_in_a_network_or_not),
        cmocka_unit_test(any_of_several_networks_will_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
