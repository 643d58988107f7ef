/*
 * The networks that GitHub sends webhooks from: read strictly, and written as part of a web
 * server's configuration. What is written is made of the numbers that were read, never of GitHub's
 * text. Pure. SPDX-License-Identifier: MIT
 */
#ifndef HOOKS_HOOK_ADDRESSES_H
#define HOOKS_HOOK_ADDRESSES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include <runhook/error.h>

#include "config/network.h"
#include "text/buffer.h"

/* GitHub names six. */
#define HOOK_ADDRESSES_MAX 256

/* "ffff:…/128" and a NUL. */
#define HOOK_ADDRESS_CAP (INET6_ADDRSTRLEN + 4)

struct hook_address {
    bool is_ipv6; /* as it was written */
    struct network network;
};

struct hook_addresses {
    struct hook_address items[HOOK_ADDRESSES_MAX];
    size_t len;
};

/*
 * Reads "192.30.252.0/22" or "2a0a:a440::/29" and adds it, unless it is there already. The whole
 * text has to be a network in CIDR notation, without bits behind its prefix, and no wider than
 * GitHub's can be (/8, of IPv6 /16): one that lets half the world in is a mistake, whoever made it.
 * Otherwise false, and `reason` says what is wrong; or that there are too many.
 */
bool hook_addresses_add(struct hook_addresses *addresses, const char *text,
                        struct rh_reason *reason);

/* Puts them in order, IPv4 first, so that the same networks are always written alike. */
void hook_addresses_sort(struct hook_addresses *addresses);

const char *hook_address_text(const struct hook_address *address, char out[HOOK_ADDRESS_CAP]);

enum hook_addresses_form {
    HOOK_ADDRESSES_LINES,
    HOOK_ADDRESSES_NGINX, /* a geo block, for the http context: $runhook_is_github is 1 for them */
    HOOK_ADDRESSES_LIGHTTPD /* a chain of conditions that denies access to all others */
};

/* Appends them all. False where the buffer failed. */
bool hook_addresses_write(struct buffer *out, const struct hook_addresses *addresses,
                          enum hook_addresses_form form);

#endif
