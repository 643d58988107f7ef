/*
 * Networks of IP addresses.
 * SPDX-License-Identifier: MIT
 */
#include "config/network.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#define ADDRESS_BITS 128
#define MAPPED_BITS 96

static const uint8_t mapped[MAPPED_BITS / 8] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* `bits` becomes how many of the 128 an address of its family says by itself. */
static bool
parse_address(const char *text, uint8_t address[16], unsigned *bits)
{
    memcpy(address, mapped, sizeof mapped);
    *bits = ADDRESS_BITS - MAPPED_BITS;
    if (inet_pton(AF_INET, text, address + sizeof mapped) == 1)
        return true;
    *bits = ADDRESS_BITS;
    return inet_pton(AF_INET6, text, address) == 1;
}

/* One to three digits, as a prefix is written. */
static bool
parse_prefix(const char *text, unsigned max, unsigned *prefix)
{
    *prefix = 0;
    if (strlen(text) < 1 || strlen(text) > 3)
        return false;
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text))
            return false;
        *prefix = *prefix * 10 + (unsigned)(*text - '0');
    }
    return *prefix <= max;
}

/* Whether the first `bits` are the same. */
static bool
is_prefix(const uint8_t *one, const uint8_t *other, unsigned bits)
{
    unsigned rest = bits % 8;

    if (memcmp(one, other, bits / 8) != 0)
        return false;
    return rest == 0 || ((one[bits / 8] ^ other[bits / 8]) & (0xff00U >> rest) & 0xffU) == 0;
}

/* Whether no bit is set beyond the first `bits`. */
static bool
is_zero_beyond(const uint8_t address[16], unsigned bits)
{
    for (unsigned bit = bits; bit < ADDRESS_BITS; bit++) {
        if ((address[bit / 8] & (0x80U >> bit % 8)) != 0)
            return false;
    }
    return true;
}

enum network_error
network_parse(const char *text, struct network *out)
{
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    char address[INET6_ADDRSTRLEN];
    struct network network;
    unsigned bits, prefix;

    if (len >= sizeof address)
        return NETWORK_MALFORMED;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!parse_address(address, network.address, &bits))
        return NETWORK_MALFORMED;
    prefix = bits;
    if (slash != NULL && !parse_prefix(slash + 1, bits, &prefix))
        return NETWORK_MALFORMED;
    network.prefix = ADDRESS_BITS - bits + prefix;
    if (!is_zero_beyond(network.address, network.prefix))
        return NETWORK_BITS_BEYOND;
    *out = network;
    return NETWORK_OK;
}

bool
networks_have(const struct networks *networks, const char *address)
{
    uint8_t bytes[16];
    unsigned bits;

    if (!parse_address(address, bytes, &bits))
        return false;
    for (size_t i = 0; i < networks->len; i++) {
        if (is_prefix(bytes, networks->items[i].address, networks->items[i].prefix))
            return true;
    }
    return false;
}

void
networks_fini(struct networks *networks)
{
    free(networks->items);
    *networks = (struct networks){0};
}
