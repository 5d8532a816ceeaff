/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/endpoint.h"

#include <string.h>

#include "lwip/ip.h"
#include "lwip/ip6_zone.h"
#include "lwip/netif.h"
#include "services/net/net.h"

#define ZONE_NAME "eth0"

_Static_assert(sizeof(struct endpoint_wire) == 24, "datagram headers and accept messages");

static bool address_from_bytes(uint8_t family, const uint8_t *bytes, ip_addr_t *address)
{
    if (family == 4) {
        ip4_addr_t v4;
        memcpy(&v4.addr, bytes, 4);
        ip_addr_copy_from_ip4(*address, v4);
        return true;
    }
    if (family != 6)
        return false;
    ip6_addr_t v6;
    memcpy(v6.addr, bytes, 16);
    ip6_addr_clear_zone(&v6);
    if (ip6_addr_has_scope(&v6, IP6_UNKNOWN)) {
        if (netif_default == NULL)
            return false;
        ip6_addr_assign_zone(&v6, IP6_UNKNOWN, netif_default);
    }
    ip_addr_copy_from_ip6(*address, v6);
    return true;
}

static uint8_t address_to_bytes(const ip_addr_t *address, uint8_t bytes[16])
{
    memset(bytes, 0, 16);
    if (IP_IS_V6(address)) {
        memcpy(bytes, ip_2_ip6(address)->addr, 16);
        return 6;
    }
    memcpy(bytes, &ip_2_ip4(address)->addr, 4);
    return 4;
}

bool endpoint_from_set(const struct net_set *set, struct endpoint *endpoint)
{
    if (set->zone[0] != '\0' && strcmp(set->zone, ZONE_NAME) != 0)
        return false;
    endpoint->port = set->port_low;
    return address_from_bytes(set->family, set->address, &endpoint->address);
}

void endpoint_to_set(const struct endpoint *endpoint, struct net_set *set)
{
    *set = net_set_all;
    set->family = address_to_bytes(&endpoint->address, set->address);
    set->bits = set->family == 4 ? 32 : 128;
    if (set->family == 6 && ip6_addr_has_zone(ip_2_ip6(&endpoint->address)))
        memcpy(set->zone, ZONE_NAME, sizeof(ZONE_NAME));
    if (endpoint->port != 0)
        set->port_low = set->port_high = endpoint->port;
}

void endpoint_to_wire(const struct endpoint *endpoint, struct endpoint_wire *wire)
{
    *wire = (struct endpoint_wire){0};
    wire->family = address_to_bytes(&endpoint->address, wire->address);
    wire->port[0] = (uint8_t)(endpoint->port >> 8);
    wire->port[1] = (uint8_t)endpoint->port;
    if (wire->family == 6)
        wire->scope[3] = ip6_addr_zone(ip_2_ip6(&endpoint->address));
}

bool endpoint_from_wire(const struct endpoint_wire *wire, struct endpoint *endpoint)
{
    endpoint->port = (uint16_t)(wire->port[0] << 8 | wire->port[1]);
    return wire->zero == 0 && address_from_bytes(wire->family, wire->address, &endpoint->address);
}

size_t endpoint_format(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_MAX])
{
    struct net_set set;
    endpoint_to_set(endpoint, &set);
    return net_set_format(&set, text);
}

static bool is_loopback_netif(const struct netif *netif)
{
    return netif->name[0] == 'l' && netif->name[1] == 'o';
}

cloudabi_errno_t endpoint_route(const ip_addr_t *address)
{
    const ip_addr_t *any = IP_IS_V6(address) ? IP6_ADDR_ANY : IP4_ADDR_ANY;
    if (ip_addr_isany(address) || ip_addr_ismulticast(address))
        return CLOUDABI_ENETUNREACH;
    /* Of the loopback network only one address is there. */
    if (IP_IS_V4(address) && ip_addr_isloopback(address) &&
        ip4_addr_get_u32(ip_2_ip4(address)) != PP_HTONL(IPADDR_LOOPBACK))
        return CLOUDABI_ENETUNREACH;
    struct netif *netif = ip_route(any, address);
    if (netif == NULL || (is_loopback_netif(netif) && !ip_addr_isloopback(address)))
        return CLOUDABI_ENETUNREACH;
    if (IP_IS_V4(address) && ip4_addr_isbroadcast(ip_2_ip4(address), netif))
        return CLOUDABI_ENETUNREACH;
    const ip_addr_t *source = ip_netif_get_local_ip(netif, address);
    if (source == NULL || ip_addr_isany(source))
        return CLOUDABI_ENETUNREACH;
    if (IP_IS_V6(address) && ip6_addr_islinklocal(ip_2_ip6(source)) &&
        !ip6_addr_islinklocal(ip_2_ip6(address)))
        return CLOUDABI_ENETUNREACH;
    return 0;
}

cloudabi_errno_t net_error(err_t error)
{
    switch (error) {
    case ERR_OK:
        return 0;
    case ERR_MEM:
    case ERR_BUF:
        return CLOUDABI_ENOMEM;
    case ERR_TIMEOUT:
        return CLOUDABI_ETIMEDOUT;
    case ERR_RTE:
    case ERR_IF:
        return CLOUDABI_ENETUNREACH;
    case ERR_USE:
        return CLOUDABI_EADDRINUSE;
    case ERR_ALREADY:
        return CLOUDABI_EALREADY;
    case ERR_ISCONN:
        return CLOUDABI_EISCONN;
    case ERR_ABRT:
        return CLOUDABI_ECONNABORTED;
    case ERR_RST:
        return CLOUDABI_ECONNRESET;
    default:
        return CLOUDABI_EIO;
    }
}
