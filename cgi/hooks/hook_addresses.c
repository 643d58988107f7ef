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

/* "0" to "128": digits alone, and no zero before others. */
static bool
parse_prefix(const char *text, unsigned max, unsigned *prefix_len)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 3 || text[digits] != '\0' || (text[0] == '0' && digits > 1))
        return false;
    *prefix_len = (unsigned)strtoul(text, NULL, 10);
    return *prefix_len <= max;
}

static bool
has_bits_behind(const struct hook_address *address)
{
    for (unsigned bit = address->prefix_len; bit < sizeof address->bytes * 8; bit++) {
        if ((address->bytes[bit / 8] & (0x80U >> bit % 8)) != 0)
            return true;
    }
    return false;
}

static int
compare(const void *a_item, const void *b_item)
{
    const struct hook_address *a = a_item, *b = b_item;
    int order;

    if (a->is_ipv6 != b->is_ipv6)
        return a->is_ipv6 ? 1 : -1;
    order = memcmp(a->bytes, b->bytes, sizeof a->bytes);
    if (order != 0)
        return order;
    return a->prefix_len < b->prefix_len ? -1 : a->prefix_len > b->prefix_len;
}

bool
hook_addresses_add(struct hook_addresses *addresses, const char *text, struct rh_reason *reason)
{
    struct hook_address address = {.is_ipv6 = strchr(text, ':') != NULL};
    const char *slash = strchr(text, '/');
    char number[INET6_ADDRSTRLEN];
    size_t len = slash == NULL ? 0 : (size_t)(slash - text);

    if (slash == NULL || len >= sizeof number)
        return refuse(reason, text, "is no network in CIDR notation, such as 192.30.252.0/22");
    memcpy(number, text, len);
    number[len] = '\0';
    /* inet_pton takes neither blanks, nor zeros before a number, nor fewer than four of them. */
    if (inet_pton(address.is_ipv6 ? AF_INET6 : AF_INET, number, address.bytes) != 1 ||
        !parse_prefix(slash + 1, address.is_ipv6 ? 128 : 32, &address.prefix_len))
        return refuse(reason, text, "is no network in CIDR notation, such as 192.30.252.0/22");
    if (address.prefix_len < (address.is_ipv6 ? PREFIX_MIN_IPV6 : PREFIX_MIN_IPV4))
        return refuse(reason, text, "is too wide to be GitHub's");
    if (has_bits_behind(&address))
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

    (void)inet_ntop(address->is_ipv6 ? AF_INET6 : AF_INET, address->bytes, number, sizeof number);
    (void)snprintf(out, HOOK_ADDRESS_CAP, "%s/%u", number, address->prefix_len);
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
