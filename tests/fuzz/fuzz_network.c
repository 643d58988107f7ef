/*
 * Networks of the configuration and of GitHub's list, against masks made in plain arithmetic.
 *
 * Input: an address, as one line; then networks, one a line.
 * SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "config/network.h"
#include "fuzz.h"
#include "hooks/hook_addresses.h"

/* An address as IPv6, in which IPv4 has its part (RFC 4291, section 2.5.5.2). */
static bool
address_of(const char *text, uint8_t bytes[16])
{
    memset(bytes, 0, 16);
    bytes[10] = bytes[11] = 0xff;
    return inet_pton(AF_INET, text, bytes + 12) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool
is_in(const uint8_t *address, const uint8_t *network, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++) {
        if (((address[i / 8] ^ network[i / 8]) >> (7 - i % 8) & 1) != 0)
            return false;
    }
    return true;
}

/* Whether an address is in the network that a good text says. */
static bool
model_has(const char *text, const uint8_t *address)
{
    const char *slash = strchr(text, '/');
    char *name = strndup(text, slash == NULL ? strlen(text) : (size_t)(slash - text));
    unsigned most = strchr(text, ':') != NULL ? 128 : 32;
    unsigned bits = slash == NULL ? most : (unsigned)strtoul(slash + 1, NULL, 10);
    uint8_t network[16];

    FUZZ_CHECK(name != NULL && address_of(name, network));
    free(name);
    return is_in(address, network, 128 - most + bits);
}

static void
check_write(const struct hook_addresses *addresses)
{
    for (int form = HOOK_ADDRESSES_LINES; form <= HOOK_ADDRESSES_LIGHTTPD; form++) {
        struct buffer out = BUFFER_INIT(1 << 20);

        FUZZ_CHECK(hook_addresses_write(&out, addresses, (enum hook_addresses_form)form));
        FUZZ_CHECK(fuzz_is_utf8(buffer_text(&out), out.len));
        for (size_t i = 0; form == HOOK_ADDRESSES_LINES && i < out.len; i++)
            FUZZ_CHECK(strchr("0123456789abcdef.:/\n", out.bytes[i]) != NULL);
        buffer_fini(&out);
    }
}

static void
add_hook(struct hook_addresses *addresses, const char *text)
{
    struct hook_addresses one = {.len = 0};
    char written[HOOK_ADDRESS_CAP];
    struct rh_reason reason;
    size_t before = addresses->len;

    if (!hook_addresses_add(addresses, text, &reason)) {
        FUZZ_CHECK(addresses->len == before && fuzz_is_plain(reason.text));
        return;
    }
    /* What is written comes to the same network. */
    FUZZ_CHECK(hook_addresses_add(&one, text, &reason) && one.len == 1);
    FUZZ_CHECK(hook_addresses_add(&one, hook_address_text(&one.items[0], written), &reason));
    FUZZ_CHECK(one.len == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct fuzz_input input = {bytes, len};
    char *text = fuzz_line(&input);
    uint8_t address[16];
    bool is_address = address_of(text, address);
    static struct hook_addresses hooks;

    hooks.len = 0;
    for (int i = 0; i < 300 && input.len > 0; i++) {
        char *line = fuzz_line(&input);
        struct network network = {.prefix = 999};
        struct networks networks = {&network, 1};
        enum network_error error = network_parse(line, &network);

        if (error == NETWORK_OK) {
            FUZZ_CHECK(network.prefix <= 128);
            FUZZ_CHECK(networks_have(&networks, text) == (is_address && model_has(line, address)));
        } else {
            FUZZ_CHECK(network.prefix == 999);
        }
        add_hook(&hooks, line);
        free(line);
    }
    FUZZ_CHECK(hooks.len <= HOOK_ADDRESSES_MAX);
    hook_addresses_sort(&hooks);
    check_write(&hooks);
    free(text);
    return 0;
}
