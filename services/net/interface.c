/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/interface.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lwip_hooks.h"
#include "services/net/endpoint.h"

struct text {
    char *bytes;
    size_t length;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written =
        vsnprintf(text->bytes + text->length, INTERFACE_TEXT_MAX - text->length, format, arguments);
    va_end(arguments);
    if (written > 0)
        text->length += (size_t)written;
    if (text->length >= INTERFACE_TEXT_MAX)
        text->length = INTERFACE_TEXT_MAX - 1;
}

static unsigned mask_bits(const ip4_addr_t *mask)
{
    return (unsigned)__builtin_popcount(ip4_addr_get_u32(mask));
}

static void add_addresses(const struct netif *netif, struct text *text)
{
    char name[ENDPOINT_TEXT_MAX];
    if (!ip4_addr_isany(netif_ip4_addr(netif))) {
        struct endpoint endpoint = {.port = 0};
        ip_addr_copy_from_ip4(endpoint.address, *netif_ip4_addr(netif));
        endpoint_format(&endpoint, name);
        add(text, "%s~%u\n", name, mask_bits(netif_ip4_netmask(netif)));
    }
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            continue;
        struct endpoint endpoint = {.port = 0};
        ip_addr_copy_from_ip6(endpoint.address, *netif_ip6_addr(netif, i));
        endpoint_format(&endpoint, name);
        add(text, "%s~64\n", name);
    }
}

static void add_stats(const struct net *net, struct text *text)
{
    const struct card_stats *stats = &net->card.stats;
    add(text, "received %llu\nreceived_bytes %llu\n", (unsigned long long)stats->received,
        (unsigned long long)stats->received_bytes);
    add(text, "received_copied %llu\nreceived_dropped %llu\nreceived_merged %llu\n",
        (unsigned long long)stats->received_copied, (unsigned long long)stats->received_dropped,
        (unsigned long long)stats->received_merged);
    add(text, "sent %llu\nsent_bytes %llu\nsend_stalled %llu\n", (unsigned long long)stats->sent,
        (unsigned long long)stats->sent_bytes, (unsigned long long)stats->send_stalled);
    struct lwip_port_memory memory = lwip_port_memory_state();
    add(text, "memory %zu\nmemory_peak %zu\nmemory_refused %llu\n", memory.used, memory.peak,
        (unsigned long long)memory.refusals);
}

size_t interface_text(const struct net *net, enum name_kind file, char bytes[INTERFACE_TEXT_MAX])
{
    const struct netif *netif = &net->card.netif;
    const uint8_t *mac = netif->hwaddr;
    struct text text = {.bytes = bytes};
    switch (file) {
    case NAME_IF_ADDR:
        if (net->card.present)
            add_addresses(netif, &text);
        break;
    case NAME_IF_MAC:
        add(&text, "%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4],
            mac[5]);
        break;
    case NAME_IF_MTU:
        add(&text, "%u\n", (unsigned)netif->mtu);
        break;
    case NAME_IF_LINK:
        add(&text, "%s\n", !net->card.present ? "absent" : netif_is_link_up(netif) ? "up" : "down");
        break;
    case NAME_IF_STATS:
        add_stats(net, &text);
        break;
    default:
        break;
    }
    return text.length;
}

cloudabi_errno_t interface_control(struct net *net, const char *text, size_t length)
{
    static const char renew[] = "renew";
    if (length > 0 && text[length - 1] == '\n')
        length--;
    if (length != sizeof(renew) - 1 || memcmp(text, renew, length) != 0)
        return CLOUDABI_EINVAL;
    return config_renew(net);
}
