/*
 * Networks of IP addresses: which ones an address is in.
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_NETWORK_H
#define CONFIG_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An IPv4 network is kept as the part of IPv6 that IPv4-mapped addresses have (RFC 4291, section
 * 2.5.5.2), so that "::ffff:10.0.0.1" is in 10.0.0.0/8. */
struct network {
    uint8_t address[16];
    unsigned prefix; /* bits of it that count */
};

struct networks {
    struct network *items;
    size_t len;
};

enum network_error {
    NETWORK_OK = 0,
    NETWORK_MALFORMED,
    NETWORK_BITS_BEYOND, /* beyond the prefix: one who writes 10.0.0.1/8 may mean either */
};

/* Parses "10.0.0.0/8", "fd00::/8", or an address, which is a network of its own. On failure `*out`
 * stays as it was. */
enum network_error network_parse(const char *text, struct network *out);

/* Whether an address, as a web server writes it, is in any of the networks. One that is not an
 * address is in none. */
bool networks_have(const struct networks *networks, const char *address);

/* Frees what the list holds and leaves it empty. */
void networks_fini(struct networks *networks);

#endif
