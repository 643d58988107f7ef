/*
 * The networks that GitHub sends webhooks from.
 * SPDX-License-Identifier: MIT
 */
#include "hooks/hook_addresses.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/escape.h"

#define PREFIX_MIN_IPV4 8
#define PREFIX_MIN_IPV6 16

/* What a message shows of a text that is none. */
#define SHOWN_CHARS 48

static bool
refuse(struct rh_reason *reason, const char *text, const char *why)
{
    struct buffer shown = BUFFER_INIT(sizeof reason->text);

    escape_add(&shown, text, SHOWN_CHARS);
    (void)snprintf(reason->text, sizeof reason->text, "\"%s\" %s", buffer_text(&shown), why);
    escape_trim(reason->text);
    buffer_fini(&shown);
    return false;
}

/* What of the address is written: of IPv4, which is kept as a part of IPv6, its own four bytes. */
static const uint8_t *
own_bytes(const struct hook_address *address)
{
    return address->network.address + (address->is_ipv6 ? 0 : 12);
}

static unsigned
own_prefix(const struct hook_address *address)
{
    return address->network.prefix - (address->is_ipv6 ? 0 : 96);
}

static int
compare(const void *a_item, const void *b_item)
{
    const struct hook_address *a = a_item, *b = b_item;
    int order;

    if (a->is_ipv6 != b->is_ipv6)
        return a->is_ipv6 ? 1 : -1;
    order = memcmp(a->network.address, b->network.address, sizeof a->network.address);
    if (order != 0)
        return order;
    return a->network.prefix < b->network.prefix ? -1 : a->network.prefix > b->network.prefix;
}

bool
hook_addresses_add(struct hook_addresses *addresses, const char *text, struct rh_reason *reason)
{
    struct hook_address address = {.is_ipv6 = strchr(text, ':') != NULL};
    const char *slash = strchr(text, '/');
    enum network_error error = network_parse(text, &address.network);

    /* Always with a prefix, and none with a zero before it. */
    if (error == NETWORK_MALFORMED || slash == NULL || (slash[1] == '0' && slash[2] != '\0'))
        return refuse(reason, text, "is no network in CIDR notation, such as 192.30.252.0/22");
    if (strtoul(slash + 1, NULL, 10) < (address.is_ipv6 ? PREFIX_MIN_IPV6 : PREFIX_MIN_IPV4))
        return refuse(reason, text, "is too wide to be GitHub's");
    if (error == NETWORK_BITS_BEYOND)
        return refuse(reason, text, "has bits behind its prefix");
    for (size_t i = 0; i < addresses->len; i++) {
        if (compare(&addresses->items[i], &address) == 0)
            return true;
    }
    if (addresses->len == HOOK_ADDRESSES_MAX) {
        (void)snprintf(reason->text, sizeof reason->text, "there are more than %d networks",
                       HOOK_ADDRESSES_MAX);
        return false;
    }
    addresses->items[addresses->len++] = address;
    return true;
}

void
hook_addresses_sort(struct hook_addresses *addresses)
{
    qsort(addresses->items, addresses->len, sizeof addresses->items[0], compare);
}

const char *
hook_address_text(const struct hook_address *address, char out[HOOK_ADDRESS_CAP])
{
    char number[INET6_ADDRSTRLEN];

    (void)inet_ntop(address->is_ipv6 ? AF_INET6 : AF_INET, own_bytes(address), number,
                    sizeof number);
    (void)snprintf(out, HOOK_ADDRESS_CAP, "%s/%u", number, own_prefix(address));
    return out;
}

bool
hook_addresses_write(struct buffer *out, const struct hook_addresses *addresses,
                     enum hook_addresses_form form)
{
    static const struct {
        const char *head, *before, *after, *tail;
    } forms[] = {
        [HOOK_ADDRESSES_LINES] = {"", "", "\n", ""},
        [HOOK_ADDRESSES_NGINX] =
            {"# Made by `runhook hooks addresses --nginx`: where GitHub sends webhooks from.\n"
             "geo $runhook_is_github {\n    default 0;\n",
             "    ", " 1;\n", "}\n"},
        /* lighttpd 1.4 compares a network with == alone; nested != would do as well, and fails
         * above some dozens. */
        [HOOK_ADDRESSES_LIGHTTPD] =
            {"# Made by `runhook hooks addresses --lighttpd`: where GitHub sends webhooks from.\n",
             "$HTTP[\"remoteip\"] == \"", "\" { }\nelse ", "{ url.access-deny = ( \"\" ) }\n"},
    };
    char text[HOOK_ADDRESS_CAP];

    (void)buffer_add_text(out, forms[form].head);
    for (size_t i = 0; i < addresses->len; i++)
        (void)buffer_addf(out, "%s%s%s", forms[form].before,
                          hook_address_text(&addresses->items[i], text), forms[form].after);
    (void)buffer_add_text(out, forms[form].tail);
    return !out->failed;
}
