/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/forged.h"

#include <string.h>

#define AT_TYPE    12
#define AT_SOURCE4 26
#define AT_SOURCE6 22
#define LOOPBACK4  127

static bool forged4(const struct netif *netif, const uint8_t *source)
{
    const ip4_addr_t *own = netif_ip4_addr(netif);
    return source[0] == LOOPBACK4 ||
           (!ip4_addr_isany(own) && memcmp(source, &own->addr, sizeof(own->addr)) == 0);
}

/* An address that is still being tried may be another's, who says so from there. */
static bool forged6(const struct netif *netif, const uint8_t *source)
{
    static const uint8_t loopback[16] = {[15] = 1};
    if (memcmp(source, loopback, sizeof(loopback)) == 0)
        return true;
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
            memcmp(source, netif_ip6_addr(netif, i)->addr, 16) == 0)
            return true;
    }
    return false;
}

bool forged(const struct netif *netif, const uint8_t *frame, size_t length)
{
    unsigned type = length > AT_TYPE + 1 ? (unsigned)frame[AT_TYPE] << 8 | frame[AT_TYPE + 1] : 0;
    if (type == 0x0800 && length >= AT_SOURCE4 + 4)
        return forged4(netif, frame + AT_SOURCE4);
    return type == 0x86dd && length >= AT_SOURCE6 + 16 && forged6(netif, frame + AT_SOURCE6);
}
